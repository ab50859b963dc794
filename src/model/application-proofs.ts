import { z } from 'zod'
import { publicKeyOf } from '../base/jwt.ts'

/** How an application says who it is (RFC 8414 § 2, OpenID Connect Core § 9). */
export const authMethods = [
  'client_secret_basic',
  'client_secret_post',
  'private_key_jwt',
  'none',
] as const

export type AuthMethod = (typeof authMethods)[number]

/** What applications may sign with: no secrets shared with us, and nothing that is broken or going to be. */
export const proofAlgorithms = [
  'ES256',
  'ES384',
  'ES512',
  'EdDSA',
  'Ed25519',
  'PS256',
  'PS384',
  'PS512',
  'RS256',
  'RS384',
  'RS512',
] as const

const privateMembers = ['d', 'p', 'q', 'dp', 'dq', 'qi', 'oth', 'k']

const publicJwk = z
  .record(z.string().max(64), z.unknown())
  .refine((jwk) => !privateMembers.some((member) => member in jwk), 'must be a public key')
  .refine(isStrongKey, 'must be an RSA key of 2048 bits or more, an EC key or an Ed25519 key')

function isStrongKey(jwk: Record<string, unknown>): boolean {
  try {
    const { asymmetricKeyType, asymmetricKeyDetails } = publicKeyOf(jwk)
    if (asymmetricKeyType === 'rsa') return (asymmetricKeyDetails?.modulusLength ?? 0) >= 2048
    return asymmetricKeyType === 'ec' || asymmetricKeyType === 'ed25519'
  } catch {
    return false
  }
}

/** A set of public keys, as an application registers it or publishes it at its `jwksUri`. */
export const keySet = z.object({ keys: z.array(publicJwk).min(1).max(20) })

export type KeySet = z.infer<typeof keySet>

/** An address that we shall ask: https, but for development and hosts that the configuration trusts. */
const address = z
  .string()
  .max(2048)
  .refine((text) => /^https?:\/\/[\x21-\x7e]+$/i.test(text) && URL.canParse(text), {
    message: 'must be an https:// address',
  })

/** Fields of `oidcClientMetadata`, in RFC 7591's words: how the application and its requests are proved. */
export const proofMetadata = {
  /** Unset: whatever fits the type, which is a secret by either way, or nothing. */
  tokenEndpointAuthMethod: z.enum(authMethods).nullish(),
  tokenEndpointAuthSigningAlg: z.enum(proofAlgorithms).nullish(),
  jwks: keySet.nullish(),
  jwksUri: address.nullish(),
  /** Authorization requests only by PAR (RFC 9126 § 6). */
  requirePushedAuthorizationRequests: z.boolean().optional(),
  /** Authorization requests only as signed objects (RFC 9101 § 10.5). */
  requireSignedRequestObject: z.boolean().optional(),
  requestObjectSigningAlg: z.enum(proofAlgorithms).nullish(),
  /** Tokens only for who proves to hold a key (RFC 9449 § 5.2). */
  dpopBoundAccessTokens: z.boolean().optional(),
  /** Those proofs have to carry our nonce. */
  dpopNonceRequired: z.boolean().optional(),
}

interface Checked {
  isPublic: boolean
  hasSecret: boolean
  oidcClientMetadata: z.infer<z.ZodObject<typeof proofMetadata>>
  isPkceOptional: boolean
}

/** What does not fit together, with the field that it is said of; null when all does. */
export function proofProblem({
  isPublic,
  hasSecret,
  oidcClientMetadata: metadata,
  isPkceOptional,
}: Checked): { path: string[]; message: string } | null {
  const at = (field: string, message: string) => ({ path: ['oidcClientMetadata', field], message })
  const { tokenEndpointAuthMethod: method, jwks, jwksUri } = metadata
  if (method != null && (method === 'none') !== isPublic) {
    const message = isPublic
      ? 'must be none: an application that runs on its user’s machine keeps no secret'
      : 'must not be none for an application that can keep a secret'
    return at('tokenEndpointAuthMethod', message)
  }
  if (jwks != null && jwksUri != null) return at('jwksUri', 'must not stand beside jwks')
  const hasKeys = jwks != null || jwksUri != null
  if (method === 'private_key_jwt' && !hasKeys) {
    return at('tokenEndpointAuthMethod', 'needs jwks or jwksUri')
  }
  if (method === 'private_key_jwt' && hasSecret) {
    return { path: ['secret'], message: 'is of no use to an application that signs' }
  }
  if (metadata.requireSignedRequestObject && !hasKeys) {
    return at('requireSignedRequestObject', 'needs jwks or jwksUri')
  }
  if (isPkceOptional && isPublic) {
    const message = 'is for applications that can keep a secret'
    return { path: ['customClientMetadata', 'isPkceOptional'], message }
  }
  return null
}
