import { expect, test } from 'vitest'
import { transaction } from '../../src/base/context.ts'
import { sendDue } from '../../src/flows/outbox.ts'
import { updateSettings } from '../../src/model/settings.ts'
import { enroll, verify } from './authenticator-app.ts'
import { type ExternalWorld, externalWorld, settingsOf } from './gotrue-external-world.ts'
import { hookedWorld, hooksAt, withHookServer } from './gotrue-hooks-world.ts'
import { fragmentOf, type GotrueWorld, password } from './gotrue-world.ts'
import { visitorOf } from './pages-visitor.ts'

/** Hooks where others come in: providers, the hosted pages, the outbox. */

const server = withHookServer()

/** Providers answer as ever; this machine is reached over the wire. */
async function withProviders(environment: Record<string, string>): Promise<ExternalWorld> {
  const world = await externalWorld({ ...settingsOf('github'), ...environment })
  const elsewhere = world.ctx.fetch
  const fetch: typeof globalThis.fetch = (input, init) => {
    const { hostname } = new URL(input instanceof Request ? input.url : input)
    return hostname === '127.0.0.1' ? globalThis.fetch(input, init) : elsewhere(input, init)
  }
  Object.assign(world.ctx, { fetch })
  return world
}

const asked = () => server.questions.map(({ body }) => body.metadata.name)
const refuse = () => server.say({ error: { http_code: 403, message: 'Nobody' } })
const both = () => hooksAt(server.url, 'BEFORE_USER_CREATED', 'AFTER_USER_CREATED')

test('whoever comes by a provider is asked about when they are new, and told of once', async () => {
  const world = await withProviders(both())
  const back = await world.goThrough('github')
  expect(fragmentOf(back)).toHaveProperty('access_token')
  expect(asked()).toEqual(['before-user-created', 'after-user-created'])
  const [before, after] = server.questions.map(({ body }) => body.user)
  expect(before).toMatchObject({
    id: after.id,
    app_metadata: { provider: 'github', providers: ['github'] },
    identities: [],
  })
  expect(after.identities).toHaveLength(1)
  await world.goThrough('github')
  expect(asked()).toHaveLength(2)
})

test('whoever comes by a provider and is refused is sent back with the sentence', async () => {
  const world = await withProviders(both())
  refuse()
  const back = await world.goThrough('github')
  expect(fragmentOf(back)).toMatchObject({
    error: 'access_denied',
    error_code: 'unknown',
    error_description: 'Nobody',
  })
  expect(asked()).toEqual(['before-user-created'])
  const { ask, adminKey: bearer } = world
  expect((await ask('GET', '/admin/users', { bearer })).body.users).toEqual([])
})

test('of ten browsers with one new person each gets in, and one account is told of', async () => {
  const world = await withProviders(both())
  const ways = await Promise.all(Array.from({ length: 10 }, () => world.goTo('github')))
  const backs = await Promise.all(ways.map((way) => world.comeBack(way)))
  const subjects = backs.map((back) => fragmentOf(back))
  expect(subjects.every(({ access_token }) => access_token !== undefined)).toBe(true)
  expect(asked().filter((name) => name === 'after-user-created')).toHaveLength(1)
})

async function register(world: GotrueWorld, visitor = visitorOf(world)) {
  const email = 'ann@example.com'
  const sent = await visitor.submit(await visitor.open('/register'), { identifier: email })
  const { code } = await world.mailTo(email)
  return visitor.submit(sent, { code })
}

function set(
  world: GotrueWorld,
  change: Parameters<typeof updateSettings<'sign-in-experience'>>[2],
) {
  return transaction(world.ctx, (ctx) => updateSettings(ctx, 'sign-in-experience', change))
}

test('the hosted pages ask too: one user base has one gate', async () => {
  const world = await hookedWorld(both())
  await register(world)
  expect(asked()).toEqual(['before-user-created', 'after-user-created'])
  expect(await world.events()).toContain('user.signed-up')
})

test('they ask when the password is chosen, and take it again when the hook was out of order', async () => {
  const world = await hookedWorld(both())
  await set(world, { signUp: { identifiers: ['email'], password: true, verify: true } })
  const visitor = visitorOf(world)
  const choose = await register(world, visitor)
  expect(asked()).toEqual([])
  server.say({}, 500)
  expect((await visitor.submit(choose, { password })).status).toBe(500)
  server.say({})
  expect((await visitor.submit(choose, { password })).body).toContain('You are signed in')
  expect(asked()).toEqual(['before-user-created', 'before-user-created', 'after-user-created'])
})

test('somebody who is refused reads so on the page, without the hook’s own words', async () => {
  const world = await hookedWorld(both())
  refuse()
  const { status, body } = await register(world)
  expect(status).toBe(403)
  expect(body).toContain('You cannot sign in here')
  expect(body).not.toContain('Nobody')
  expect(await world.events()).not.toContain('user.signed-up')
})

test('a password that is typed into a page is told of', async () => {
  const world = await hookedWorld(hooksAt(server.url, 'PASSWORD_VERIFICATION_ATTEMPT'))
  await set(world, {
    signIn: {
      methods: [
        { identifier: 'email', password: true, verificationCode: false, isPasswordPrimary: true },
      ],
    },
  })
  const { email } = await world.createAccount()
  const visitor = visitorOf(world)
  const page = await visitor.submit(await visitor.open('/sign-in'), { identifier: email })
  server.say({ decision: 'reject' })
  await visitor.submit(page, { password })
  expect(server.last().body.valid).toBe(true)
  expect(await world.events()).not.toContain('user.signed-in')
})

test('notices go to the hook with what has changed, and again when it fails', async () => {
  const world = await hookedWorld({
    ...hooksAt(server.url, 'SEND_EMAIL'),
    GOTRUE_MAILER_NOTIFICATIONS_MFA_FACTOR_ENROLLED_ENABLED: 'true',
    GOTRUE_MAILER_NOTIFICATIONS_PASSWORD_CHANGED_ENABLED: 'true',
  })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  server.say({}, 500)
  await world.ask('PUT', '/user', { bearer, body: { password: 'another horse' } })
  expect(await sendDue(world.ctx)).toBe(0)
  world.pass(60_000)
  server.say({})
  expect(await sendDue(world.ctx)).toBe(1)
  const { access_token: again } = (
    await world.ask('POST', '/token?grant_type=password', {
      body: { email: 'ann@example.com', password: 'another horse' },
    })
  ).body
  await verify(world, again, await enroll(world, again))
  expect(await sendDue(world.ctx)).toBe(1)
  expect(
    server.questions.map(({ body: { email_data: data } }) => [
      data.email_action_type,
      data.factor_type,
    ]),
  ).toEqual([
    ['password_changed_notification', ''],
    ['password_changed_notification', ''],
    ['mfa_factor_enrolled_notification', 'totp'],
  ])
  expect(await world.mails()).toEqual([])
})
