import { createHmac, createPublicKey, timingSafeEqual, verify } from 'node:crypto'
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { listenOnLoopback } from '../setup/listen.ts'

/** A question as it came over the wire. */
export interface Question {
  headers: IncomingMessage['headers']
  raw: string
  // biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely, as a hook in JavaScript does.
  body: any
}

export interface HookServer {
  url: string
  questions: Question[]
  /** The newest question. */
  last(): Question
  /** From now on everything is answered so. */
  respond(answer: (question: Question, response: ServerResponse) => void): void
  say(body: unknown, status?: number, headers?: Record<string, string>): void
  close(): Promise<void>
}

/** One server on loopback that is asked, and says nothing against anything unless it is told to. */
export async function startHookServer(): Promise<HookServer> {
  const questions: Question[] = []
  const silent = (_: Question, response: ServerResponse) => json(response, 200, {})
  let respond: Parameters<HookServer['respond']>[0] = silent

  async function listen(request: IncomingMessage, response: ServerResponse) {
    const raw = await text(request)
    const question = { headers: request.headers, raw, body: JSON.parse(raw) }
    questions.push(question)
    respond(question, response)
  }

  const server = createServer((request, response) => {
    listen(request, response).catch((error) => response.destroy(error))
  })
  const port = await listenOnLoopback(server)
  return {
    url: `http://127.0.0.1:${port}/hook`,
    questions,
    last() {
      const question = questions.at(-1)
      if (question === undefined) throw new Error('Nobody was asked')
      return question
    },
    respond(answer) {
      respond = answer
    },
    say(body, status = 200, headers = {}) {
      respond = (_, response) => json(response, status, body, headers)
    },
    close() {
      server.closeAllConnections()
      return new Promise((resolve, reject) =>
        server.close((error) => (error ? reject(error) : resolve())),
      )
    },
  }
}

function json(
  response: ServerResponse,
  status: number,
  body: unknown,
  headers: Record<string, string> = {},
) {
  response.writeHead(status, { 'content-type': 'application/json', ...headers })
  response.end(typeof body === 'string' ? body : JSON.stringify(body))
}

/** Which of its signatures are good, as whoever keeps the secret finds out (Standard Webhooks, 1.0.0). */
export function goodSignatures({ headers, raw }: Question, keys: SignatureKeys): string[] {
  const message = `${headers['webhook-id']}.${headers['webhook-timestamp']}.${raw}`
  return String(headers['webhook-signature'])
    .split(' ')
    .filter((one) => {
      const [version, signature = ''] = one.split(',')
      return version === 'v1a'
        ? verify(null, Buffer.from(message), publicKey(keys.publicKey), fromBase64(signature))
        : keys.secrets.some((secret) => isRight(secret, message, fromBase64(signature)))
    })
}

export interface SignatureKeys {
  /** As they stand behind `whsec_`. */
  secrets: string[]
  /** As it stands behind `whpk_`. */
  publicKey: string
}

const fromBase64 = (text: string) => Buffer.from(text, 'base64')

function isRight(secret: string, message: string, signature: Buffer): boolean {
  const right = createHmac('sha256', fromBase64(secret)).update(message).digest()
  return signature.length === right.length && timingSafeEqual(signature, right)
}

function publicKey(raw: string) {
  const key = { kty: 'OKP', crv: 'Ed25519', x: fromBase64(raw).toString('base64url') }
  return createPublicKey({ key, format: 'jwk' })
}
