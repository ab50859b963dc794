import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import type { NewPasskey } from '../../src/model/passkey.ts'

/** A passkey in software: what a device would keep, and what it would answer. */
export interface SoftwareKey {
  id: Buffer
  /** COSE. */
  publicKey: Buffer
  /** PKCS #8, as a browser's virtual device takes it. */
  privateKey: Buffer
  /** Signs a challenge in, as the JSON that the pages' script posts. */
  answer(challenge: string, at: Place, change?: Partial<Answer>): string
  /** The answer to a question for a new key. */
  register(challenge: string, at: Place, change?: { aaguid?: string }): string
}

interface Place {
  origin: string
  relyingParty: string
}

interface Answer {
  counter: number
  userHandle: string
  /** The flags of the authenticator data: 1 present, 4 verified, 64 with a credential. */
  flags: number
  type: string
}

const base64url = (bytes: Uint8Array | string) => Buffer.from(bytes).toString('base64url')
const sha256 = (bytes: Uint8Array | string) => createHash('sha256').update(bytes).digest()

export function softwareKey(): SoftwareKey {
  const pair = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  const { x = '', y = '' } = pair.publicKey.export({ format: 'jwk' })
  const id = randomBytes(32)
  // { 1: 2 (EC2), 3: -7 (ES256), -1: 1 (P-256), -2: x, -3: y }
  const publicKey = Buffer.concat([
    Buffer.from('a5010203262001215820', 'hex'),
    Buffer.from(x, 'base64url'),
    Buffer.from('225820', 'hex'),
    Buffer.from(y, 'base64url'),
  ])

  return {
    id,
    publicKey,
    privateKey: pair.privateKey.export({ format: 'der', type: 'pkcs8' }),
    answer(challenge, { origin, relyingParty }, change = {}) {
      const { counter = 6, flags = 5, userHandle, type = 'webauthn.get' } = change
      const authenticatorData = authenticatorDataOf(relyingParty, flags, counter)
      const clientData = JSON.stringify({ type, challenge, origin, crossOrigin: false })
      const signed = Buffer.concat([authenticatorData, sha256(clientData)])
      return JSON.stringify({
        id: base64url(id),
        rawId: base64url(id),
        type: 'public-key',
        response: {
          clientDataJSON: base64url(clientData),
          authenticatorData: base64url(authenticatorData),
          signature: base64url(sign('sha256', signed, pair.privateKey)),
          ...(userHandle === undefined ? {} : { userHandle: base64url(userHandle) }),
        },
      })
    },
    register(challenge, { origin, relyingParty }, { aaguid = '' } = {}) {
      const guid = Buffer.alloc(16)
      guid.write(aaguid.replaceAll('-', ''), 'hex')
      const authenticatorData = Buffer.concat([
        authenticatorDataOf(relyingParty, 69, 0),
        guid,
        Buffer.from([0, id.length]),
        id,
        publicKey,
      ])
      // { fmt: 'none', attStmt: {}, authData: … }
      const attestationObject = Buffer.concat([
        Buffer.from('a363666d74646e6f6e656761747453746d74a068617574684461746158', 'hex'),
        Buffer.from([authenticatorData.length]),
        authenticatorData,
      ])
      const clientData = JSON.stringify({ type: 'webauthn.create', challenge, origin })
      return JSON.stringify({
        id: base64url(id),
        rawId: base64url(id),
        type: 'public-key',
        response: {
          clientDataJSON: base64url(clientData),
          attestationObject: base64url(attestationObject),
          transports: ['internal'],
        },
      })
    },
  }
}

/** What a server keeps of it. */
export function newPasskey({ id, publicKey } = softwareKey()): NewPasskey {
  return {
    ...{ credentialId: base64url(id), publicKey, counter: 0, transports: [], name: '' },
    ...{ aaguid: null, attestationType: 'none', isBackupEligible: false, isBackedUp: false },
  }
}

function authenticatorDataOf(relyingParty: string, flags: number, counter: number): Buffer {
  const count = Buffer.alloc(4)
  count.writeUInt32BE(counter)
  return Buffer.concat([sha256(relyingParty), Buffer.from([flags]), count])
}
