import { randomBytes, randomInt, randomUUID } from 'node:crypto'

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

export const systemRandom: Random = {
  bytes: (length) => new Uint8Array(randomBytes(length)),
  digits: (length) => Array.from({ length }, () => randomInt(10)).join(''),
  uuid: () => randomUUID(),
  token: () => randomBytes(32).toString('base64url'),
  id: (length) => Array.from({ length }, () => idAlphabet[randomInt(idAlphabet.length)]).join(''),
}
