import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenOnLoopback } from '../setup/listen.ts'

/** A request as it came over the wire. */
export interface SmsRequest {
  method: string
  path: string
  authorization: string
  contentType: string
  form: Record<string, string>
}

export interface SmsServer {
  /** For the connectors' `endpoint`. */
  url: string
  /** Every request that came, oldest first. */
  requests: SmsRequest[]
  /** From now on everything is answered so; null answers as the provider does again. */
  respondWith(
    answer: { status: number; body?: unknown; headers?: Record<string, string> } | null,
  ): void
  /** For `ctx.fetch`: whatever the address, this server gets the request. */
  fetch: typeof globalThis.fetch
  close(): Promise<void>
}

/** One server on loopback that speaks every provider's dialect: their paths do not meet. */
export async function startSmsServer(): Promise<SmsServer> {
  const requests: SmsRequest[] = []
  let answer: Parameters<SmsServer['respondWith']>[0] = null

  async function respond(request: IncomingMessage, response: ServerResponse) {
    const come: SmsRequest = {
      method: request.method ?? '',
      path: request.url ?? '/',
      authorization: request.headers.authorization ?? '',
      contentType: request.headers['content-type'] ?? '',
      form: Object.fromEntries(new URLSearchParams(await text(request))),
    }
    requests.push(come)
    if (answer) return json(response, answer.status, answer.body ?? '', answer.headers)
    const dialect = dialects.find(({ path }) => path.test(come.path))
    if (dialect === undefined || come.method !== 'POST') return json(response, 404, {})
    const [status, body] = dialect.answer(come)
    return json(response, status, body)
  }

  const server = createServer((request, response) => {
    respond(request, response).catch((error) => response.destroy(error))
  })
  const port = await listenOnLoopback(server)
  const url = `http://127.0.0.1:${port}`
  return {
    url,
    requests,
    respondWith(next) {
      answer = next
    },
    fetch: (input, init) => {
      const { pathname, search } = new URL(String(input))
      return fetch(`${url}${pathname}${search}`, init)
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve, reject) =>
        server.close((error) => (error ? reject(error) : resolve())),
      )
    },
  }
}

interface Dialect {
  path: RegExp
  answer(request: SmsRequest): [number, unknown]
}

/** The code that Twilio Verify makes here for every number; it is good once. */
export const verifyCode = '246810'
const verifying = new Set<string>()

const dialects: Dialect[] = [
  {
    path: /^\/2010-04-01\/Accounts\/[^/]+\/Messages\.json$/,
    answer({ authorization, form }) {
      if (!authorization.startsWith('Basic ')) {
        return [401, { code: 20003, message: 'Authenticate', status: 401 }]
      }
      if (!form.To || !(form.From || form.MessagingServiceSid)) {
        return [400, { code: 21603, message: "A 'From' phone number is required.", status: 400 }]
      }
      if (!form.Body && !form.ContentSid) {
        return [400, { code: 21602, message: 'Message body is required.', status: 400 }]
      }
      return [201, { sid: 'SM0001', status: 'queued', error_code: null, error_message: null }]
    },
  },
  {
    path: /^\/v2\/Services\/[^/]+\/Verifications$/,
    answer({ form }) {
      verifying.add(form.To ?? '')
      return [201, { sid: 'VE0001', status: 'pending', valid: false }]
    },
  },
  {
    path: /^\/v2\/Services\/[^/]+\/VerificationCheck$/,
    answer({ form }) {
      if (!verifying.has(form.To ?? '')) {
        return [404, { code: 20404, message: 'The requested resource was not found', status: 404 }]
      }
      const isRight = form.Code === verifyCode
      if (isRight) verifying.delete(form.To ?? '')
      return [200, { sid: 'VE0001', status: isRight ? 'approved' : 'pending', valid: isRight }]
    },
  },
  {
    path: /^\/messages$/,
    answer({ authorization, form }) {
      if (!/^AccessKey .+/.test(authorization)) {
        return [
          401,
          { errors: [{ code: 2, description: 'Request not allowed', parameter: 'access_key' }] },
        ]
      }
      if (!form.body || !form.originator || !form.recipients) {
        return [
          422,
          {
            errors: [
              { code: 9, description: 'no (correct) recipients found', parameter: 'recipients' },
            ],
          },
        ]
      }
      return [201, { id: 'mb-1', recipients: { totalCount: 1, totalSentCount: 1 } }]
    },
  },
  {
    path: /^\/sms\/json$/,
    answer({ form }) {
      if (!form.api_key || !form.api_secret) {
        return [
          200,
          { 'message-count': '1', messages: [{ status: '2', 'error-text': 'Missing api_key' }] },
        ]
      }
      return [
        200,
        { 'message-count': '1', messages: [{ to: form.to, 'message-id': 'vo-1', status: '0' }] },
      ]
    },
  },
  {
    path: /^\/send\/$/,
    answer({ form }) {
      if (!form.apikey)
        return [200, { errors: [{ code: 3, message: 'Invalid login details' }], status: 'failure' }]
      return [200, { messages: [{ id: 1151346216, recipient: 447123456789 }], status: 'success' }]
    },
  },
]

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return response.writeHead(status, { 'content-type': 'application/json', ...headers }).end(text)
}
