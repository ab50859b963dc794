import { randomFillSync, randomInt, randomUUID } from 'node:crypto'

/** Chance, which comes through `ctx` so that a test may repeat it. */
export interface Random {
  bytes(length: number): Uint8Array
  /** `length` decimal digits, uniformly, zero padded. */
  digits(length: number): string
  uuid(): string
  /** An opaque secret of 256 bits, base64url, 43 characters. */
  token(): string
  /** `length` characters of [a-z0-9], for ids that people copy. */
  id(length: number): string
}

const idAlphabet = 'abcdefghijklmnopqrstuvwxyz0123456789'

/** Asking the system costs as much for some bytes as for many. */
const pool = Buffer.alloc(4096)
let used = pool.length

/** Bytes that nobody else gets; the pool forgets them. */
function bytes(length: number): Uint8Array {
  if (length > pool.length) return randomFillSync(new Uint8Array(length))
  if (used + length > pool.length) {
    randomFillSync(pool)
    used = 0
  }
  const taken = new Uint8Array(pool.subarray(used, used + length))
  pool.fill(0, used, used + length)
  used += length
  return taken
}

export const systemRandom: Random = {
  bytes,
  digits: (length) => Array.from({ length }, () => randomInt(10)).join(''),
  uuid: () => randomUUID(),
  token: () => Buffer.from(bytes(32)).toString('base64url'),
  id: (length) => Array.from({ length }, () => idAlphabet[randomInt(idAlphabet.length)]).join(''),
}
