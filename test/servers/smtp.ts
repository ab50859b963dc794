import type { AddressInfo } from 'node:net'
import { text } from 'node:stream/consumers'
import { SMTPServer, type SMTPServerOptions } from 'smtp-server'

/** A message as it came over the wire. */
export interface SmtpMessage {
  /** MAIL FROM. */
  from: string
  /** Every RCPT TO. */
  to: string[]
  /** Who was signed in, if anybody. */
  user: string | null
  /** Whether it came over TLS. */
  secure: boolean
  raw: string
  /** Header fields by lower-case name, unfolded and decoded. */
  headers: Record<string, string[]>
  html: string | null
  text: string | null
}

export interface Smtp {
  port: number
  messages: SmtpMessage[]
  /** From now on every message is refused so after its data; `null` accepts again. */
  refuseWith(answer: { status: number; text: string } | null): void
  close(): Promise<void>
}

export interface SmtpOptions extends SMTPServerOptions {
  /** Who may sign in; without it anybody may send without signing in. */
  account?: { user: string; pass: string }
  /** The loopback address to listen on. */
  host?: string
}

/** A real SMTP server on loopback. Its certificate is self-signed unless the options say another. */
export async function startSmtp({
  account,
  host = '127.0.0.1',
  ...options
}: SmtpOptions = {}): Promise<Smtp> {
  const messages: SmtpMessage[] = []
  let refusal: { status: number; text: string } | null = null
  const server = new SMTPServer({
    logger: false,
    authOptional: account === undefined,
    onAuth({ username, password }, _session, done) {
      const known = username === account?.user && password === account?.pass
      done(known ? null : new Error(`${username} may not use this server`), { user: username })
    },
    onData(stream, session, done) {
      text(stream).then((raw) => {
        if (refusal)
          return done(Object.assign(new Error(refusal.text), { responseCode: refusal.status }))
        const { mailFrom, rcptTo } = session.envelope
        messages.push({
          from: mailFrom === false ? '' : mailFrom.address,
          to: rcptTo.map(({ address }) => address),
          user: typeof session.user === 'string' ? session.user : null,
          secure: session.secure,
          ...parse(raw),
        })
        done()
      }, done)
    },
    ...options,
  })
  // A client that turns away at a wrong certificate is not this server's failure.
  server.on('error', () => {})
  await new Promise<void>((resolve) => server.listen(0, host, resolve))
  return {
    port: (server.server.address() as AddressInfo).port,
    messages,
    refuseWith(answer) {
      refusal = answer
    },
    close: () => new Promise((resolve) => server.close(resolve)),
  }
}

function parse(raw: string): Pick<SmtpMessage, 'raw' | 'headers' | 'html' | 'text'> {
  const { headers, parts } = partsOf(raw)
  const find = (type: string) => parts.find((part) => part.type === type)?.content ?? null
  return { raw, headers, html: find('text/html'), text: find('text/plain') }
}

interface Part {
  type: string
  content: string
}

function partsOf(raw: string): { headers: Record<string, string[]>; parts: Part[] } {
  const end = raw.indexOf('\r\n\r\n')
  const headers: Record<string, string[]> = {}
  for (const line of raw
    .slice(0, end)
    .replace(/\r\n[ \t]+/g, ' ')
    .split('\r\n')) {
    const colon = line.indexOf(':')
    const name = line.slice(0, colon).toLowerCase()
    headers[name] = [...(headers[name] ?? []), decodeWords(line.slice(colon + 1).trim())]
  }
  const body = raw.slice(end + 4)
  const contentType = headers['content-type']?.[0] ?? 'text/plain'
  const boundary = /boundary="?([^";]+)/.exec(contentType)?.[1]
  if (boundary === undefined) {
    const encoding = headers['content-transfer-encoding']?.[0] ?? '7bit'
    const type = contentType.split(';')[0] ?? ''
    return { headers, parts: [{ type, content: decodeBody(body, encoding) }] }
  }
  const inner = body.split(`--${boundary}`).slice(1, -1)
  return { headers, parts: inner.flatMap((part) => partsOf(part.replace(/^\r\n/, '')).parts) }
}

function decodeBody(body: string, encoding: string): string {
  const content = body.replace(/\r\n$/, '')
  if (encoding === 'base64') return Buffer.from(content, 'base64').toString()
  if (encoding === 'quoted-printable') return quoted(content.replace(/=\r\n/g, ''))
  return content
}

/** RFC 2047. */
function decodeWords(value: string): string {
  return value
    .replace(/\?=\s+=\?/g, '?==?')
    .replace(/=\?utf-8\?([bq])\?([^?]*)\?=/gi, (_word, encoding: string, content: string) =>
      encoding.toLowerCase() === 'b'
        ? Buffer.from(content, 'base64').toString()
        : quoted(content.replaceAll('_', ' ')),
    )
}

function quoted(content: string): string {
  const bytes = content.replace(/=([0-9A-F]{2})/gi, (_escape, hex: string) =>
    String.fromCharCode(Number.parseInt(hex, 16)),
  )
  return Buffer.from(bytes, 'latin1').toString()
}
