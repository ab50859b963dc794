import {
  createCipheriv,
  createDecipheriv,
  createHmac,
  createSecretKey,
  hash,
  hkdfSync,
  type KeyObject,
  randomBytes,
  timingSafeEqual,
} from 'node:crypto'

/** SHA-256, the form in which a secret of 112 bits or more rests in the database. */
export function sha256(text: string | Uint8Array): Buffer {
  return hash('sha256', text, 'buffer')
}

export function hmacSha256(key: Uint8Array, text: string | Uint8Array): Buffer {
  return createHmac('sha256', keyOf(key)).update(text).digest()
}

/** Node asks six times as long of bytes what they are, and twice as long of a key object that is new. */
function keyOf(bytes: Uint8Array): KeyObject {
  const known = keyObjects.get(bytes)
  if (known !== undefined) return known
  const made = createSecretKey(bytes)
  keyObjects.set(bytes, made)
  return made
}

const keyObjects = new WeakMap<Uint8Array, KeyObject>()

/** Compares secrets of any length in constant time. */
export function sameSecret(a: string | Uint8Array, b: string | Uint8Array): boolean {
  return timingSafeEqual(sha256(a), sha256(b))
}

/** The same for hashes and marks, whose length is no secret. */
export function sameHash(a: Uint8Array, b: Uint8Array): boolean {
  return a.length === b.length && timingSafeEqual(a, b)
}

/** The root secret of the installation (`SEKISHO_SECRET`). Each use derives its own key from it. */
export interface RootSecret {
  /** 32 bytes for one purpose (HKDF-SHA256, RFC 5869). */
  key(purpose: string): Buffer
}

export function rootSecret(secret: string): RootSecret {
  const derived = new Map<string, Buffer>()
  return {
    key(purpose) {
      const known = derived.get(purpose)
      if (known !== undefined) return known
      const key = Buffer.from(hkdfSync('sha256', secret, 'sekisho', purpose, 32))
      derived.set(purpose, key)
      return key
    },
  }
}

/**
 * Encrypts with AES-256-GCM. `place` names table, column and row (`idp.keys.sealed_private:kid`): a ciphertext that is
 * moved to another row does not open. Form: `v1.<iv>.<ciphertext and tag>`, base64url.
 */
export function seal(secret: RootSecret, place: string, text: string): string {
  const iv = randomBytes(12)
  const cipher = createCipheriv('aes-256-gcm', secret.key('seal'), iv).setAAD(Buffer.from(place))
  const sealed = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return `v1.${iv.toString('base64url')}.${sealed.toString('base64url')}`
}

/** Opens what `seal` closed at the same place; throws when it was changed, moved, or sealed with another secret. */
export function unseal(secret: RootSecret, place: string, sealed: string): string {
  const [version, iv, body] = sealed.split('.')
  if (version !== 'v1' || iv === undefined || body === undefined) {
    throw new Error(`${place} is not sealed in a form that this version knows.`)
  }
  const bytes = Buffer.from(body, 'base64url')
  const decipher = createDecipheriv('aes-256-gcm', secret.key('seal'), Buffer.from(iv, 'base64url'))
    .setAAD(Buffer.from(place))
    .setAuthTag(bytes.subarray(-16))
  try {
    return Buffer.concat([decipher.update(bytes.subarray(0, -16)), decipher.final()]).toString(
      'utf8',
    )
  } catch (cause) {
    throw new Error(`${place} does not open: was SEKISHO_SECRET changed?`, { cause })
  }
}

const rootSecrets = new WeakMap<object, RootSecret>()

/** The root secret of a configuration, with its derived keys kept. */
export function secretOf(config: { readonly secret: string }): RootSecret {
  const known = rootSecrets.get(config)
  if (known !== undefined) return known
  const made = rootSecret(config.secret)
  rootSecrets.set(config, made)
  return made
}
