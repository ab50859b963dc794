import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isForeignKeyViolation, isUniqueViolation } from '../base/sql-error.ts'
import { hour } from '../base/time.ts'
import { createPasskey, deletePasskey, listPasskeys, type Passkey } from '../model/passkey.ts'
import { createPasskeyChallenge, passkeyChallengeLifetime } from '../model/passkey-challenge.ts'
import type { Session } from '../model/session.ts'
import { lockUser, type User } from '../model/user.ts'
import { refuseBanned } from './admit.ts'
import {
  limitQuestions,
  type PasskeyQuestion,
  relyingParty,
  takePasskeyChallenge,
} from './passkey.ts'
import {
  type CreationAnswer,
  creationAnswer,
  creationOptions,
  keeperOf,
  type Party,
  readAnswerText,
  verifyCreation,
} from './webauthn.ts'

/** Who changes their own passkeys and factors, by their session. */
export interface Holder {
  user: User
  session: Session
}

/** Who signed in this short a time ago may change how they sign in. */
const freshness = 1 * hour

export function isFresh(ctx: Context, { session }: Holder): boolean {
  const proved = Math.max(...session.amr.map(({ at }) => at.getTime()), 0)
  return proved > ctx.now().getTime() - freshness
}

/** Who has a second factor shows it first: a stolen password shall not add a key that outlives it. */
export function isWeak({ user, session }: Holder): boolean {
  return session.aal === 'aal1' && user.factors.some(({ status }) => status === 'verified')
}

/** Throws `insufficient_aal`. */
export function refuseWeak(holder: Holder): void {
  if (isWeak(holder)) throw new Fault('insufficient_aal', { at: 'passkeys' })
}

/**
 * Throws `reauthentication_needed`, `insufficient_aal`, `too_many_passkeys`, `passkey_disabled`, and for whom passkeys
 * are not.
 */
export async function startPasskeyRegistration(
  ctx: Context,
  holder: Holder,
): Promise<PasskeyQuestion> {
  const party = relyingParty(ctx.config)
  refuse(ctx, holder)
  const timeout = passkeyChallengeLifetime
  return askForPasskey(ctx, holder.user, { party, holder: holder.session.id, timeout })
}

/** The question for a new passkey, whoever asks it. Throws `too_many_passkeys`. */
export async function askForPasskey(
  ctx: Context,
  user: User,
  { party, holder, timeout }: { party: Party; holder: string | null; timeout: number },
): Promise<PasskeyQuestion> {
  const known = await listPasskeys(ctx, user.id)
  refuseMore(ctx, known)
  await limitQuestions(ctx)
  const { id: challengeId, challenge } = await createPasskeyChallenge(ctx, {
    type: 'registration',
    holder,
    userId: user.id,
    relyingPartyId: party.id,
    lifetime: timeout,
  })
  const name = user.email ?? user.username ?? user.phone ?? user.id
  const options = creationOptions({
    party,
    challenge,
    user: { id: user.id, name, displayName: user.name ?? name },
    known,
    residentKey: 'required',
    timeout,
  })
  return { challengeId, options }
}

function refuseMore(ctx: Tx, known: readonly Passkey[]): void {
  const max = ctx.config.gotrue.passkeyMaxPerUser
  if (known.length >= max) throw new Fault('too_many_passkeys', { max })
}

/** Keeps the key that the browser made. Throws `passkey_expired`, `passkey_refused`, `passkey_exists`. */
export async function addPasskey(
  ctx: Context,
  holder: Holder,
  given: { challengeId: string; credential: string },
): Promise<Passkey> {
  const party = relyingParty(ctx.config)
  refuse(ctx, holder)
  const challenge = await takePasskeyChallenge(ctx, given.challengeId, {
    type: 'registration',
    holder: holder.session.id,
    userId: holder.user.id,
  })
  const answer = readAnswerText(creationAnswer, given.credential)
  return keepPasskey(ctx, holder.user, { answer, challenge, party })
}

/** Keeps what a browser made, whoever asked for it. Throws `passkey_refused`, `passkey_exists`, `too_many_passkeys`. */
export async function keepPasskey(
  ctx: Context,
  user: User,
  { answer, challenge, party }: { answer: CreationAnswer; challenge: string; party: Party },
): Promise<Passkey> {
  const key = await verifyCreation(answer, { challenge, party })
  try {
    return await transaction(ctx, async (ctx) => {
      // Two that are added at once are counted one after the other.
      await lockUser(ctx, user.id)
      refuseMore(ctx, await listPasskeys(ctx, user.id))
      return createPasskey(ctx, user, { ...key, name: keeperOf(key.aaguid) })
    })
  } catch (error) {
    if (isUniqueViolation(error)) throw new Fault('passkey_exists', {}, { cause: error })
    if (isForeignKeyViolation(error)) throw new Fault('user_not_found', {}, { cause: error })
    throw error
  }
}

/** Whether there was one to remove. */
export async function removePasskey(ctx: Context, holder: Holder, id: string): Promise<boolean> {
  refuseBanned(ctx, holder.user)
  refuseStale(ctx, holder)
  return transaction(ctx, (ctx) => deletePasskey(ctx, holder.user, id))
}

function refuse(ctx: Context, holder: Holder): void {
  const { user } = holder
  refuseBanned(ctx, user)
  if (user.isSso) throw new Fault('user_sso_managed')
  if (user.isAnonymous) throw new Fault('email_not_confirmed')
  refuseStale(ctx, holder)
}

function refuseStale(ctx: Context, holder: Holder): void {
  if (!isFresh(ctx, holder)) throw new Fault('reauthentication_needed')
  refuseWeak(holder)
}
