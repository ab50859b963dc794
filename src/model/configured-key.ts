import type { Config } from '../base/config.ts'
import { readKey } from '../base/jwk.ts'
import type { SigningKey, VerifyingKey } from '../base/jwt.ts'

/** The keys of GoTrue's face that the environment gives in place of our own. */
export interface ConfiguredKeys {
  signing: SigningKey
  verifying: VerifyingKey[]
  published: Record<string, string>[]
}

const read = new WeakMap<object, ConfiguredKeys>()

/**
 * `GOTRUE_JWT_KEYS`, of which one signs, and `GOTRUE_JWT_SECRET`, which signs where it is alone (reference/gotrue.md
 * § 0.2, § 2.5). Null where neither is given: then the keys are made here.
 */
export function configuredKeys({ gotrue }: Pick<Config, 'gotrue'>): ConfiguredKeys | null {
  const known = read.get(gotrue)
  if (known !== undefined) return known
  const { jwtKeys, jwtSecret, jwtKeyId } = gotrue
  if (jwtKeys.length === 0 && jwtSecret === null) return null
  const keys = jwtKeys.map(readKey)
  const secret: (SigningKey & VerifyingKey) | null =
    jwtSecret === null
      ? null
      : {
          // Beside other keys it has no name: a token without `kid`, or with an unknown one, is tried with it.
          kid: jwtKeys.length === 0 ? jwtKeyId : null,
          algorithm: 'HS256',
          private: Buffer.from(jwtSecret),
          public: Buffer.from(jwtSecret),
        }
  const signing = keys.find((key) => key.signing !== null)?.signing ?? secret
  if (signing === null) throw new Error('No key of GOTRUE_JWT_KEYS signs.')
  const methods = methodsOf(
    gotrue.jwtValidMethods,
    keys.map(({ verifying }) => verifying),
  )
  const configured = {
    signing,
    // The bare secret first: it is the one that a token of HS256 is tried with when its key is not named.
    verifying: [
      ...(secret === null ? [] : [secret]),
      ...keys.map(({ verifying }) => verifying),
    ].filter(({ algorithm }) => methods === null || methods.has(algorithm)),
    published: keys.flatMap(({ publicJwk }) => (publicJwk === null ? [] : [publicJwk])),
  }
  read.set(gotrue, configured)
  return configured
}

/** Which algorithms are accepted: those that are named, else those of the keys; null for all. */
function methodsOf(
  named: readonly string[],
  keys: readonly VerifyingKey[],
): ReadonlySet<string> | null {
  if (named.length > 0) return new Set(named)
  return keys.length === 0 ? null : new Set(keys.map(({ algorithm }) => algorithm))
}
