import { type Context, type Tx, transaction } from '../base/context.ts'
import { sameSecret } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { day, minute } from '../base/time.ts'
import { totpStep } from '../base/totp.ts'
import { record } from '../model/event.ts'
import { findSecret, raiseSession, spendStep } from '../model/factor.ts'
import {
  type Ceremony,
  type FactorChallenge,
  findFactorChallenge,
  spendFactorChallenge,
} from '../model/factor-challenge.ts'
import { findFactorKey, keepFactorKey, useFactorKey } from '../model/factor-key.ts'
import { forgive, take } from '../model/limit.ts'
import { type Factor, lockUser, type User } from '../model/user.ts'
import { factorEvent } from './factor.ts'
import { canVerify } from './factor-challenge.ts'
import { reviewFactor } from './hooks/attempt.ts'
import { announce } from './notices.ts'
import { clientParty } from './passkey.ts'
import type { Holder } from './passkey-registration.ts'
import { judgeSmsCode } from './sms.ts'
import {
  creationAnswer,
  type Party,
  readAnswer,
  requestAnswer,
  verifyCreation,
  verifyRequest,
} from './webauthn.ts'

/** What somebody shows: the digits of an app or a phone, or the answer of a browser. */
export type Proof =
  | { type: 'code'; code: string }
  | { type: 'create' | 'request'; credential: unknown }

export interface Proving {
  factor: Factor
  challengeId: string
  proof: Proof
}

/** Does, in the transaction that spends the challenge, what this proof needs beside; false where it came too late. */
type Spend = (ctx: Tx) => Promise<boolean>

/**
 * Takes the answer to `challengeFactor`. The session reaches aal2, the user's sessions below it end, and so does what
 * else was begun of the factor's kind. Throws `factor_disabled`, `factor_not_found` (at: 'challenge'),
 * `factor_challenge_spent`, `factor_challenge_expired`, `factor_code_wrong`, `factor_rejected`, `passkey_refused`,
 * `over_request_rate_limit`, and `session_not_found` where the session ended meanwhile.
 */
export async function proveFactor(
  ctx: Context,
  { user, session }: Holder,
  { factor, challengeId, proof }: Proving,
): Promise<{ isFirstProof: boolean }> {
  if (!canVerify(ctx, factor.type)) {
    throw new Fault('factor_disabled', { type: factor.type, at: 'verify' })
  }
  const challenge = await findFactorChallenge(ctx, { id: challengeId, factorId: factor.id })
  if (challenge === null) throw new Fault('factor_not_found', { at: 'challenge' })
  if (challenge.isSpentOrForeign) throw new Fault('factor_challenge_spent')
  if (challenge.isExpired) throw new Fault('factor_challenge_expired', { id: challenge.id })
  await limitGuesses(ctx, factor)
  const spend = await check(ctx, { user, factor, challenge, proof })

  return transaction(ctx, async (ctx) => {
    // Who raises two sessions at once does so one after the other: each would end the other.
    if (!(await lockUser(ctx, user.id))) throw new Fault('user_not_found')
    if (!(await spendFactorChallenge(ctx, challenge.id))) throw new Fault('factor_challenge_spent')
    if (!(await spend(ctx))) throw wrong(factor)
    const raised = await raiseSession(ctx, {
      factor: { ...factor, userId: user.id },
      sessionId: session.id,
      events: [
        factorEvent(ctx, user, {
          type: 'factor.used',
          action: 'verification_attempted',
          factor,
          sessionId: session.id,
          traits: { factor_id: factor.id, challenge_id: challenge.id, factor_type: factor.type },
        }),
      ],
    })
    if (raised === null) throw new Fault('session_not_found', { at: 'bearer' })
    if (raised.isFirstProof) {
      await announce(ctx, user, 'factorEnrolled', { FactorType: factor.type })
    }
    await forgiveGuesses(ctx, factor)
    return raised
  })
}

function check(
  ctx: Context,
  {
    user,
    factor,
    challenge,
    proof,
  }: { user: User; factor: Factor; challenge: FactorChallenge; proof: Proof },
): Promise<Spend> {
  if (proof.type !== 'code') {
    if (factor.type !== 'webauthn' || challenge.ceremony === null) throw wrong(factor)
    const { ceremony } = challenge
    return proof.type === 'create'
      ? checkNewKey(ctx, factor, ceremony, proof.credential)
      : checkKey(ctx, factor, ceremony, proof.credential)
  }
  switch (factor.type) {
    case 'totp':
      return checkTotp(ctx, { user, factor, code: proof.code })
    case 'phone':
      return checkPhone(ctx, { user, factor, challenge, code: proof.code })
    case 'webauthn':
      throw wrong(factor)
  }
}

interface Attempt {
  user: User
  factor: Factor
  code: string
}

async function checkTotp(ctx: Context, { user, factor, code }: Attempt): Promise<Spend> {
  const secret = await findSecret(ctx, factor.id)
  if (secret === null) throw new Fault('factor_not_found')
  const step = totpStep(secret, code, ctx.now())
  await judge(ctx, { user, factor, isRight: step !== null })
  return (ctx) => (step === null ? Promise.resolve(false) : spendStep(ctx, factor.id, step))
}

async function checkPhone(
  ctx: Context,
  { user, factor, challenge, code }: Attempt & { challenge: FactorChallenge },
): Promise<Spend> {
  const said = await judgeSmsCode(ctx, { phone: factor.phone ?? '', code })
  const isOurs = challenge.code !== null && sameSecret(challenge.code, code.trim())
  await judge(ctx, { user, factor, isRight: said === 'ours' ? isOurs : said === 'right' })
  return () => Promise.resolve(true)
}

/** Every attempt with digits passes here, right or wrong: the one place for who has a say in it. */
async function judge(
  ctx: Context,
  { user, factor, isRight }: { user: User; factor: Factor; isRight: boolean },
): Promise<void> {
  if (!isRight) {
    await record(ctx, {
      type: 'verification.failed',
      userId: user.id,
      details: { factor: factor.type, id: factor.id },
    })
  }
  await reviewFactor(ctx, user, { factor, isRight })
  if (!isRight) throw wrong(factor)
}

function wrong({ type }: Factor): Fault {
  return type === 'webauthn'
    ? new Fault('passkey_refused')
    : new Fault('factor_code_wrong', { type })
}

async function checkNewKey(
  ctx: Context,
  factor: Factor,
  ceremony: Ceremony,
  credential: unknown,
): Promise<Spend> {
  const { challenge } = ceremony
  const answer = readAnswer(creationAnswer, credential)
  const key = await verifyCreation(answer, { challenge, party: partyOf(ctx, ceremony) })
  return (ctx) => keepFactorKey(ctx, factor.id, key)
}

async function checkKey(
  ctx: Context,
  factor: Factor,
  ceremony: Ceremony,
  credential: unknown,
): Promise<Spend> {
  const { challenge } = ceremony
  const answer = readAnswer(requestAnswer, credential)
  const key = await findFactorKey(ctx, factor.id)
  if (key === null || key.credentialId !== answer.id) throw new Fault('passkey_refused')
  const use = await verifyRequest(answer, { challenge, party: partyOf(ctx, ceremony), key })
  return (ctx) => useFactorKey(ctx, factor.id, use)
}

/** The name that the browser was asked under. */
function partyOf(ctx: Context, { relyingPartyId }: Ceremony): Party {
  return { ...clientParty(ctx.config), id: relyingPartyId }
}

/**
 * Ten tries in a row in five minutes, a hundred in a day, whatever challenge they answer: three of a million codes are
 * right at a time (NIST SP 800-63B § 3.2.2). A right one begins the count anew.
 */
function guessesAt({ id }: { id: string }) {
  return [
    { key: `factor:${id}`, limit: 10, window: 5 * minute },
    { key: `factor-day:${id}`, limit: 100, window: 1 * day },
  ]
}

export async function limitGuesses(ctx: Context, guessed: { id: string }): Promise<void> {
  for (const { key, ...bounds } of guessesAt(guessed)) {
    const taken = await take(ctx, key, bounds)
    if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  }
}

export async function forgiveGuesses(ctx: Tx, guessed: { id: string }): Promise<void> {
  await forgive(
    ctx,
    guessesAt(guessed).map(({ key }) => key),
  )
}
