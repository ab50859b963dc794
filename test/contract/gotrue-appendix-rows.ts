import { sql } from 'kysely'
import type { Body, GotrueWorld } from './gotrue-world.ts'

/** Where a row begins: Ann has signed in, and has a user of the house beside her. */
export interface Scene {
  world: GotrueWorld
  session: Body
  bearer: string
}

/** An error of the reference's appendix A: what is asked, and what is answered. */
export interface Row {
  does: string
  method?: string
  path: string
  body?: unknown
  as?: 'admin' | 'ann'
  with?: Record<string, string>
  /** What has happened before; what it gives back takes the place of `body`. */
  first?: (scene: Scene) => Promise<unknown>
  status: number
  code: string
  message: string
}

const email = 'ann@example.com'
const phone = '15551234567'
const on = 'true'
const userId = '11111111-1111-4111-8111-111111111111'
const invalid = { status: 400, code: 'validation_failed' }
const wait = 'For security purposes, you can only request this after 60 seconds.'
const admin = 'admin' as const
const ann = 'ann' as const
const unlimited = { GOTRUE_EXTERNAL_PHONE_ENABLED: on }
const syntax = (text: string) => `strconv.ParseUint: parsing "${text}": invalid syntax`
const custom = '/admin/custom-providers'
const endpoints = {
  provider_type: 'oauth2',
  identifier: 'custom:plain',
  name: 'Plain',
  client_id: 'us',
  client_secret: 'a secret',
  authorization_url: 'https://plain.example/authorize',
  token_url: 'https://plain.example/token',
  userinfo_url: 'https://plain.example/me',
}
const without = (name: keyof typeof endpoints) => ({ ...endpoints, [name]: undefined })

/** A flow of PKCE whose code may be redeemed, `seconds` old. */
const flow = (seconds: number) => async (scene: Scene) => {
  const { world, session } = scene
  const at = new Date(world.ctx.now().getTime() - seconds * 1000).toISOString()
  await sql`
    insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
      authentication_method, created_at, updated_at, auth_code_issued_at)
    values (${userId}, ${session.user.id}, ${userId}, 'plain', ${'v'.repeat(43)}, 'recovery', 'recovery', ${at}, ${at}, ${at})`.execute(
    world.database.db,
  )
}

const ask = (method: string, path: string, body: unknown) => (scene: Scene) =>
  scene.world.ask(method, path, { body, bearer: scene.bearer }).then(() => undefined)

const inDatabase = (text: string) => async (scene: Scene) => {
  await scene.world.database.execute(text)
}

/** A refresh token of the first kind whose session is gone. */
const orphan = async ({ world, session }: Scene) => {
  await sql`insert into auth.refresh_tokens (instance_id, token, user_id, revoked, created_at, updated_at)
    values (${'00000000-0000-0000-0000-000000000000'}, 'orphan234567', ${session.user.id}, false, now(), now())`.execute(
    world.database.db,
  )
}

/** A phone that Ann has shown to be hers. */
const verifiedPhone = inDatabase(`
  insert into auth.mfa_factors (id, user_id, factor_type, status, created_at, updated_at, phone, friendly_name)
    select '${userId}', id, 'phone', 'verified', now(), now(), '15557654321', 'mine' from auth.users;
  update auth.sessions set aal = 'aal2';`)

/** What one request, or two, cause beside the rows of the other tables. */
// biome-ignore format: a row of the table is a line.
export const rows: Row[] = [
  { does: 'sorting by what is no column', method: 'GET', path: '/admin/users?sort=password%20desc', as: admin, ...invalid, message: 'Bad Sort Parameters: bad field for sort "password"' },
  { does: 'a page that is no number', method: 'GET', path: '/admin/users?page=one', as: admin, ...invalid, message: `Bad Pagination Parameters: ${syntax('one')}` },
  { does: 'a page of what is no number', method: 'GET', path: '/admin/audit?per_page=x', as: admin, ...invalid, message: `Bad Pagination Parameters: ${syntax('x')}` },
  { does: 'making somebody with a number that is taken', path: '/admin/users', as: admin, body: { phone }, first: ({ world, session }) => world.ask('PUT', `/admin/users/${session.user.id}`, { bearer: world.adminKey, body: { phone, phone_confirm: true } }).then(() => undefined), status: 422, code: 'phone_exists', message: 'Phone number already registered by another user' },
  { does: 'making somebody with an unreadable hash', path: '/admin/users', as: admin, body: { email: 'b@b.test', password_hash: '5f4dcc3b5aa765d61d8327deb882cf99' }, ...invalid, message: 'password hash must be one of bcrypt or argon2' },
  { does: 'a body without end', path: '/signup', body: 'x'.repeat(1024 * 1024 + 1), status: 413, code: 'request_entity_too_large', message: 'Request body too large (max 1048576 bytes)' },
  { does: 'recovering twice in a minute', path: '/recover', body: { email }, first: ask('POST', '/recover', { email }), status: 429, code: 'over_email_send_rate_limit', message: wait },
  { does: 'signing up twice in a minute', path: '/signup', body: { email: 'b@b.test', password: 'x'.repeat(9) }, first: ask('POST', '/signup', { email: 'b@b.test', password: 'x'.repeat(9) }), status: 429, code: 'over_email_send_rate_limit', message: wait },
  { does: 'a code to a number twice in a minute', path: '/otp', body: { phone }, with: unlimited, first: ask('POST', '/otp', { phone }), status: 429, code: 'over_sms_send_rate_limit', message: wait },
  { does: 'a mail when none may leave', path: '/recover', body: { email }, with: { GOTRUE_RATE_LIMIT_EMAIL_SENT: '0' }, status: 429, code: 'over_email_send_rate_limit', message: 'email rate limit exceeded' },
  { does: 'a message when none may leave', path: '/otp', body: { phone }, with: { ...unlimited, GOTRUE_RATE_LIMIT_SMS_SENT: '0' }, status: 429, code: 'over_sms_send_rate_limit', message: 'SMS rate limit exceeded' },
  { does: 'a second phone beside a shown one', path: '/factors', as: ann, body: { factor_type: 'phone', phone: '15557654321' }, with: { GOTRUE_MFA_PHONE_ENROLL_ENABLED: on }, first: verifiedPhone, status: 422, code: 'mfa_verified_factor_exists', message: 'A verified phone factor already exists, unenroll the existing factor to continue' },
  { does: 'the same password again', method: 'PUT', path: '/user', as: ann, body: { password: 'correct horse battery' }, status: 422, code: 'same_password', message: 'New password should be different from the old password.' },
  { does: 'a new address for somebody of single sign-on', method: 'PUT', path: '/user', as: ann, body: { email: 'b@b.test' }, first: inDatabase('update auth.users set is_sso_user = true'), status: 422, code: 'user_sso_managed', message: 'Updating email, phone, password of a SSO account only possible via SSO' },
  { does: 'a number that is taken', method: 'PUT', path: '/user', as: ann, body: { phone }, with: unlimited, first: ({ world }) => world.ask('POST', '/admin/users', { bearer: world.adminKey, body: { phone, phone_confirm: true } }).then(() => undefined), status: 422, code: 'phone_exists', message: 'A user with this phone number has already been registered' },
  { does: 'an address that is taken', method: 'PUT', path: '/user', as: ann, body: { email: 'b@b.test' }, first: ({ world }) => world.createAccount('b@b.test').then(() => undefined), status: 422, code: 'email_exists', message: 'A user with this email address has already been registered' },
  { does: 'a code of yesterday', path: '/token?grant_type=pkce', body: { auth_code: userId, code_verifier: 'v'.repeat(43) }, first: flow(301), status: 422, code: 'flow_state_expired', message: 'invalid flow state, flow state has expired' },
  { does: "a code with another's verifier", path: '/token?grant_type=pkce', body: { auth_code: userId, code_verifier: 'w'.repeat(43) }, first: flow(1), status: 400, code: 'bad_code_verifier', message: 'code challenge does not match previously saved code verifier' },
  { does: 'a refresh token of no session', path: '/token?grant_type=refresh_token', body: { refresh_token: 'orphan234567' }, first: orphan, status: 400, code: 'session_not_found', message: 'Invalid Refresh Token: No Valid Session Found' },
  { does: 'an unknown refresh token', path: '/token?grant_type=refresh_token', body: { refresh_token: 'nobody234567' }, status: 400, code: 'refresh_token_not_found', message: 'Invalid Refresh Token: Refresh Token Not Found' },

  { does: 'looking at a provider that nobody described', method: 'GET', path: `${custom}/custom:plain`, as: admin, status: 404, code: 'custom_provider_not_found', message: 'Custom OAuth provider not found' },
  { does: 'changing a provider that nobody described', method: 'PUT', path: `${custom}/custom:plain`, as: admin, body: { name: 'x' }, status: 404, code: 'custom_provider_not_found', message: 'Custom OAuth provider not found' },
  { does: 'deleting a provider that nobody described', method: 'DELETE', path: `${custom}/custom:plain`, as: admin, status: 404, code: 'custom_provider_not_found', message: 'Custom OAuth provider not found' },
  { does: 'a provider without its page', path: custom, as: admin, body: without('authorization_url'), ...invalid, message: 'authorization_url is required for OAuth2 providers' },
  { does: 'a provider without its tokens', path: custom, as: admin, body: without('token_url'), ...invalid, message: 'token_url is required for OAuth2 providers' },
  { does: 'a provider without its people', path: custom, as: admin, body: without('userinfo_url'), ...invalid, message: 'userinfo_url is required for OAuth2 providers' },
  { does: 'a provider without a name', path: custom, as: admin, body: without('name'), ...invalid, message: 'name is required' },
  { does: 'a provider by http', path: custom, as: admin, body: { ...endpoints, token_url: 'http://plain.example/token' }, ...invalid, message: 'URL must use HTTPS' },
  { does: 'a provider at no address', path: custom, as: admin, body: { ...endpoints, token_url: 'plain' }, ...invalid, message: 'Invalid URL format' },
  { does: 'a provider at home', path: custom, as: admin, body: { ...endpoints, token_url: 'https://localhost/token' }, ...invalid, message: 'URL cannot point to localhost or loopback addresses' },
  { does: 'a provider inside', path: custom, as: admin, body: { ...endpoints, token_url: 'https://169.254.169.254/token' }, ...invalid, message: 'URL cannot resolve to private network addresses' },
]
