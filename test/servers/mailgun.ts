import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenOnLoopback } from '../setup/listen.ts'

/** A message as it came over the wire. */
export interface MailgunMessage {
  domain: string
  apiKey: string
  contentType: string
  /** The form's fields in the order in which they came. */
  fields: [string, string][]
  /** The same by name. */
  form: Record<string, string>
}

export interface Mailgun {
  /** For the connector's `endpoint`. */
  url: string
  /** Every message that was accepted, oldest first. */
  messages: MailgunMessage[]
  /** Every request that came, also refused ones. */
  requests: { method: string; path: string }[]
  /** From now on every message is answered so; 200 accepts again. */
  respondWith(status: number, body?: string, headers?: Record<string, string>): void
  close(): Promise<void>
}

/** A server on loopback that speaks Mailgun's messages API. */
export async function startMailgun(): Promise<Mailgun> {
  const messages: MailgunMessage[] = []
  const requests: Mailgun['requests'] = []
  let answer: { status: number; body: string; headers: Record<string, string> } | null = null

  async function respond(request: IncomingMessage, response: ServerResponse) {
    const path = request.url ?? '/'
    requests.push({ method: request.method ?? '', path })
    const fields = [...new URLSearchParams(await text(request))]
    const form = Object.fromEntries(fields)
    const domain = /^\/v3\/([^/]+)\/messages$/.exec(path)?.[1]
    if (request.method !== 'POST' || domain === undefined) return json(response, 404, 'Not Found')
    const [user, apiKey = ''] = credentials(request.headers.authorization ?? '')
    if (user !== 'api' || apiKey === '') return response.writeHead(401).end('Forbidden')
    if (answer) return response.writeHead(answer.status, answer.headers).end(answer.body)
    for (const name of ['from', 'to']) {
      if (!form[name]) return json(response, 400, `${name} parameter is missing`)
    }
    if (!form.html && !form.text && !form.template) {
      return json(response, 400, 'Need at least one of text, html or template parameters')
    }
    const contentType = request.headers['content-type'] ?? ''
    messages.push({ domain: decodeURIComponent(domain), apiKey, contentType, fields, form })
    return json(response, 200, 'Queued. Thank you.')
  }

  const server = createServer((request, response) => {
    respond(request, response).catch((error) => response.destroy(error))
  })
  const port = await listenOnLoopback(server)
  return {
    url: `http://127.0.0.1:${port}`,
    messages,
    requests,
    respondWith(status, body = '', headers = {}) {
      answer = status === 200 ? null : { status, body, headers }
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve, reject) =>
        server.close((error) => (error ? reject(error) : resolve())),
      )
    },
  }
}

function json(response: ServerResponse, status: number, message: string) {
  const body = status === 200 ? { id: '<1@mailgun.test>', message } : { message }
  return response
    .writeHead(status, { 'content-type': 'application/json' })
    .end(JSON.stringify(body))
}

function credentials(authorization: string): string[] {
  const [, encoded = ''] = /^Basic (.+)$/.exec(authorization) ?? []
  const decoded = Buffer.from(encoded, 'base64').toString()
  const colon = decoded.indexOf(':')
  return [decoded.slice(0, Math.max(colon, 0)), decoded.slice(colon + 1)]
}
