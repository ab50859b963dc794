import { createPrivateKey, createPublicKey, hash, KeyObject, sign, verify } from 'node:crypto'
import { hmacSha256, sameHash } from './crypto.ts'
import { unixSeconds } from './time.ts'

/** The algorithms that we sign with and accept of ourselves (RFC 7518, RFC 8037). */
export type Algorithm = 'HS256' | 'RS256' | 'ES256' | 'ES384' | 'EdDSA'

/** Those that a key can be made for, which everybody may verify; the house's own first. */
export const signatureAlgorithms = ['ES384', 'ES256', 'RS256', 'EdDSA'] as const

export interface SigningKey {
  /** Absent for a bare HS256 secret, as GoTrue has it. */
  kid: string | null
  algorithm: Algorithm
  /** A secret (HS256) or a private key. */
  private: KeyObject | Uint8Array
}

export interface VerifyingKey {
  kid: string | null
  algorithm: Algorithm
  public: KeyObject | Uint8Array
}

export type Claims = Record<string, unknown>

/**
 * Signs synchronously with `node:crypto`: WebCrypto would queue behind every other job of libuv's pool.
 * `typ` is `JWT`, or `at+jwt` for access tokens of RFC 9068.
 */
export function signJwt(key: SigningKey, claims: Claims, typ = 'JWT'): string {
  const input = `${headerOf(key, typ)}.${encode(claims)}`
  return `${input}.${signature(key, input).toString('base64url')}`
}

function headerOf(key: SigningKey, typ: string): string {
  const known = headers.get(key)
  const header = known?.get(typ)
  if (header !== undefined) return header
  const { algorithm: alg, kid } = key
  const made = encode({ alg, typ, ...(kid === null ? {} : { kid }) })
  headers.set(key, new Map([...(known ?? []), [typ, made]]))
  return made
}

/** The same for all that a key signs. */
const headers = new WeakMap<SigningKey, Map<string, string>>()

function encode(value: unknown): string {
  return Buffer.from(JSON.stringify(value)).toString('base64url')
}

function signature(key: SigningKey, input: string): Buffer {
  if (!(key.private instanceof KeyObject)) return hmacSha256(key.private, input)
  const signed = sign(digestOf(key.algorithm), Buffer.from(input), key.private)
  const size = numberSizes[key.algorithm]
  return size === undefined ? signed : joinNumbers(signed, size)
}

/** How many bytes each of the two numbers of an elliptic signature has. */
const numberSizes: Partial<Record<Algorithm, number>> = { ES256: 32, ES384: 48 }

/**
 * From DER to what RFC 7518 § 3.4 wants: both numbers at their full length. Node does it too, when it is told so beside
 * the key, and takes as long for that as for the signature.
 */
function joinNumbers(der: Buffer, size: number): Buffer {
  const joined = Buffer.alloc(2 * size)
  let at = 2
  for (const end of [size, 2 * size]) {
    const length = der[at + 1] ?? 0
    const stop = at + 2 + length
    // A zero stands before a number whose first bit is set; leading zeros of its own are left out.
    const digits = der.subarray(stop - Math.min(length, size), stop)
    digits.copy(joined, end - digits.length)
    at = stop
  }
  return joined
}

function digestOf(algorithm: Algorithm): string | null {
  switch (algorithm) {
    case 'EdDSA':
      return null
    case 'ES384':
      return 'sha384'
    default:
      return 'sha256'
  }
}

export type JwtOutcome =
  | { outcome: 'valid'; claims: Claims; header: Claims }
  | { outcome: 'malformed' | 'unknown-key' | 'bad-signature' | 'expired' | 'not-yet-valid' }

/**
 * Verifies a JWT that we issued: the key is found by `kid` (or, without one, by algorithm), and the header's algorithm
 * must equal the key's. `exp` and `nbf` are checked against `now`, with no leeway as GoTrue.
 */
export function verifyJwt(token: string, keys: readonly VerifyingKey[], now: Date): JwtOutcome {
  const digest = hash('sha256', token, 'base64')
  const read = recall(keys, digest) ?? readSigned(token, keys)
  if ('outcome' in read) return read
  const { key, claims, header } = read
  const seconds = unixSeconds(now)
  if (claims.exp !== undefined && !(typeof claims.exp === 'number' && seconds < claims.exp)) {
    return { outcome: 'expired' }
  }
  if (claims.nbf !== undefined && !(typeof claims.nbf === 'number' && seconds >= claims.nbf)) {
    return { outcome: 'not-yet-valid' }
  }
  remember(key, token, { digest, claims, header })
  return { outcome: 'valid', claims, header }
}

interface Read {
  claims: Claims
  header: Claims
}

function readSigned(
  token: string,
  keys: readonly VerifyingKey[],
): (Read & { key: VerifyingKey }) | { outcome: 'malformed' | 'unknown-key' | 'bad-signature' } {
  const parts = token.split('.')
  const [head, body, mark] = parts
  if (parts.length !== 3 || head === undefined || body === undefined || mark === undefined) {
    return { outcome: 'malformed' }
  }
  const header = decode(head)
  const claims = decode(body)
  if (header === null || claims === null) return { outcome: 'malformed' }
  const kid = typeof header.kid === 'string' ? header.kid : null
  const key =
    keys.find((candidate) => kid !== null && candidate.kid === kid) ??
    keys.find((candidate) => candidate.algorithm === 'HS256' && header.alg === 'HS256')
  if (key === undefined || key.algorithm !== header.alg) return { outcome: 'unknown-key' }
  const signed = Buffer.from(mark, 'base64url')
  // One token has one spelling: no padding, nothing behind it, no bits that are left over (RFC 7515 § 2).
  if (signed.toString('base64url') !== mark) return { outcome: 'bad-signature' }
  if (!signatureMatches(key, `${head}.${body}`, signed)) return { outcome: 'bad-signature' }
  // The next who shows the token gets the same objects.
  return { key, claims: Object.freeze(claims), header: Object.freeze(header) }
}

/**
 * Tokens whose signature was found good, by their hash, the latest used last: a client shows one token for an hour, and
 * an elliptic curve costs more than all the rest of such a request. They stand with the key, and fall with it.
 */
const good = new WeakMap<VerifyingKey, Map<string, Read>>()

/** Of each key so many, none longer than that: twenty megabytes at the very worst. */
const room = { tokens: 4000, length: 2048 }

function recall(
  keys: readonly VerifyingKey[],
  digest: string,
): (Read & { key: VerifyingKey }) | null {
  for (const key of keys) {
    const read = good.get(key)?.get(digest)
    if (read !== undefined) return { ...read, key }
  }
  return null
}

function remember(
  key: VerifyingKey,
  token: string,
  { digest, ...read }: Read & { digest: string },
): void {
  if (token.length > room.length) return
  const known = good.get(key) ?? new Map<string, Read>()
  good.set(key, known)
  known.delete(digest)
  known.set(digest, read)
  if (known.size > room.tokens) known.delete(known.keys().next().value ?? '')
}

function decode(part: string): Claims | null {
  try {
    const value: unknown = JSON.parse(Buffer.from(part, 'base64url').toString('utf8'))
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Claims)
      : null
  } catch {
    return null
  }
}

function signatureMatches(key: VerifyingKey, input: string, mark: Buffer): boolean {
  if (!(key.public instanceof KeyObject)) return sameHash(hmacSha256(key.public, input), mark)
  return verify(
    digestOf(key.algorithm),
    Buffer.from(input),
    { key: key.public, dsaEncoding: 'ieee-p1363' },
    mark,
  )
}

/** A private JWK as a key object. */
export function privateKeyOf(jwk: Record<string, unknown>): KeyObject {
  return createPrivateKey({ key: jwk, format: 'jwk' })
}

/** A public (or private) JWK as a public key object. */
export function publicKeyOf(jwk: Record<string, unknown>): KeyObject {
  return createPublicKey({ key: jwk, format: 'jwk' })
}
