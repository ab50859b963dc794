import { createPrivateKey, sign } from 'node:crypto'
import { setTimeout as wait } from 'node:timers/promises'
import type { Context } from '../../base/context.ts'
import { hmacSha256 } from '../../base/crypto.ts'
import { Fault } from '../../base/fault.ts'
import { readUpTo } from '../../base/outgoing.ts'
import { second, unixSeconds } from '../../base/time.ts'

/** How long a hook may take. */
export interface Patience {
  /** Milliseconds for all tries and the pauses between them. */
  total: number
  tries: number
  pause: number
}

/** GoTrue's. */
export const patience: Patience = { total: 5 * second, tries: 3, pause: 2 * second }

/** The largest answer, in bytes. */
const largest = 200 * 1024

/**
 * Posts JSON, signed as Standard Webhooks say, and resolves with the JSON text that came back; null for none. It tries
 * again only where it is asked to (429 or 503 with `Retry-After`). Throws `hook_failed` with the reason.
 */
export async function post(
  ctx: Pick<Context, 'fetch' | 'now' | 'random' | 'trace'>,
  { url, secrets }: { url: string; secrets: readonly string[] },
  { body, total, tries, pause }: Patience & { body: string },
): Promise<string | null> {
  const signal = AbortSignal.timeout(total)
  // All tries are the same message: who got it twice can tell.
  const headers = headersOf(ctx, secrets, body)
  try {
    for (let left = tries; left > 0; left -= 1) {
      const answer = await ctx.fetch(url, {
        method: 'POST',
        headers,
        body,
        // A redirect would carry what is asked to somebody else.
        redirect: 'manual',
        signal,
      })
      if (!isLater(answer)) return await read(answer)
      await answer.body?.cancel()
      if (left > 1) await wait(pause, undefined, { signal })
    }
  } catch (error) {
    if (error instanceof Fault) throw error
    if (signal.aborted) throw failed('timeout', { limit: total })
    throw failed('unreachable', {}, error)
  }
  throw failed('retries')
}

function failed(why: string, details: Record<string, unknown> = {}, cause?: unknown): Fault {
  return new Fault('hook_failed', { why, ...details }, { cause })
}

function headersOf(
  ctx: Pick<Context, 'now' | 'random' | 'trace'>,
  secrets: readonly string[],
  body: string,
): Record<string, string> {
  const id = ctx.random.uuid()
  const timestamp = String(unixSeconds(ctx.now()))
  const message = `${id}.${timestamp}.${body}`
  return {
    'content-type': 'application/json',
    'user-agent': 'Sekisho',
    'webhook-id': id,
    'webhook-timestamp': timestamp,
    'webhook-signature': secrets.map((secret) => signature(secret, message)).join(' '),
    ...(ctx.trace !== null && { traceparent: ctx.trace.traceparent }),
  }
}

/** RFC 8410's wrapping of the 32 bytes of an Ed25519 key. */
const ed25519 = Buffer.from('302e020100300506032b657004220420', 'hex')

function signature(secret: string, message: string): string {
  const [, symmetric] = /^v1,whsec_(.+)$/.exec(secret) ?? []
  if (symmetric !== undefined) {
    return `v1,${hmacSha256(Buffer.from(symmetric, 'base64'), message).toString('base64')}`
  }
  const seed = Buffer.from(secret.split(':whsk_')[1] ?? '', 'base64').subarray(0, 32)
  const key = createPrivateKey({
    key: Buffer.concat([ed25519, seed]),
    format: 'der',
    type: 'pkcs8',
  })
  return `v1a,${sign(null, Buffer.from(message), key).toString('base64')}`
}

function isLater({ status, headers }: Response): boolean {
  if (status !== 429 && status !== 503) return false
  if (headers.get('retry-after')) return true
  throw failed('unavailable')
}

async function read(answer: Response): Promise<string | null> {
  const { status } = answer
  if (status === 204) return null
  if (status !== 200 && status !== 202) {
    await answer.body?.cancel()
    throw failed('status', { status })
  }
  const type = answer.headers.get('content-type')
  const media = type?.split(';')[0]?.trim().toLowerCase() ?? null
  if (media !== 'application/json') {
    await answer.body?.cancel()
    throw failed('content-type', { type, media })
  }
  const text = await readUpTo(answer, largest)
  if (text === null) throw failed('too-large', { limit: largest })
  return text
}
