import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute, second } from '../../src/base/time.ts'
import { enroll, verify } from './authenticator-app.ts'
import { type Answer, type Body, claimsOf, type GotrueWorld, gotrueWorld } from './gotrue-world.ts'
import { titleOf, visitorOf } from './pages-visitor.ts'
import { type SoftwareKey, softwareKey } from './software-key.ts'

const environment = {
  GOTRUE_PASSKEY_ENABLED: 'true',
  GOTRUE_WEBAUTHN_RP_ID: 'localhost',
  GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'An app',
  GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:5173',
}
const place = { origin: 'http://localhost:5173', relyingParty: 'localhost' }
const keychain = 'fbfc3007-154e-4ecc-8c0b-6e020557d7bd'
const unknown = '11111111-1111-4111-8111-111111111111'

async function ann(more: Record<string, string> = {}) {
  const world = await gotrueWorld({ ...environment, ...more })
  await world.createAccount()
  const session = await world.signIn()
  return { world, session, bearer: session.access_token as string }
}

async function askFor({ ask }: GotrueWorld, bearer: string): Promise<Body> {
  const { status, body } = await ask('POST', '/passkeys/registration/options', { bearer, body: {} })
  expect(status).toBe(200)
  return body
}

async function register(
  world: GotrueWorld,
  bearer: string,
  key: SoftwareKey,
  change?: { aaguid: string },
): Promise<Answer> {
  const { challenge_id, options } = await askFor(world, bearer)
  const credential = JSON.parse(key.register(options.challenge, place, change))
  const body = { challenge_id, credential }
  return world.ask('POST', '/passkeys/registration/verify', { bearer, body })
}

async function question({ ask }: GotrueWorld): Promise<Body> {
  return (await ask('POST', '/passkeys/authentication/options', { body: {} })).body
}

async function signIn(
  world: GotrueWorld,
  key: SoftwareKey,
  change: Parameters<SoftwareKey['answer']>[2] = {},
): Promise<Answer> {
  const { challenge_id, options } = await question(world)
  const credential = JSON.parse(key.answer(options.challenge, place, change))
  return world.ask('POST', '/passkeys/authentication/verify', {
    body: { challenge_id, credential },
  })
}

test('a passkey is made, and signs in without a name (O5)', async () => {
  const { world, session, bearer } = await ann()
  const key = softwareKey()
  const asked = await askFor(world, bearer)
  expect(asked).toMatchObject({
    challenge_id: expect.any(String),
    expires_at: Math.floor(world.ctx.now().getTime() / second) + 300,
    options: {
      rp: { id: 'localhost', name: 'An app' },
      user: {
        id: Buffer.from(session.user.id).toString('base64url'),
        name: 'ann@example.com',
        displayName: 'ann@example.com',
      },
      excludeCredentials: [],
      authenticatorSelection: { residentKey: 'required', userVerification: 'preferred' },
      attestation: 'none',
    },
  })
  const made = await register(world, bearer, key, { aaguid: keychain })
  expect(made).toMatchObject({ status: 200 })
  expect(made.body).toEqual({
    id: expect.any(String),
    friendly_name: 'iCloud Keychain',
    created_at: expect.any(String),
  })
  expect((await askFor(world, bearer)).options.excludeCredentials).toEqual([
    { type: 'public-key', id: key.id.toString('base64url'), transports: ['internal'] },
  ])

  const { options } = await question(world)
  expect(options).toMatchObject({ rpId: 'localhost', userVerification: 'preferred' })
  expect(options).not.toHaveProperty('allowCredentials')
  const signedIn = await signIn(world, key, { counter: 3, userHandle: session.user.id })
  expect(signedIn.status).toBe(200)
  const claims = claimsOf(signedIn.body.access_token)
  expect(claims).toMatchObject({ aal: 'aal1', amr: [{ method: 'passkey' }], sub: session.user.id })
  const { rows } = await sql`
    select sign_count::int, last_used_at from auth.webauthn_credentials`.execute(world.database.db)
  expect(rows).toEqual([{ sign_count: 3, last_used_at: world.ctx.now() }])
  expect((await world.audited()).slice(-2)).toEqual(['passkey_created', 'login'])
  expect((await world.events()).slice(-2)).toEqual(['factor.used', 'user.signed-in'])
})

test('passkeys are shown, renamed and removed by whose they are (O6)', async () => {
  const { world, bearer } = await ann()
  const { body: made } = await register(world, bearer, softwareKey())
  await signIn(world, softwareKey())
  const show = async (as = bearer) => (await world.ask('GET', '/passkeys', { bearer: as })).body
  expect(await show()).toEqual([{ id: made.id, created_at: expect.any(String) }])
  const path = `/passkeys/${made.id}`
  const rename = (friendly_name: string, as = bearer, at = path) =>
    world.ask('PATCH', at, { bearer: as, body: { friendly_name } })
  expect((await rename('my phone')).body).toMatchObject({ id: made.id, friendly_name: 'my phone' })
  expect((await rename('')).body.msg).toBe('friendly_name is required')
  expect((await rename('x'.repeat(121))).body.msg).toBe(
    'friendly_name must be 120 characters or less',
  )

  await world.createAccount('bob@example.com')
  const bob = (await world.signIn('bob@example.com')).access_token
  expect(await show(bob)).toEqual([])
  const notFound = {
    status: 404,
    body: { error_code: 'validation_failed', msg: 'Passkey not found' },
  }
  expect(await rename('mine', bob)).toMatchObject(notFound)
  expect(await world.ask('DELETE', path, { bearer: bob })).toMatchObject(notFound)
  expect(await rename('x', bearer, '/passkeys/x')).toMatchObject(notFound)
  expect(await world.ask('DELETE', `/passkeys/${unknown}`, { bearer })).toMatchObject(notFound)

  expect((await world.ask('DELETE', path, { bearer })).status).toBe(204)
  expect(await show()).toEqual([])
  expect((await world.audited()).filter((action) => action.startsWith('passkey'))).toEqual([
    'passkey_created',
    'passkey_updated',
    'passkey_deleted',
  ])
})

test('an administrator sees and removes them', async () => {
  const { world, session, bearer } = await ann()
  const { body: made } = await register(world, bearer, softwareKey())
  const home = `/admin/users/${session.user.id}/passkeys`
  const admin = { bearer: world.adminKey }
  expect((await world.ask('GET', home, admin)).body).toMatchObject([{ id: made.id }])
  expect((await world.ask('DELETE', `${home}/${made.id}`, admin)).status).toBe(204)
  expect(await world.ask('DELETE', `${home}/${made.id}`, admin)).toMatchObject({
    status: 404,
    body: { msg: 'Passkey not found' },
  })
  expect((await world.ask('GET', home, { bearer })).body.error_code).toBe('not_admin')
  expect((await world.ask('GET', `/admin/users/${unknown}/passkeys`, admin)).status).toBe(404)
  const { rows } = await sql<{ payload: Body }>`
    select payload from auth.audit_log_entries where payload->>'action' = 'passkey_deleted'`.execute(
    world.database.db,
  )
  expect(rows[0]?.payload).toMatchObject({
    actor_username: 'service_role',
    traits: { user_id: session.user.id, passkey_id: made.id },
  })
})

test('a question is answered once, right or wrong, and in time (O2)', async () => {
  const { world, bearer } = await ann()
  const key = softwareKey()
  await register(world, bearer, key)
  const { challenge_id, options } = await question(world)
  const body = { challenge_id, credential: JSON.parse(key.answer(options.challenge, place)) }
  const answers = await Promise.all(
    Array.from({ length: 50 }, () =>
      world.ask('POST', '/passkeys/authentication/verify', { body }),
    ),
  )
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  const losers = answers.filter(({ status }) => status !== 200)
  expect(new Set(losers.map(({ body }) => body.msg))).toEqual(
    new Set(['Challenge not found or already used']),
  )

  const late = await question(world)
  world.pass(5 * minute)
  const answer = await world.ask('POST', '/passkeys/authentication/verify', {
    body: {
      challenge_id: late.challenge_id,
      credential: JSON.parse(key.answer(late.options.challenge, place)),
    },
  })
  expect(answer).toMatchObject({
    status: 400,
    body: { error_code: 'webauthn_challenge_expired', msg: 'Challenge has expired' },
  })
})

test('a question for a new passkey is answered by who asked, and no sign-in (C16, O2)', async () => {
  const { world, bearer } = await ann()
  await world.createAccount('bob@example.com')
  const bob = (await world.signIn('bob@example.com')).access_token
  const key = softwareKey()
  const { challenge_id, options } = await askFor(world, bearer)
  const credential = JSON.parse(key.register(options.challenge, place))
  const body = { challenge_id, credential }
  const stranger = await world.ask('POST', '/passkeys/registration/verify', { bearer: bob, body })
  const asSignIn = await world.ask('POST', '/passkeys/authentication/verify', { body })
  for (const refused of [stranger, asSignIn]) {
    expect(refused.body.error_code).toBe('webauthn_challenge_not_found')
  }
  const own = await world.ask('POST', '/passkeys/registration/verify', { bearer, body })
  expect(own.status).toBe(200)
  const again = await world.ask('POST', '/passkeys/registration/verify', { bearer, body })
  expect(again.body.error_code).toBe('webauthn_challenge_not_found')
  expect((await register(world, bob, key)).body).toMatchObject({
    code: 422,
    error_code: 'webauthn_credential_exists',
    msg: 'This credential is already registered',
  })
})

test('what is no right answer is refused as GoTrue refuses it', async () => {
  const { world, session, bearer } = await ann()
  const key = softwareKey()
  await register(world, bearer, key)
  const failed = {
    status: 400,
    body: {
      error_code: 'webauthn_verification_failed',
      msg: 'Credential verification failed',
    },
  }
  expect(await signIn(world, softwareKey())).toMatchObject(failed)
  expect(await signIn(world, key, { userHandle: unknown })).toMatchObject(failed)
  expect(await signIn(world, key, { counter: 4 })).toMatchObject({ status: 200 })
  expect(await signIn(world, key, { counter: 4 })).toMatchObject(failed)
  const path = '/passkeys/authentication/verify'
  const rows: [unknown, string][] = [
    [{}, 'challenge_id is required'],
    [{ challenge_id: unknown }, 'credential is required'],
    [{ challenge_id: 'x', credential: {} }, 'challenge_id must be a valid UUID'],
    [{ challenge_id: unknown, credential: {} }, 'Challenge not found or already used'],
    [
      { challenge_id: (await question(world)).challenge_id, credential: {} },
      'Invalid credential response',
    ],
  ]
  for (const [body, msg] of rows) {
    expect(await world.ask('POST', path, { body })).toMatchObject({ status: 400, body: { msg } })
  }
  const other = await question(world)
  const elsewhere = { ...place, origin: 'http://localhost:3001' }
  const credential = JSON.parse(key.answer(other.options.challenge, elsewhere, { counter: 9 }))
  const body = { challenge_id: other.challenge_id, credential }
  expect(await world.ask('POST', path, { body })).toMatchObject(failed)

  const ban = { bearer: world.adminKey, body: { ban_duration: '1h' } }
  await world.ask('PUT', `/admin/users/${session.user.id}`, ban)
  expect(await signIn(world, key, { counter: 10 })).toMatchObject({
    status: 403,
    body: { error_code: 'user_banned' },
  })
  await world.ask('PUT', `/admin/users/${session.user.id}`, {
    ...ban,
    body: { ban_duration: 'none' },
  })
  await sql`update auth.users set email_confirmed_at = null`.execute(world.database.db)
  expect(await signIn(world, key, { counter: 11 })).toMatchObject({
    status: 403,
    body: { error_code: 'email_not_confirmed', msg: 'Email not confirmed' },
  })
})

test('nobody has more than may be, not even who adds many at once', async () => {
  const { world, bearer } = await ann({ GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER: '2' })
  const asked = await Promise.all(Array.from({ length: 6 }, () => askFor(world, bearer)))
  const answers = await Promise.all(
    asked.map(({ challenge_id, options }) => {
      const credential = JSON.parse(softwareKey().register(options.challenge, place))
      const body = { challenge_id, credential }
      return world.ask('POST', '/passkeys/registration/verify', { bearer, body })
    }),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([200, 200, 422, 422, 422, 422])
  const { body } = await world.ask('POST', '/passkeys/registration/options', { bearer, body: {} })
  expect(body).toMatchObject({
    error_code: 'too_many_passkeys',
    msg: 'Maximum number of passkeys reached',
  })
})

test('who has a second factor shows it before passkeys change (O1)', async () => {
  const { world, bearer } = await ann()
  const { body: made } = await register(world, bearer, softwareKey())
  const raised = await verify(world, bearer, await enroll(world, bearer))
  const weak = (await world.signIn()).access_token
  const insufficient = {
    status: 403,
    body: {
      error_code: 'insufficient_aal',
      msg: 'AAL2 session is required to manage passkeys when MFA is enabled',
    },
  }
  for (const [method, path] of [
    ['POST', '/passkeys/registration/options'],
    ['PATCH', `/passkeys/${made.id}`],
    ['DELETE', `/passkeys/${made.id}`],
  ] as const) {
    const body = { friendly_name: 'x' }
    expect(await world.ask(method, path, { bearer: weak, body })).toMatchObject(insufficient)
  }
  const strong = raised.body.access_token
  expect((await register(world, strong, softwareKey())).status).toBe(200)
  expect((await world.ask('DELETE', `/passkeys/${made.id}`, { bearer: strong })).status).toBe(204)
})

test('they are off unless they are switched on, and nothing else is looked at', async () => {
  const { world } = await ann({ GOTRUE_PASSKEY_ENABLED: 'false' })
  for (const [method, path] of [
    ['POST', '/passkeys/authentication/options'],
    ['POST', '/passkeys/authentication/verify'],
    ['POST', '/passkeys/registration/options'],
    ['POST', '/passkeys/registration/verify'],
    ['GET', '/passkeys'],
    ['PATCH', `/passkeys/${unknown}`],
    ['DELETE', `/passkeys/${unknown}`],
  ] as const) {
    expect(await world.ask(method, path)).toMatchObject({
      status: 404,
      body: { error_code: 'passkey_disabled', msg: 'Passkeys are disabled' },
    })
  }
  expect((await world.ask('GET', '/settings')).body.passkeys_enabled).toBe(false)
  const on = world.under(environment)
  expect((await on.ask('GET', '/settings')).body.passkeys_enabled).toBe(true)
})

test('anonymous users and those of enterprise sign-on make none', async () => {
  const { world, session, bearer } = await ann({ GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' })
  const path = '/passkeys/registration/options'
  const anonymous = (await world.ask('POST', '/signup', { body: {} })).body.access_token
  expect(await world.ask('POST', path, { bearer: anonymous, body: {} })).toMatchObject({
    status: 403,
    body: { error_code: 'no_authorization' },
  })
  await sql`update auth.users set is_sso_user = true where id = ${session.user.id}`.execute(
    world.database.db,
  )
  expect(await world.ask('POST', path, { bearer, body: {} })).toMatchObject({
    status: 422,
    body: { msg: 'SSO users cannot register passkeys' },
  })
})

test('a passkey that an app made signs in at the hosted page too', async () => {
  const { world, session, bearer } = await ann()
  const key = softwareKey()
  await register(world, bearer, key)
  const visitor = visitorOf(world)
  const asked = JSON.parse((await visitor.post('/sign-in/passkey/options', 'flow=')).body)
  const page = { origin: 'http://localhost:3001', relyingParty: 'localhost' }
  const credential = key.answer(asked.options.challenge, page, { userHandle: session.user.id })
  const fields = { flow: asked.flow, challenge: asked.challengeId, credential }
  const done = await visitor.post('/sign-in/passkey', new URLSearchParams(fields).toString())
  expect(titleOf(done)).toBe('You are signed in')
})
