import type { AuthenticationResponseJSON, RegistrationResponseJSON } from '@simplewebauthn/server'
import { z } from 'zod'
import { Fault } from '../base/fault.ts'
import type { NewFactorKey } from '../model/factor-key.ts'

/** For whom a key is made, and the origins of the pages that may ask for it. */
export interface Party {
  id: string
  name: string
  origins: readonly string[]
}

export interface KnownKey {
  /** Base64url, as browsers say it. */
  credentialId: string
  transports: readonly string[]
}

/** EdDSA, ES256 and RS256 (IANA COSE algorithms). */
export const algorithms = [-8, -7, -257]

/** `PublicKeyCredentialCreationOptions`, as JSON. */
export function creationOptions({
  party,
  challenge,
  user,
  known,
  residentKey,
  timeout,
}: {
  party: Party
  challenge: string
  user: { id: string; name: string; displayName: string }
  known: readonly KnownKey[]
  /** `required`: the key can be asked for without a name. */
  residentKey: 'required' | 'discouraged'
  timeout: number
}): Record<string, unknown> {
  return {
    challenge,
    rp: { id: party.id, name: party.name },
    // GoTrue's handle: the id as text.
    user: { ...user, id: Buffer.from(user.id).toString('base64url') },
    pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
    excludeCredentials: known.map(described),
    authenticatorSelection: {
      residentKey,
      requireResidentKey: residentKey === 'required',
      userVerification: 'preferred',
    },
    attestation: 'none',
    timeout,
  }
}

/** `PublicKeyCredentialRequestOptions`, as JSON. */
export function requestOptions({
  party,
  challenge,
  known,
  timeout,
}: {
  party: Party
  challenge: string
  known: readonly KnownKey[]
  timeout: number
}): Record<string, unknown> {
  return {
    challenge,
    rpId: party.id,
    allowCredentials: known.map(described),
    userVerification: 'preferred',
    timeout,
  }
}

function described({ credentialId, transports }: KnownKey): Record<string, unknown> {
  return { type: 'public-key', id: credentialId, transports }
}

/** The key that a browser made. Throws `passkey_refused`. */
export async function verifyCreation(
  answer: CreationAnswer,
  { challenge, party }: { challenge: string; party: Party },
): Promise<NewFactorKey> {
  const { verified, registrationInfo } = await checked((library) =>
    library.verifyRegistrationResponse({
      response: answer as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: algorithms,
    }),
  )
  if (!verified) throw new Fault('passkey_refused')
  const { credential, aaguid, fmt, credentialDeviceType, credentialBackedUp, userVerified } =
    registrationInfo
  return {
    credentialId: credential.id,
    publicKey: credential.publicKey,
    counter: credential.counter,
    transports: answer.response.transports,
    aaguid,
    attestationType: fmt,
    isBackupEligible: credentialDeviceType === 'multiDevice',
    isBackedUp: credentialBackedUp,
    isUserVerified: userVerified,
  }
}

/** A use of a known key. Throws `passkey_refused`. */
export async function verifyRequest(
  answer: RequestAnswer,
  {
    challenge,
    party,
    key,
  }: {
    challenge: string
    party: Party
    key: { credentialId: string; publicKey: Uint8Array<ArrayBuffer>; counter: number }
  },
): Promise<{ counter: number; isBackedUp: boolean; isUserVerified: boolean }> {
  const { verified, authenticationInfo } = await checked((library) =>
    library.verifyAuthenticationResponse({
      response: answer as AuthenticationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: [...party.origins],
      expectedRPID: party.id,
      requireUserVerification: false,
      credential: { id: key.credentialId, publicKey: key.publicKey, counter: key.counter },
    }),
  )
  if (!verified) throw new Fault('passkey_refused')
  return {
    counter: authenticationInfo.newCounter,
    isBackedUp: authenticationInfo.credentialBackedUp,
    isUserVerified: authenticationInfo.userVerified,
  }
}

type Library = typeof import('@simplewebauthn/server')

/** The library throws at whatever it does not take; loading it takes 100 ms, which no start should wait for. */
async function checked<T>(check: (library: Library) => Promise<T>): Promise<T> {
  const library = await import('@simplewebauthn/server')
  try {
    return await check(library)
  } catch (error) {
    throw new Fault('passkey_refused', {}, { cause: error })
  }
}

/** An answer of a browser, as it was sent. Throws `passkey_refused`. */
export function readAnswer<T>(shape: z.ZodType<T>, answer: unknown): T {
  const read = shape.safeParse(answer)
  if (!read.success) throw new Fault('passkey_refused', { why: 'malformed' }, { cause: read.error })
  return read.data
}

/** The same, as a page wrote it into its form. */
export function readAnswerText<T>(shape: z.ZodType<T>, text: string): T {
  try {
    return readAnswer(shape, JSON.parse(text))
  } catch (error) {
    if (error instanceof Fault) throw error
    throw new Fault('passkey_refused', { why: 'malformed' }, { cause: error })
  }
}

/** Some clients pad what others do not. */
const base64url = z
  .string()
  .max(100_000)
  .transform((text) => text.replace(/=+$/, ''))
  .pipe(z.string().regex(/^[\w-]+$/))

const credential = {
  id: base64url.pipe(z.string().max(1400)),
  rawId: base64url,
  type: z.literal('public-key'),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
}

export const creationAnswer = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z
      .array(z.string().regex(/^[a-z-]{1,20}$/))
      .max(10)
      .default([]),
  }),
})

export const requestAnswer = z.object({
  ...credential,
  response: z.object({
    clientDataJSON: base64url,
    authenticatorData: base64url,
    signature: base64url,
    userHandle: base64url.nullish(),
  }),
})

export type CreationAnswer = z.output<typeof creationAnswer>
export type RequestAnswer = z.output<typeof requestAnswer>

/** What keeps a passkey, by the AAGUID that it tells; empty where that is unknown. */
export function keeperOf(aaguid: string): string {
  return keepers.get(aaguid) ?? ''
}

const keepers = new Map([
  ['fbfc3007-154e-4ecc-8c0b-6e020557d7bd', 'iCloud Keychain'],
  ['ea9b8d66-4d01-1d21-3ce4-b6b48cb575d4', 'Google Password Manager'],
  ['adce0002-35bc-c60a-648b-0b25f1f05503', 'Chrome on Mac'],
  ['08987058-cadc-4b81-b6e1-30de50dcbe96', 'Windows Hello'],
  ['9ddd1817-af5a-4672-a2b9-3e3dd95000a9', 'Windows Hello'],
  ['6028b017-b1d4-4c02-b4b3-afcdafc96bb2', 'Windows Hello'],
  ['bada5566-a7aa-401f-bd96-45619a55120d', '1Password'],
  ['d548826e-79b4-db40-a3d8-11116f7e8349', 'Bitwarden'],
  ['531126d6-e717-415c-9320-3d9aa6981239', 'Dashlane'],
  ['50726f74-6f6e-5061-7373-50726f746f6e', 'Proton Pass'],
  ['fdb141b2-5d84-443e-8a35-4698c205a502', 'KeePassXC'],
])
