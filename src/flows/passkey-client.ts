import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { after } from '../base/time.ts'
import { deletePasskey, type Passkey, renamePasskey, usePasskey } from '../model/passkey.ts'
import { createPasskeyChallenge } from '../model/passkey-challenge.ts'
import { admit } from './admit.ts'
import {
  clientParty,
  limitQuestions,
  type PasskeyQuestion,
  recognise,
  takePasskeyChallenge,
} from './passkey.ts'
import { askForPasskey, type Holder, keepPasskey, refuseWeak } from './passkey-registration.ts'
import type { SignedIn } from './sign-in.ts'
import { creationAnswer, readAnswer, requestAnswer, requestOptions } from './webauthn.ts'

/** Passkeys for clients whose pages are elsewhere: they hold the challenge's id, and no interaction of ours. */
export interface ClientQuestion extends PasskeyQuestion {
  expiresAt: Date
}

export interface ClientAnswer {
  challengeId: string
  /** `PublicKeyCredential`, as JSON. */
  credential: unknown
}

/** The same question for everybody. Throws `passkey_disabled`. */
export async function startClientSignIn(ctx: Context): Promise<ClientQuestion> {
  const party = clientParty(ctx.config)
  const timeout = ctx.config.gotrue.webauthnChallengeExpiry
  await limitQuestions(ctx)
  const { id: challengeId, challenge } = await createPasskeyChallenge(ctx, {
    type: 'authentication',
    holder: null,
    userId: null,
    relyingPartyId: party.id,
    lifetime: timeout,
  })
  const { allowCredentials: _none, ...options } = requestOptions({
    party,
    challenge,
    known: [],
    timeout,
  })
  return { challengeId, options, expiresAt: after(ctx.now(), timeout) }
}

/** Throws `passkey_expired`, `passkey_unknown`, `passkey_refused`, and what `admit` refuses. */
export async function signInWithClientPasskey(
  ctx: Context,
  { challengeId, credential }: ClientAnswer,
): Promise<SignedIn> {
  const party = clientParty(ctx.config)
  const challenge = await takePasskeyChallenge(ctx, challengeId, {
    type: 'authentication',
    holder: null,
    userId: null,
  })
  const answer = readAnswer(requestAnswer, credential)
  const { user, passkey, use } = await recognise(ctx, { answer, challenge, party })
  const session = await transaction(ctx, async (ctx) => {
    if (!(await usePasskey(ctx, passkey, use))) throw new Fault('passkey_refused')
    return admit(ctx, user, { method: 'passkey', traits: { passkey_id: passkey.id } })
  })
  return { user, session }
}

/** Throws `user_sso_managed`, `insufficient_aal`, `too_many_passkeys`. */
export async function startClientRegistration(
  ctx: Context,
  holder: Holder,
): Promise<ClientQuestion> {
  refuseManaging(holder)
  const timeout = ctx.config.gotrue.webauthnChallengeExpiry
  const party = clientParty(ctx.config)
  const question = await askForPasskey(ctx, holder.user, { party, holder: null, timeout })
  return { ...question, expiresAt: after(ctx.now(), timeout) }
}

/** Throws as above, and `passkey_expired`, `passkey_refused`, `passkey_exists`. */
export async function addClientPasskey(
  ctx: Context,
  holder: Holder,
  { challengeId, credential }: ClientAnswer,
): Promise<Passkey> {
  refuseManaging(holder)
  const challenge = await takePasskeyChallenge(ctx, challengeId, {
    type: 'registration',
    holder: null,
    userId: holder.user.id,
  })
  const answer = readAnswer(creationAnswer, credential)
  const party = clientParty(ctx.config)
  return keepPasskey(ctx, holder.user, { answer, challenge, party })
}

/** Null where the user has no such passkey. */
export function renameClientPasskey(
  ctx: Context,
  holder: Holder,
  passkey: { id: string; name: string },
): Promise<Passkey | null> {
  refuseWeak(holder)
  return transaction(ctx, (ctx) => renamePasskey(ctx, holder.user, passkey))
}

/** Whether there was one to remove. */
export function removeClientPasskey(ctx: Context, holder: Holder, id: string): Promise<boolean> {
  refuseWeak(holder)
  return transaction(ctx, (ctx) => deletePasskey(ctx, holder.user, id))
}

function refuseManaging(holder: Holder): void {
  if (holder.user.isSso) throw new Fault('user_sso_managed', { at: 'passkeys' })
  refuseWeak(holder)
}
