import { expect, test } from 'vitest'
import { chanceOf } from '../../bench/load/load.ts'
import { hashPassword } from '../../src/base/password.ts'
import { createUser } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'
import { type Shown, titleOf, visitorOf } from './pages-visitor.ts'

// Steps in any order, by people who read no mail and know no password.

const paths = [
  ...[
    '/sign-in',
    '/sign-in/password',
    '/sign-in/code',
    '/sign-in/passkey',
    '/sign-in/second-factor',
    '/register',
  ],
  ...[
    '/register/code',
    '/register/confirm',
    '/register/password',
    '/forgot-password',
    '/forgot-password/code',
  ],
  ...[
    '/reset-password',
    '/select-account',
    '/consent',
    '/device',
    '/device/confirm',
    '/account/passkeys',
    '/account/applications',
    '/sign-out',
  ],
]

const values: Record<string, readonly string[]> = {
  identifier: ['ann@example.com', 'nobody@example.com', 'ANN@example.com', '', 'x'],
  code: ['', '0', '00000a', 'undefined', '[]', '00000000000'],
  password: ['', 'wrong horse battery', 'a long new password', 'x'],
  action: [
    '',
    'continue',
    'code',
    'password',
    'resend',
    'allow',
    'confirm',
    'skip',
    'sign-in',
    'register',
  ],
  step: ['code', 'done', 'reset-password', 'second-factor'],
  choice: ['', '0', 'go-on', 'allow'],
  userId: ['', 'ann'],
  answer: ['{}', 'null', '{"id":"x"}'],
}

async function whoIsIn(scene: World): Promise<string[]> {
  const proofs = [
    'user.signed-in',
    'user.signed-up',
    'user.password-changed',
    'session.created',
    'user.updated',
    'code.redeemed',
  ]
  return (await scene.events()).filter((type) => proofs.includes(type))
}

test.each([1, 2, 3])(
  'whoever walks the pages in any order, with flows of others too, proves nothing (seed %i) (C11)',
  async (seed) => {
    const scene = await world()
    const passwordHash = await hashPassword(scene.ctx, 'correct horse battery')
    await createUser(scene.ctx, { email: 'ann@example.com', emailVerified: true, passwordHash })
    const chance = chanceOf(seed)
    const one = <Item>(items: readonly Item[]): Item =>
      items[Math.floor(chance() * items.length)] as Item
    const walkers = [visitorOf(scene), visitorOf(scene), visitorOf(scene)]
    const flows = ['', 'x', '00000000-0000-4000-8000-000000000000']
    const learn = ({ body }: Shown) => {
      for (const [, flow = ''] of body.matchAll(/name="flow" value="([^"]+)"/g))
        if (!flows.includes(flow)) flows.push(flow)
    }
    const trail: string[] = []
    for (let step = 0; step < 150; step += 1) {
      const walker = one(walkers)
      const flow = chance() < 0.6 ? (flows.at(-1) ?? '') : one(flows)
      const path = one(paths)
      const begins = chance()
      if (begins < 0.3) {
        trail.push(`open ${path}`)
        learn(await walker.open(`${path}?flow=${flow}`))
      } else if (begins < 0.5) {
        // As people do: a page is opened, and its form is sent.
        const start = one(['/sign-in', '/register', '/forgot-password'])
        const page = await walker.open(start)
        learn(page)
        trail.push(`submit ${start}`)
        if (page.body.includes('<form method="post"'))
          learn(await walker.submit(page, { identifier: one(values.identifier ?? []) }))
      } else {
        const names = Object.keys(values).filter(() => chance() < 0.4)
        const form = new URLSearchParams([
          ...names.map((name) => [name, one(values[name] ?? [])]),
          ['flow', flow],
        ])
        trail.push(`post ${path} ${form}`)
        const shown = await walker.post(path, `${form}`)
        expect([trail.slice(-5), shown.status]).toEqual([
          trail.slice(-5),
          expect.toSatisfy((status) => status < 500),
        ])
        learn(shown)
      }
      if (step % 50 === 49) scene.pass(11 * 60_000)
    }
    expect(flows.length).toBeGreaterThan(5)
    expect(await whoIsIn(scene)).toEqual([])
    for (const walker of walkers)
      expect((await walker.open('/account/passkeys')).path).not.toBe('/account/passkeys')
    // The same pages let in whoever has a proof.
    scene.pass(61 * 60_000)
    const ann = visitorOf(scene)
    const asked = await ann.submit(await ann.open('/sign-in'), { identifier: 'ann@example.com' })
    const [mail] = await scene.mails('ann@example.com')
    expect(titleOf(await ann.submit(asked, { code: mail?.code ?? '' }))).toBe('You are signed in')
    expect(await whoIsIn(scene)).toContain('user.signed-in')
  },
  60_000,
)
