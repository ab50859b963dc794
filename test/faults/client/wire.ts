import { Pool } from 'undici'
import { publicUrl } from '../lab/lab.ts'

/** How a request went: an answer, a door that nobody opened, or a connection that ended in the middle. */
export type Reply =
  | {
      kind: 'answer'
      status: number
      header(name: string): string | null
      cookies: string[]
      text: string
    }
  | { kind: 'refused' }
  | { kind: 'lost'; why: 'reset' | 'timeout' }

export interface Request {
  method: string
  path: string
  headers?: Record<string, string>
  body?: string | null
}

export interface Wire {
  ask(node: number, request: Request): Promise<Reply>
  close(): Promise<void>
}

/** Longer than any request may take (docs/faults.md): who waits this long has met one that hangs. */
export const patienceMs = 20_000

const atOnce = 64

export function openWire(origins: readonly string[]): Wire {
  const pools = origins.map(
    (origin) =>
      new Pool(origin, {
        connections: atOnce,
        pipelining: 1,
        connectTimeout: 5000,
        headersTimeout: patienceMs,
        bodyTimeout: patienceMs,
      }),
  )
  const { host } = new URL(publicUrl)
  return {
    async ask(node, { method, path, headers = {}, body = null }) {
      const pool = pools[node]
      if (pool === undefined) throw new Error(`There is no node ${node}.`)
      try {
        const answer = await pool.request({
          method: method as 'GET',
          path,
          headers: { host, ...headers },
          body,
        })
        const text = await answer.body.text()
        const cookies = answer.headers['set-cookie'] ?? []
        return {
          kind: 'answer',
          status: answer.statusCode,
          text,
          cookies: Array.isArray(cookies) ? cookies : [cookies],
          header(name) {
            const value = answer.headers[name]
            return value === undefined ? null : String(value)
          },
        }
      } catch (error) {
        return failureOf(error)
      }
    },
    async close() {
      await Promise.all(pools.map((pool) => pool.destroy()))
    },
  }
}

const neverSent = new Set([
  'ECONNREFUSED',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'UND_ERR_CONNECT_TIMEOUT',
])
const tooLate = new Set(['UND_ERR_HEADERS_TIMEOUT', 'UND_ERR_BODY_TIMEOUT'])
const broken = new Set(['ECONNRESET', 'EPIPE', 'UND_ERR_SOCKET', 'UND_ERR_ABORTED', 'ETIMEDOUT'])

/** Anything else is a mistake of the client's own. */
function failureOf(error: unknown): Reply {
  const code = error instanceof Error && 'code' in error ? String(error.code) : ''
  if (neverSent.has(code)) return { kind: 'refused' }
  if (tooLate.has(code)) return { kind: 'lost', why: 'timeout' }
  if (broken.has(code)) return { kind: 'lost', why: 'reset' }
  throw error
}
