import type { NodemailerError, SendMailOptions } from 'nodemailer'
import { z } from 'zod'
import { isHeaderSafe, isPlainAddress, readMailbox } from './address.ts'
import { drawn, type EmailConnector, emailConnector, type Message } from './connector.ts'
import { exampleDeliveries, headerText, pickDelivery, rawDelivery } from './deliveries.ts'
import { failuresOf, harmless, patience } from './failure.ts'
import { fill, fillHeader, fillHtml } from './template.ts'

/** The SMTP server of `GOTRUE_SMTP_*` is reached by the same connector. */
export const smtpConnectorId = 'simple-mail-transfer-protocol'

const failed = failuresOf(smtpConnectorId)

const mailbox = z
  .string()
  .refine((text) => readMailbox(text) !== null, 'must be an address, or Name <address>')

/** Logto's shape of a delivery for SMTP. */
const template = z.object({
  usageType: z.string(),
  contentType: z.enum(['text/plain', 'text/html']),
  subject: headerText,
  content: z.string(),
  replyTo: mailbox.optional(),
})

// What the connector itself says in the header; a second such field could name another recipient or sender.
const ownHeaders =
  /^(from|to|cc|bcc|sender|reply-to|subject|date|message-id|mime-version|content-.*|resent-.*)$/i

const customHeaders = z
  .record(z.string(), z.union([headerText, z.array(headerText)]))
  .refine(
    (headers) => Object.keys(headers).every((name) => /^[!-9;-~]+$/.test(name)),
    'must have names of header fields',
  )
  .refine(
    (headers) => !Object.keys(headers).some((name) => ownHeaders.test(name)),
    'must not set what the message sets itself, like From, To, Subject and Content-Type',
  )

const config = z.object({
  host: z.string().trim().min(1),
  port: z.number().int().min(1).max(65535),
  auth: z
    .object({ type: z.literal('login').optional(), user: z.string(), pass: z.string() })
    .optional(),
  /** TLS from the first byte, as port 465 has it; without it, STARTTLS wherever the server offers it. */
  secure: z.boolean().optional(),
  requireTLS: z.boolean().optional(),
  ignoreTLS: z.boolean().optional(),
  servername: z.string().optional(),
  tls: z
    .object({
      rejectUnauthorized: z.boolean().optional(),
      servername: z.string().optional(),
      ca: z.string().optional(),
      minVersion: z.enum(['TLSv1.2', 'TLSv1.3']).optional(),
    })
    .optional(),
  /** How this client calls itself in EHLO. */
  name: headerText.optional(),
  fromEmail: mailbox,
  senderName: headerText.optional(),
  replyTo: mailbox.optional(),
  customHeaders: customHeaders.optional(),
  templates: z.array(template).default([]),
  /** The same as `templates`, in the shape that Mailgun's config has. */
  deliveries: z.record(z.string(), rawDelivery.extend({ replyTo: mailbox.optional() })).default({}),
})

type SmtpConfig = z.output<typeof config>

export const smtp: EmailConnector = emailConnector({
  id: smtpConnectorId,
  target: smtpConnectorId,
  name: { en: 'SMTP', ja: 'SMTP' },
  description: {
    en: 'Sends e-mail through any SMTP server.',
    ja: '任意の SMTP サーバーでメールを送信します。',
  },
  logo: drawn(
    '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 24 24" fill="none" stroke="#3b5b8c" stroke-width="2"><rect x="2.5" y="5" width="19" height="14" rx="2.5"/><path d="m3 7 9 7 9-7"/><path d="M6 16h5"/></svg>',
  ),
  readme: `# SMTP

1. Fill in the server's host and port. Port 465 speaks TLS at once; on other ports the connection is upgraded by STARTTLS where the server offers it. Certificates are verified.
2. Give user and password if the server asks for them. They are sent over TLS only, unless the server is on this machine or \`requireTLS\` is \`false\`.
3. Write the templates: one for each usage type (\`Register\`, \`SignIn\`, \`ForgotPassword\`, …) or \`Generic\` for all. \`{{code}}\` stands for the code.
4. Send yourself a test message.`,
  formItems: [
    { key: 'host', type: 'Text', label: 'Host', placeholder: 'smtp.example.com', required: true },
    { key: 'port', type: 'Number', label: 'Port', placeholder: '587', required: true },
    {
      key: 'auth',
      type: 'Json',
      label: 'Authentication',
      defaultValue: { type: 'login', user: '', pass: '' },
      isConfidential: true,
    },
    {
      key: 'fromEmail',
      type: 'Text',
      label: 'From',
      placeholder: 'Sender Name <foo@example.com>',
      required: true,
    },
    { key: 'senderName', type: 'Text', label: 'Sender name' },
    { key: 'replyTo', type: 'Text', label: 'Reply to', placeholder: 'help@example.com' },
    { key: 'secure', type: 'Switch', label: 'TLS from the first byte (port 465)' },
    { key: 'requireTLS', type: 'Switch', label: 'Refuse to send without TLS' },
    { key: 'customHeaders', type: 'Json', label: 'More header fields', defaultValue: {} },
    {
      key: 'templates',
      type: 'Json',
      label: 'Templates',
      required: true,
      defaultValue: Object.entries(exampleDeliveries).map(([usageType, { subject, html }]) => ({
        usageType,
        contentType: 'text/html',
        subject,
        content: html,
      })),
    },
  ],
  config,
  async deliver(message, config, out) {
    const sender = readMailbox(config.fromEmail)
    if (!sender || !isPlainAddress(message.to)) throw failed('address')
    const { name, address } = sender
    const { replyTo, ...content } = contentOf(message, config)
    // Objects and an own envelope: the library parses no address out of a string (CVE-2025-13033).
    const mail: SendMailOptions = {
      from: { name: config.senderName ?? name, address },
      to: { name: '', address: message.to },
      replyTo: (replyTo && readMailbox(replyTo)) || undefined,
      envelope: { from: { name: '', address }, to: [{ name: '', address: message.to }] },
      headers: config.customHeaders ?? {},
      date: out.now(),
      ...content,
    }
    await hand(mail, message, config)
  },
})

interface Content {
  subject?: string | undefined
  html?: string | undefined
  text?: string | undefined
  replyTo?: string | undefined
}

function contentOf({ type, payload, content }: Message, config: SmtpConfig): Content {
  if (content) {
    const { subject, html, text } = content
    if (!isHeaderSafe(subject)) throw failed('header')
    return { subject, html, text, replyTo: config.replyTo }
  }
  const templates = config.templates.map(({ usageType, contentType, content, ...rest }) => {
    const body = contentType === 'text/html' ? { html: content } : { text: content }
    return [usageType, { ...rest, ...body }]
  })
  const deliveries: Record<string, Content> = {
    ...config.deliveries,
    ...Object.fromEntries(templates),
  }
  const { subject, html, text, replyTo } = pickDelivery(smtpConnectorId, deliveries, type)
  return {
    subject: subject && fillHeader(subject, payload),
    html: html && fillHtml(html, payload),
    text: text && fill(text, payload),
    replyTo: replyTo ?? config.replyTo,
  }
}

async function hand(mail: SendMailOptions, message: Message, config: SmtpConfig): Promise<void> {
  // Most servers send by other ways, and all begin without having sent anything.
  const { createTransport } = await import('nodemailer')
  const transport = createTransport({ ...connection(config), ...limits })
  const signal = AbortSignal.timeout(patience)
  try {
    await transport.sendMail({ ...mail, signal })
  } catch (error) {
    if (signal.aborted) throw failed('timeout')
    throw refusal(error as NodemailerError, message, config)
  } finally {
    transport.close()
  }
}

// The message is text that others had a part in: it must not make the library open a file or a URL.
const limits = {
  connectionTimeout: patience,
  greetingTimeout: patience,
  socketTimeout: patience,
  dnsTimeout: patience,
  disableFileAccess: true,
  disableUrlAccess: true,
}

function connection({ host, port, auth, tls, servername, name, ...config }: SmtpConfig) {
  const isLoopback = ['127.0.0.1', 'localhost', '::1'].includes(host)
  return {
    host,
    port,
    secure: config.secure ?? port === 465,
    // A password does not cross a network in clear, unless the administrator says so.
    requireTLS: config.requireTLS ?? (auth !== undefined && !isLoopback),
    ignoreTLS: config.ignoreTLS,
    auth: auth && { user: auth.user, pass: auth.pass },
    servername,
    name,
    tls,
  }
}

const timeouts = ['ETIMEDOUT', 'EABORT']

function refusal(error: NodemailerError, { to, payload }: Message, { auth }: SmtpConfig) {
  if (error.responseCode === undefined) {
    if (timeouts.includes(error.code ?? '')) return failed('timeout')
    const cause = error.originalCode ?? error.code
    return failed('unreachable', cause ? { cause } : {})
  }
  const { user, pass } = auth ?? {}
  const base64 = [user, pass].map((secret) => secret && Buffer.from(secret).toString('base64'))
  const secrets = [payload.code, payload.link, user, pass, ...base64]
  const answer = harmless(error.response ?? '', to, secrets)
  return failed('refused', { status: error.responseCode, ...(answer && { answer }) })
}
