import { createServer } from 'node:net'
import { inspect } from 'node:util'
import { afterEach, expect, test } from 'vitest'
import { type SmtpOptions, startSmtp } from '../../test/servers/smtp.ts'
import { listenOnLoopback } from '../../test/setup/listen.ts'
import { type Fault, isFault } from '../base/fault.ts'
import type { Message, Outside } from './connector.ts'
import { smtp } from './smtp.ts'

const closers: (() => Promise<void>)[] = []

afterEach(async () => {
  await Promise.all(closers.splice(0).map((close) => close()))
})

// This server's certificate is self-signed: only a config that says so trusts it.
const trusting = { tls: { rejectUnauthorized: false } }

async function start(options?: SmtpOptions) {
  const server = await startSmtp(options)
  closers.push(server.close)
  const config = (more: object = {}) => ({
    host: '127.0.0.1',
    port: server.port,
    fromEmail: 'Acme <no-reply@example.com>',
    templates: [generic],
    ...trusting,
    ...more,
  })
  return { server, config }
}

const generic = {
  usageType: 'Generic',
  contentType: 'text/html',
  subject: 'Code {{code}}',
  content: '<b>{{code}}</b> {{missing}}',
}

const out: Outside = { fetch, now: () => new Date('2026-01-02T03:04:05Z') }

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

test('a template goes out to one recipient, dated by our clock', async () => {
  const { server, config } = await start()
  await smtp.send(message(), config(), out)
  expect(server.messages).toMatchObject([
    {
      from: 'no-reply@example.com',
      to: ['u@example.com'],
      user: null,
      secure: true,
      html: '<b>000000</b> {{missing}}',
      text: null,
      headers: {
        from: ['Acme <no-reply@example.com>'],
        to: ['u@example.com'],
        subject: ['Code 000000'],
        date: ['Fri, 02 Jan 2026 03:04:05 +0000'],
      },
    },
  ])
})

test('a template of plain text goes out as text, with Japanese unharmed', async () => {
  const { server, config } = await start()
  const template = {
    usageType: 'SignIn',
    contentType: 'text/plain',
    subject: '確認コード {{code}}',
    content: 'コードは {{code}} です。',
  }
  const sender = { senderName: '株式会社 関所', templates: [template, generic] }
  await smtp.send(message({ type: 'SignIn' }), config(sender), out)
  expect(server.messages[0]).toMatchObject({
    html: null,
    text: 'コードは 000000 です。',
    headers: {
      subject: ['確認コード 000000'],
      from: ['株式会社 関所 <no-reply@example.com>'],
    },
  })
})

test("deliveries in Mailgun's shape work too, with html and text side by side", async () => {
  const { server, config } = await start()
  const deliveries = {
    Register: {
      subject: 'Hi {{code}}',
      html: '<i>{{code}}</i>',
      text: 'T {{code}}',
      replyTo: 'Help <help@example.com>',
    },
  }
  await smtp.send(message({ type: 'Register' }), config({ deliveries }), out)
  expect(server.messages[0]).toMatchObject({
    html: '<i>000000</i>',
    text: 'T 000000',
    headers: { 'reply-to': ['Help <help@example.com>'] },
  })
})

test('a message type without a template of its own takes the generic one, and without that nothing is sent', async () => {
  const { server, config } = await start()
  await smtp.send(message({ type: 'BindMfa' }), config({ replyTo: 'help@example.com' }), out)
  expect(server.messages[0]?.headers).toMatchObject({
    subject: ['Code 000000'],
    'reply-to': ['help@example.com'],
  })
  const fault = await faultOf(
    smtp.send(message({ type: 'BindMfa' }), config({ templates: [] }), out),
  )
  expect(fault).toMatchObject({
    code: 'connector_template_not_found',
    details: { connectorId: 'simple-mail-transfer-protocol', type: 'BindMfa' },
  })
  expect(server.messages).toHaveLength(1)
})

test('a rendered message is sent as it is', async () => {
  const { server, config } = await start()
  const content = { subject: 'Confirm {{code}}', html: '<a href="x?a=1&b=2">{{code}}</a>' }
  await smtp.send(message({ content }), config({ templates: undefined }), out)
  expect(server.messages[0]).toMatchObject({
    html: '<a href="x?a=1&b=2">{{code}}</a>',
    headers: { subject: ['Confirm {{code}}'] },
  })
})

test("a user's name brings neither mark-up nor a second header (B8, B9)", async () => {
  const { server, config } = await start()
  const payload = { code: '1', name: '<a href=//evil.example>\r\nBcc: eve@example.com' }
  const template = { ...generic, subject: 'Hi {{name}}', content: '<p>{{name}}</p>' }
  await smtp.send(message({ payload }), config({ templates: [template] }), out)
  const [sent] = server.messages
  expect(sent?.to).toEqual(['u@example.com'])
  expect(sent?.headers.bcc).toBeUndefined()
  expect(sent?.headers.subject).toEqual(['Hi <a href=//evil.example> Bcc: eve@example.com'])
  expect(sent?.html).toMatch(/^<p>&lt;a href=\/\/evil.example&gt;\s+Bcc: eve@example.com<\/p>$/)
})

test('a rendered subject that would break its line is refused (B9)', async () => {
  const { server, config } = await start()
  const content = { subject: 'Hi\nBcc: eve@example.com', html: 'x' }
  const fault = await faultOf(smtp.send(message({ content }), config(), out))
  expect(fault).toMatchObject({ code: 'connector_failed', details: { reason: 'header' } })
  expect(server.messages).toEqual([])
})

test.each([
  'a@b.example,c@d.example',
  '"a@evil.example x"@corp.example',
  'Ann <a@b.example>',
  'a@b.example>\r\nRCPT TO:<c@d.example',
  'g: a@b.example;',
])('a recipient that is not exactly one address is refused: %j (B2)', async (to) => {
  const { server, config } = await start()
  const fault = await faultOf(smtp.send(message({ to }), config(), out))
  expect(fault).toMatchObject({ code: 'connector_failed', details: { reason: 'address' } })
  expect(server.messages).toEqual([])
})

test.each(["o'brien+x@example.com", 'MiXed.Case@example.com'])(
  'the server is told the recipient byte by byte: %s (B3)',
  async (to) => {
    const { server, config } = await start()
    await smtp.send(message({ to }), config(), out)
    expect(server.messages.map((sent) => sent.to)).toEqual([[to]])
  },
)

test('dots at odd places, as Japanese carriers have them, reach the server in quotes (RFC 5321 § 4.1.2)', async () => {
  const commands: string[] = []
  const recorder = createServer((socket) => {
    socket.write('220 recorder\r\n')
    socket.on('data', (chunk) => {
      const line = String(chunk)
      commands.push(line)
      socket.write(line.startsWith('RCPT') ? '550 enough\r\n' : '250 OK\r\n')
    })
  })
  const port = await listenOnLoopback(recorder)
  const config = { host: '127.0.0.1', port, fromEmail: 'a@b.example', templates: [generic] }
  await faultOf(smtp.send(message({ to: 'a..b.@docomo.example' }), config, out))
  recorder.close()
  expect(commands.filter((line) => line.startsWith('RCPT'))).toEqual([
    'RCPT TO:<"a..b."@docomo.example>\r\n',
  ])
})

test('more header fields may be set', async () => {
  const { server, config } = await start()
  const customHeaders = { 'X-Mailer': 'Sekisho', 'X-Tag': ['a', 'b'] }
  await smtp.send(message(), config({ customHeaders }), out)
  expect(server.messages[0]?.headers).toMatchObject({
    'x-mailer': ['Sekisho'],
    'x-tag': ['a', 'b'],
  })
})

test.each([
  ['host', 'missing', { host: undefined }],
  ['port', 'missing', { port: undefined }],
  ['port', 'out of range', { port: 70_000 }],
  ['auth', 'without a password', { auth: { user: 'u' } }],
  ['auth', 'of OAuth 2', { auth: { type: 'oauth2', user: 'u', pass: 'p' } }],
  ['fromEmail', 'missing', { fromEmail: undefined }],
  ['fromEmail', 'with two addresses', { fromEmail: 'a@b.example, c@d.example' }],
  ['senderName', 'that breaks its line', { senderName: 'A\r\nBcc: x@y.example' }],
  ['replyTo', 'that is no address', { replyTo: 'help' }],
  ['templates', 'without content', { templates: [{ ...generic, content: undefined }] }],
  ['templates', 'of another content type', { templates: [{ ...generic, contentType: 'text/x' }] }],
  ['templates', 'whose subject breaks its line', { templates: [{ ...generic, subject: 'a\nb' }] }],
  ['customHeaders', 'that names a recipient', { customHeaders: { BCC: 'x@y.example' } }],
  ['customHeaders', 'that breaks its line', { customHeaders: { 'X-A': 'a\r\nBcc: x@y.example' } }],
  ['customHeaders', 'with a name that is none', { customHeaders: { 'X-A: a\r\nBcc': 'x' } }],
])('a config with %s %s is refused', async (key, _why, more) => {
  const { server, config } = await start()
  const fault = await faultOf(smtp.send(message(), config(more), out))
  expect(fault.code).toBe('connector_invalid_config')
  expect(fault.details.issues).toMatchObject([{ path: expect.arrayContaining([key]) }])
  expect(server.messages).toEqual([])
})

const account = { user: 'ann', pass: 'pass-5ecret' }

test('user and password are sent over TLS', async () => {
  const { server, config } = await start({ account })
  await smtp.send(message(), config({ auth: { type: 'login', ...account } }), out)
  expect(server.messages).toMatchObject([{ user: 'ann', secure: true }])
})

test('TLS from the first byte works', async () => {
  const { server, config } = await start({ account, secure: true })
  await smtp.send(message(), config({ auth: account, secure: true }), out)
  expect(server.messages).toMatchObject([{ user: 'ann', secure: true }])
})

test('a certificate that nobody vouches for is refused', async () => {
  const { server, config } = await start()
  const fault = await faultOf(smtp.send(message(), config({ tls: undefined }), out))
  expect(fault.details).toMatchObject({ reason: 'unreachable', connectorId: smtp.id })
  expect(fault.details.cause).toMatch(/SELF_SIGNED|ETLS|CERT/)
  expect(server.messages).toEqual([])
})

test('a password crosses no network in clear, unless the config says so', async () => {
  const inClear = { account, disabledCommands: ['STARTTLS'], allowInsecureAuth: true }
  const here = await start(inClear)
  await smtp.send(message(), here.config({ auth: account }), out)
  expect(here.server.messages).toMatchObject([{ user: 'ann', secure: false }])

  // This machine too, but by a name that could be any other machine's.
  const host = '127.0.0.2'
  const elsewhere = await start({ ...inClear, host })
  const fault = await faultOf(smtp.send(message(), elsewhere.config({ host, auth: account }), out))
  expect(fault.code).toBe('connector_failed')
  expect(elsewhere.server.messages).toEqual([])

  const config = elsewhere.config({ host, auth: account, requireTLS: false })
  await smtp.send(message(), config, out)
  expect(elsewhere.server.messages).toMatchObject([{ user: 'ann', secure: false }])
})

test('a wrong password is told as the status, without the password', async () => {
  const { config } = await start({ account })
  const auth = { user: 'ann', pass: 'wr0ng-5ecret' }
  const fault = await expectSilence(config({ auth }))
  expect(fault.details).toEqual({ connectorId: smtp.id, reason: 'refused', status: 535 })
})

test("the server's sentence is passed on without the recipient", async () => {
  const { server, config } = await start()
  server.refuseWith({ status: 550, text: 'u@example.com is not known here' })
  const fault = await faultOf(smtp.send(message(), config(), out))
  expect(fault.details).toEqual({
    connectorId: smtp.id,
    reason: 'refused',
    status: 550,
    answer: '550 (recipient) is not known here',
  })
})

test('a server that repeats the code is not quoted', async () => {
  const { server, config } = await start()
  server.refuseWith({ status: 554, text: 'Spam: your code is 918273' })
  const fault = await expectSilence(config())
  expect(fault.details).toEqual({ connectorId: smtp.id, reason: 'refused', status: 554 })
})

test('when the server cannot be reached, the failure names the cause and no secret', async () => {
  const { server, config } = await start({ account })
  await server.close()
  closers.length = 0
  const fault = await expectSilence(config({ auth: account }))
  expect(fault.details).toEqual({
    connectorId: smtp.id,
    reason: 'unreachable',
    cause: 'ECONNREFUSED',
  })
})

async function expectSilence(config: unknown): Promise<Fault> {
  const payload = { code: '918273', link: 'https://app.example.com/verify?token=5ecret' }
  const fault = await faultOf(smtp.send(message({ payload }), config, out))
  expect(fault.code).toBe('connector_failed')
  expect(fault.cause).toBeUndefined()
  const told = inspect(fault, { depth: 20, showHidden: true }) + JSON.stringify(fault)
  for (const secret of ['918273', '5ecret', 'u@example.com']) expect(told).not.toContain(secret)
  return fault
}
