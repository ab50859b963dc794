import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { day, hour } from '../../src/base/time.ts'
import { findUser } from '../../src/model/user.ts'
import {
  claimsOf,
  fragmentOf,
  type GotrueWorld,
  gotrueWorld,
  keyOf,
  newFormat,
  password,
  pathOf,
} from './gotrue-world.ts'

const email = 'ann@example.com'
const other = 'ann@new.example.com'

async function signedIn(environment?: Record<string, string>) {
  const world = await gotrueWorld(environment)
  const { id } = await world.createAccount()
  const session = await world.signIn()
  const change = (body: unknown, bearer = session.access_token) =>
    world.ask('PUT', '/user', { bearer, body })
  return { ...world, id, session, change }
}

test('metadata is merged, and null deletes', async () => {
  const { change, audited } = await signedIn()
  await change({ data: { theme: 'dark', cart: { items: 2 } } })
  const { body } = await change({ data: { theme: null, locale: 'ja' } })
  expect(body.user_metadata).toEqual({ cart: { items: 2 }, email_verified: true, locale: 'ja' })
  expect((await audited()).slice(2)).toEqual(['user_modified', 'user_modified'])
})

test('only an admin changes what admins wrote (A14, I5)', async () => {
  const { change } = await signedIn()
  const { status, body } = await change({ app_metadata: { role: 'boss' } })
  expect([status, body]).toMatchObject([
    403,
    { error_code: 'not_admin', msg: 'Updating app_metadata requires admin privileges' },
  ])
})

test('a new password ends the other sessions and every link that waits', async () => {
  const { ask, change, signIn, session, mailTo, audited, events } = await signedIn()
  const elsewhere = await signIn()
  await ask('POST', '/recover', { body: { email } })
  const { status } = await change({ password: 'a new long password' })
  expect(status).toBe(200)
  expect((await ask('GET', '/user', { bearer: session.access_token })).status).toBe(200)
  expect((await ask('GET', '/user', { bearer: elsewhere.access_token })).body.error_code).toBe(
    'session_not_found',
  )
  expect(fragmentOf(await ask('GET', pathOf((await mailTo(email)).link))).error_code).toBe(
    'otp_expired',
  )
  const old = await ask('POST', '/token?grant_type=password', { body: { email, password } })
  expect(old.body.error_code).toBe('invalid_credentials')
  expect(await audited()).toContain('user_updated_password')
  expect(await events()).toContain('user.password-changed')
})

test('the password of now is no new one', async () => {
  const { change } = await signedIn()
  const { status, body } = await change({ password })
  expect([status, body.error_code]).toEqual([422, 'same_password'])
})

test('the password of now is asked for where that is configured, but not of somebody who recovers', async () => {
  const { ask, change, mailTo } = await signedIn({
    GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD: 'true',
  })
  expect((await change({ password: 'another password' })).body).toMatchObject({
    code: 400,
    error_code: 'current_password_required',
    msg: 'Current password required when setting new password.',
  })
  const wrong = await change({ password: 'another password', current_password: 'wrong' })
  expect(wrong.body.error_code).toBe('current_password_invalid')
  const right = await change({ password: 'another password', current_password: password })
  expect(right.status).toBe(200)
  await ask('POST', '/recover', { body: { email } })
  const { access_token } = fragmentOf(await ask('GET', pathOf((await mailTo(email)).link)))
  expect((await change({ password: 'the third password' }, access_token)).status).toBe(200)
})

test('an old session shows by a mailed code that it is still them', async () => {
  const { ask, change, session, mailTo, pass, audited } = await signedIn({
    GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: 'true',
    GOTRUE_JWT_EXP: '864000',
  })
  expect((await change({ password: 'while it is young' })).status).toBe(200)
  pass(day + hour)
  const needed = await change({ password: 'another password' })
  expect(needed.body).toMatchObject({
    code: 400,
    error_code: 'reauthentication_needed',
    msg: 'Password update requires reauthentication',
  })
  const asked = await ask('GET', '/reauthenticate', { bearer: session.access_token })
  expect([asked.status, asked.body]).toEqual([200, {}])
  const { code: nonce, subject, link } = await mailTo(email)
  expect([subject, link]).toEqual([`${nonce} is your verification code`, ''])
  const wrong = await change({ password: 'another password', nonce: '000000' })
  expect([wrong.status, wrong.body.error_code]).toEqual([422, 'reauthentication_not_valid'])
  expect((await change({ password: 'another password', nonce })).status).toBe(200)
  expect((await change({ password: 'a third password', nonce })).body.error_code).toBe(
    'reauthentication_not_valid',
  )
  expect(await audited()).toContain('user_reauthenticate_requested')
})

test('a change of address waits until both addresses said yes, in either order (B13)', async () => {
  for (const order of [
    [email, other],
    [other, email],
  ] as const) {
    const { ask, change, mailTo, id, ctx, audited } = await signedIn()
    const { body } = await change({ email: other })
    expect(body).toMatchObject({
      email,
      new_email: other,
      email_change_sent_at: '2025-11-22T12:00:00Z',
    })
    const [first, second] = [await mailTo(order[0]), await mailTo(order[1])]
    expect(first.code).not.toBe(second.code)
    const half = await ask('GET', pathOf(first.link))
    expect(half.status).toBe(303)
    expect(fragmentOf(half)).toEqual({
      message: 'Confirmation link accepted. Please proceed to confirm link sent to the other email',
      sb: '',
    })
    expect(fragmentOf(await ask('GET', pathOf(first.link))).error_code).toBe('otp_expired')
    expect((await findUser(ctx, id))?.email).toBe(email)
    const whole = fragmentOf(await ask('GET', pathOf(second.link)))
    expect(whole).toMatchObject({ type: 'email_change' })
    expect(claimsOf(whole.access_token ?? '').email).toBe(other)
    const user = await findUser(ctx, id)
    expect(user).toMatchObject({
      email: other,
      identities: [{ email: other, data: { email: other, email_verified: true } }],
      pending: { newEmail: '' },
    })
    expect((await audited()).slice(2)).toEqual(['user_modified', 'user_modified'])
  }
})

test('typed digits change the address too', async () => {
  const { ask, change, mailTo } = await signedIn()
  await change({ email: other })
  const half = await ask('POST', '/verify', {
    body: { type: 'email_change', email, token: (await mailTo(email)).code },
  })
  expect(half.body).toEqual({
    msg: 'Confirmation link accepted. Please proceed to confirm link sent to the other email',
    code: '200',
  })
  const whole = await ask('POST', '/verify', {
    body: { type: 'email_change', email: other, token: (await mailTo(other)).code },
  })
  expect(whole.body.user.email).toBe(other)
})

test('where one yes is enough, only the new address is asked (B13)', async () => {
  const { ask, change, mails, mailTo } = await signedIn({
    GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false',
  })
  await change({ email: other })
  expect(await mails()).toHaveLength(1)
  const answer = await ask('GET', pathOf((await mailTo(other)).link))
  expect(claimsOf(fragmentOf(answer).access_token ?? '').email).toBe(other)
})

test('an address that somebody has is refused', async () => {
  const { change, createAccount } = await signedIn()
  await createAccount(other)
  const { status, body } = await change({ email: other })
  expect([status, body]).toMatchObject([
    422,
    {
      error_code: 'email_exists',
      msg: 'A user with this email address has already been registered',
    },
  ])
})

test('an address that somebody took meanwhile is refused at the link (B12)', async () => {
  const { ask, change, createAccount, mailTo } = await signedIn({
    GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false',
  })
  await change({ email: other })
  await createAccount(other)
  const answer = await ask('GET', pathOf((await mailTo(other)).link))
  expect(fragmentOf(answer)).toMatchObject({ error_code: 'email_exists' })
})

test('an anonymous user becomes somebody with an address', async () => {
  const world = await gotrueWorld({
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    GOTRUE_MAILER_AUTOCONFIRM: 'true',
  })
  const { body: session } = await world.ask('POST', '/signup', { body: {} })
  const bearer = session.access_token
  const early = await world.ask('PUT', '/user', { bearer, body: { password } })
  expect([early.status, early.body.msg]).toEqual([
    422,
    'Updating password of an anonymous user without an email or phone is not allowed',
  ])
  const { body } = await world.ask('PUT', '/user', { bearer, body: { email, password } })
  expect(body).toMatchObject({
    id: session.user.id,
    email,
    is_anonymous: false,
    identities: [{ provider: 'email', identity_data: { email } }],
    app_metadata: { provider: 'email', providers: ['email'] },
  })
  await world.signIn()
})

test('somebody with a second factor needs it for a new password', async () => {
  const { ask, adminKey, change, id, database } = await signedIn()
  await sql`insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at, secret)
    values (gen_random_uuid(), ${id}, 'totp', 'verified', now(), now(), 'x')`.execute(database.db)
  const { status, body } = await change({ password: 'another password' })
  expect([status, body.error_code]).toEqual([401, 'insufficient_aal'])
  expect((await change({ data: { a: 1 } })).body.factors).toMatchObject([
    { factor_type: 'totp', status: 'verified', phone: null, last_challenged_at: null },
  ])
  const listed = await ask('GET', `/admin/users/${id}/factors`, { bearer: adminKey })
  expect(listed.body).toMatchObject([{ factor_type: 'totp' }])
  expect(JSON.stringify(listed.body)).not.toContain('secret')
})

test('a user of enterprise sign-on is changed by their enterprise', async () => {
  const { change, id, database } = await signedIn()
  await sql`update auth.users set is_sso_user = true where id = ${id}`.execute(database.db)
  expect((await change({ password: 'another password' })).body.error_code).toBe('user_sso_managed')
})

test.each<[string, (world: GotrueWorld, id: string) => Promise<string>, number, string, string]>([
  [
    'nothing',
    async () => '',
    401,
    'no_authorization',
    'This endpoint requires a valid Bearer token',
  ],
  [
    'no token at all',
    async () => 'junk',
    403,
    'bad_jwt',
    'invalid JWT: unable to parse or verify signature, token is malformed: token contains an invalid number of segments',
  ],
  [
    'a token that has expired',
    (world, id) => keyOf(world, { sub: id, exp: 1 }),
    403,
    'bad_jwt',
    'invalid JWT: unable to parse or verify signature, token has invalid claims: token is expired',
  ],
  [
    'a token of another signer',
    async (world, id) => {
      const token = await keyOf(world, { sub: id })
      return `${token.slice(0, -6)}${token.endsWith('AAAAAA') ? 'BBBBBB' : 'AAAAAA'}`
    },
    403,
    'bad_jwt',
    'invalid JWT: unable to parse or verify signature, token signature is invalid: signature is invalid',
  ],
  [
    'a token that nobody signed',
    async (_world, id) =>
      `${[{ alg: 'none', typ: 'JWT' }, { sub: id }].map((part) => Buffer.from(JSON.stringify(part)).toString('base64url')).join('.')}.`,
    403,
    'bad_jwt',
    'invalid JWT: unable to parse or verify signature, token is unverifiable: error while executing keyfunc: unrecognized JWT kid',
  ],
  [
    'the anon key',
    (world) => keyOf(world, { role: 'anon' }),
    403,
    'bad_jwt',
    'invalid claim: missing sub claim',
  ],
  [
    'a subject that is no id',
    (world) => keyOf(world, { sub: '1234567890' }),
    400,
    'bad_jwt',
    'invalid claim: sub claim must be a UUID',
  ],
  [
    'a subject who is gone',
    (world) => keyOf(world, { sub: '11111111-1111-4111-8111-111111111111' }),
    403,
    'user_not_found',
    'User from sub claim in JWT does not exist',
  ],
  [
    'a session that is no id',
    (world, id) => keyOf(world, { sub: id, session_id: 'x' }),
    403,
    'bad_jwt',
    'invalid claim: session_id claim must be a UUID',
  ],
  [
    'a session that is gone',
    (world, id) => keyOf(world, { sub: id, session_id: '11111111-1111-4111-8111-111111111111' }),
    403,
    'session_not_found',
    'Session from session_id claim in JWT does not exist',
  ],
])('%s opens no account (F1, F6)', async (_case, bearerOf, status, code, message) => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const bearer = await bearerOf(world, id)
  const old = await world.ask('GET', '/user', { bearer })
  expect([old.status, old.body]).toEqual([status, { code: status, error_code: code, msg: message }])
  expect(old.headers.get('x-sb-error-code')).toBe(code)
  const recent = await world.ask('GET', '/user', { bearer, headers: newFormat })
  expect([recent.status, recent.body]).toEqual([status, { code, message }])
  expect(recent.headers.get('x-supabase-api-version')).toBe('2024-01-01')
})

test('a banned user is shown out, and another audience is refused (D10)', async () => {
  const { ask, session, id, adminKey } = await signedIn()
  const elsewhere = await ask('GET', '/user', {
    bearer: session.access_token,
    headers: { 'x-jwt-aud': 'elsewhere' },
  })
  expect(elsewhere.body.msg).toBe("Token audience doesn't match request audience")
  await ask('PUT', `/admin/users/${id}`, { bearer: adminKey, body: { ban_duration: '24h' } })
  const { status, body } = await ask('GET', '/user', { bearer: session.access_token })
  expect([status, body]).toMatchObject([403, { error_code: 'user_banned', msg: 'User is banned' }])
})

test('a secret of the environment signs and verifies as GoTrue does', async () => {
  const secret = 'super-secret-jwt-token-with-at-least-32-characters-long'
  const { session, ask, adminKey } = await signedIn({ GOTRUE_JWT_SECRET: secret })
  const header = JSON.parse(Buffer.from(session.access_token.split('.')[0], 'base64url').toString())
  expect(header).toEqual({ alg: 'HS256', typ: 'JWT' })
  expect((await ask('GET', '/user', { bearer: session.access_token })).status).toBe(200)
  expect((await ask('GET', '/admin/users', { bearer: adminKey })).status).toBe(200)
  expect((await ask('GET', '/.well-known/jwks.json')).body).toEqual({ keys: [] })
})
