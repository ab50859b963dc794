import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hour, minute, second } from '../../src/base/time.ts'
import { codeTo, other, phone, phones, signedIn, verify } from './gotrue-phones.ts'
import { type Body, claimsOf, gotrueWorld, password } from './gotrue-world.ts'

test('somebody who signs up with a number gets a user, a message, and no session; the code confirms', async () => {
  const world = await gotrueWorld(phones)
  const { ask } = world
  const data = { theme: 'dark' }
  const made = await ask('POST', '/signup', { body: { phone: '+81 90 1234 5678', password, data } })
  const about = { sub: made.body.id, phone, email_verified: false, phone_verified: false, ...data }
  expect(made).toMatchObject({
    status: 200,
    body: {
      phone,
      email: '',
      role: 'authenticated',
      confirmation_sent_at: '2025-11-22T12:00:00Z',
      app_metadata: { provider: 'phone', providers: ['phone'] },
      user_metadata: about,
      identities: [{ provider: 'phone', id: made.body.id, identity_data: about }],
      is_anonymous: false,
    },
  })
  expect(made.body).not.toHaveProperty('phone_confirmed_at')
  expect(made.body).not.toHaveProperty('access_token')
  const before = await ask('POST', '/token?grant_type=password', { body: { phone, password } })
  expect(before.body.error_code).toBe('phone_not_confirmed')

  const [message] = await world.mails(phone)
  const code = await codeTo(world)
  expect(message).toMatchObject({
    channel: 'phone',
    type: 'Register',
    text: `Your code is ${code}`,
  })
  expect(code).toMatch(/^\d{6}$/)
  const confirmed = await verify(world, code, 'sms', '+81 90 1234 5678')
  expect(confirmed.body.user).toMatchObject({ phone, phone_confirmed_at: '2025-11-22T12:00:00Z' })
  expect(claimsOf(confirmed.body.access_token)).toMatchObject({
    phone,
    email: '',
    amr: [{ method: 'otp' }],
    is_anonymous: false,
  })
  const after = await ask('POST', '/token?grant_type=password', {
    body: { phone: `+${phone}`, password },
  })
  expect(after.status).toBe(200)
  expect(await world.audited()).toEqual(['user_confirmation_requested', 'user_signedup', 'login'])
  expect((await world.events()).filter((type) => type !== 'key.created')).toEqual([
    'user.signed-up',
    'confirmation.requested',
    'verification.finished',
    'user.signed-in',
    'user.signed-in',
  ])
})

test("a number's code rests as GoTrue keeps it, and is gone when it was used", async () => {
  const world = await gotrueWorld(phones)
  const { body: user } = await world.ask('POST', '/signup', { body: { phone, password } })
  const code = await codeTo(world)
  const hash = createHash('sha224')
    .update(phone + code)
    .digest('hex')
  const rows = () =>
    sql`select u.confirmation_token, t.token_type::text, t.token_hash, t.relates_to
      from auth.users u left join auth.one_time_tokens t on t.user_id = u.id where u.id = ${user.id}`.execute(
      world.ctx.db,
    )
  expect((await rows()).rows).toEqual([
    {
      confirmation_token: hash,
      token_type: 'confirmation_token',
      token_hash: hash,
      relates_to: phone,
    },
  ])
  expect((await verify(world, code)).status).toBe(200)
  expect((await rows()).rows).toEqual([
    { confirmation_token: '', token_type: null, token_hash: null, relates_to: null },
  ])
  expect((await verify(world, code)).body.error_code).toBe('otp_expired')
})

test('length, life and text of a code are as configured', async () => {
  const world = await gotrueWorld({
    ...phones,
    GOTRUE_SMS_OTP_LENGTH: '8',
    GOTRUE_SMS_OTP_EXP: '90',
    GOTRUE_SMS_TEMPLATE: 'Acme: {{ .Code }}{{ if .Nobody }}!{{ end }}',
  })
  await world.ask('POST', '/signup', { body: { phone, password } })
  const [message] = await world.mails(phone)
  expect(message?.text).toMatch(/^Acme: \d{8}$/)
  world.pass(91 * second)
  expect(await verify(world, await codeTo(world))).toMatchObject({
    status: 403,
    body: { error_code: 'otp_expired', msg: 'Token has expired or is invalid' },
  })
  await world.ask('POST', '/resend', { body: { type: 'sms', phone } })
  world.pass(89 * second)
  expect((await verify(world, await codeTo(world))).status).toBe(200)
})

test('a code is good for a minute, and the next one puts it out', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_SMS_MAX_FREQUENCY: '1s' })
  await world.ask('POST', '/signup', { body: { phone, password } })
  const first = await codeTo(world)
  world.pass(61 * second)
  expect((await verify(world, first)).status).toBe(403)
  await world.ask('POST', '/otp', { body: { phone } })
  const renewed = await codeTo(world)
  world.pass(2 * second)
  await world.ask('POST', '/otp', { body: { phone } })
  expect((await verify(world, renewed)).status).toBe(403)
  expect((await verify(world, await codeTo(world))).status).toBe(200)
})

test('signing up twice sends again, and keeps the first password', async () => {
  const world = await gotrueWorld(phones)
  const { ask } = world
  const { body: user } = await ask('POST', '/signup', { body: { phone, password } })
  const early = await ask('POST', '/signup', { body: { phone, password: 'another password' } })
  expect(early).toMatchObject({
    status: 429,
    body: {
      error_code: 'over_sms_send_rate_limit',
      msg: 'For security purposes, you can only request this after 60 seconds.',
    },
  })
  expect(early.headers.get('retry-after')).toBe('60')
  world.pass(minute)
  const again = await ask('POST', '/signup', { body: { phone, password: 'another password' } })
  expect(again).toMatchObject({ status: 200, body: { id: user.id } })
  await verify(world, await codeTo(world))
  const right = await ask('POST', '/token?grant_type=password', { body: { phone, password } })
  expect(right.status).toBe(200)
})

test('signing up with a number that is taken shows nothing, and counts alike (L4)', async () => {
  const world = await gotrueWorld(phones)
  const { ask } = world
  const { user } = await signedIn(world)
  world.pass(hour)
  const before = (await world.mails()).length
  const pretended = await ask('POST', '/signup', { body: { phone, password, data: { a: 1 } } })
  expect(pretended).toMatchObject({
    status: 200,
    body: {
      phone,
      role: '',
      identities: [],
      user_metadata: { a: 1 },
      app_metadata: { provider: 'phone' },
    },
  })
  expect(pretended.body.id).not.toBe(user.id)
  expect(pretended.body).not.toHaveProperty('phone_confirmed_at')
  expect(await world.mails()).toHaveLength(before)
  const early = await ask('POST', '/signup', { body: { phone, password } })
  expect(early).toMatchObject({ status: 429, body: { error_code: 'over_sms_send_rate_limit' } })
  expect(await world.audited()).toContain('user_repeated_signup')
  const believing = world.under({ ...phones, GOTRUE_SMS_AUTOCONFIRM: 'true' })
  expect(await believing.ask('POST', '/signup', { body: { phone, password } })).toMatchObject({
    status: 422,
    body: { error_code: 'user_already_exists', msg: 'User already registered' },
  })
})

test('believing numbers signs nobody in to an account that waits, nor shows one that has an address', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_SMS_AUTOCONFIRM: 'true' })
  const { ask, adminKey } = world
  const account = { email: 'ann@example.com', email_confirm: true, phone, password }
  const { body: ann } = await ask('POST', '/admin/users', { bearer: adminKey, body: account })
  const { status, body } = await ask('POST', '/signup', {
    body: { phone, password: 'of somebody else' },
  })
  expect(status).toBe(200)
  expect(body).not.toHaveProperty('access_token')
  expect(body.id).not.toBe(ann.id)
  expect(JSON.stringify(body)).not.toContain('ann@example.com')
  expect(await world.mails(phone)).toHaveLength(1)
})

test('a code signs in, and signs up whoever is new', async () => {
  const world = await gotrueWorld(phones)
  const { ask } = world
  const none = await ask('POST', '/otp', { body: { phone, create_user: false } })
  expect(none).toMatchObject({ status: 422, body: { error_code: 'otp_disabled' } })
  const asked = await ask('POST', '/otp', { body: { phone, data: { name: 'Ann' } } })
  expect(asked).toMatchObject({ status: 200, body: {} })
  const made = await verify(world, await codeTo(world))
  expect(made.body.user.user_metadata).toMatchObject({ name: 'Ann' })
  const { rows } = await sql`select encrypted_password from auth.users`.execute(world.ctx.db)
  expect(rows).toEqual([{ encrypted_password: null }])

  world.pass(hour)
  const again = await ask('POST', '/otp', { body: { phone, create_user: false } })
  expect(again.status).toBe(200)
  const [message] = await world.mails(phone)
  expect(message?.type).toBe('SignIn')
  const back = await verify(world, await codeTo(world))
  expect(back.body.user.id).toBe(made.body.user.id)
  const { rows: entries } = await sql<Body>`
    select payload from auth.audit_log_entries where payload->>'action' = 'user_recovery_requested'`.execute(
    world.ctx.db,
  )
  expect(entries).toMatchObject([
    { payload: { traits: { channel: 'sms' }, actor_username: phone } },
  ])
})

test('where numbers are believed, a code is sent to whoever is new all the same', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_SMS_AUTOCONFIRM: 'true' })
  expect((await world.ask('POST', '/otp', { body: { phone } })).status).toBe(200)
  const signedUp = await verify(world, await codeTo(world))
  expect(signedUp.body.user).toMatchObject({ phone, phone_confirmed_at: '2025-11-22T12:00:00Z' })
  expect(await world.audited()).toEqual([
    'user_signedup',
    'user_recovery_requested',
    'user_signedup',
  ])
})

test("a test's number gets no message, and its own code until the day that is set", async () => {
  const world = await gotrueWorld({
    ...phones,
    GOTRUE_SMS_PROVIDER: 'twilio',
    GOTRUE_SMS_TEST_OTP: `+${phone}=123456, ${other}:777777`,
    GOTRUE_SMS_TEST_OTP_VALID_UNTIL: '2025-11-22T12:30:00Z',
  })
  const { ask, sent } = world
  await ask('POST', '/signup', { body: { phone, password } })
  expect((await verify(world, '000000')).status).toBe(403)
  expect((await verify(world, '123456')).status).toBe(200)
  world.pass(2 * minute)
  const asked = await ask('POST', '/otp', { body: { phone } })
  expect(asked).toMatchObject({ status: 200, body: { message_id: 'test-otp' } })
  const early = await ask('POST', '/otp', { body: { phone } })
  expect(early.status).toBe(429)
  expect((await verify(world, '123456')).status).toBe(200)
  expect((await verify(world, '123456')).status).toBe(403)
  await ask('POST', '/otp', { body: { phone: other } })
  expect((await verify(world, '777777', 'sms', other)).status).toBe(200)
  expect(await world.mails()).toEqual([])
  expect(sent).toEqual([])

  world.pass(hour)
  expect(await ask('POST', '/otp', { body: { phone } })).toMatchObject({
    status: 500,
    body: { msg: 'Unable to get SMS provider' },
  })
  expect((await verify(world, '123456')).status).toBe(403)
})

test('of fifty who type one code at once, one is signed in (C1)', async () => {
  const world = await gotrueWorld(phones)
  await world.ask('POST', '/signup', { body: { phone, password } })
  const token = await codeTo(world)
  const answers = await Promise.all(Array.from({ length: 50 }, () => verify(world, token)))
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(new Set(statuses)).toEqual(new Set([200, 403, 429]))
  const { rows } = await sql`select id from auth.sessions`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
})

test('of fifty who sign up with one number at once, one account is made', async () => {
  const world = await gotrueWorld(phones)
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => world.ask('POST', '/otp', { body: { phone } })),
  )
  const statuses = answers.map(({ status }) => status)
  expect(statuses.filter((status) => status === 200)).toHaveLength(1)
  expect(new Set(statuses)).toEqual(new Set([200, 429]))
  expect(await world.mails(phone)).toHaveLength(1)
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toHaveLength(1)
  expect((await verify(world, await codeTo(world))).status).toBe(200)
})

test('six digits are not guessed (C2)', async () => {
  const world = await gotrueWorld(phones)
  await world.ask('POST', '/signup', { body: { phone, password } })
  const code = await codeTo(world)
  for (let tries = 0; tries < 10; tries++) {
    const wrong = code === '000000' ? '000001' : '000000'
    expect((await verify(world, wrong)).status).toBe(403)
  }
  expect(await verify(world, code)).toMatchObject({
    status: 429,
    body: { error_code: 'over_request_rate_limit' },
  })
})

test('no more messages leave the house than its operator allows, and tests are not counted', async () => {
  const world = await gotrueWorld({
    ...phones,
    GOTRUE_RATE_LIMIT_SMS_SENT: '2/10m',
    GOTRUE_SMS_TEST_OTP: `${phone}=123456`,
  })
  const ask = (to: string) => world.ask('POST', '/otp', { body: { phone: to } })
  for (const to of [phone, '4470000001', '4470000002']) expect((await ask(to)).status).toBe(200)
  expect(await ask('4470000003')).toMatchObject({
    status: 429,
    body: { error_code: 'over_sms_send_rate_limit', msg: 'SMS rate limit exceeded' },
  })
  const { rows } = await sql`select id from auth.users where phone = '4470000003'`.execute(
    world.ctx.db,
  )
  expect(rows).toEqual([])
  world.pass(10 * minute)
  expect((await ask('4470000003')).status).toBe(200)
  const none = world.under({ ...phones, GOTRUE_RATE_LIMIT_SMS_SENT: '0' })
  expect((await none.ask('POST', '/otp', { body: { phone: other } })).status).toBe(429)
})

test('typing a code costs no more questions than it must', async () => {
  const world = await gotrueWorld(phones)
  await world.ask('POST', '/signup', { body: { phone, password } })
  const code = await codeTo(world)
  world.queries()
  expect((await verify(world, code)).status).toBe(200)
  const asked = world.queries()
  expect(asked.length).toBe(13)
})

test('settings say what phones can do', async () => {
  const world = await gotrueWorld({
    ...phones,
    GOTRUE_SMS_PROVIDER: 'vonage',
    GOTRUE_SMS_AUTOCONFIRM: 'true',
  })
  const { body } = await world.ask('GET', '/settings')
  expect(body).toMatchObject({
    external: { phone: true },
    sms_provider: 'vonage',
    phone_autoconfirm: true,
  })
})
