import type { Tx } from '../base/context.ts'
import { hmacSha256, sameHash, secretOf } from '../base/crypto.ts'

/** What a refresh token says: its grant, and how often it has been exchanged. The grant's row knows which generation is good. */
export interface RefreshValue {
  grantId: string
  generation: number
  /**
   * Whether tokens of its scope tell of roles and organizations. So the one statement that spends it need not have them
   * in its plan, which costs Postgres time even where nothing of it runs; most tokens do without.
   */
  isWide: boolean
}

// 16 bytes of the grant's id, 4 of generation with the width as first bit, 12 of a mark by a key of ours.
const idLength = 16
const markedLength = idLength + 4
const length = markedLength + 12
const wideBit = 0x80000000

export function childOf(value: RefreshValue): RefreshValue {
  return { ...value, generation: value.generation + 1 }
}

/** The token as a client gets it: 43 characters, of which nobody else can make the next. */
export function writeRefreshValue(ctx: Tx, value: RefreshValue): string {
  const bytes = Buffer.alloc(length)
  bytes.write(value.grantId.replaceAll('-', ''), 'hex')
  bytes.writeUInt32BE(value.generation + (value.isWide ? wideBit : 0), idLength)
  markOf(ctx, bytes.subarray(0, markedLength)).copy(bytes, markedLength)
  return bytes.toString('base64url')
}

/** Null for what we did not write, so that it costs no round trip. */
export function readRefreshValue(ctx: Tx, token: string): RefreshValue | null {
  const bytes = Buffer.from(token, 'base64url')
  if (bytes.length !== length || bytes.toString('base64url') !== token) return null
  const marked = bytes.subarray(0, markedLength)
  if (!sameHash(bytes.subarray(markedLength), markOf(ctx, marked))) return null
  const counted = bytes.readUInt32BE(idLength)
  const isWide = counted >= wideBit
  return {
    grantId: bytes.toString('hex', 0, idLength),
    generation: isWide ? counted - wideBit : counted,
    isWide,
  }
}

function markOf(ctx: Tx, bytes: Uint8Array): Buffer {
  const mark = hmacSha256(secretOf(ctx.config).key('grant-refresh'), bytes)
  return mark.subarray(0, length - markedLength)
}
