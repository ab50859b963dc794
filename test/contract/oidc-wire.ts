import { request as send } from 'node:http'
import type { Hono } from 'hono'
import { onTestFinished } from 'vitest'
import type { Env } from '../../src/base/http.ts'
import { listen } from '../../src/main.ts'
import { freePort } from '../setup/free-port.ts'

/** A way to ask that follows no redirect. */
export type Ask = (path: string, init?: RequestInit) => Promise<Response>

const home = 'http://localhost:3001'

/** Lets the server listen until the test is over, and asks it over HTTP under the host that the address names. */
export async function wireTo(app: Hono<Env>): Promise<Ask> {
  const port = await freePort()
  const { close } = await listen(app, { hosts: ['127.0.0.1'], port })
  onTestFinished(close)
  return async (path, init) => {
    const request = new Request(path.startsWith('/') ? `${home}${path}` : path, init)
    return over(port, request)
  }
}

/** Node's `fetch` would send its own `Host`, and modes of a browser. */
async function over(port: number, request: Request): Promise<Response> {
  const { host, pathname, search } = new URL(request.url)
  const body = Buffer.from(await request.arrayBuffer())
  const headers = { host, ...Object.fromEntries(request.headers), 'content-length': body.length }
  return new Promise((resolve, reject) => {
    const outgoing = send(
      // A connection of its own: none that the server is about to close.
      {
        host: '127.0.0.1',
        port,
        path: pathname + search,
        method: request.method,
        headers,
        agent: false,
      },
      (incoming) => {
        const chunks: Buffer[] = []
        incoming.on('data', (chunk: Buffer) => chunks.push(chunk))
        incoming.on('error', reject)
        incoming.on('end', () => {
          const answer = new Headers()
          for (const [name, values] of Object.entries(incoming.headersDistinct)) {
            for (const value of values ?? []) answer.append(name, value)
          }
          const status = incoming.statusCode ?? 0
          const content = status === 204 || status === 304 ? null : Buffer.concat(chunks)
          resolve(new Response(content, { status, headers: answer }))
        })
      },
    )
    // A body that is too large is refused before its end: the answer is there, and the connection is gone.
    outgoing.on('error', reject)
    outgoing.end(body)
  })
}
