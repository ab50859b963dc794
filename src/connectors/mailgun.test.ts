import { inspect } from 'node:util'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type Mailgun, startMailgun } from '../../test/servers/mailgun.ts'
import { type Fault, isFault } from '../base/fault.ts'
import type { Message, Outside } from './connector.ts'
import { mailgun } from './mailgun.ts'

let server: Mailgun

beforeAll(async () => {
  server = await startMailgun()
})
afterAll(() => server.close())
beforeEach(() => {
  server.messages.length = 0
  server.requests.length = 0
  server.respondWith(200)
})

const out: Outside = { fetch, now: () => new Date('2026-01-01T00:00:00Z') }

const from = 'Acme <no-reply@mg.example.com>'
const raw = {
  subject: 'Code {{code}} de',
  replyTo: 'help@example.com',
  html: '<b>{{code}}</b> {{missing}}',
  text: 'T {{code}}',
}

function config(deliveries: Record<string, unknown>, more: object = {}) {
  return {
    endpoint: server.url,
    domain: 'mg.example.com',
    apiKey: 'key-123',
    from,
    deliveries,
    ...more,
  }
}

function message(more: Partial<Message> = {}): Message {
  return { to: 'u@example.com', type: 'Generic', payload: { code: '000000' }, ...more }
}

async function faultOf(sending: Promise<void>): Promise<Fault> {
  const fault = await sending.then(
    () => new Error('It was sent.'),
    (error: unknown) => error,
  )
  if (!isFault(fault)) throw fault
  return fault
}

/** The host to which a config would send, seen at the door of the network. */
async function urlFor(more: object): Promise<string> {
  const seen: string[] = []
  const listening: Outside = {
    ...out,
    fetch: async (input) => {
      seen.push(String(input))
      return new Response('{}')
    },
  }
  await mailgun.send(message(), config({ Generic: raw }, more), listening)
  return seen.join()
}

test('a raw delivery goes out as from, to, subject, reply-to, html and text, in this order', async () => {
  await mailgun.send(message(), config({ Generic: raw }), out)
  expect(server.messages).toEqual([
    {
      domain: 'mg.example.com',
      apiKey: 'key-123',
      contentType: 'application/x-www-form-urlencoded',
      fields: [
        ['from', from],
        ['to', 'u@example.com'],
        ['subject', 'Code 000000 de'],
        ['h:Reply-To', 'help@example.com'],
        ['html', '<b>000000</b> {{missing}}'],
        ['text', 'T 000000'],
      ],
      form: expect.anything(),
    },
  ])
})

test('fields that a delivery does not have are not sent', async () => {
  await mailgun.send(message(), config({ Generic: { html: 'x' } }), out)
  expect(server.messages[0]?.fields).toEqual([
    ['from', from],
    ['to', 'u@example.com'],
    ['html', 'x'],
  ])
})

test('the code reaches the variables of a Mailgun template', async () => {
  const delivery = { subject: 'S {{code}}', template: 't1', variables: { a: 'b' } }
  await mailgun.send(message(), config({ Generic: delivery }), out)
  expect(server.messages[0]?.fields).toEqual([
    ['from', from],
    ['to', 'u@example.com'],
    ['subject', 'S 000000'],
    ['template', 't1'],
    ['h:X-Mailgun-Variables', '{"a":"b","code":"000000"}'],
  ])
})

test('the payload wins over variables of the same name, and variables are not filled in', async () => {
  const variables = { code: 'old', title: '{{code}}', nested: { list: [1, '{{code}}'] } }
  const payload = { code: '000000', locale: 'ja', user: { name: '<Ann>' } }
  await mailgun.send(message({ payload }), config({ Generic: { template: 't1', variables } }), out)
  expect(JSON.parse(server.messages[0]?.form['h:X-Mailgun-Variables'] ?? '')).toEqual({
    code: '000000',
    title: '{{code}}',
    nested: { list: [1, '{{code}}'] },
    locale: 'ja',
    user: { name: '<Ann>' },
  })
})

test('a delivery with html and a template is sent as the template', async () => {
  const delivery = { ...raw, subject: 'both', template: 't1' }
  await mailgun.send(message(), config({ Generic: delivery }), out)
  expect(server.messages[0]?.fields).toEqual([
    ['from', from],
    ['to', 'u@example.com'],
    ['subject', 'both'],
    ['h:Reply-To', 'help@example.com'],
    ['template', 't1'],
    ['h:X-Mailgun-Variables', '{"code":"000000"}'],
  ])
})

test("the guide's deliveries work: html for Register, a template for SignIn", async () => {
  const deliveries = {
    Register: {
      subject: '{{code}} is your verification code',
      replyTo: 'Foo <foo@example.com>',
      html: '<h1>Welcome</h1><p>Your verification code is {{code}}.</p>',
      text: 'Welcome. Your verification code is {{code}}.',
    },
    SignIn: {
      subject: 'Welcome back',
      replyTo: 'Foo <foo@example.com>',
      template: 'logto-sign-in',
      variables: { bar: 'baz' },
    },
  }
  await mailgun.send(message({ type: 'Register' }), config(deliveries), out)
  await mailgun.send(message({ type: 'SignIn' }), config(deliveries), out)
  expect(server.messages.map(({ form }) => form)).toEqual([
    {
      from,
      to: 'u@example.com',
      subject: '000000 is your verification code',
      'h:Reply-To': 'Foo <foo@example.com>',
      html: '<h1>Welcome</h1><p>Your verification code is 000000.</p>',
      text: 'Welcome. Your verification code is 000000.',
    },
    {
      from,
      to: 'u@example.com',
      subject: 'Welcome back',
      'h:Reply-To': 'Foo <foo@example.com>',
      template: 'logto-sign-in',
      'h:X-Mailgun-Variables': '{"bar":"baz","code":"000000"}',
    },
  ])
})

test('Japanese arrives unharmed', async () => {
  const delivery = { subject: '確認コード {{code}}', html: '<p>コードは {{code}} です&nbsp;</p>' }
  await mailgun.send(message(), config({ Generic: delivery }, { from: '関所 <a@b.example>' }), out)
  expect(server.messages[0]?.form).toMatchObject({
    from: '関所 <a@b.example>',
    subject: '確認コード 000000',
    html: '<p>コードは 000000 です&nbsp;</p>',
  })
})

test('a message type without a delivery of its own takes the generic one', async () => {
  const deliveries = { Generic: { html: 'generic' }, SignIn: { html: 'sign-in' } }
  for (const type of ['SignIn', 'Register', 'MfaVerification'] as const) {
    await mailgun.send(message({ type }), config(deliveries), out)
  }
  expect(server.messages.map(({ form }) => form.html)).toEqual(['sign-in', 'generic', 'generic'])
})

test('without its own and without a generic delivery nothing is sent', async () => {
  const fault = await faultOf(
    mailgun.send(message({ type: 'Register' }), config({ SignIn: raw }), out),
  )
  expect(fault).toMatchObject({
    code: 'connector_template_not_found',
    details: { connectorId: 'mailgun-email', type: 'Register' },
  })
  expect(server.requests).toEqual([])
})

test('a rendered message is sent as it is, and the deliveries are not looked at', async () => {
  const content = {
    subject: 'Confirm {{code}}',
    html: '<a href="x?a=1&b=2">{{code}}</a>',
    text: '{{code}}',
  }
  await mailgun.send(message({ content }), config({}), out)
  expect(server.messages[0]?.fields).toEqual([
    ['from', from],
    ['to', 'u@example.com'],
    ['subject', 'Confirm {{code}}'],
    ['html', '<a href="x?a=1&b=2">{{code}}</a>'],
    ['text', '{{code}}'],
  ])
})

test("a user's name brings no mark-up into the html, and is left alone in the text (B8)", async () => {
  const payload = { code: '1', user: { name: '<a href=//evil.example>click</a>' } }
  const delivery = { subject: '{{user.name}}', html: '<p>{{user.name}}</p>', text: '{{user.name}}' }
  await mailgun.send(message({ payload }), config({ Generic: delivery }), out)
  expect(server.messages[0]?.form).toMatchObject({
    subject: '<a href=//evil.example>click</a>',
    html: '<p>&lt;a href=//evil.example&gt;click&lt;/a&gt;</p>',
    text: '<a href=//evil.example>click</a>',
  })
})

test("a user's name cannot break the subject's line (B9)", async () => {
  const payload = { code: '1', name: 'Ann\r\nBcc: eve@example.com' }
  await mailgun.send(
    message({ payload }),
    config({ Generic: { subject: 'Hi {{name}}', html: 'x' } }),
    out,
  )
  expect(server.messages[0]?.form.subject).toBe('Hi Ann Bcc: eve@example.com')
})

test('a rendered subject that would break its line is refused', async () => {
  const content = { subject: 'Hi\r\nBcc: eve@example.com', html: 'x' }
  const fault = await faultOf(mailgun.send(message({ content }), config({}), out))
  expect(fault).toMatchObject({ code: 'connector_failed', details: { reason: 'header' } })
  expect(server.requests).toEqual([])
})

test.each(['a@b.example,c@d.example', 'Ann <a@b.example>', 'a@b.example\r\nx', 'nobody'])(
  'a recipient that is not exactly one address is refused: %j (B2)',
  async (to) => {
    const fault = await faultOf(mailgun.send(message({ to }), config({ Generic: raw }), out))
    expect(fault).toMatchObject({ code: 'connector_failed', details: { reason: 'address' } })
    expect(server.requests).toEqual([])
  },
)

test('mail goes to the US region unless the endpoint says otherwise', async () => {
  expect(await urlFor({ endpoint: undefined })).toBe(
    'https://api.mailgun.net/v3/mg.example.com/messages',
  )
  expect(await urlFor({ endpoint: 'https://api.eu.mailgun.net' })).toBe(
    'https://api.eu.mailgun.net/v3/mg.example.com/messages',
  )
  expect(await urlFor({ endpoint: 'https://api.mailgun.net/' })).toBe(
    'https://api.mailgun.net/v3/mg.example.com/messages',
  )
  expect(await urlFor({ endpoint: 'http://localhost:9090' })).toBe(
    'http://localhost:9090/v3/mg.example.com/messages',
  )
})

test.each([
  'api.mailgun.net',
  'http://api.mailgun.net',
  'https://mailgun.net',
  'https://evil.mailgun.net',
  'https://evil-api.mailgun.net',
  'https://api.mailgun.net.evil.example',
  'https://api.mailgun.net:8443',
  'https://user:pass@api.mailgun.net',
  'https://api.mailgun.net@evil.example',
  'https://api.mailgun.net/v3',
  'https://api.mailgun.net?x=1',
  'https://api.mailgun.net#x',
  'http://127.0.0.1/?x=.mailgun.net',
  'http://169.254.169.254/',
  'http://10.0.0.1',
  'http://localhost.evil.example',
  'https://127.0.0.1',
  'ftp://localhost',
  'file:///etc/passwd',
  '',
])('the endpoint %j is refused before anything is sent', async (endpoint) => {
  const sending = mailgun.send(message(), config({ Generic: raw }, { endpoint }), out)
  expect(await faultOf(sending)).toMatchObject({
    code: 'connector_invalid_config',
    details: { connectorId: 'mailgun-email', issues: [{ path: ['endpoint'] }] },
  })
})

test.each([
  ['domain', 'missing', { domain: undefined }],
  ['domain', 'with a scheme', { domain: 'https://mg.example.com' }],
  ['domain', 'that climbs out of the path', { domain: '../v1' }],
  ['domain', 'that is two dots', { domain: '..' }],
  ['domain', 'with a query', { domain: 'a?b' }],
  ['apiKey', 'missing', { apiKey: undefined }],
  ['apiKey', 'empty', { apiKey: '' }],
  ['from', 'missing', { from: undefined }],
  ['from', 'with a second line', { from: 'A <a@b.example>\nBcc: c@d.example' }],
  ['deliveries', 'missing', { deliveries: undefined }],
  ['deliveries', 'that are a list', { deliveries: [raw] }],
  ['deliveries', 'without html or template', { deliveries: { Generic: { subject: 'x' } } }],
  ['deliveries', 'whose html is a number', { deliveries: { Generic: { html: 5 } } }],
  [
    'deliveries',
    'whose subject breaks its line',
    { deliveries: { Generic: { ...raw, subject: 'a\r\nb' } } },
  ],
  [
    'deliveries',
    'whose reply-to breaks its line',
    { deliveries: { Generic: { ...raw, replyTo: 'a\nb' } } },
  ],
])('a config with %s %s is refused', async (key, _why, more) => {
  const fault = await faultOf(mailgun.send(message(), config({ Generic: raw }, more), out))
  expect(fault.code).toBe('connector_invalid_config')
  expect(fault.details.issues).toMatchObject([{ path: expect.arrayContaining([key]) }])
  expect(server.requests).toEqual([])
})

test('keys that the connector does not know are ignored, and any usage type may have a delivery', async () => {
  await mailgun.send(message(), config({ Generic: raw, Newsletter: raw }, { region: 'eu' }), out)
  expect(server.messages).toHaveLength(1)
})

test('no config at all is refused', async () => {
  const fault = await faultOf(mailgun.send(message(), null, out))
  expect(fault.code).toBe('connector_invalid_config')
})

test('any 2xx answer is a success, whatever it says', async () => {
  server.respondWith(202, 'not json')
  await mailgun.send(message(), config({ Generic: raw }), out)
  expect(server.requests).toHaveLength(1)
})

test('a wrong key is told as the status alone, after one try', async () => {
  server.respondWith(401, 'Forbidden')
  const fault = await faultOf(mailgun.send(message(), config({ Generic: raw }), out))
  expect(fault.code).toBe('connector_failed')
  expect(fault.details).toEqual({ connectorId: 'mailgun-email', reason: 'refused', status: 401 })
  expect(server.requests).toHaveLength(1)
})

test("Mailgun's own sentence is passed on to the administrator", async () => {
  server.respondWith(400, `{"message":"'from' parameter is not a valid address"}`)
  const fault = await faultOf(mailgun.send(message(), config({ Generic: raw }), out))
  expect(fault.details).toEqual({
    connectorId: 'mailgun-email',
    reason: 'refused',
    status: 400,
    answer: "'from' parameter is not a valid address",
  })
})

test('server errors are not tried again: the mail may have gone out', async () => {
  server.respondWith(503, '{"message":"busy"}')
  await faultOf(mailgun.send(message(), config({ Generic: raw }), out))
  expect(server.requests).toHaveLength(1)
})

test('a redirect is not followed: it would carry the key and the code elsewhere (H1)', async () => {
  const elsewhere = await startMailgun()
  server.respondWith(307, '', { location: `${elsewhere.url}/v3/mg.example.com/messages` })
  const fault = await faultOf(mailgun.send(message(), config({ Generic: raw }), out))
  expect(fault.details).toMatchObject({ reason: 'refused', status: 307 })
  expect(elsewhere.requests).toEqual([])
  await elsewhere.close()
})

const secretKey = 'key-5ecret5ecret'
const secretCode = '918273'
const secretLink = 'https://app.example.com/verify?token=5ecret-token&type=signup'

test.each([
  ['refuses and echoes the code', { message: `invalid html: <b>${secretCode}</b>` }],
  ['refuses and echoes the link', { message: `bad link ${secretLink}` }],
  ['refuses and echoes the link encoded', { message: `bad ${encodeURIComponent(secretLink)}` }],
  ['refuses and echoes the key', { message: `${secretKey} is disabled` }],
  [
    'refuses and echoes the header',
    { message: `Basic ${Buffer.from(`api:${secretKey}`).toString('base64')}` },
  ],
])('when the provider %s, none of it is in the failure', async (_what, answer) => {
  server.respondWith(400, JSON.stringify(answer))
  await expectSilence(config({ Generic: raw }, { apiKey: secretKey }))
})

test('when the provider cannot be reached, the failure names the cause and no secret', async () => {
  const gone = await startMailgun()
  await gone.close()
  const fault = await expectSilence(
    config({ Generic: raw }, { apiKey: secretKey, endpoint: gone.url }),
  )
  expect(fault.details).toEqual({
    connectorId: 'mailgun-email',
    reason: 'unreachable',
    cause: 'ECONNREFUSED',
  })
})

test("the recipient's address is not repeated in the failure", async () => {
  server.respondWith(400, '{"message":"u@example.com is on the\\r\\nsuppression list"}')
  const fault = await faultOf(mailgun.send(message(), config({ Generic: raw }), out))
  expect(fault.details.answer).toBe('(recipient) is on the suppression list')
})

async function expectSilence(config: unknown): Promise<Fault> {
  const payload = { code: secretCode, link: secretLink }
  const fault = await faultOf(mailgun.send(message({ payload }), config, out))
  expect(fault.code).toBe('connector_failed')
  expect(fault.cause).toBeUndefined()
  const told = inspect(fault, { depth: 20, showHidden: true }) + JSON.stringify(fault)
  for (const secret of [
    secretCode,
    secretKey,
    '5ecret',
    'Basic ',
    'YXBpO',
    'u@example.com',
    from,
  ]) {
    expect(told).not.toContain(secret)
  }
  return fault
}
