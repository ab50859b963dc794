import type { Tx } from '../base/context.ts'

/**
 * A secret whose first bit says whether what it stands for tells of roles and organizations. So the one statement that
 * spends it need not have them in its plan, which costs Postgres time even where nothing of it runs; most tokens do without.
 */
export function wideSecret(ctx: Tx, length: number, isWide: boolean): Buffer {
  const secret = Buffer.from(ctx.random.bytes(length))
  const [first = 0] = secret
  secret[0] = isWide ? first | 0x80 : first & 0x7f
  return secret
}

/** What was said of a secret when it was made; where nothing is known, true: the answer is whole then, and a little later. */
export function isWideSecret(secret: Uint8Array): boolean {
  const [first = 0xff] = secret
  return first >= 0x80
}
