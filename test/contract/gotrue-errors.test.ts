import { expect, test } from 'vitest'
import { type AskOptions, gotrueWorld, newFormat, password } from './gotrue-world.ts'

const email = 'ann@example.com'
const on = 'true'
const channelText =
  "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only supported if Twilio or Twilio Verify is used as the provider."
const long = 'x'.repeat(43)

interface Row {
  does: string
  method?: string
  path: string
  body?: unknown
  as?: 'admin' | 'ann'
  with?: Record<string, string>
  status: number
  code: string
  message: string
}

/** Every error of this slice in the reference's appendix A that one request can cause. */
// biome-ignore format: a row of the table is a line.
const table: Row[] = [
  // Sign-up, in the order of its checks.
  { does: 'signing up when it is off', path: '/signup', body: { email, phone: '1', password: '' }, with: { GOTRUE_DISABLE_SIGNUP: on }, status: 422, code: 'signup_disabled', message: 'Signups not allowed for this instance' },
  { does: 'signing up without a password', path: '/signup', body: { email, phone: '1' }, status: 400, code: 'validation_failed', message: 'Signup requires a valid password' },
  { does: 'signing up with a short one', path: '/signup', body: { email, phone: '1', password: '12345' }, status: 422, code: 'weak_password', message: 'Password should be at least 6 characters.' },
  { does: 'signing up with a long one', path: '/signup', body: { email, password: 'é'.repeat(37) }, status: 400, code: 'validation_failed', message: 'Password cannot be longer than 72 characters' },
  { does: 'signing up without a kind of character', path: '/signup', body: { email, password }, with: { GOTRUE_PASSWORD_REQUIRED_CHARACTERS: 'abc:012\\:' }, status: 422, code: 'weak_password', message: 'Password should contain at least one character of each: abc, 012:.' },
  { does: 'signing up with address and number', path: '/signup', body: { email, phone: '1', password }, status: 400, code: 'validation_failed', message: 'Only an email address or phone number should be provided on signup.' },
  { does: 'signing up by a channel', path: '/signup', body: { phone: '1', password, channel: 'pigeon' }, status: 400, code: 'validation_failed', message: channelText },
  { does: 'signing up by WhatsApp without Twilio', path: '/signup', body: { phone: '1', password, channel: 'whatsapp' }, status: 400, code: 'validation_failed', message: channelText },
  { does: 'signing up a number with PKCE', path: '/signup', body: { phone: '1', password, code_challenge: long, code_challenge_method: 'plain' }, status: 400, code: 'validation_failed', message: 'PKCE not supported for phone signups' },
  { does: 'half of PKCE', path: '/signup', body: { email, password, code_challenge: long }, status: 400, code: 'validation_failed', message: 'PKCE flow requires code_challenge_method and code_challenge' },
  { does: 'a short challenge', path: '/signup', body: { email, password, code_challenge: 'x', code_challenge_method: 's256' }, status: 400, code: 'validation_failed', message: 'code challenge has to be between 43 and 128 characters' },
  { does: 'a strange challenge', path: '/signup', body: { email, password, code_challenge: `${long}!`, code_challenge_method: 's256' }, status: 400, code: 'validation_failed', message: 'code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes' },
  { does: 'an unknown method', path: '/signup', body: { email, password, code_challenge: long, code_challenge_method: 'md5' }, status: 400, code: 'validation_failed', message: 'Invalid code_challenge_method' },
  { does: 'signing up by mail when it is off', path: '/signup', body: { email, password }, with: { GOTRUE_EXTERNAL_EMAIL_ENABLED: 'false' }, status: 400, code: 'email_provider_disabled', message: 'Email signups are disabled' },
  { does: 'signing up by phone when it is off', path: '/signup', body: { phone: '15551234567', password }, status: 400, code: 'phone_provider_disabled', message: 'Phone signups are disabled' },
  { does: 'signing up with no address', path: '/signup', body: { email: 'ann', password }, status: 400, code: 'validation_failed', message: 'Unable to validate email address: invalid format' },
  { does: 'signing up with an endless one', path: '/signup', body: { email: `${'a'.repeat(250)}@a.test`, password }, status: 400, code: 'validation_failed', message: 'An email address is too long' },
  { does: 'signing up with no number', path: '/signup', body: { phone: 'abc', password }, with: { GOTRUE_EXTERNAL_PHONE_ENABLED: on }, status: 400, code: 'validation_failed', message: 'Invalid phone number format (E.164 required)' },
  { does: 'signing up by phone without anybody who sends', path: '/signup', body: { phone: '15551234567', password }, with: { GOTRUE_EXTERNAL_PHONE_ENABLED: on, GOTRUE_SMS_PROVIDER: 'twilio' }, status: 500, code: 'unexpected_failure', message: 'Unable to get SMS provider' },
  { does: 'signing up anonymously when it is off', path: '/signup', body: {}, status: 422, code: 'anonymous_provider_disabled', message: 'Anonymous sign-ins are disabled' },
  { does: 'signing up anonymously when all is off', path: '/signup', body: {}, with: { GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: on, GOTRUE_DISABLE_SIGNUP: on }, status: 422, code: 'signup_disabled', message: 'Signups not allowed for this instance' },

  // Tokens.
  { does: 'no grant', path: '/token', body: {}, status: 400, code: 'invalid_credentials', message: 'unsupported_grant_type' },
  { does: 'an unknown grant', path: '/token?grant_type=magic', body: {}, status: 400, code: 'invalid_credentials', message: 'unsupported_grant_type' },
  { does: 'a password for address and number', path: '/token?grant_type=password', body: { email, phone: '1', password }, status: 400, code: 'validation_failed', message: 'Only an email address or phone number should be provided on login.' },
  { does: 'a password when mail is off', path: '/token?grant_type=password', body: { email, password }, with: { GOTRUE_EXTERNAL_EMAIL_ENABLED: 'false' }, status: 422, code: 'email_provider_disabled', message: 'Email logins are disabled' },
  { does: 'a password when phones are off', path: '/token?grant_type=password', body: { phone: '1', password }, status: 422, code: 'phone_provider_disabled', message: 'Phone logins are disabled' },
  { does: 'a password of nobody', path: '/token?grant_type=password', body: { password }, status: 400, code: 'validation_failed', message: 'missing email or phone' },
  { does: 'a password of a stranger', path: '/token?grant_type=password', body: { email: 'nobody@example.com', password }, status: 400, code: 'invalid_credentials', message: 'Invalid login credentials' },
  { does: 'a wrong password', path: '/token?grant_type=password', body: { email, password: 'wrong' }, status: 400, code: 'invalid_credentials', message: 'Invalid login credentials' },
  { does: 'a code without a verifier', path: '/token?grant_type=pkce', body: { auth_code: 'x' }, status: 400, code: 'validation_failed', message: 'invalid request: both auth code and code verifier should be non-empty' },
  { does: 'an unknown code', path: '/token?grant_type=pkce', body: { auth_code: 'x', code_verifier: 'y' }, status: 404, code: 'flow_state_not_found', message: 'invalid flow state, no valid flow state found' },
  { does: "another provider's token", path: '/token?grant_type=id_token', body: { id_token: 'x', provider: 'google' }, status: 400, code: 'provider_disabled', message: 'Provider (issuer "https://accounts.google.com") is not enabled' },
  { does: 'a wallet', path: '/token?grant_type=web3', body: { chain: 'solana' }, status: 422, code: 'web3_provider_disabled', message: 'Web3 provider is disabled' },

  // Mails.
  { does: 'a link for address and number', path: '/otp', body: { email, phone: '1' }, status: 400, code: 'validation_failed', message: 'Only an email address or phone number should be provided' },
  { does: 'a link by a channel', path: '/otp', body: { email, channel: 'sms' }, status: 400, code: 'validation_failed', message: 'Channel should only be specified with Phone OTP' },
  { does: 'a link for nobody', path: '/otp', body: {}, status: 400, code: 'validation_failed', message: 'One of email or phone must be set' },
  { does: 'a link for a stranger who shall not sign up', path: '/otp', body: { email: 'nobody@example.com', create_user: false }, status: 422, code: 'otp_disabled', message: 'Signups not allowed for otp' },
  { does: 'a link for no address that shall not sign up', path: '/otp', body: { email: 'ann', create_user: false }, status: 422, code: 'otp_disabled', message: 'Signups not allowed for otp' },
  { does: 'a link when mail is off', path: '/otp', body: { email }, with: { GOTRUE_EXTERNAL_EMAIL_ENABLED: 'false' }, status: 422, code: 'email_provider_disabled', message: 'Email logins are disabled' },
  { does: 'a link when links are off', path: '/otp', body: { email }, with: { GOTRUE_EXTERNAL_EMAIL_MAGIC_LINK_ENABLED: 'false' }, status: 422, code: 'email_provider_disabled', message: 'Login with magic link is disabled' },
  { does: 'a link for no address', path: '/otp', body: { email: 'ann' }, status: 400, code: 'validation_failed', message: 'Unable to validate email address: invalid format' },
  { does: 'a link for a stranger when sign-up is off', path: '/otp', body: { email: 'nobody@example.com' }, with: { GOTRUE_DISABLE_SIGNUP: on }, status: 422, code: 'signup_disabled', message: 'Signups not allowed for this instance' },
  { does: 'a code for a phone when phones are off', path: '/otp', body: { phone: '15551234567' }, status: 400, code: 'phone_provider_disabled', message: 'Unsupported phone provider' },
  { does: 'a code by an unknown channel', path: '/otp', body: { phone: '15551234567', channel: 'pigeon' }, status: 400, code: 'validation_failed', message: channelText },
  { does: 'a code without anybody who sends', path: '/otp', body: { phone: '15551234567' }, with: { GOTRUE_EXTERNAL_PHONE_ENABLED: on, GOTRUE_SMS_PROVIDER: 'twilio' }, status: 500, code: 'unexpected_failure', message: 'Unable to get SMS provider' },
  { does: 'an old link without address', path: '/magiclink', body: {}, status: 422, code: 'validation_failed', message: 'Password recovery requires an email' },
  { does: 'recovering nothing', path: '/recover', body: {}, status: 400, code: 'validation_failed', message: 'Password recovery requires an email' },
  { does: 'recovering no address', path: '/recover', body: { email: 'ann' }, status: 400, code: 'validation_failed', message: 'Unable to validate email address: invalid format' },
  { does: 'recovering when mail is off', path: '/recover', body: { email }, with: { GOTRUE_EXTERNAL_EMAIL_ENABLED: 'false' }, status: 400, code: 'email_provider_disabled', message: 'Email logins are disabled' },
  { does: 'resending what', path: '/resend', body: { email }, status: 400, code: 'validation_failed', message: 'Missing one of these types: signup, email_change, sms, phone_change' },
  { does: 'resending a mail to a phone', path: '/resend', body: { type: 'signup', phone: '1' }, status: 400, code: 'validation_failed', message: 'Type provided requires an email address' },
  { does: 'resending a message to an address', path: '/resend', body: { type: 'sms', email }, status: 400, code: 'validation_failed', message: 'Type provided requires a phone number' },
  { does: 'resending to both', path: '/resend', body: { type: 'signup', email, phone: '1' }, status: 400, code: 'validation_failed', message: 'Only an email address or phone number should be provided.' },
  { does: 'resending to nobody', path: '/resend', body: { type: 'signup' }, status: 400, code: 'validation_failed', message: 'Missing email address or phone number' },
  { does: 'resending a mail when mail is off', path: '/resend', body: { type: 'signup', email }, with: { GOTRUE_EXTERNAL_EMAIL_ENABLED: 'false' }, status: 400, code: 'email_provider_disabled', message: 'Email logins are disabled' },
  { does: 'resending to a phone when phones are off', path: '/resend', body: { type: 'sms', phone: '1' }, status: 400, code: 'phone_provider_disabled', message: 'Phone logins are disabled' },
  { does: 'reauthenticating as nobody', method: 'GET', path: '/reauthenticate', status: 401, code: 'no_authorization', message: 'This endpoint requires a valid Bearer token' },

  // Links.
  { does: 'a link without type', method: 'GET', path: '/verify?token=x', status: 400, code: 'validation_failed', message: 'Verify requires a verification type' },
  { does: 'a link without token', method: 'GET', path: '/verify?type=signup', status: 400, code: 'validation_failed', message: 'Verify requires a token or a token hash' },
  { does: 'digits without type', path: '/verify', body: { email, token: '1' }, status: 400, code: 'validation_failed', message: 'Verify requires a verification type' },
  { does: 'neither digits nor hash', path: '/verify', body: { type: 'email', email }, status: 400, code: 'validation_failed', message: 'Verify requires a token or a token hash' },
  { does: 'digits and hash', path: '/verify', body: { type: 'email', token: '1', token_hash: '2' }, status: 400, code: 'validation_failed', message: 'Verify requires either a token or a token hash' },
  { does: 'a hash with an address', path: '/verify', body: { type: 'email', token_hash: '2', email }, status: 400, code: 'validation_failed', message: 'Only the token_hash and type should be provided' },
  { does: 'digits for both', path: '/verify', body: { type: 'email', token: '1', email, phone: '1' }, status: 400, code: 'validation_failed', message: 'Only an email address or phone number should be provided on verify' },
  { does: 'digits for no address', path: '/verify', body: { type: 'email', token: '1', email: 'ann' }, status: 422, code: 'validation_failed', message: 'Invalid email format' },
  { does: 'digits for no number', path: '/verify', body: { type: 'sms', token: '1', phone: 'abc' }, status: 400, code: 'validation_failed', message: 'Invalid phone number format (E.164 required)' },
  { does: 'a hash of an unknown type', path: '/verify', body: { type: 'pigeon', token_hash: '2' }, status: 400, code: 'validation_failed', message: 'Invalid email verification type' },
  { does: 'digits of an unknown type', path: '/verify', body: { type: 'pigeon', token: '1', email }, status: 400, code: 'validation_failed', message: 'Unsupported verification type' },
  { does: 'digits of a change that nobody began', path: '/verify', body: { type: 'phone_change', token: '123456', phone: '15551234567' }, status: 403, code: 'otp_expired', message: 'Token has expired or is invalid' },
  { does: 'an unknown hash', path: '/verify', body: { type: 'recovery', token_hash: '2' }, status: 403, code: 'otp_expired', message: 'Email link is invalid or has expired' },

  // The user.
  { does: 'changing to no address', method: 'PUT', path: '/user', as: 'ann', body: { email: 'ann' }, status: 400, code: 'validation_failed', message: 'Unable to validate email address: invalid format' },
  { does: 'changing to a weak password', method: 'PUT', path: '/user', as: 'ann', body: { password: '' }, status: 422, code: 'weak_password', message: 'Password should be at least 6 characters.' },
  { does: 'changing to no number', method: 'PUT', path: '/user', as: 'ann', body: { phone: 'abc' }, status: 400, code: 'validation_failed', message: 'Invalid phone number format (E.164 required)' },
  { does: 'changing a number by an unknown channel', method: 'PUT', path: '/user', as: 'ann', body: { phone: '15551234567', channel: 'pigeon' }, status: 400, code: 'validation_failed', message: channelText },
  { does: 'signing out of a strange scope', path: '/logout?scope=nowhere', as: 'ann', status: 400, code: 'validation_failed', message: 'Unsupported logout scope "nowhere"' },

  // Administration.
  { does: 'inviting somebody who is there', path: '/invite', as: 'admin', body: { email }, status: 422, code: 'email_exists', message: 'A user with this email address has already been registered' },
  { does: 'inviting nobody', path: '/invite', as: 'admin', body: {}, status: 400, code: 'validation_failed', message: 'An email address is required' },
  { does: 'inviting as a user', path: '/invite', as: 'ann', body: { email }, status: 403, code: 'not_admin', message: 'User not allowed' },
  { does: 'making nobody', path: '/admin/users', as: 'admin', body: {}, status: 400, code: 'validation_failed', message: 'Cannot create a user without either an email or phone' },
  { does: 'making somebody who is there', path: '/admin/users', as: 'admin', body: { email }, status: 422, code: 'email_exists', message: 'A user with this email address has already been registered' },
  { does: 'making somebody with two passwords', path: '/admin/users', as: 'admin', body: { email: 'b@b.test', password, password_hash: 'x' }, status: 400, code: 'validation_failed', message: 'Only a password or a password hash should be provided' },
  { does: 'making somebody with no id', path: '/admin/users', as: 'admin', body: { email: 'b@b.test', id: 'x' }, status: 400, code: 'validation_failed', message: 'ID must conform to the uuid v4 format' },
  { does: 'making somebody with the empty id', path: '/admin/users', as: 'admin', body: { email: 'b@b.test', id: '00000000-0000-0000-0000-000000000000' }, status: 400, code: 'validation_failed', message: 'ID cannot be a nil uuid' },
  { does: 'banning for a while', path: '/admin/users', as: 'admin', body: { email: 'b@b.test', ban_duration: 'long' }, status: 400, code: 'validation_failed', message: 'invalid format for ban duration: time: invalid duration "long"' },
  { does: 'looking at nobody', method: 'GET', path: '/admin/users/11111111-1111-4111-8111-111111111111', as: 'admin', status: 404, code: 'user_not_found', message: 'User not found' },
  { does: 'looking at what is no id', method: 'GET', path: '/admin/users/ann', as: 'admin', status: 404, code: 'validation_failed', message: 'user_id must be an UUID' },
  { does: 'a link of a strange type', path: '/admin/generate_link', as: 'admin', body: { type: 'pigeon', email }, status: 400, code: 'validation_failed', message: 'Invalid email action link type requested: pigeon' },
  { does: 'a link for a stranger', path: '/admin/generate_link', as: 'admin', body: { type: 'recovery', email: 'nobody@example.com' }, status: 404, code: 'user_not_found', message: 'User with this email not found' },
  { does: 'a sign-up link for somebody who is there', path: '/admin/generate_link', as: 'admin', body: { type: 'signup', email, password }, status: 422, code: 'email_exists', message: 'A user with this email address has already been registered' },
  { does: 'a sign-up link without a password', path: '/admin/generate_link', as: 'admin', body: { type: 'signup', email: 'b@b.test' }, status: 400, code: 'validation_failed', message: 'Signup requires a valid password' },
  { does: 'a link for half a change', path: '/admin/generate_link', as: 'admin', body: { type: 'email_change_current', email, new_email: 'b@b.test' }, with: { GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false' }, status: 400, code: 'validation_failed', message: 'Enable secure email change to generate link for current email' },

  // What this version does not have answers as GoTrue where it is switched off.
  { does: 'going to a provider', method: 'GET', path: '/authorize?provider=google', status: 400, code: 'validation_failed', message: 'Unsupported provider: provider is not enabled' },
  { does: 'enrolling a factor when apps are off', path: '/factors', as: 'ann', body: { factor_type: 'totp' }, with: { GOTRUE_MFA_TOTP_ENROLL_ENABLED: 'false' }, status: 422, code: 'mfa_totp_enroll_not_enabled', message: 'MFA enroll is disabled for TOTP' },
  { does: 'enterprise sign-on', path: '/sso', body: '', status: 404, code: 'saml_provider_disabled', message: 'SAML 2.0 is disabled' },
  { does: 'passkeys', path: '/passkeys/authentication/options', body: {}, status: 404, code: 'passkey_disabled', message: 'Passkeys are disabled' },
  { does: 'linking', method: 'GET', path: '/user/identities/authorize?provider=google', as: 'ann', status: 404, code: 'manual_linking_disabled', message: 'Manual linking is disabled' },
  { does: "GoTrue's own OAuth server", method: 'GET', path: '/.well-known/oauth-authorization-server', status: 404, code: 'feature_disabled', message: 'OAuth server is disabled' },
]

test.each(table)('$does is refused: $code', async (row) => {
  const { method = 'POST', path, body, as, status, code, message } = row
  const world = await gotrueWorld()
  await world.createAccount()
  const bearers = { admin: world.adminKey, ann: (await world.signIn()).access_token }
  // The account was made by the common rules; what the row is about begins here.
  const strict = world.under(row.with ?? {})
  const options: AskOptions = { body, bearer: as === undefined ? null : bearers[as] }
  const before = await world.events()
  const old = await strict.ask(method, path, options)
  const weakness =
    code === 'weak_password' ? { weak_password: { reasons: [expect.any(String)] } } : {}
  const errorId = status >= 500 ? { error_id: 'a-request' } : {}
  expect([old.status, old.body]).toEqual([
    status,
    { code: status, error_code: code, msg: message, ...errorId, ...weakness },
  ])
  const recent = await strict.ask(method, path, { ...options, headers: newFormat })
  expect([recent.status, recent.body]).toEqual([status, { code, message, ...weakness }])
  expect(recent.headers.get('x-supabase-api-version')).toBe('2024-01-01')
  expect(recent.headers.get('x-sb-error-code')).toBe(code)
  expect(await world.events()).toEqual(before)
})

test.each([
  [{ client_id: 'x' }, 'id_token required'],
  [{ id_token: 'x' }, 'provider or client_id and issuer required'],
])("OAuth's own errors have OAuth's own shape", async (body, description) => {
  const { ask } = await gotrueWorld()
  for (const headers of [{}, newFormat]) {
    const answer = await ask('POST', '/token?grant_type=id_token', { body, headers })
    expect([answer.status, answer.body]).toEqual([
      400,
      { error: 'invalid request', error_description: description },
    ])
  }
})

test.each([
  ['2023-12-31', false],
  ['2024-01-01', true],
  ['2031-05-05', true],
  ['tomorrow', false],
  ['2024-13-45', false],
])('version %s', async (version, isNew) => {
  const { ask } = await gotrueWorld()
  const headers = { 'x-supabase-api-version': version }
  const { body, headers: answered } = await ask('GET', '/user', { headers })
  expect('message' in body).toBe(isNew)
  expect(answered.get('x-supabase-api-version')).toBe(isNew ? '2024-01-01' : null)
})

test('an unknown path and an unknown method are told as Go tells them', async () => {
  const { ask } = await gotrueWorld()
  const path = await ask('GET', '/nowhere')
  expect([path.status, path.body]).toEqual([404, '404 page not found\n'])
  expect(path.headers.get('content-type')).toMatch(/^text\/plain/)
  const method = await ask('DELETE', '/signup')
  expect([method.status, method.body]).toEqual([405, ''])
  expect((await ask('GET', '/verify/')).status).toBe(400)
  expect((await ask('POST', '/otp/', { body: {} })).status).toBe(404)
})

test('a browser on another origin may ask', async () => {
  const { ask } = await gotrueWorld({ GOTRUE_CORS_ALLOWED_HEADERS: 'X-Mine' })
  const preflight = await ask('OPTIONS', '/token', {
    headers: {
      origin: 'https://shop.example.com',
      'access-control-request-method': 'POST',
      'access-control-request-headers': 'apikey,authorization,x-mine',
    },
  })
  expect(preflight.status).toBe(204)
  expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
  expect(preflight.headers.get('access-control-allow-methods')).toBe(
    'GET, POST, PUT, PATCH, DELETE',
  )
  expect(preflight.headers.get('access-control-allow-headers')).toMatch(
    /Authorization.*apikey.*X-Mine/,
  )
  const answer = await ask('GET', '/user', { headers: { origin: 'https://shop.example.com' } })
  expect(answer.headers.get('access-control-allow-origin')).toBe('*')
  expect(answer.headers.get('access-control-expose-headers')).toBe(
    'X-Total-Count, Link, X-Supabase-Api-Version',
  )
})

test('the server says who it is and what is on', async () => {
  const { ask } = await gotrueWorld()
  expect((await ask('GET', '/health')).body).toMatchObject({ name: 'GoTrue' })
  const { body } = await ask('GET', '/settings')
  expect(body).toMatchObject({
    disable_signup: false,
    mailer_autoconfirm: false,
    phone_autoconfirm: false,
    sms_provider: '',
    saml_enabled: false,
    passkeys_enabled: false,
    external: { email: true, phone: false, anonymous_users: false, google: false },
  })
  expect(Object.keys(body.external)).toHaveLength(26)
  const { body: keys, headers } = await ask('GET', '/.well-known/jwks.json')
  expect(headers.get('cache-control')).toBe('public, max-age=600')
  expect(keys.keys).toMatchObject([
    { kty: 'EC', crv: 'P-256', alg: 'ES256', use: 'sig', key_ops: ['verify'] },
  ])
  expect(keys.keys[0]).not.toHaveProperty('d')
  const { body: discovered } = await ask('GET', '/.well-known/openid-configuration')
  expect(discovered.jwks_uri).toBe('http://localhost:3001/auth/v1/.well-known/jwks.json')
})
