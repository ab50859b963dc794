import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type SmsServer, startSmsServer, verifyCode } from '../../test/servers/sms.ts'
import { Fault } from '../base/fault.ts'
import type { TextMessage } from './connector.ts'
import { findConnector, type SmsConnector, smsConnectors } from './index.ts'

let server: SmsServer

beforeAll(async () => {
  server = await startSmsServer()
})
beforeEach(() => {
  server.respondWith(null)
  server.requests.length = 0
})
afterAll(() => server.close())

const secret = 'the-provider-s-secret'
const templates = [
  { usageType: 'Generic', content: 'Your code is {{code}}.' },
  { usageType: 'Register', content: 'ようこそ {{code}}' },
]
const configs: Record<string, Record<string, unknown>> = {
  'twilio-short-message-service': {
    accountSID: 'AC1',
    authToken: secret,
    fromMessagingServiceSID: '+15005550006',
    templates,
  },
  'twilio-verify-sms': { accountSID: 'AC1', authToken: secret, serviceSID: 'VA1' },
  'messagebird-sms': { accessKey: secret, originator: 'Acme', templates },
  'vonage-sms': { apiKey: 'key', apiSecret: secret, brandName: 'Acme', templates },
  'textlocal-sms': { apiKey: secret, sender: 'ACME', templates },
}

const message: TextMessage = {
  to: '15551234567',
  type: 'SignIn',
  channel: 'sms',
  payload: { code: '123456' },
}

function connectorOf(id: string): SmsConnector {
  const connector = findConnector(id)
  if (connector?.type !== 'Sms') throw new Error(`There is no ${id}.`)
  return connector
}

function send(id: string, change: Partial<TextMessage> = {}, config: object = {}) {
  const out = { fetch, now: () => new Date(0) }
  const whole = { ...configs[id], endpoint: server.url, ...config }
  return connectorOf(id).send({ ...message, ...change }, whole, out)
}

const twilioAuthorization = `Basic ${Buffer.from(`AC1:${secret}`).toString('base64')}`

// biome-ignore format: a table is read by its rows.
const wires = [
  { id: 'twilio-short-message-service', path: '/2010-04-01/Accounts/AC1/Messages.json', authorization: twilioAuthorization, messageId: 'SM0001', form: { To: '+15551234567', From: '+15005550006', Body: 'Your code is 123456.' } },
  { id: 'twilio-verify-sms', path: '/v2/Services/VA1/Verifications', authorization: twilioAuthorization, messageId: 'VE0001', form: { To: '+15551234567', Channel: 'sms' } },
  { id: 'messagebird-sms', path: '/messages', authorization: `AccessKey ${secret}`, messageId: 'mb-1', form: { originator: 'Acme', body: 'Your code is 123456.', recipients: '15551234567', type: 'sms', datacoding: 'auto' } },
  { id: 'vonage-sms', path: '/sms/json', authorization: '', messageId: 'vo-1', form: { api_key: 'key', api_secret: secret, from: 'Acme', to: '15551234567', text: 'Your code is 123456.' } },
  { id: 'textlocal-sms', path: '/send/', authorization: '', messageId: '1151346216', form: { apikey: secret, sender: 'ACME', numbers: '15551234567', message: 'Your code is 123456.' } },
]

test('every connector to phones has a row in the table', () => {
  expect(wires.map(({ id }) => id)).toEqual(smsConnectors.map(({ id }) => id))
})

test.each(wires)('$id is spoken to in its dialect', async ({ id, messageId, ...wire }) => {
  expect(await send(id)).toBe(messageId)
  const contentType = 'application/x-www-form-urlencoded'
  expect(server.requests).toEqual([{ method: 'POST', contentType, ...wire }])
})

test.each(wires)('$id gets each text as it was rendered, or none', async ({ id }) => {
  await send(id, { content: '二十四 is the code' })
  const texts = Object.values(server.requests[0]?.form ?? {})
  expect(texts.includes('二十四 is the code')).toBe(id !== 'twilio-verify-sms')
})

test('a text of its own for a usage type goes before the generic one', async () => {
  await send('vonage-sms', { type: 'Register' })
  expect(server.requests[0]?.form).toMatchObject({ text: 'ようこそ 123456', type: 'unicode' })
  const none = send('messagebird-sms', {}, { templates: templates.slice(1) })
  await expect(none).rejects.toMatchObject({ code: 'connector_template_not_found' })
})

test('Twilio sends by a messaging service, and over WhatsApp by an approved template', async () => {
  const id = 'twilio-short-message-service'
  const service = `MG${'0123456789abcdef'.repeat(2)}`
  await send(id, { channel: 'whatsapp' }, { fromMessagingServiceSID: service })
  await send(id, { channel: 'whatsapp' }, { contentSID: 'HX1', disableRiskCheck: true })
  expect(server.requests.map(({ form }) => form)).toEqual([
    { To: 'whatsapp:+15551234567', MessagingServiceSid: service, Body: 'Your code is 123456.' },
    {
      To: 'whatsapp:+15551234567',
      From: 'whatsapp:+15005550006',
      ContentSid: 'HX1',
      ContentVariables: '{"1":"123456"}',
      RiskCheck: 'disable',
    },
  ])
})

// biome-ignore format: a table is read by its rows.
const refusals = [
  { id: 'twilio-short-message-service', status: 400, body: { code: 21211, message: "Invalid 'To' Phone Number: +15551234567", more_info: 'https://www.twilio.com/docs/errors/21211', status: 400 }, answer: "Invalid 'To' Phone Number: +(recipient) More information: https://www.twilio.com/docs/errors/21211" },
  { id: 'twilio-short-message-service', status: 201, body: { sid: 'SM1', status: 'failed', error_message: 'Landline' }, answer: 'Landline' },
  { id: 'twilio-verify-sms', status: 429, body: { message: 'Max send attempts reached' }, answer: 'Max send attempts reached' },
  { id: 'messagebird-sms', status: 422, body: { errors: [{ code: 9, description: 'no (correct) recipients found' }] }, answer: 'no (correct) recipients found' },
  { id: 'messagebird-sms', status: 201, body: { id: 'mb', recipients: { totalSentCount: 0 } }, answer: undefined },
  { id: 'vonage-sms', status: 200, body: { messages: [{ status: '29', 'error-text': 'Non White-listed Destination - rejected' }] }, answer: 'Non White-listed Destination - rejected' },
  { id: 'vonage-sms', status: 200, body: { messages: [] }, answer: undefined },
  { id: 'textlocal-sms', status: 200, body: { status: 'failure', errors: [{ code: 80, message: 'Invalid template' }] }, answer: 'Invalid template' },
]

test.each(refusals)('$id says no: $status $answer', async ({ id, status, body, answer }) => {
  server.respondWith({ status, body })
  await expect(send(id)).rejects.toMatchObject({
    code: 'connector_failed',
    details: { connectorId: id, reason: 'refused', status, ...(answer ? { answer } : {}) },
  })
})

test.each(wires)('$id keeps its secret, and follows nobody elsewhere', async ({ id }) => {
  const told = `key ${secret} and code 123456`
  const nasty = [
    {
      status: 403,
      body: {
        message: told,
        errors: [{ description: told, message: told }],
        status: 'failure',
        messages: [{ status: '4', 'error-text': told }],
      },
    },
    { status: 307, body: 'elsewhere', headers: { location: `${server.url}/elsewhere` } },
    { status: 500, body: '<html>' },
    { status: 200, body: 'null' },
  ]
  for (const answer of nasty) {
    server.respondWith(answer)
    const error = await send(id).then(
      () => null,
      (error: unknown) => error,
    )
    // Twilio took it with 200, whatever it says besides.
    if (error === null) expect([id, answer.status]).toEqual([expect.stringMatching(/^twilio/), 200])
    else {
      expect(error).toBeInstanceOf(Fault)
      const shown = JSON.stringify((error as Fault).details)
      expect(shown).not.toContain(secret)
      expect(shown).not.toContain('123456')
    }
  }
  expect(server.requests.some(({ path }) => path === '/elsewhere')).toBe(false)
})

test('a provider that nobody reaches is said to be unreachable', async () => {
  const gone = await startSmsServer()
  await gone.close()
  await expect(send('vonage-sms', {}, { endpoint: gone.url })).rejects.toMatchObject({
    code: 'connector_failed',
    details: { reason: 'unreachable', cause: 'ECONNREFUSED' },
  })
})

test('Twilio Verify checks a code, which is good once', async () => {
  const verify = connectorOf('twilio-verify-sms')
  const config = { ...configs['twilio-verify-sms'], endpoint: server.url }
  const out = { fetch, now: () => new Date(0) }
  const check = (code: string) => verify.check?.({ to: '4470000001', code }, config, out)
  expect(await check(verifyCode)).toBe(false)
  await verify.send({ ...message, to: '4470000001' }, config, out)
  expect(await check('000000')).toBe(false)
  expect(await check(verifyCode)).toBe(true)
  expect(await check(verifyCode)).toBe(false)
  server.respondWith({ status: 429, body: { message: 'Max check attempts reached' } })
  expect(await check(verifyCode)).toBe(false)
  server.respondWith({ status: 503 })
  await expect(check(verifyCode)).rejects.toMatchObject({ code: 'connector_failed' })
})

test.each(wires)('$id is not sent to foreign addresses', ({ id }) => {
  const { config } = connectorOf(id)
  for (const endpoint of [
    'https://evil.example',
    'http://api.twilio.com',
    'http://127.0.0.1@evil.example',
  ]) {
    expect(config.safeParse({ ...configs[id], endpoint }).success).toBe(false)
  }
})
