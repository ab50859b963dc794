import { createCipheriv, createDecipheriv, hkdfSync } from 'node:crypto'
import type { Random } from './random.ts'

/** GoTrue's own encryption of single values (`GOTRUE_SECURITY_DB_ENCRYPTION_*`), so that either can read the other's. */
export interface EnvelopeKeys {
  readonly databaseEncryption: boolean
  readonly databaseKeyId: string | null
  readonly databaseKey: string | null
  readonly databaseKeys: Readonly<Record<string, string>>
}

interface Envelope {
  key_id: string
  alg: 'aes-gcm-hkdf'
  data: string
  nonce: string
}

/** The value as it is to rest: in an envelope for this one object, or in clear where no encryption is wished. */
export function encloseFor(
  { config: { gotrue: keys }, random }: { config: { gotrue: EnvelopeKeys }; random: Random },
  objectId: string,
  text: string,
): string {
  const { databaseEncryption, databaseKeyId, databaseKey } = keys
  if (!databaseEncryption || databaseKeyId === null || databaseKey === null) return text
  const nonce = Buffer.from(random.bytes(12))
  const cipher = createCipheriv('aes-256-gcm', keyFor(databaseKey, objectId), nonce)
  const data = Buffer.concat([cipher.update(text, 'utf8'), cipher.final(), cipher.getAuthTag()])
  return JSON.stringify({
    key_id: databaseKeyId,
    alg: 'aes-gcm-hkdf',
    data: data.toString('base64'),
    nonce: nonce.toString('base64'),
  } satisfies Envelope)
}

/** What rests for an object, opened; what is in no envelope is itself. Throws where the key is not known. */
export function discloseFor(
  { config: { gotrue: keys } }: { config: { gotrue: EnvelopeKeys } },
  objectId: string,
  resting: string,
): string {
  const envelope = envelopeOf(resting)
  if (envelope === null) return resting
  const key =
    keys.databaseKeys[envelope.key_id] ??
    (keys.databaseKeyId === envelope.key_id ? keys.databaseKey : null)
  if (key === null || key === undefined) {
    throw new Error(`Nothing opens what was encrypted with the key ${envelope.key_id}.`)
  }
  const data = Buffer.from(envelope.data, 'base64')
  const nonce = Buffer.from(envelope.nonce, 'base64')
  const decipher = createDecipheriv('aes-256-gcm', keyFor(key, objectId), nonce)
  decipher.setAuthTag(data.subarray(-16))
  return Buffer.concat([decipher.update(data.subarray(0, -16)), decipher.final()]).toString('utf8')
}

/** A key for one object alone: an envelope that is moved to another row does not open. */
function keyFor(key: string, objectId: string): Buffer {
  return Buffer.from(hkdfSync('sha256', Buffer.from(key, 'base64url'), '', objectId, 32))
}

function envelopeOf(resting: string): Envelope | null {
  if (!resting.startsWith('{')) return null
  try {
    const { key_id, alg, data, nonce } = JSON.parse(resting) as Record<string, unknown>
    return typeof key_id === 'string' &&
      alg === 'aes-gcm-hkdf' &&
      typeof data === 'string' &&
      typeof nonce === 'string'
      ? { key_id, alg, data, nonce }
      : null
  } catch {
    return null
  }
}
