import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { hour, minute } from '../../src/base/time.ts'
import { startInteraction } from '../../src/flows/interaction.ts'
import { relyingPartyOf } from '../../src/flows/passkey.ts'
import { createApplication } from '../../src/model/application.ts'
import { listPasskeys } from '../../src/model/passkey.ts'
import { listSessions } from '../../src/model/session.ts'
import { updateSettings } from '../../src/model/settings.ts'
import { createUser, updateUser } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'
import { problemOf, type Shown, titleOf, type Visitor, visitorOf } from './pages-visitor.ts'
import { type SoftwareKey, softwareKey } from './software-key.ts'

const here = { origin: 'http://localhost:3001', relyingParty: 'localhost' }
const email = 'ann@example.com'

interface Question {
  flow: string
  challengeId: string
  options: Record<string, unknown> & { challenge: string }
}

async function ask(
  visitor: Visitor,
  path = '/sign-in/passkey/options',
  flow = '',
): Promise<Question> {
  const { status, body } = await visitor.post(path, `flow=${flow}`)
  expect(status, body).toBe(200)
  return JSON.parse(body)
}

function tell(visitor: Visitor, question: Question, credential: string): Promise<Shown> {
  const { flow, challengeId: challenge } = question
  return visitor.post(
    '/sign-in/passkey',
    new URLSearchParams({ flow, challenge, credential }).toString(),
  )
}

/** Ann, whose device holds a passkey that was made here. */
async function ann(scene: World, { counter = 0 } = {}): Promise<{ id: string; key: SoftwareKey }> {
  const { id } = await createUser(scene.ctx, { email, emailVerified: true })
  const key = softwareKey()
  await sql`insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count)
    values (${randomUUID()}, ${id}, ${key.id}, ${key.publicKey}, ${counter})`.execute(scene.ctx.db)
  return { id, key }
}

const counterOf = async (scene: World) =>
  (await scene.ctx.db.selectFrom('auth.webauthn_credentials').select('sign_count').execute())[0]
    ?.sign_count

describe('signing in with a passkey', () => {
  test('asks everybody the same, and keeps the question on the server (L3)', async () => {
    const scene = await world()
    const { options } = await ask(visitorOf(scene))
    expect(options).toEqual({
      challenge: expect.stringMatching(/^[\w-]{43}$/),
      rpId: 'localhost',
      allowCredentials: [],
      userVerification: 'preferred',
      timeout: 5 * minute,
    })
    const rows = await scene.ctx.db.selectFrom('auth.webauthn_challenges').selectAll().execute()
    expect(rows).toMatchObject([
      {
        challenge_type: 'authentication',
        user_id: null,
        session_data: { challenge: options.challenge, rpId: 'localhost' },
      },
    ])
  })

  test('passes the door, counts the use, and is told to GoTrue’s log', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    const done = await tell(
      visitor,
      question,
      key.answer(question.options.challenge, here, { counter: 7, userHandle: id }),
    )
    expect(titleOf(done)).toBe('You are signed in')
    expect(await listSessions(scene.ctx, id)).toMatchObject([
      { aal: 'aal1', amr: [{ method: 'passkey' }] },
    ])
    expect(Number(await counterOf(scene))).toBe(7)
    expect(await scene.events()).toEqual(['factor.used', 'user.signed-in'])
    expect(await scene.audited()).toEqual(['login'])
  })

  test('leads back to the app that asked', async () => {
    const scene = await world()
    const { key } = await ann(scene)
    const { application } = await transaction(scene.ctx, (ctx) =>
      createApplication(ctx, { name: 'Bookstore', type: 'SPA' }),
    )
    const { interaction, browser } = await startInteraction(scene.ctx, {
      applicationId: application.id,
      browser: null,
    })
    const visitor = visitorOf(scene)
    visitor.cookies.set('flow', browser)
    const question = await ask(visitor, '/sign-in/passkey/options', interaction.id)
    expect(question.flow).toBe(interaction.id)
    const done = await tell(visitor, question, key.answer(question.options.challenge, here))
    expect(done.path).toBe(`/oidc/auth/${interaction.id}`)
  })

  test('an answer works once, also when many come with it at the same time (O2)', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    const credential = key.answer(question.options.challenge, here)
    const answers = await Promise.all(
      Array.from({ length: 10 }, () => tell(visitor, question, credential)),
    )
    expect(await listSessions(scene.ctx, id)).toHaveLength(1)
    expect(answers.some((page) => titleOf(page) === 'You are signed in')).toBe(true)
  })

  test('of two answers with one count, given at the same time, one is a copy (O4)', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    const visitors = [visitorOf(scene), visitorOf(scene)]
    const questions = await Promise.all(visitors.map((visitor) => ask(visitor)))
    await Promise.all(
      visitors.map((visitor, index) => {
        const question = questions[index] as Question
        return tell(visitor, question, key.answer(question.options.challenge, here, { counter: 6 }))
      }),
    )
    expect(await listSessions(scene.ctx, id)).toHaveLength(1)
  })

  test('a wrong answer spends the question, too (O2)', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    await tell(visitor, question, '{}')
    const late = await tell(visitor, question, key.answer(question.options.challenge, here))
    expect(problemOf(late)).toBe('That took too long. Try your passkey again.')
    expect(await listSessions(scene.ctx, id)).toEqual([])
  })

  test('a question is good for five minutes', async () => {
    const scene = await world()
    const { key } = await ann(scene)
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    scene.pass(6 * minute)
    const late = await tell(visitor, question, key.answer(question.options.challenge, here))
    expect(late.status).toBe(422)
    expect(problemOf(late)).toBe('That took too long. Try your passkey again.')
  })

  test('a question of one browser cannot be answered in another (D7)', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    const [asked, other] = [visitorOf(scene), visitorOf(scene)]
    const question = await ask(asked)
    const theirs = await ask(other)
    const mixed = { ...question, flow: theirs.flow }
    const page = await tell(other, mixed, key.answer(question.options.challenge, here))
    expect(problemOf(page)).toBe('That took too long. Try your passkey again.')
    expect(await listSessions(scene.ctx, id)).toEqual([])
  })

  const forgeries: [string, (key: SoftwareKey, challenge: string, id: string) => string][] = [
    ['for another challenge', (key) => key.answer('A'.repeat(43), here)],
    [
      'given to another site',
      (key, challenge) => key.answer(challenge, { ...here, origin: 'https://evil.example' }),
    ],
    [
      'for another relying party',
      (key, challenge) => key.answer(challenge, { ...here, relyingParty: 'evil.example' }),
    ],
    ['without anybody present', (key, challenge) => key.answer(challenge, here, { flags: 0 })],
    [
      'that was for a new key',
      (key, challenge) => key.answer(challenge, here, { type: 'webauthn.create' }),
    ],
    [
      'that names another user',
      (key, challenge) => key.answer(challenge, here, { userHandle: randomUUID() }),
    ],
    ['whose counter went back', (key, challenge) => key.answer(challenge, here, { counter: 3 })],
    ['whose counter stands', (key, challenge) => key.answer(challenge, here, { counter: 5 })],
    [
      'signed by another key',
      (key, challenge) => {
        const forged = JSON.parse(softwareKey().answer(challenge, here, { counter: 9 }))
        const id = key.id.toString('base64url')
        return JSON.stringify({ ...forged, id, rawId: id })
      },
    ],
    ['that is no JSON', () => '{'],
    ['that is empty', () => ''],
    ['of the wrong shape', (key) => JSON.stringify({ id: key.id.toString('base64url') })],
    [
      'with an id that is none',
      (key, challenge) => key.answer(challenge, here).replace('"id":"', '"id":"=/'),
    ],
  ]
  test.each(forgeries)('an answer %s is refused (O3)', async (_name, forge) => {
    const scene = await world()
    const { id, key } = await ann(scene, { counter: 5 })
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    const page = await tell(visitor, question, forge(key, question.options.challenge, id))
    expect(page.status).toBe(422)
    expect(problemOf(page)).toBe(
      'That passkey could not be checked. Try again, or choose another way.',
    )
    expect(await listSessions(scene.ctx, id)).toEqual([])
    expect(Number(await counterOf(scene))).toBe(5)
    expect(await scene.events()).toEqual([])
  })

  test('the forgeries differ from this, which is taken', async () => {
    const scene = await world()
    const { id, key } = await ann(scene, { counter: 5 })
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    const answer = key.answer(question.options.challenge, here, { counter: 6 })
    expect(titleOf(await tell(visitor, question, answer))).toBe('You are signed in')
    expect(await listSessions(scene.ctx, id)).toHaveLength(1)
  })

  test('a key that is synchronised between devices does not count, and signs in again (O4)', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    for (const _ of [1, 2]) {
      const visitor = visitorOf(scene)
      const question = await ask(visitor)
      await tell(visitor, question, key.answer(question.options.challenge, here, { counter: 0 }))
    }
    expect(await listSessions(scene.ctx, id)).toHaveLength(2)
  })

  test('an unknown key is told so, and named for the browser to forget', async () => {
    const scene = await world()
    const key = softwareKey()
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    const page = await tell(visitor, question, key.answer(question.options.challenge, here))
    expect(page.status).toBe(404)
    expect(problemOf(page)).toBe('That passkey was removed from this account. Choose another way.')
    expect(page.body).toContain(`data-unknown="${key.id.toString('base64url')}"`)
  })

  test('who is banned, or never proved an address, does not come in by a passkey (D10)', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    async function problem(): Promise<string | null> {
      const visitor = visitorOf(scene)
      const question = await ask(visitor)
      const credential = key.answer(question.options.challenge, here, { counter: 0 })
      return problemOf(await tell(visitor, question, credential))
    }
    await updateUser(scene.ctx, id, { bannedUntil: new Date('2999-01-01') })
    expect(await problem()).toContain('This account is turned off.')
    await updateUser(scene.ctx, id, { bannedUntil: null, emailVerified: false })
    expect(await problem()).toContain('This address is not confirmed yet.')
    expect(await listSessions(scene.ctx, id)).toEqual([])
  })

  test('a form of another site is not used, and gets no question (J3)', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    const evil = { origin: 'https://evil.example' }
    expect((await visitor.post('/sign-in/passkey', `flow=${question.flow}`, evil)).status).toBe(403)
    expect((await visitor.post('/sign-in/passkey/options', '', evil)).status).toBe(403)
    expect((await visitor.post('/account/passkeys', '', evil)).status).toBe(403)
    expect((await visitor.post('/account/passkeys/options', '', evil)).status).toBe(403)
  })

  test('is off with everything else where nobody may sign in', async () => {
    const scene = await world()
    const { id, key } = await ann(scene)
    const visitor = visitorOf(scene)
    const question = await ask(visitor)
    await transaction(scene.ctx, (ctx) =>
      updateSettings(ctx, 'sign-in-experience', { signInMode: 'Register' }),
    )
    const page = await tell(visitor, question, key.answer(question.options.challenge, here))
    expect(problemOf(page)).toBe('Signing in is turned off here.')
    expect(await listSessions(scene.ctx, id)).toEqual([])
  })

  test('one place may not ask without end', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    await sql`insert into idp.limits (key, count, resets_at)
      values ('passkey:192.0.2.1', 300, ${new Date(scene.ctx.now().getTime() + minute)})`.execute(
      scene.ctx.db,
    )
    expect((await visitor.post('/sign-in/passkey/options', '')).status).toBe(429)
  })
})

describe('the relying party', () => {
  test.each([
    ['https://id.example.com', 'id.example.com'],
    ['https://id.example.com:8443', 'id.example.com'],
    ['http://localhost:3001', 'localhost'],
    ['http://id.example.com', null],
    ['https://192.0.2.1', null],
    ['http://127.0.0.1:3001', null],
    ['https://[::1]', null],
  ])('of %s is %s', (publicUrl, id) => {
    expect(relyingPartyOf({ publicUrl, gotrue: { webauthnId: null } })?.id ?? null).toBe(id)
  })

  test.each([
    ['example.com', 'example.com'],
    ['id.example.com', 'id.example.com'],
    ['example.net', 'id.example.com'],
    ['ample.com', 'id.example.com'],
  ])('with the name %s for clients is %s', (webauthnId, id) => {
    const publicUrl = 'https://id.example.com'
    expect(relyingPartyOf({ publicUrl, gotrue: { webauthnId } })?.id).toBe(id)
  })

  test('a server without a name offers no passkeys', async () => {
    const scene = await world({ SEKISHO_PUBLIC_URL: 'http://127.0.0.1:3001' })
    const visitor = visitorOf(scene)
    expect((await visitor.open('/sign-in')).body).not.toContain('id="passkey"')
    expect(
      (await visitor.post('/sign-in/passkey/options', '', { origin: 'http://127.0.0.1:3001' }))
        .status,
    ).toBe(400)
    expect((await visitor.open('/account/passkeys')).status).toBe(403)
  })
})

describe('a user’s own passkeys', () => {
  async function signedIn(scene: World): Promise<{ id: string; visitor: Visitor }> {
    const visitor = visitorOf(scene)
    const { id } = await createUser(scene.ctx, { email, emailVerified: true, name: 'Ann' })
    const asked = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
    await visitor.submit(asked, { code: (await scene.mails(email))[0]?.code ?? '' })
    return { id, visitor }
  }

  async function add(visitor: Visitor, key: SoftwareKey, aaguid = ''): Promise<Shown> {
    const { challengeId, options } = await ask(visitor, '/account/passkeys/options')
    const credential = key.register(options.challenge, here, { aaguid })
    return visitor.post(
      '/account/passkeys',
      new URLSearchParams({ challenge: challengeId, credential }).toString(),
    )
  }

  test('are shown to nobody who is not signed in', async () => {
    const scene = await world()
    const visitor = visitorOf(scene)
    expect((await visitor.open('/account/passkeys')).path).toBe('/sign-in')
    expect((await visitor.post('/account/passkeys/options', '')).status).toBe(400)
    expect((await visitor.post('/account/passkeys', 'want=remove')).path).toBe('/sign-in')
  })

  test('are found by password managers', async () => {
    const { body } = await visitorOf(await world()).open('/.well-known/passkey-endpoints')
    const address = 'http://localhost:3001/account/passkeys'
    expect(JSON.parse(body)).toEqual({ enroll: address, manage: address })
  })

  test('one is added, named by what keeps it, and signs in', async () => {
    const scene = await world()
    const { id, visitor } = await signedIn(scene)
    const { options } = await ask(visitor, '/account/passkeys/options')
    expect(options).toMatchObject({
      rp: { id: 'localhost' },
      user: { id: Buffer.from(id).toString('base64url'), name: email, displayName: 'Ann' },
      excludeCredentials: [],
      authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
      attestation: 'none',
    })
    const key = softwareKey()
    const page = await add(visitor, key, 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd')
    expect(page.body).toContain('iCloud Keychain')
    expect(page.body).toContain('Added November 22, 2025')
    expect(await listPasskeys(scene.ctx, id)).toMatchObject([
      {
        credentialId: key.id.toString('base64url'),
        publicKey: new Uint8Array(key.publicKey),
        counter: 0,
        transports: ['internal'],
        name: 'iCloud Keychain',
      },
    ])
    expect((await scene.events()).at(-1)).toBe('factor.created')
    expect(await scene.audited()).toContain('passkey_created')
    const guest = visitorOf(scene)
    const question = await ask(guest)
    const answer = key.answer(question.options.challenge, here, { userHandle: id })
    expect(titleOf(await tell(guest, question, answer))).toBe('You are signed in')
    const again = await ask(visitor, '/account/passkeys/options')
    expect(again.options.excludeCredentials).toEqual([
      { type: 'public-key', id: key.id.toString('base64url'), transports: ['internal'] },
    ])
  })

  test('the same one is not added twice, nor an eleventh', async () => {
    const scene = await world()
    const { id, visitor } = await signedIn(scene)
    const key = softwareKey()
    await add(visitor, key)
    expect(problemOf(await add(visitor, key))).toBe('You have this passkey already.')
    for (let count = 1; count < 10; count += 1) await add(visitor, softwareKey())
    expect(await listPasskeys(scene.ctx, id)).toHaveLength(10)
    expect((await visitor.post('/account/passkeys/options', '')).body).toContain(
      'too_many_passkeys',
    )
  })

  test('a question of one session cannot be answered in another', async () => {
    const scene = await world()
    const { id, visitor } = await signedIn(scene)
    const { challengeId, options } = await ask(visitor, '/account/passkeys/options')
    const other = visitorOf(scene)
    scene.pass(2 * minute)
    const asked = await other.submit(await other.open('/sign-in'), { identifier: email })
    await other.submit(asked, { code: (await scene.mails(email))[0]?.code ?? '' })
    const credential = softwareKey().register(options.challenge, here)
    const page = await other.post(
      '/account/passkeys',
      new URLSearchParams({ challenge: challengeId, credential }).toString(),
    )
    expect(problemOf(page)).toBe('That took too long. Try your passkey again.')
    expect(await listPasskeys(scene.ctx, id)).toEqual([])
  })

  test('one is removed by its owner alone (O6)', async () => {
    const scene = await world()
    const { id, visitor } = await signedIn(scene)
    await add(visitor, softwareKey())
    const bob = await createUser(scene.ctx, { email: 'bob@example.com', emailVerified: true })
    const theirs = randomUUID()
    await sql`insert into auth.webauthn_credentials (id, user_id, credential_id, public_key)
      values (${theirs}, ${bob.id}, ${softwareKey().id}, ${softwareKey().publicKey})`.execute(
      scene.ctx.db,
    )
    const [mine] = await listPasskeys(scene.ctx, id)
    await visitor.post('/account/passkeys', `want=remove&passkey=${theirs}`)
    expect(await listPasskeys(scene.ctx, bob.id)).toHaveLength(1)
    await visitor.post('/account/passkeys', `want=remove&passkey=${mine?.id}`)
    expect(await listPasskeys(scene.ctx, id)).toEqual([])
    expect((await scene.events()).at(-1)).toBe('factor.deleted')
    expect((await scene.audited()).at(-1)).toBe('passkey_deleted')
  })

  test('cannot be changed with a sign-in that is older than an hour (C18, O1)', async () => {
    const scene = await world()
    const { id, visitor } = await signedIn(scene)
    await add(visitor, softwareKey())
    const [mine] = await listPasskeys(scene.ctx, id)
    scene.pass(1 * hour)
    const page = await visitor.open('/account/passkeys')
    expect(page.body).toContain('To change your passkeys, sign in again.')
    expect(page.body).not.toContain('<form')
    await visitor.post('/account/passkeys', `want=remove&passkey=${mine?.id}`)
    expect(await listPasskeys(scene.ctx, id)).toHaveLength(1)
    const refused = await visitor.post('/account/passkeys/options', '')
    expect(refused.body).toContain('reauthentication_needed')
  })
})
