import { expect, test } from 'vitest'
import { challenge, codeOf, enroll, verify } from './authenticator-app.ts'
import { hookedWorld, hooksAt, withHookServer } from './gotrue-hooks-world.ts'
import { type Body, claimsOf, type GotrueWorld, newFormat, password } from './gotrue-world.ts'

/** What each hook is told, and what its answer does. How it is reached is told in gotrue-hooks-http.test.ts. */

const server = withHookServer()
const uuid = expect.stringMatching(/^[0-9a-f]{8}-[0-9a-f-]{27}$/)

const hooked = (names: string[], environment: Record<string, string> = {}) =>
  hookedWorld({ ...hooksAt(server.url, ...names), ...environment })

const metadata = (name: string) => ({
  uuid,
  time: expect.stringMatching(/^2025-11-22T12:00:00(\.\d+)?Z$/),
  name,
  ip_address: '192.0.2.1',
})

const reject = (change: object = {}) => server.say({ decision: 'reject', ...change })
const refuse = () => server.say({ error: { http_code: 403, message: 'Nobody' } })

function signUp({ ask }: GotrueWorld, change: object = {}) {
  return ask('POST', '/signup', {
    body: { email: 'ann@example.com', password, data: { team: 'blue' }, ...change },
  })
}

function signIn({ ask }: GotrueWorld, typed = password) {
  return ask('POST', '/token?grant_type=password', {
    body: { email: 'ann@example.com', password: typed },
    headers: newFormat,
  })
}

test('before an account is made the hook sees the user, with the id that it gets', async () => {
  const world = await hooked(['BEFORE_USER_CREATED'])
  const { status, body } = await signUp(world)
  expect(status).toBe(200)
  expect(server.questions).toHaveLength(1)
  expect(server.last().body).toEqual({
    metadata: metadata('before-user-created'),
    user: {
      id: body.id,
      aud: 'authenticated',
      role: 'authenticated',
      email: 'ann@example.com',
      phone: '',
      app_metadata: { provider: 'email', providers: ['email'] },
      user_metadata: { team: 'blue' },
      identities: [],
      created_at: expect.any(String),
      updated_at: expect.any(String),
      is_anonymous: false,
    },
  })
})

const newcomers: [
  string,
  Record<string, string>,
  (world: GotrueWorld) => Promise<{ status: number }>,
][] = [
  ['an address', {}, (world) => signUp(world)],
  [
    'an address, confirmed at once',
    { GOTRUE_MAILER_AUTOCONFIRM: 'true' },
    (world) => signUp(world),
  ],
  [
    'a number',
    { GOTRUE_EXTERNAL_PHONE_ENABLED: 'true' },
    (world) => signUp(world, { email: '', phone: '15551234567' }),
  ],
  [
    'a number, confirmed at once',
    { GOTRUE_EXTERNAL_PHONE_ENABLED: 'true', GOTRUE_SMS_AUTOCONFIRM: 'true' },
    ({ ask }) => ask('POST', '/otp', { body: { phone: '15551234567' } }),
  ],
  [
    'neither',
    { GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' },
    (world) => signUp(world, { email: '', password: '' }),
  ],
  ['a magic link', {}, ({ ask }) => ask('POST', '/otp', { body: { email: 'ann@example.com' } })],
  [
    'a magic link, confirmed at once',
    { GOTRUE_MAILER_AUTOCONFIRM: 'true' },
    ({ ask }) => ask('POST', '/magiclink', { body: { email: 'ann@example.com' } }),
  ],
  [
    'an invitation',
    {},
    ({ ask, adminKey: bearer }) =>
      ask('POST', '/invite', { bearer, body: { email: 'ann@example.com' } }),
  ],
  [
    'a link that an admin made',
    {},
    ({ ask, adminKey: bearer }) =>
      ask('POST', '/admin/generate_link', {
        bearer,
        body: { type: 'magiclink', email: 'ann@example.com' },
      }),
  ],
]

test.each(newcomers)(
  'whoever comes by %s is asked about, and told of, once',
  async (_, environment, come) => {
    const names = ['BEFORE_USER_CREATED', 'AFTER_USER_CREATED']
    const world = await hooked(names, environment)
    expect((await come(world)).status).toBe(200)
    const [before, after] = server.questions.map(({ body }) => body)
    expect(server.questions).toHaveLength(2)
    expect(before.metadata.name).toBe('before-user-created')
    expect(after.metadata.name).toBe('after-user-created')
    expect(after.user.id).toBe(before.user.id)
  },
)

test.each(newcomers)(
  'whoever comes by %s and is refused is nobody',
  async (_, environment, come) => {
    const world = await hooked(['BEFORE_USER_CREATED', 'AFTER_USER_CREATED'], environment)
    refuse()
    const answer = await come(world)
    expect(answer).toMatchObject({
      status: 403,
      body: { code: 403, error_code: 'unknown', msg: 'Nobody' },
    })
    expect(server.questions).toHaveLength(1)
    const { ask, adminKey: bearer } = world
    expect((await ask('GET', '/admin/users', { bearer })).body.users).toEqual([])
    expect(await world.events()).not.toContain('user.signed-up')
    expect(await world.mails()).toEqual([])
  },
)

test('nobody is asked about accounts that are there, and those that an admin makes', async () => {
  const world = await hooked(['BEFORE_USER_CREATED', 'AFTER_USER_CREATED'])
  await world.createAccount()
  await signUp(world)
  expect((await signIn(world)).status).toBe(200)
  expect(server.questions).toEqual([])
})

test('of ten who sign up at once with one address, one account is made and told of (M9)', async () => {
  const world = await hooked(['BEFORE_USER_CREATED', 'AFTER_USER_CREATED'], {
    GOTRUE_SMTP_MAX_FREQUENCY: '0s',
  })
  const answers = await Promise.all(Array.from({ length: 10 }, () => signUp(world)))
  expect(answers.map(({ status }) => status)).toEqual(Array(10).fill(200))
  const told = server.questions.filter(({ body }) => body.metadata.name === 'after-user-created')
  expect(told).toHaveLength(1)
})

test('a hook that complains afterwards is heard, and the account stays', async () => {
  const world = await hooked(['AFTER_USER_CREATED'])
  refuse()
  expect((await signUp(world)).status).toBe(403)
  expect(await world.events()).toContain('user.signed-up')
})

test('a password that is tried is told of, right or wrong', async () => {
  const world = await hooked(['PASSWORD_VERIFICATION_ATTEMPT'])
  const { id } = await world.createAccount()
  expect((await signIn(world)).status).toBe(200)
  expect(server.last().body).toEqual({
    metadata: metadata('password-verification'),
    user_id: id,
    valid: true,
  })
  server.say({ decision: 'continue' })
  expect((await signIn(world, 'wrong')).body.message).toBe('Invalid login credentials')
  expect(server.last().body.valid).toBe(false)
  await world.ask('POST', '/token?grant_type=password', {
    body: { email: 'bob@example.com', password },
  })
  expect(server.questions).toHaveLength(2)
})

test('a right password that is rejected opens nothing; sessions end where the hook says so', async () => {
  const world = await hooked(['PASSWORD_VERIFICATION_ATTEMPT'])
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  reject()
  const { status, body } = await signIn(world)
  expect(status).toBe(400)
  expect(body).toEqual({
    code: 'invalid_credentials',
    message: 'Further password verification attempts will be rejected.',
  })
  expect((await world.ask('GET', '/user', { bearer })).status).toBe(200)
  reject({ message: 'Wait a day', should_logout_user: true })
  expect((await signIn(world)).body.message).toBe('Wait a day')
  expect((await world.ask('GET', '/user', { bearer })).status).toBe(403)
  expect(await world.events()).toContain('session.ended')
})

test('a decision that nobody knows is none', async () => {
  const world = await hooked(['PASSWORD_VERIFICATION_ATTEMPT'])
  await world.createAccount()
  server.say({ decision: 'perhaps' })
  expect(await signIn(world)).toMatchObject({ status: 500, body: { code: 'unexpected_failure' } })
})

test('digits of a second factor that are tried are told of; rejected, every session ends', async () => {
  const world = await hooked(['MFA_VERIFICATION_ATTEMPT'])
  const { id: userId } = await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const { id, secret } = await enroll(world, bearer)
  const tried = async (code: string) => {
    const body = { challenge_id: await challenge(world, bearer, id), code }
    return world.ask('POST', `/factors/${id}/verify`, { bearer, body })
  }
  const wrong = await tried('000000')
  expect(wrong.status).toBe(422)
  expect(server.last().body).toEqual({
    factor_id: id,
    factor_type: 'totp',
    user_id: userId,
    valid: false,
  })
  reject()
  const rejected = await tried(codeOf(world, secret))
  expect(server.last().body.valid).toBe(true)
  expect(rejected).toMatchObject({
    status: 403,
    body: {
      error_code: 'mfa_verification_rejected',
      msg: 'Further MFA verification attempts will be rejected.',
    },
  })
  expect((await world.ask('GET', '/user', { bearer })).status).toBe(403)
})

test('mails go to the hook, and to nobody else', async () => {
  const world = await hooked(['SEND_EMAIL'])
  const { body: user } = await signUp(world)
  const { user: told, email_data: data } = server.last().body
  expect(told).toMatchObject({
    id: user.id,
    email: 'ann@example.com',
    confirmation_sent_at: expect.any(String),
  })
  expect(data).toEqual({
    token: expect.stringMatching(/^\d{6}$/),
    token_hash: expect.stringMatching(/^[0-9a-f]{56}$/),
    redirect_to: 'http://localhost:3001',
    email_action_type: 'signup',
    site_url: 'http://localhost:3001/auth/v1',
    token_new: '',
    token_hash_new: '',
    old_email: '',
    old_phone: '',
    provider: '',
    factor_type: '',
  })
  expect(await world.mails()).toEqual([])
  const verified = await world.ask('POST', '/verify', {
    body: { type: 'signup', email: 'ann@example.com', token: data.token },
  })
  expect(verified.status).toBe(200)
})

test('each mail has its name', async () => {
  const world = await hooked(['SEND_EMAIL'], { GOTRUE_SMTP_MAX_FREQUENCY: '0s' })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const email = 'ann@example.com'
  await world.ask('POST', '/recover', { body: { email } })
  await world.ask('POST', '/otp', { body: { email } })
  await world.ask('GET', '/reauthenticate', { bearer })
  expect(server.last().body.email_data).toMatchObject({ token_hash: '', redirect_to: '' })
  await world.ask('POST', '/invite', { bearer: world.adminKey, body: { email: 'bob@example.com' } })
  const names = server.questions.map(({ body }) => body.email_data.email_action_type)
  expect(names).toEqual(['recovery', 'magiclink', 'reauthentication', 'invite'])
})

test('a change of address is one question, whose pairs are crossed', async () => {
  const world = await hooked(['SEND_EMAIL'])
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const change = { bearer, body: { email: 'new@example.com' } }
  expect((await world.ask('PUT', '/user', change)).status).toBe(200)
  expect(server.questions).toHaveLength(1)
  const { user, email_data: data } = server.last().body
  expect(user.new_email).toBe('new@example.com')
  expect(data.email_action_type).toBe('email_change')
  const tried = (email: string, token: string) =>
    world.ask('POST', '/verify', { body: { type: 'email_change', email, token } })
  expect((await tried('ann@example.com', data.token_new)).status).toBe(403)
  expect((await tried('ann@example.com', data.token)).body.msg).toMatch(
    /^Confirmation link accepted/,
  )
  const last = await world.ask('POST', '/verify', {
    body: { type: 'email_change', token_hash: data.token_hash },
  })
  expect(last.body.user.email).toBe('new@example.com')
})

test('without the secure change its one code is where all others are', async () => {
  const world = await hooked(['SEND_EMAIL'], { GOTRUE_MAILER_SECURE_EMAIL_CHANGE_ENABLED: 'false' })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  await world.ask('PUT', '/user', { bearer, body: { email: 'new@example.com' } })
  const { email_data: data } = server.last().body
  expect(data).toMatchObject({ token_new: '', token_hash_new: '' })
  const { body } = await world.ask('POST', '/verify', {
    body: { type: 'email_change', email: 'new@example.com', token: data.token },
  })
  expect(body.user.email).toBe('new@example.com')
})

test('a mail that the hook does not want is not sent, and keeps nobody waiting', async () => {
  const world = await hooked(['SEND_EMAIL'])
  refuse()
  expect(await signUp(world)).toMatchObject({ status: 403, body: { msg: 'Nobody' } })
  server.say({})
  expect((await signUp(world)).status).toBe(200)
})

test('messages to phones go to the hook, and its code is good', async () => {
  const world = await hooked(['SEND_SMS'], { GOTRUE_EXTERNAL_PHONE_ENABLED: 'true' })
  const phone = '15551234567'
  const { body: user } = await signUp(world, { email: '', phone })
  const { user: told, sms } = server.last().body
  expect(told).toMatchObject({ id: user.id, phone })
  expect(sms).toEqual({ otp: expect.stringMatching(/^\d{6}$/), phone })
  expect(await world.mails()).toEqual([])
  const body = { type: 'sms', phone, token: sms.otp }
  expect((await world.ask('POST', '/verify', { body })).status).toBe(200)
})

test('a message that the hook refuses leaves no account; a test number asks nobody', async () => {
  const phone = '15551234567'
  const environment = {
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_SMS_TEST_OTP: '15550000000=123456',
  }
  const world = await hooked(['SEND_SMS'], environment)
  refuse()
  expect(await signUp(world, { email: '', phone })).toMatchObject({
    status: 403,
    body: { msg: 'Nobody' },
  })
  const { ask, adminKey: bearer } = world
  expect((await ask('GET', '/admin/users', { bearer })).body.users).toEqual([])
  expect(server.questions).toHaveLength(1)
  expect((await signUp(world, { email: '', phone: '15550000000' })).status).toBe(200)
  expect(server.questions).toHaveLength(1)
})

test('the digits of a second factor say what they are', async () => {
  const environment = {
    GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  }
  const world = await hooked(['SEND_SMS'], environment)
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const enrolled = await world.ask('POST', '/factors', {
    bearer,
    body: { factor_type: 'phone', phone: '+15551234567' },
  })
  const { id } = enrolled.body
  const asked = await world.ask('POST', `/factors/${id}/challenge`, { bearer, body: {} })
  const { sms } = server.last().body
  expect(sms).toEqual({ otp: expect.any(String), sms_type: 'mfa', phone: '15551234567' })
  const body = { challenge_id: asked.body.id, code: sms.otp }
  expect((await world.ask('POST', `/factors/${id}/verify`, { bearer, body })).status).toBe(200)
})

/** Answers with the claims that came, changed. */
function mint(change: (claims: Body) => Body) {
  server.respond(({ body }, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ claims: change(body.claims) }))
  })
}

test('an access token says what the hook says, at every issuance', async () => {
  const world = await hooked(['CUSTOM_ACCESS_TOKEN'])
  mint(({ app_metadata, user_metadata, amr, ...claims }) => ({
    ...claims,
    tier: 'gold',
    role: 'editor',
  }))
  const { id } = await world.createAccount()
  const session = await world.signIn()
  expect(server.last().body).toEqual({
    metadata: metadata('customize-access-token'),
    user_id: id,
    claims: expect.objectContaining({
      sub: id,
      role: 'authenticated',
      user_metadata: { email_verified: true },
    }),
    authentication_method: 'password',
  })
  const claims = claimsOf(session.access_token)
  expect(claims).toMatchObject({ sub: id, tier: 'gold', role: 'editor' })
  expect(claims).not.toHaveProperty('amr')
  const { refresh_token } = session
  const { body } = await world.ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token },
  })
  expect(server.last().body.authentication_method).toBe('token_refresh')
  expect(claimsOf(body.access_token).tier).toBe('gold')
  expect((await world.ask('GET', '/user', { bearer: body.access_token })).status).toBe(200)
  await verify(world, body.access_token, await enroll(world, body.access_token))
  expect(server.last().body).toMatchObject({
    authentication_method: 'totp',
    claims: { aal: 'aal2' },
  })
})

test.each([
  'aud',
  'exp',
  'iat',
  'sub',
  'email',
  'phone',
  'role',
  'aal',
  'session_id',
  'is_anonymous',
])('without the claim %s there is no token, and no session (E13)', async (name) => {
  const world = await hooked(['CUSTOM_ACCESS_TOKEN'])
  mint((claims) => ({ ...claims, [name]: undefined }))
  await world.createAccount()
  const { status, body } = await signIn(world)
  expect(status).toBe(500)
  expect(body.message).toBe(`output claims do not conform to the expected schema: ${name}`)
  expect((await world.events()).slice(-2)).toEqual(['user.signed-in', 'session.ended'])
})

test.each([[{}], [{ claims: null }], [{ claims: [] }], [{ claims: { sub: 7, exp: 'soon' } }]])(
  'an answer without claims is no token: %j',
  async (answer) => {
    const world = await hooked(['CUSTOM_ACCESS_TOKEN'])
    server.say(answer)
    await world.createAccount()
    expect((await signIn(world)).status).toBe(500)
  },
)

test('a refusal ends the sign-in; a refused refresh can be tried again with the same token', async () => {
  const world = await hooked(['CUSTOM_ACCESS_TOKEN'])
  await world.createAccount()
  mint((claims) => claims)
  const { refresh_token } = await world.signIn()
  refuse()
  expect(await signIn(world)).toMatchObject({ status: 403, body: { message: 'Nobody' } })
  const refreshed = () =>
    world.ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
  expect((await refreshed()).status).toBe(403)
  mint((claims) => claims)
  expect((await refreshed()).status).toBe(200)
})

async function queriesOf(world: GotrueWorld): Promise<string[]> {
  await world.createAccount()
  await signIn(world)
  world.queries()
  await signIn(world)
  return world.queries()
}

test('hooks that are asked elsewhere cost a sign-in no query', async () => {
  const world = await hooked(['CUSTOM_ACCESS_TOKEN', 'PASSWORD_VERIFICATION_ATTEMPT'])
  server.respond(({ body }, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.end(JSON.stringify({ claims: body.claims }))
  })
  const queries = await queriesOf(world)
  expect(server.questions).toHaveLength(4)
  expect(queries).toEqual(await queriesOf(await hookedWorld({})))
})
