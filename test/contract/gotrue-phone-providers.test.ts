import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { hour } from '../../src/base/time.ts'
import { createConnector } from '../../src/model/connector.ts'
import { type SmsServer, startSmsServer, verifyCode } from '../servers/sms.ts'
import { type GotrueWorld, gotrueWorld, password } from './gotrue-world.ts'

const phone = '15551234567'
const on = { GOTRUE_EXTERNAL_PHONE_ENABLED: 'true', GOTRUE_SMS_MAX_FREQUENCY: '1s' }
const twilio = {
  ...on,
  GOTRUE_SMS_PROVIDER: 'twilio',
  GOTRUE_SMS_TWILIO_ACCOUNT_SID: 'AC1',
  GOTRUE_SMS_TWILIO_AUTH_TOKEN: 'token',
  GOTRUE_SMS_TWILIO_MESSAGE_SERVICE_SID: '+15005550006',
}
const twilioVerify = {
  ...on,
  GOTRUE_SMS_PROVIDER: 'twilio_verify',
  GOTRUE_SMS_TWILIO_VERIFY_ACCOUNT_SID: 'AC1',
  GOTRUE_SMS_TWILIO_VERIFY_AUTH_TOKEN: 'token',
  GOTRUE_SMS_TWILIO_VERIFY_MESSAGE_SERVICE_SID: 'VA1',
}
const messagebird = {
  ...on,
  GOTRUE_SMS_PROVIDER: 'messagebird',
  GOTRUE_SMS_MESSAGEBIRD_ACCESS_KEY: 'key',
  GOTRUE_SMS_MESSAGEBIRD_ORIGINATOR: 'Acme',
}
const vonage = {
  ...on,
  GOTRUE_SMS_PROVIDER: 'vonage',
  GOTRUE_SMS_VONAGE_API_KEY: 'key',
  GOTRUE_SMS_VONAGE_API_SECRET: 'secret',
  GOTRUE_SMS_VONAGE_FROM: 'Acme',
}
const textlocal = {
  ...on,
  GOTRUE_SMS_PROVIDER: 'textlocal',
  GOTRUE_SMS_TEXTLOCAL_API_KEY: 'key',
  GOTRUE_SMS_TEXTLOCAL_SENDER: 'ACME',
}

let server: SmsServer

beforeAll(async () => {
  server = await startSmsServer()
})
beforeEach(() => {
  server.respondWith(null)
  server.requests.length = 0
})
afterAll(() => server.close())

/** A world whose requests reach the provider's stand-in. */
async function worldWith(environment: Record<string, string>): Promise<GotrueWorld> {
  return (await gotrueWorld(environment)).through(server.fetch)
}

/** The code in the newest message on the wire. */
function codeSent(): string {
  const texts = Object.values(server.requests.at(-1)?.form ?? {}).join(' ')
  return /Your code is (\d{6})/.exec(texts)?.[1] ?? ''
}

function verify(world: GotrueWorld, token: string, type = 'sms') {
  return world.ask('POST', '/verify', { body: { type, token, phone } })
}

test.each([
  { provider: 'Twilio', environment: twilio, messageId: 'SM0001' },
  { provider: 'MessageBird', environment: messagebird, messageId: 'mb-1' },
  { provider: 'Vonage', environment: vonage, messageId: 'vo-1' },
  { provider: 'Textlocal', environment: textlocal, messageId: '1151346216' },
])('$provider carries the codes of sign-up and sign-in', async ({ environment, messageId }) => {
  const world = await worldWith(environment)
  const { ask } = world
  expect((await ask('POST', '/signup', { body: { phone, password } })).status).toBe(200)
  expect((await verify(world, codeSent())).status).toBe(200)
  world.pass(hour)
  const asked = await ask('POST', '/otp', { body: { phone } })
  expect(asked).toMatchObject({ status: 200, body: { message_id: messageId } })
  expect((await verify(world, codeSent())).status).toBe(200)
  expect(server.requests).toHaveLength(2)
  expect(await world.mails()).toEqual([])
})

test.each([
  { provider: 'Twilio', environment: twilio, allowed: true },
  { provider: 'Twilio Verify', environment: twilioVerify, allowed: true },
  { provider: 'MessageBird', environment: messagebird, allowed: false },
  { provider: 'Vonage', environment: vonage, allowed: false },
  { provider: 'Textlocal', environment: textlocal, allowed: false },
])('WhatsApp by $provider: $allowed', async ({ environment, allowed }) => {
  const world = await worldWith(environment)
  const body = { phone, channel: 'whatsapp' }
  const { status } = await world.ask('POST', '/otp', { body })
  expect(status).toBe(allowed ? 200 : 400)
  expect(server.requests).toHaveLength(allowed ? 1 : 0)
  const sent = Object.entries(server.requests[0]?.form ?? {}).flat()
  if (allowed) expect(sent.some((text) => text.startsWith('whatsapp'))).toBe(true)
})

test.each([
  { lacks: 'its keys', environment: { ...on, GOTRUE_SMS_PROVIDER: 'twilio' } },
  { lacks: 'one of them', environment: { ...vonage, GOTRUE_SMS_VONAGE_FROM: '' } },
  { lacks: 'a name that is known', environment: { ...on, GOTRUE_SMS_PROVIDER: 'constructor' } },
])('a provider that lacks $lacks is none, and nothing is written', async ({ environment }) => {
  const world = await worldWith(environment)
  for (const body of [
    { phone, password },
    { phone, password, channel: 'sms' },
  ]) {
    expect(await world.ask('POST', '/signup', { body })).toMatchObject({
      status: 500,
      body: { error_code: 'unexpected_failure', msg: 'Unable to get SMS provider' },
    })
  }
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toEqual([])
})

test('what the provider refuses is said, and undone: the next try need not wait', async () => {
  const world = await worldWith(twilio)
  const { ask } = world
  server.respondWith({ status: 400, body: { code: 21211, message: "Invalid 'To' Phone Number" } })
  const refused = await ask('POST', '/signup', { body: { phone, password } })
  expect(refused).toMatchObject({
    status: 422,
    body: {
      error_code: 'sms_send_failed',
      msg: "Error sending confirmation OTP to provider: Invalid 'To' Phone Number",
    },
  })
  const { rows } = await sql`select id from auth.users`.execute(world.ctx.db)
  expect(rows).toEqual([])
  server.respondWith(null)
  expect((await ask('POST', '/signup', { body: { phone, password } })).status).toBe(200)
  const { body } = await verify(world, codeSent())

  server.respondWith({ status: 503 })
  world.pass(hour)
  const bearer = (await ask('POST', '/token?grant_type=password', { body: { phone, password } }))
    .body.access_token
  expect(body.user.phone).toBe(phone)
  const moved = await ask('PUT', '/user', { bearer, body: { phone: '4470000001' } })
  expect(moved).toMatchObject({
    status: 422,
    body: { msg: 'Error sending phone_change OTP to provider: the provider answered 503' },
  })
  const again = await ask('GET', '/reauthenticate', { bearer })
  expect(again.body.msg).toBe(
    'Error sending reauthentication OTP to provider: the provider answered 503',
  )
  const { body: user } = await ask('GET', '/user', { bearer })
  for (const name of ['new_phone', 'phone_change_sent_at', 'reauthentication_sent_at']) {
    expect(user).not.toHaveProperty(name)
  }
})

test('Twilio Verify makes the codes, and says which is right', async () => {
  const world = await worldWith(twilioVerify)
  const { ask } = world
  const begun = await ask('POST', '/signup', { body: { phone, password } })
  expect(begun.status).toBe(200)
  expect(server.requests[0]?.form).toEqual({ To: `+${phone}`, Channel: 'sms' })
  expect((await verify(world, '000000')).body.error_code).toBe('otp_expired')
  // Its codes live longer than ours, and it knows how long.
  world.pass(hour / 12)
  const confirmed = await verify(world, verifyCode)
  expect(confirmed.body.user).toMatchObject({ phone })
  expect((await verify(world, verifyCode)).status).toBe(403)

  const { access_token: bearer } = confirmed.body
  await ask('PUT', '/user', { bearer, body: { phone: '4470000001' } })
  const changed = await ask('POST', '/verify', {
    body: { type: 'phone_change', token: verifyCode, phone: '4470000001' },
  })
  expect(changed.body.user).toMatchObject({ phone: '4470000001' })
})

test('nobody asks Twilio Verify about a number that waits for nothing', async () => {
  const world = await worldWith(twilioVerify)
  expect((await verify(world, verifyCode)).status).toBe(403)
  expect((await verify(world, verifyCode, 'phone_change')).status).toBe(403)
  expect(server.requests).toEqual([])
})

test('a code of Twilio Verify is a nonce too', async () => {
  const reauthenticating = {
    ...twilioVerify,
    GOTRUE_JWT_EXP: '1000000',
    GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: 'true',
  }
  const world = await worldWith(reauthenticating)
  const { ask } = world
  await ask('POST', '/signup', { body: { phone, password } })
  const { access_token: bearer } = (await verify(world, verifyCode)).body
  world.pass(25 * hour)
  const change = (nonce: string) =>
    ask('PUT', '/user', { bearer, body: { password: 'a new password', nonce } })
  expect((await change(verifyCode)).body.error_code).toBe('reauthentication_not_valid')
  const asked = await ask('GET', '/reauthenticate', { bearer })
  expect(asked.body).toEqual({ message_id: 'VE0001' })
  expect(await change('000000')).toMatchObject({
    status: 403,
    body: { error_code: 'otp_expired', msg: 'Token has expired or is invalid' },
  })
  expect((await change(verifyCode)).status).toBe(200)
})

test('of fifty who bring what a provider calls right, one is signed in', async () => {
  const world = await worldWith(twilioVerify)
  await world.ask('POST', '/signup', { body: { phone, password } })
  server.respondWith({ status: 200, body: { status: 'approved', valid: true } })
  const answers = await Promise.all(Array.from({ length: 50 }, () => verify(world, verifyCode)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.every(({ status }) => [200, 403, 429].includes(status))).toBe(true)
})

test('a provider that cannot be asked has not said yes (C12)', async () => {
  const world = await worldWith(twilioVerify)
  await world.ask('POST', '/signup', { body: { phone, password } })
  server.respondWith({ status: 503 })
  expect((await verify(world, verifyCode)).body.error_code).toBe('otp_expired')
  server.respondWith(null)
  expect((await verify(world, verifyCode)).status).toBe(200)
})

test('a connector that was set up goes before the environment', async () => {
  const world = await worldWith({ ...on, GOTRUE_SMS_PROVIDER: 'textlocal' })
  await createConnector(world.ctx, {
    connectorId: 'twilio-short-message-service',
    config: {
      accountSID: 'AC2',
      authToken: 'token',
      fromMessagingServiceSID: '+15005550006',
      templates: [],
    },
  })
  const body = { phone, channel: 'whatsapp' }
  expect((await world.ask('POST', '/otp', { body })).status).toBe(200)
  expect(server.requests).toMatchObject([
    { path: '/2010-04-01/Accounts/AC2/Messages.json', form: { To: `whatsapp:+${phone}` } },
  ])
})
