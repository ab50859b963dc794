import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault, isFault } from '../base/fault.ts'
import { record } from '../model/event.ts'
import { raiseSession } from '../model/factor.ts'
import { type FactorKey, listFactorKeys, useFactorKey } from '../model/factor-key.ts'
import type { Interaction } from '../model/interaction.ts'
import { listPasskeys, type Passkey, raiseByPasskey, usePasskey } from '../model/passkey.ts'
import { createPasskeyChallenge, passkeyChallengeLifetime } from '../model/passkey-challenge.ts'
import type { Session } from '../model/session.ts'
import { type Factor, lockUser, type User } from '../model/user.ts'
import { factorEvent } from './factor.ts'
import { canVerify } from './factor-challenge.ts'
import { forgiveGuesses, limitGuesses } from './factor-proof.ts'
import {
  clientParty,
  limitQuestions,
  type PasskeyQuestion,
  refuseStranger,
  relyingParty,
  relyingPartyOf,
  takePasskeyChallenge,
} from './passkey.ts'
import type { Holder } from './passkey-registration.ts'
import {
  type RequestAnswer,
  readAnswerText,
  requestAnswer,
  requestOptions,
  verifyRequest,
} from './webauthn.ts'

/** What somebody can hold to a browser as a second factor: a security key among their factors, or a passkey. */
type SecondKey =
  | { type: 'webauthn'; factor: Factor; key: FactorKey }
  | { type: 'passkey'; key: Passkey }

type Use = Awaited<ReturnType<typeof verifyRequest>>

/** The keys that a hosted page can ask for; those that were made for another name than its own do not answer here. */
export async function listSecondKeys(ctx: Context, user: User): Promise<SecondKey[]> {
  const party = relyingPartyOf(ctx.config)
  if (party === null) return []
  const isOfOurName = clientParty(ctx.config).id === party.id && canVerify(ctx, 'webauthn')
  const factors = isOfOurName ? user.factors.filter(isShownKey) : []
  const known = factors.length === 0 ? null : await listFactorKeys(ctx, user.id)
  const passkeys = await listPasskeys(ctx, user.id)
  return [
    ...factors.flatMap((factor): SecondKey[] => {
      const key = known?.get(factor.id)
      return key === undefined ? [] : [{ type: 'webauthn', factor, key }]
    }),
    ...passkeys.map((key): SecondKey => ({ type: 'passkey', key })),
  ]
}

function isShownKey({ type, status }: Factor): boolean {
  return type === 'webauthn' && status === 'verified'
}

/**
 * Asks for whichever of the user's keys is at hand. Throws `factor_not_found` where there is none, `passkey_disabled`,
 * `over_request_rate_limit`.
 */
export async function startKeyStepUp(
  ctx: Context,
  interaction: Interaction,
  { user }: Holder,
): Promise<PasskeyQuestion> {
  const party = relyingParty(ctx.config)
  const keys = await listSecondKeys(ctx, user)
  if (keys.length === 0) throw new Fault('factor_not_found')
  await limitQuestions(ctx)
  const { id: challengeId, challenge } = await createPasskeyChallenge(ctx, {
    ...askedOf(interaction, user),
    relyingPartyId: party.id,
    lifetime: passkeyChallengeLifetime,
  })
  const known = keys.map(({ key }) => key)
  const timeout = passkeyChallengeLifetime
  return { challengeId, options: requestOptions({ party, challenge, known, timeout }) }
}

/** A question at a sign-in has no user, and one of a client no interaction: none is answered in another's place. */
function askedOf({ id }: Interaction, user: User) {
  return { type: 'authentication', holder: id, userId: user.id } as const
}

export interface ShownKey {
  challengeId: string
  /** The browser's answer, as JSON. */
  credential: string
}

/**
 * Raises the browser's session by the answer. Throws `passkey_expired`, `passkey_refused`, `over_request_rate_limit`, and
 * `session_not_found` where the session ended meanwhile.
 */
export async function stepUpByKey(
  ctx: Context,
  interaction: Interaction,
  { holder, shown }: { holder: Holder; shown: ShownKey },
): Promise<void> {
  const { user } = holder
  await limitGuesses(ctx, user)
  const challenge = await takePasskeyChallenge(ctx, shown.challengeId, askedOf(interaction, user))
  try {
    const answer = readAnswerText(requestAnswer, shown.credential)
    const { second, use } = await checkKey(ctx, holder, { answer, challenge })
    await transaction(ctx, async (ctx) => {
      if (!(await lockUser(ctx, user.id))) throw new Fault('user_not_found')
      if (!(await raise(ctx, holder, { second, use, challengeId: shown.challengeId }))) {
        throw new Fault('session_not_found')
      }
      await forgiveGuesses(ctx, user)
    })
  } catch (error) {
    if (isFault(error, 'passkey_refused')) {
      const details = { factor: 'webauthn' }
      await record(ctx, { type: 'verification.failed', userId: user.id, details })
    }
    throw error
  }
}

/** Which of the user's own keys answered. */
async function checkKey(
  ctx: Context,
  { user, session }: Holder,
  { answer, challenge }: { answer: RequestAnswer; challenge: string },
): Promise<{ second: SecondKey; use: Use }> {
  const keys = await listSecondKeys(ctx, user)
  const second = keys.find(({ key }) => key.credentialId === answer.id)
  if (second === undefined) throw new Fault('passkey_refused')
  refuseStranger(user.id, answer)
  const party = relyingParty(ctx.config)
  const use = await verifyRequest(answer, { challenge, party, key: second.key })
  // Who came by a passkey has shown that they hold it: a second time it has to know who they are.
  if (second.type === 'passkey' && isByPasskeyAlone(session) && !use.isUserVerified) {
    throw new Fault('passkey_refused', { why: 'unverified' })
  }
  return { second, use }
}

function isByPasskeyAlone({ amr }: Session): boolean {
  return amr.every(({ method }) => method === 'passkey')
}

/** False where the session ended meanwhile. */
async function raise(
  ctx: Tx,
  { user, session }: Holder,
  { second, use, challengeId }: { second: SecondKey; use: Use; challengeId: string },
): Promise<boolean> {
  if (second.type === 'passkey') {
    if (!(await usePasskey(ctx, second.key, use))) throw new Fault('passkey_refused')
    return raiseByPasskey(ctx, second.key, session.id)
  }
  const { factor } = second
  if (!(await useFactorKey(ctx, factor.id, use))) throw new Fault('passkey_refused')
  const told = factorEvent(ctx, user, {
    type: 'factor.used',
    action: 'verification_attempted',
    factor,
    sessionId: session.id,
    traits: { factor_id: factor.id, challenge_id: challengeId, factor_type: factor.type },
  })
  const raised = await raiseSession(ctx, {
    factor: { ...factor, userId: user.id },
    sessionId: session.id,
    events: [told],
  })
  return raised !== null
}
