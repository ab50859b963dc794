import type { Tx } from '../base/context.ts'
import { hmacSha256, sameHash, secretOf } from '../base/crypto.ts'

const markLength = 32

/**
 * A value that says what it stands for, under a mark that only we can make (HMAC-SHA256, with a key for this purpose alone), so that
 * nothing is kept of it. To everybody else it is a string without meaning; nothing in it is secret from who holds it.
 */
export function writeMarked(ctx: Tx, purpose: string, payload: object): string {
  const text = Buffer.from(JSON.stringify(payload))
  return Buffer.concat([markOf(ctx, purpose, text), text]).toString('base64url')
}

/** What was written for this purpose; null for everything that we did not write, so that it costs no round trip. */
export function readMarked<Payload extends object>(
  ctx: Tx,
  purpose: string,
  value: string,
): Payload | null {
  const bytes = Buffer.from(value, 'base64url')
  const text = bytes.subarray(markLength)
  // Base64 has several spellings of the same bytes, and a value only one.
  if (text.length === 0 || bytes.toString('base64url') !== value) return null
  if (!sameHash(bytes.subarray(0, markLength), markOf(ctx, purpose, text))) return null
  return JSON.parse(text.toString())
}

function markOf(ctx: Tx, purpose: string, text: Uint8Array): Buffer {
  return hmacSha256(secretOf(ctx.config).key(purpose), text)
}
