import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hour, minute, second } from '../../src/base/time.ts'
import { ann as annOf } from '../servers/provider-dialects.ts'
import { enroll, verify } from './authenticator-app.ts'
import { externalWorld, settingsOf } from './gotrue-external-world.ts'
import { type Body, claimsOf, fragmentOf, gotrueWorld, keyOf, password } from './gotrue-world.ts'

// The reference's twenty-five subtle behaviours (§ 7), by their numbers: from the fourteenth on.

const email = 'ann@example.com'
const on = 'true'

test('subtle-14: a second factor that is missing is a 403, 422, 401 or 403, by where it is missing', async () => {
  const world = await gotrueWorld({ GOTRUE_PASSKEY_ENABLED: on })
  await world.createAccount()
  const first = await world.signIn()
  const app = await enroll(world, first.access_token)
  await verify(world, first.access_token, app)
  const { access_token: bearer } = await world.signIn()
  const answers = await Promise.all([
    world.ask('POST', '/factors', { bearer, body: { factor_type: 'totp', friendly_name: 'b' } }),
    world.ask('DELETE', `/factors/${app.id}`, { bearer }),
    world.ask('PUT', '/user', { bearer, body: { email: 'b@b.test' } }),
    world.ask('POST', '/passkeys/registration/options', { bearer }),
  ])
  expect(answers.map(({ status, body }) => [status, body.error_code])).toEqual([
    [403, 'insufficient_aal'],
    [422, 'insufficient_aal'],
    [401, 'insufficient_aal'],
    [403, 'insufficient_aal'],
  ])
})

test('subtle-15: a password grant looks at the ban before the password, at the confirmation after it', async () => {
  const world = await gotrueWorld({ GOTRUE_PASSWORD_MIN_LENGTH: '8' })
  const { db } = world.database
  const signIn = async (typed: string) => {
    const body = { email, password: typed }
    const answer = await world.ask('POST', '/token?grant_type=password', { body })
    return answer.body.error_code ?? answer.status
  }
  const { id } = await world.createAccount()
  const banned = { bearer: world.adminKey, body: { ban_duration: '1h' } }
  await world.ask('PUT', `/admin/users/${id}`, banned)
  expect(await signIn('wrong')).toBe('user_banned')
  world.pass(hour)
  await sql`update auth.users set email_confirmed_at = null`.execute(db)
  expect([await signIn('wrong'), await signIn(password)]).toEqual([
    'invalid_credentials',
    'email_not_confirmed',
  ])
  await sql`update auth.users set email_confirmed_at = now(), is_sso_user = true`.execute(db)
  expect(await signIn(password)).toBe('invalid_credentials')
  await sql`update auth.users set is_sso_user = false`.execute(db)
  const strict = world.under({ GOTRUE_PASSWORD_MIN_LENGTH: '40' })
  const weak = await strict.ask('POST', '/token?grant_type=password', { body: { email, password } })
  expect([weak.status, weak.body.weak_password.reasons]).toEqual([200, ['length']])
  await sql`update auth.users set encrypted_password = null`.execute(db)
  expect(await signIn(password)).toBe('invalid_credentials')
})

test('subtle-16: times without a zone are UTC, whatever zone the database has', async () => {
  const world = await gotrueWorld({ GOTRUE_SESSIONS_INACTIVITY_TIMEOUT: '1h' })
  await world.createAccount()
  await sql`set time zone 'Asia/Tokyo'`.execute(world.database.db)
  const refresh = (refresh_token: string) =>
    world.ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
  const { body } = await refresh((await world.signIn()).refresh_token)
  const { rows } = await sql`select refreshed_at::text from auth.sessions`.execute(
    world.database.db,
  )
  expect(rows).toEqual([{ refreshed_at: '2025-11-22 12:00:00' }])
  world.pass(59 * minute)
  const soon = await refresh(body.refresh_token)
  expect(soon.status).toBe(200)
  world.pass(61 * minute)
  const late = await refresh(soon.body.refresh_token)
  expect(late.body.msg).toBe('Invalid Refresh Token: Session Expired (Inactivity)')
  await sql`reset time zone`.execute(world.database.db)
})

test('subtle-17: rows have the zero instance, empty tokens, no empty address, and small letters', async () => {
  const world = await gotrueWorld({ GOTRUE_EXTERNAL_PHONE_ENABLED: on, GOTRUE_SMS_AUTOCONFIRM: on })
  await world.ask('POST', '/signup', { body: { email: 'ANN@Example.com', password } })
  await world.ask('POST', '/signup', { body: { phone: '+1 555 123 4567', password } })
  const { rows } =
    await sql`select instance_id, email, phone, recovery_token, email_change, phone_change_token,
    reauthentication_token, confirmed_at is not null as confirmed from auth.users order by email`.execute(
      world.database.db,
    )
  const common = {
    instance_id: '00000000-0000-0000-0000-000000000000',
    recovery_token: '',
    email_change: '',
    phone_change_token: '',
    reauthentication_token: '',
  }
  expect(rows).toEqual([
    { ...common, email, phone: null, confirmed: false },
    { ...common, email: null, phone: '15551234567', confirmed: true },
  ])
})

// biome-ignore format: a row of the table is a line.
test.each([
  ['http://app.example.com/here', '', 'http://app.example.com/here'],
  ['https://app.example.com/here', '', 'http://app.example.com'],
  ['http://app.example.com:8080/', '', 'http://app.example.com'],
  ['http://127.0.0.1:9/any', '', 'http://127.0.0.1:9/any'],
  ['http://192.0.2.4/', '', 'http://app.example.com'],
  ['http://2130706433/', '', 'http://app.example.com'],
  ['https://one.shop.test/a', '', 'https://one.shop.test/a'],
  ['https://one.two.shop.test/a', '', 'http://app.example.com'],
  ['https://one.shop.test/a/b', '', 'http://app.example.com'],
  ['https://one.shop.test/a#part', '', 'https://one.shop.test/a'],
  ['https://ask.test/back?x=1', '', 'https://ask.test/back?x=1'],
  ['https://ask.test/back?x=2', '', 'http://app.example.com'],
  ['https://evil.test/', 'https://one.shop.test/r', 'https://one.shop.test/r'],
  ['https://evil.test/', 'https://evil.test/', 'http://app.example.com'],
])('subtle-18: a link that is to lead to %s (from %s) leads to %s', async (redirect, referer, expected) => {
  const { ask } = await gotrueWorld({
    GOTRUE_SITE_URL: 'http://app.example.com',
    GOTRUE_URI_ALLOW_LIST: 'https://*.shop.test/*,https://ask.test/back?x=1',
  })
  const path = `/verify?type=signup&token=x&redirect_to=${encodeURIComponent(redirect)}`
  const { headers } = await ask('GET', path, { headers: { referer } })
  expect(headers.get('location')?.split('#')[0]).toBe(expected)
})

test('subtle-19: a link’s path is absolute, its query has three names, and an address in it is escaped only where it must be', async () => {
  const world = await gotrueWorld({
    API_EXTERNAL_URL: 'https://api.example.com/auth/v1',
    GOTRUE_MAILER_URLPATHS_RECOVERY: '/verify',
    GOTRUE_URI_ALLOW_LIST: 'https://app.test/**',
  })
  await world.createAccount()
  for (const [asked, written] of [
    ['https://app.test/a/b', 'https://app.test/a/b'],
    ['https://app.test/a?b=1', encodeURIComponent('https://app.test/a?b=1')],
  ] as const) {
    const path = `/recover?redirect_to=${encodeURIComponent(asked)}`
    await world.ask('POST', path, { body: { email } })
    const { link } = await world.mailTo(email)
    expect(link).toMatch(
      /^https:\/\/api\.example\.com\/verify\?token=\w{56}&type=recovery&redirect_to=/,
    )
    expect(link.endsWith(`&redirect_to=${written}`)).toBe(true)
    world.pass(minute)
  }
})

test('subtle-20: nobody is counted by place until a header names it; a recipient is; nought means never', async () => {
  const world = await gotrueWorld()
  const many = await Promise.all(
    Array.from({ length: 40 }, () => world.ask('GET', '/verify?type=signup&token_hash=&token=')),
  )
  expect(many.map(({ status }) => status)).not.toContain(429)
  const body = { email, password }
  expect((await world.ask('POST', '/signup', { body })).status).toBe(200)
  expect((await world.ask('POST', '/signup', { body })).body.error_code).toBe(
    'over_email_send_rate_limit',
  )
  const never = world.under({ GOTRUE_RATE_LIMIT_EMAIL_SENT: '0' })
  const other = { email: 'bob@example.com', password }
  expect((await never.ask('POST', '/signup', { body: other })).status).toBe(429)
  const open = world.under({ GOTRUE_RATE_LIMIT_EMAIL_SENT: '0', GOTRUE_MAILER_AUTOCONFIRM: on })
  expect((await open.ask('POST', '/signup', { body: other })).status).toBe(200)
})

test('subtle-21: what is off says so before it reads anything, each in its own way (J6)', async () => {
  const world = await gotrueWorld()
  const off = world.under({ GOTRUE_EXTERNAL_EMAIL_ENABLED: 'false' })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const answers = await Promise.all([
    world.ask('POST', '/sso', { body: '' }),
    world.ask('GET', '/user/identities/authorize', { bearer }),
    world.ask('POST', '/oauth/token', { body: '' }),
    world.ask('POST', '/signup', { body: {} }),
    world.ask('POST', '/token?grant_type=web3', { body: {} }),
    world.ask('POST', '/passkeys/authentication/options', { body: '' }),
    off.ask('POST', '/recover', { body: { email } }),
    off.ask('POST', '/otp', { body: { email } }),
    off.ask('POST', '/token?grant_type=password', { body: { email, password } }),
  ])
  expect(answers.map(({ status, body }) => `${status} ${body.error_code}`)).toEqual([
    '404 saml_provider_disabled',
    '404 manual_linking_disabled',
    '404 feature_disabled',
    '422 anonymous_provider_disabled',
    '422 web3_provider_disabled',
    '404 passkey_disabled',
    '400 email_provider_disabled',
    '422 email_provider_disabled',
    '422 email_provider_disabled',
  ])
})

test('subtle-22: metadata is merged one level deep, null takes a name away, and a user writes only their own', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const write = (data: Body) => world.ask('PUT', '/user', { bearer, body: { data } })
  await write({ a: { b: 1, c: 2 }, d: 3 })
  const { body } = await write({ a: { b: 4 }, d: null })
  expect(body.user_metadata).toEqual({ a: { b: 4 }, email_verified: true })
  const own = await world.ask('PUT', '/user', { bearer, body: { app_metadata: { role: 'boss' } } })
  expect([own.status, own.body.error_code]).toEqual([403, 'not_admin'])
  const path = `/admin/users/${body.id}`
  const { body: kept } = await world.ask('PUT', path, {
    bearer: world.adminKey,
    body: { app_metadata: { plan: 'gold', none: null } },
  })
  expect(kept.app_metadata).toEqual({ provider: 'email', providers: ['email'], plan: 'gold' })
})

test('subtle-23: only a verified address links, and what nobody had confirmed is emptied first (A1)', async () => {
  const world = await externalWorld(settingsOf('github'))
  const address = annOf.email
  await world.ask('POST', '/signup', { body: { email: address, password: 'a hijacker knows' } })
  const { sub } = claimsOf(fragmentOf(await world.goThrough('github')).access_token ?? '')
  const { rows } = await sql`select u.id, encrypted_password, array_agg(i.provider) as providers
    from auth.users u join auth.identities i on i.user_id = u.id group by u.id`.execute(
    world.database.db,
  )
  expect(rows).toEqual([{ id: sub, encrypted_password: null, providers: ['github'] }])
  const body = { email: address, password: 'a hijacker knows' }
  const hijacker = await world.ask('POST', '/token?grant_type=password', { body })
  expect(hijacker.body.error_code).toBe('invalid_credentials')
})

test('subtle-24: an administrator’s token needs no user, but a session that it names must last', async () => {
  const world = await gotrueWorld({ GOTRUE_SESSIONS_TIMEBOX: '1h' })
  await world.createAccount()
  const list = async (bearer: string | null, headers: Record<string, string> = {}) => {
    const { status, body } = await world.ask('GET', '/admin/users', { bearer, headers })
    return body.error_code ?? status
  }
  expect(await list(await keyOf(world, { role: 'service_role', sub: '1234567890' }))).toBe(200)
  expect(await list(null, { apikey: world.adminKey })).toBe('no_authorization')
  const { access_token } = await world.signIn()
  const { sub, session_id } = claimsOf(access_token)
  const withSession = await keyOf(world, { role: 'service_role', sub, session_id })
  expect(await list(withSession)).toBe(200)
  world.pass(hour + second)
  expect(await list(withSession)).toBe('session_expired')
})

test('subtle-25: the small conventions of JSON', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const session = await world.signIn()
  const { access_token: bearer } = session
  expect(session.user).toMatchObject({ phone: '' })
  expect(session.user).not.toHaveProperty('factors')
  expect(session.expires_at).toBe(Date.parse('2025-11-22T13:00:00Z') / 1000)
  const admin = { bearer: world.adminKey }
  const list = await world.ask('GET', '/admin/users?per_page=1', admin)
  expect(list.body.users[0].identities).toBeNull()
  expect(list.headers.get('link')).toBe('</admin/users?page=1&per_page=1>; rel="last"')
  expect((await world.ask('POST', '/recover', { body: { email } })).body).toEqual({})
  for (const [ban_duration, until] of [
    ['24h', '2025-11-23T12:00:00Z'],
    ['1h30m', '2025-11-22T13:30:00Z'],
    ['none', undefined],
  ]) {
    const { body } = await world.ask('PUT', `/admin/users/${id}`, {
      ...admin,
      body: { ban_duration },
    })
    expect(body.banned_until).toBe(until)
  }
  const { body: factor } = await world.ask('POST', '/factors', {
    bearer,
    body: { factor_type: 'totp' },
  })
  expect(factor.totp.qr_code).toMatch(/^<svg|^<\?xml/)
  expect(new URL(factor.totp.uri).searchParams.get('issuer')).toMatch(/^localhost/)
  const bye = await world.ask('POST', '/logout', { bearer })
  expect([bye.status, bye.body]).toEqual([204, ''])
})
