import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type Body, type GotrueWorld, gotrueWorld, newFormat, password } from './gotrue-world.ts'

const phone = '15551234567'
const other = '4470000001'
const email = 'ann@example.com'
const channelText =
  "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only supported if Twilio or Twilio Verify is used as the provider."
const e164 = 'Invalid phone number format (E.164 required)'
const waiting = 'For security purposes, you can only request this after 60 seconds.'
const wrongCode = 'Token has expired or is invalid'
const on = {
  GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
}

/** Who asks: each is made in a world of their own. */
const people = {
  async nobody() {
    return null
  },
  /** Has an address and a number, both proved. */
  async ann(world: GotrueWorld) {
    return signedIn(world, { email, email_confirm: true, phone, phone_confirm: true, password })
  },
  /** Has a number only. */
  async bob(world: GotrueWorld) {
    return signedIn(world, { phone, phone_confirm: true, password })
  },
  async anonymous(world: GotrueWorld) {
    return (await world.ask('POST', '/signup', { body: {} })).body.access_token
  },
  /** An administrator wrote a number into the account, which nobody proved. */
  async numbered(world: GotrueWorld) {
    const { access_token: bearer, user } = (await world.ask('POST', '/signup', { body: {} })).body
    const options = { bearer: world.adminKey, body: { phone } }
    await world.ask('PUT', `/admin/users/${user.id}`, options)
    return bearer
  },
  /** Signed in by a number; the address is not proved. */
  async addressed(world: GotrueWorld) {
    return signedIn(world, { email, phone, phone_confirm: true, password })
  },
}

async function signedIn({ ask, adminKey }: GotrueWorld, account: Body): Promise<string> {
  await ask('POST', '/admin/users', { bearer: adminKey, body: account })
  const body = { phone, password }
  return (await ask('POST', '/token?grant_type=password', { body })).body.access_token
}

interface Row {
  does: string
  as?: keyof typeof people
  method?: string
  path: string
  body?: unknown
  /** Asked before, which has to be answered with 200. */
  first?: [method: string, path: string, body?: unknown][]
  with?: Record<string, string>
  status: number
  code: string
  message: string
}

const twice = { status: 429, code: 'over_sms_send_rate_limit', message: waiting }
const refused = { status: 400, code: 'validation_failed' }

/** Every error of the reference's appendix A that has to do with phones, and that a request or two can cause. */
// biome-ignore format: a row of the table is a line.
const table: Row[] = [
  { does: 'signing up no number', path: '/signup', body: { phone: '012', password }, ...refused, message: e164 },
  { does: 'signing up a number that is too long', path: '/signup', body: { phone: '1234567890123456', password }, ...refused, message: e164 },
  { does: 'signing up digits of another script', path: '/signup', body: { phone: '１５５５１２３４５６７', password }, ...refused, message: e164 },
  { does: 'signing up two numbers', path: '/signup', body: { phone: '15551234567,15551234568', password }, ...refused, message: e164 },
  { does: 'signing up by a pigeon', path: '/signup', body: { phone, password, channel: 'pigeon' }, ...refused, message: channelText },
  { does: 'signing up a number by no password', path: '/signup', body: { phone }, ...refused, message: 'Signup requires a valid password' },
  { does: 'signing up twice in a minute', path: '/signup', body: { phone, password }, first: [['POST', '/signup', { phone, password }]], ...twice },
  { does: 'signing up a number when nobody may', path: '/signup', body: { phone, password }, with: { GOTRUE_DISABLE_SIGNUP: 'true' }, status: 422, code: 'signup_disabled', message: 'Signups not allowed for this instance' },
  { does: 'signing up without a number when nobody may', path: '/signup', body: {}, with: { GOTRUE_DISABLE_SIGNUP: 'true' }, status: 422, code: 'signup_disabled', message: 'Signups not allowed for this instance' },

  { does: 'a code for no number', path: '/otp', body: { phone: 'x' }, ...refused, message: e164 },
  { does: 'a code for a stranger who is not wanted', path: '/otp', body: { phone, create_user: false }, status: 422, code: 'otp_disabled', message: 'Signups not allowed for otp' },
  { does: 'a code for no number that is not wanted', path: '/otp', body: { phone: 'x', create_user: false }, status: 422, code: 'otp_disabled', message: 'Signups not allowed for otp' },
  { does: 'a code for a stranger when nobody may sign up', path: '/otp', body: { phone }, with: { GOTRUE_DISABLE_SIGNUP: 'true' }, status: 422, code: 'signup_disabled', message: 'Signups not allowed for this instance' },
  { does: 'a code twice in a minute', as: 'bob', path: '/otp', body: { phone }, first: [['POST', '/otp', { phone }]], ...twice },
  { does: 'a code for a stranger twice in a minute', path: '/otp', body: { phone }, first: [['POST', '/otp', { phone }]], ...twice },

  { does: 'a password for a number that nobody proved', as: 'anonymous', path: '/token?grant_type=password', body: { phone, password }, first: [['POST', '/signup', { phone, password }]], status: 400, code: 'phone_not_confirmed', message: 'Phone not confirmed' },
  { does: 'a password for an unknown number', path: '/token?grant_type=password', body: { phone, password }, status: 400, code: 'invalid_credentials', message: 'Invalid login credentials' },
  { does: 'a wrong password for a number', as: 'bob', path: '/token?grant_type=password', body: { phone, password: 'wrong password' }, status: 400, code: 'invalid_credentials', message: 'Invalid login credentials' },
  { does: 'a password for an address that nobody proved', as: 'addressed', path: '/token?grant_type=password', body: { email, password }, status: 400, code: 'email_not_confirmed', message: 'Email not confirmed' },

  { does: 'sending again to no number', path: '/resend', body: { type: 'sms', phone: 'x' }, ...refused, message: e164 },
  { does: 'sending again at once', path: '/resend', body: { type: 'sms', phone }, first: [['POST', '/signup', { phone, password }]], ...twice },
  { does: 'sending again to a stranger at once', path: '/resend', body: { type: 'sms', phone }, first: [['POST', '/resend', { type: 'sms', phone }]], ...twice },
  { does: 'sending a change again at once', as: 'bob', path: '/resend', body: { type: 'phone_change', phone }, first: [['PUT', '/user', { phone: other }]], ...twice },

  { does: 'a code that nobody was sent', path: '/verify', body: { type: 'sms', phone, token: '123456' }, status: 403, code: 'otp_expired', message: wrongCode },
  { does: 'a change that nobody began', path: '/verify', body: { type: 'phone_change', phone, token: '123456' }, status: 403, code: 'otp_expired', message: wrongCode },
  { does: 'a wrong code', path: '/verify', body: { type: 'sms', phone, token: 'abcdef' }, first: [['POST', '/otp', { phone }]], status: 403, code: 'otp_expired', message: wrongCode },
  { does: 'a code of a mail for a number', path: '/verify', body: { type: 'email', phone, token: '123456' }, ...refused, message: 'Unsupported verification type' },
  { does: 'a code of a number for an address', path: '/verify', body: { type: 'sms', email, token: '123456' }, ...refused, message: 'Unsupported verification type' },
  { does: 'the hash of a code to a phone', path: '/verify', body: { type: 'sms', token_hash: 'x' }, ...refused, message: 'Invalid email verification type' },
  { does: 'a code for no number at all', path: '/verify', body: { type: 'sms', phone: '+', token: '123456' }, ...refused, message: e164 },

  { does: 'changing to no number', as: 'ann', method: 'PUT', path: '/user', body: { phone: '+0' }, ...refused, message: e164 },
  { does: 'changing by a pigeon', as: 'ann', method: 'PUT', path: '/user', body: { phone: other, channel: 'pigeon' }, ...refused, message: channelText },
  { does: 'changing to a number that is taken', as: 'anonymous', method: 'PUT', path: '/user', body: { phone }, first: [['POST', '/signup', { phone, password }]], status: 422, code: 'phone_exists', message: 'A user with this phone number has already been registered' },
  { does: 'changing twice in a minute', as: 'ann', method: 'PUT', path: '/user', body: { phone: other }, first: [['PUT', '/user', { phone: other }]], ...twice },
  { does: 'changing without anybody who sends', as: 'ann', method: 'PUT', path: '/user', body: { phone: other }, with: { GOTRUE_SMS_PROVIDER: 'vonage' }, status: 500, code: 'unexpected_failure', message: 'Unable to get SMS provider' },
  { does: 'a password for an anonymous user', as: 'anonymous', method: 'PUT', path: '/user', body: { password }, status: 422, code: 'validation_failed', message: 'Updating password of an anonymous user without an email or phone is not allowed' },

  { does: 'reauthenticating nobody', as: 'anonymous', method: 'GET', path: '/reauthenticate', ...refused, message: 'Reauthentication requires the user to have an email or a phone number' },
  { does: 'reauthenticating by a number that nobody proved', as: 'numbered', method: 'GET', path: '/reauthenticate', status: 422, code: 'phone_not_confirmed', message: 'Please verify your phone first.' },
  { does: 'reauthenticating by an address that nobody proved', as: 'addressed', method: 'GET', path: '/reauthenticate', status: 422, code: 'email_not_confirmed', message: 'Please verify your email first.' },
  { does: 'reauthenticating without anybody who sends', as: 'bob', method: 'GET', path: '/reauthenticate', with: { GOTRUE_SMS_PROVIDER: 'messagebird' }, status: 500, code: 'unexpected_failure', message: 'Unable to get SMS provider' },
  { does: 'reauthenticating twice in a minute', as: 'bob', method: 'GET', path: '/reauthenticate', first: [['GET', '/reauthenticate']], ...twice },
]

test.each(table)('$does is refused: $code', async (row) => {
  const {
    does,
    as = 'nobody',
    method = 'POST',
    path,
    body,
    first = [],
    status,
    code,
    message,
  } = row
  const world = await gotrueWorld(on)
  const bearer = await people[as](world)
  const strict = world.under({ ...on, ...row.with })
  for (const [method, path, body] of first) {
    expect((await strict.ask(method, path, { body, bearer })).status, does).toBe(200)
  }
  const before = await rowsOf(world)
  const old = await strict.ask(method, path, { body, bearer })
  const errorId = status >= 500 ? { error_id: 'a-request' } : {}
  expect([old.status, old.body]).toEqual([
    status,
    { code: status, error_code: code, msg: message, ...errorId },
  ])
  const recent = await strict.ask(method, path, { body, bearer, headers: newFormat })
  expect([recent.status, recent.body]).toEqual([status, { code, message }])
  expect(await rowsOf(world)).toEqual(before)
})

async function rowsOf({ ctx }: GotrueWorld): Promise<unknown> {
  const { rows } = await sql`
    select (select count(*) from auth.users) users, (select count(*) from auth.sessions) sessions,
      (select count(*) from auth.one_time_tokens) tokens, (select count(*) from idp.messages) messages,
      (select count(*) from auth.audit_log_entries) entries, (select count(*) from idp.events) events`.execute(
    ctx.db,
  )
  return rows
}

const values: [name: string, value: unknown][] = [
  ['a list', []],
  ['a number', 15551234567],
  ['an object', { phone }],
  ['NUL', '1555\u0000123'],
  ['a lone surrogate', '\ud800'],
  ['a long text', '1'.repeat(100_000)],
  ['lines', '1555\r\n1234567'],
  ['SQL', "1'; drop table auth.users; --"],
]

test.each(values)('%s is no number and no code, anywhere', async (_name, value) => {
  const world = await gotrueWorld({ ...on, GOTRUE_SMS_TEST_OTP: `${phone}=123456` })
  const bearer = await people.bob(world)
  const before = await rowsOf(world)
  const requests: [method: string, path: string, body: unknown][] = [
    ['POST', '/signup', { phone: value, password }],
    ['POST', '/signup', { phone: other, password, channel: value }],
    ['POST', '/otp', { phone: value }],
    ['POST', '/otp', { phone, channel: value }],
    ['POST', '/resend', { type: 'sms', phone: value }],
    ['POST', '/resend', { type: 'phone_change', phone: value }],
    ['POST', '/verify', { type: 'sms', phone: value, token: '123456' }],
    ['POST', '/verify', { type: 'sms', phone, token: value }],
    ['POST', '/verify', { type: 'phone_change', phone, token: value }],
    ['POST', '/token?grant_type=password', { phone: value, password }],
    ['PUT', '/user', { phone: value }],
    ['PUT', '/user', { phone: other, channel: value }],
  ]
  for (const [method, path, body] of requests) {
    const { status, body: answer } = await world.ask(method, path, { body, bearer })
    expect([status >= 400 && status < 500, typeof answer.error_code], path).toEqual([
      true,
      'string',
    ])
  }
  expect(await rowsOf(world)).toEqual(before)
})
