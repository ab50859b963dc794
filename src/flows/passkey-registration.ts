import type { RegistrationResponseJSON } from '@simplewebauthn/server'
import { z } from 'zod'
import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isForeignKeyViolation, isUniqueViolation } from '../base/sql-error.ts'
import { hour } from '../base/time.ts'
import {
  createPasskey,
  deletePasskey,
  listPasskeys,
  type NewPasskey,
  type Passkey,
} from '../model/passkey.ts'
import {
  createPasskeyChallenge,
  passkeyChallengeLifetime,
  spendPasskeyChallenge,
} from '../model/passkey-challenge.ts'
import type { Session } from '../model/session.ts'
import type { User } from '../model/user.ts'
import { refuseBanned } from './admit.ts'
import {
  base64url,
  checked,
  limitQuestions,
  type PasskeyQuestion,
  readAnswer,
  relyingParty,
} from './passkey.ts'

/** Who changes their own passkeys, by the session of their browser. */
export interface Holder {
  user: User
  session: Session
}

/** GoTrue's limit, too. */
const mostPasskeys = 10

/** Who signed in this short a time ago may change how they sign in. */
const freshness = 1 * hour

export function isFresh(ctx: Context, { session }: Holder): boolean {
  const proved = Math.max(...session.amr.map(({ at }) => at.getTime()), 0)
  return proved > ctx.now().getTime() - freshness
}

/** Throws `reauthentication_needed`, `too_many_passkeys`, `passkey_disabled`, and for whom passkeys are not. */
export async function startPasskeyRegistration(
  ctx: Context,
  holder: Holder,
): Promise<PasskeyQuestion> {
  const { user, session } = holder
  const party = relyingParty(ctx.config)
  const known = await refuse(ctx, holder)
  await limitQuestions(ctx)
  const { id: challengeId, challenge } = await createPasskeyChallenge(ctx, {
    type: 'registration',
    holder: session.id,
    userId: user.id,
    relyingPartyId: party.id,
  })
  const name = user.email ?? user.username ?? user.phone ?? user.id
  return {
    challengeId,
    options: {
      challenge,
      rp: { id: party.id, name: party.id },
      // GoTrue's handle: the id as text.
      user: {
        id: Buffer.from(user.id).toString('base64url'),
        name,
        displayName: user.name ?? name,
      },
      pubKeyCredParams: algorithms.map((alg) => ({ type: 'public-key', alg })),
      excludeCredentials: known.map(({ credentialId, transports }) => ({
        type: 'public-key',
        id: credentialId,
        transports,
      })),
      authenticatorSelection: {
        residentKey: 'required',
        requireResidentKey: true,
        userVerification: 'preferred',
      },
      attestation: 'none',
      timeout: passkeyChallengeLifetime,
    },
  }
}

/** Keeps the key that the browser made. Throws `passkey_expired`, `passkey_refused`, `passkey_exists`. */
export async function addPasskey(
  ctx: Context,
  holder: Holder,
  given: { challengeId: string; credential: string },
): Promise<Passkey> {
  const { user, session } = holder
  await refuse(ctx, holder)
  const challenge = await spendPasskeyChallenge(ctx, given.challengeId, {
    type: 'registration',
    holder: session.id,
  })
  if (challenge === null) throw new Fault('passkey_expired')
  const passkey = await verify(ctx, readAnswer(answer, given.credential), challenge)
  try {
    return await transaction(ctx, (ctx) => createPasskey(ctx, user, passkey))
  } catch (error) {
    if (isUniqueViolation(error)) throw new Fault('passkey_exists', {}, { cause: error })
    if (isForeignKeyViolation(error)) throw new Fault('user_not_found', {}, { cause: error })
    throw error
  }
}

/** Whether there was one to remove. */
export async function removePasskey(ctx: Context, holder: Holder, id: string): Promise<boolean> {
  refuseBanned(ctx, holder.user)
  if (!isFresh(ctx, holder)) throw new Fault('reauthentication_needed')
  return transaction(ctx, (ctx) => deletePasskey(ctx, holder.user, id))
}

async function refuse(ctx: Context, holder: Holder): Promise<Passkey[]> {
  const { user } = holder
  refuseBanned(ctx, user)
  if (user.isSso) throw new Fault('user_sso_managed')
  if (user.isAnonymous) throw new Fault('email_not_confirmed')
  if (!isFresh(ctx, holder)) throw new Fault('reauthentication_needed')
  const known = await listPasskeys(ctx, user.id)
  if (known.length >= mostPasskeys) throw new Fault('too_many_passkeys', { max: mostPasskeys })
  return known
}

async function verify(
  ctx: Context,
  response: z.infer<typeof answer>,
  challenge: string,
): Promise<NewPasskey> {
  const party = relyingParty(ctx.config)
  const { verified, registrationInfo } = await checked((library) =>
    library.verifyRegistrationResponse({
      response: response as RegistrationResponseJSON,
      expectedChallenge: challenge,
      expectedOrigin: party.origin,
      expectedRPID: party.id,
      requireUserVerification: false,
      supportedAlgorithmIDs: algorithms,
    }),
  )
  if (!verified) throw new Fault('passkey_refused')
  const { credential, aaguid, fmt, credentialDeviceType, credentialBackedUp } = registrationInfo
  return {
    credentialId: credential.id,
    publicKey: credential.publicKey,
    counter: credential.counter,
    transports: response.response.transports,
    name: keepers.get(aaguid) ?? '',
    aaguid,
    attestationType: fmt,
    isBackupEligible: credentialDeviceType === 'multiDevice',
    isBackedUp: credentialBackedUp,
  }
}

/** EdDSA, ES256 and RS256 (IANA COSE algorithms). */
const algorithms = [-8, -7, -257]

const answer = z.object({
  id: base64url.max(1400),
  rawId: base64url,
  type: z.literal('public-key'),
  response: z.object({
    clientDataJSON: base64url,
    attestationObject: base64url,
    transports: z
      .array(z.string().regex(/^[a-z-]{1,20}$/))
      .max(10)
      .default([]),
  }),
  clientExtensionResults: z.record(z.string(), z.unknown()).default({}),
})

/** What keeps a passkey, by the AAGUID that it tells. */
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
