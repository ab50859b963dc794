import { createHash } from 'node:crypto'
import { decodeJwt, decodeProtectedHeader, errors, type JWTPayload, jwtVerify } from 'jose'
import { sameSecret } from '../../base/crypto.ts'
import { discover, findKeys } from './documents.ts'
import type { Claims, KeyPlace, SocialOutside } from './social.ts'

/** Asymmetric ones only: with a public key as its secret, anybody could sign by HMAC. */
const algorithms = [
  'RS256',
  'RS384',
  'RS512',
  'PS256',
  'PS384',
  'PS512',
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
]

export type VerifiedIdToken =
  | { outcome: 'valid'; claims: Claims; audiences: string[] }
  | { outcome: 'invalid'; why: string }

/** The issuer that a token names, before anything of it is believed; null when it cannot be read. */
export function readIssuer(idToken: string): string | null {
  try {
    const { iss } = decodeJwt(idToken)
    return typeof iss === 'string' ? iss : ''
  } catch {
    return null
  }
}

/**
 * Whether a token was signed by `issuer` and is in its time. Who it is for, and its nonce, is the caller's to check: only
 * the caller knows which clients are ours.
 */
export async function verifyIdToken(
  out: SocialOutside,
  idToken: string,
  { issuer, place, accessToken }: { issuer: string; place: KeyPlace; accessToken: string | null },
): Promise<VerifiedIdToken> {
  const address = 'jwksUri' in place ? place.jwksUri : await jwksUriOf(out, issuer, place)
  if (address === null) return { outcome: 'invalid', why: 'no keys' }
  for (const isFresh of [false, true]) {
    const keys = await findKeys(out, address, { isFresh })
    if (keys === null) return { outcome: 'invalid', why: 'no keys' }
    try {
      const { payload } = await jwtVerify(idToken, keys, {
        issuer,
        algorithms,
        currentDate: out.now(),
        requiredClaims: ['exp', 'iat'],
      })
      if (accessToken !== null && !hashMatches(idToken, payload, accessToken)) {
        return { outcome: 'invalid', why: 'at_hash' }
      }
      return { outcome: 'valid', claims: payload, audiences: audiencesOf(payload) }
    } catch (error) {
      const isUnknown = error instanceof errors.JWKSNoMatchingKey
      if (!isUnknown || isFresh) return { outcome: 'invalid', why: codeOf(error) }
    }
  }
  return { outcome: 'invalid', why: 'unknown key' }
}

async function jwksUriOf(
  out: SocialOutside,
  issuer: string,
  { discoveryUrl }: { discoveryUrl: string },
): Promise<string | null> {
  const found = await discover(out, issuer, discoveryUrl)
  return found.outcome === 'found' && found.discovery.jwksUri !== ''
    ? found.discovery.jwksUri
    : null
}

function codeOf(error: unknown): string {
  return error instanceof errors.JOSEError ? error.code : 'unreadable'
}

function audiencesOf({ aud }: JWTPayload): string[] {
  return aud === undefined ? [] : [aud].flat()
}

/** OpenID Connect Core § 3.1.3.6: half of the access token's hash, by the algorithm of the signature. */
function hashMatches(idToken: string, { at_hash }: JWTPayload, accessToken: string): boolean {
  if (at_hash === undefined || at_hash === '') return true
  const { alg = '' } = decodeProtectedHeader(idToken)
  const bits = /(256|384|512)$/.exec(alg)?.[1] ?? '512'
  const hash = createHash(`sha${bits}`).update(accessToken).digest()
  const half = hash.subarray(0, hash.length / 2).toString('base64url')
  return typeof at_hash === 'string' && sameSecret(at_hash, half)
}
