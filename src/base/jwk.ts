import {
  type Algorithm,
  privateKeyOf,
  publicKeyOf,
  type SigningKey,
  type VerifyingKey,
} from './jwt.ts'

type Jwk = Readonly<Record<string, unknown>>

/** A key that the configuration gives (`GOTRUE_JWT_KEYS`). */
export interface ConfiguredKey {
  verifying: VerifyingKey
  /** Null where it only verifies. */
  signing: SigningKey | null
  /** What a key set may publish; null for a secret. */
  publicJwk: Record<string, string> | null
}

/** What is wrong with a set of keys of which exactly one is to sign; null when nothing is. */
export function keySetProblem(jwks: readonly Jwk[]): string | null {
  const kids = new Set<unknown>()
  for (const [index, jwk] of jwks.entries()) {
    const which = `key ${index + 1}`
    if (typeof jwk.kid !== 'string' || jwk.kid === '') return `${which} has no kid`
    if (kids.has(jwk.kid)) return `two keys have the kid ${jwk.kid}`
    kids.add(jwk.kid)
    const algorithm = algorithmOf(jwk)
    if (algorithm === null)
      return `${which} is for no algorithm of HS256, RS256, ES256, ES384, EdDSA`
    if (jwk.alg !== undefined && jwk.alg !== algorithm) return `${which} does not fit its alg`
    try {
      const { signing } = readKey(jwk)
      if (isWeak(jwk, algorithm)) return `${which} is too short`
      if (canSign(jwk) && signing === null) return `${which} is to sign, and is not private`
    } catch {
      return `${which} cannot be read`
    }
  }
  const signing = jwks.filter(canSign).length
  return signing === 1 ? null : `exactly one key must have "sign" among its key_ops, not ${signing}`
}

/** Reads a key that `keySetProblem` has nothing against. */
export function readKey(jwk: Jwk): ConfiguredKey {
  const algorithm = algorithmOf(jwk)
  if (algorithm === null) throw new Error('This key is for no algorithm that is known.')
  const kid = String(jwk.kid)
  if (algorithm === 'HS256') {
    const secret = Buffer.from(String(jwk.k), 'base64url')
    return {
      verifying: { kid, algorithm, public: secret },
      signing: canSign(jwk) ? { kid, algorithm, private: secret } : null,
      publicJwk: null,
    }
  }
  const isPrivate = typeof jwk.d === 'string'
  const publicKey = publicKeyOf({ ...jwk })
  const { kty, n, e, crv, x, y } = publicKey.export({ format: 'jwk' })
  const members = Object.entries({ kty, n, e, crv, x, y }).filter(
    (member): member is [string, string] => typeof member[1] === 'string',
  )
  return {
    verifying: { kid, algorithm, public: publicKey },
    signing:
      canSign(jwk) && isPrivate ? { kid, algorithm, private: privateKeyOf({ ...jwk }) } : null,
    publicJwk: { ...Object.fromEntries(members), use: 'sig', alg: algorithm, kid },
  }
}

function canSign({ key_ops }: Jwk): boolean {
  return Array.isArray(key_ops) && key_ops.includes('sign')
}

function algorithmOf({ kty, crv }: Jwk): Algorithm | null {
  switch (`${kty} ${crv ?? ''}`.trim()) {
    case 'oct':
      return 'HS256'
    case 'RSA':
      return 'RS256'
    case 'EC P-256':
      return 'ES256'
    case 'EC P-384':
      return 'ES384'
    case 'OKP Ed25519':
      return 'EdDSA'
    default:
      return null
  }
}

/** RFC 7518 § 3.2 and § 3.3. */
function isWeak({ k, n }: Jwk, algorithm: Algorithm): boolean {
  const bytes = (value: unknown) => Buffer.from(String(value ?? ''), 'base64url').length
  if (algorithm === 'HS256') return bytes(k) < 32
  return algorithm === 'RS256' && bytes(n) < 256
}
