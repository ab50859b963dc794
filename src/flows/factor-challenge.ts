import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { after, second } from '../base/time.ts'
import { createFactorChallenge, takeBackChallenge } from '../model/factor-challenge.ts'
import { findFactorKey } from '../model/factor-key.ts'
import type { Factor, User } from '../model/user.ts'
import { factorEvent } from './factor.ts'
import { clientParty } from './passkey.ts'
import type { Holder } from './passkey-registration.ts'
import { countText, unsent } from './phone-token.ts'
import { checkChannel, findSmsWay, makeSmsCode, sendText } from './sms.ts'
import { creationOptions, requestOptions } from './webauthn.ts'

/** A factor was asked for; the answer goes to `proveFactor` with the id. */
export interface Asked {
  id: string
  expiresAt: Date
  /** What a browser is asked, and whether it makes a key or uses one. */
  ceremony: { type: 'create' | 'request'; options: Record<string, unknown> } | null
}

/**
 * Asks for one of the user's factors: a phone gets its code. Throws `factor_disabled`, `factor_not_found`, and
 * `over_sms_send_rate_limit`, `connector_not_found` or `connector_failed` for phones.
 */
export async function challengeFactor(
  ctx: Context,
  { user, session }: Holder,
  { factor, channel }: { factor: Factor; channel: string },
): Promise<Asked> {
  if (!canVerify(ctx, factor.type)) {
    throw new Fault('factor_disabled', { type: factor.type, at: 'challenge' })
  }
  switch (factor.type) {
    case 'totp':
      return write(ctx, user, { factor, sessionId: session.id })
    case 'phone':
      return challengePhone(ctx, { user, session }, { factor, channel })
    case 'webauthn':
      return challengeKey(ctx, { user, session }, factor)
  }
}

export function canVerify({ config: { gotrue } }: Context, type: Factor['type']): boolean {
  switch (type) {
    case 'totp':
      return gotrue.mfaTotpVerify
    case 'phone':
      return gotrue.mfaPhoneVerify
    case 'webauthn':
      return gotrue.mfaWebauthnVerify
  }
}

async function challengePhone(
  ctx: Context,
  { user, session }: Holder,
  { factor, channel: wished }: { factor: Factor; channel: string },
): Promise<Asked> {
  const { mfaPhoneMaxFrequency, mfaPhoneOtpLength, mfaPhoneTemplate } = ctx.config.gotrue
  const to = factor.phone ?? ''
  const channel = await checkChannel(ctx, wished)
  refuseTooSoon(ctx, factor)
  const way = await findSmsWay(ctx, to)
  const code = makeSmsCode(ctx, way, mfaPhoneOtpLength)
  const sessionId = session.id
  await countText(ctx, way, to)
  const asked = await write(ctx, user, {
    factor,
    sessionId,
    code,
    notWithin: mfaPhoneMaxFrequency,
  })
  try {
    const template = mfaPhoneTemplate
    await sendText(ctx, way, {
      userId: user.id,
      to,
      code,
      channel,
      type: 'MfaVerification',
      template,
    })
  } catch (error) {
    // What did not arrive keeps nobody waiting for the next one.
    await takeBackChallenge(ctx, { id: asked.id, factorId: factor.id })
    throw unsent(ctx, error, 'factor')
  }
  return asked
}

function refuseTooSoon(ctx: Context, { lastChallengedAt }: Factor): void {
  const wait = ctx.config.gotrue.mfaPhoneMaxFrequency
  if (lastChallengedAt === null) return
  const retryAfter = after(lastChallengedAt, wait).getTime() - ctx.now().getTime()
  if (retryAfter > 0) throw new Fault('over_sms_send_rate_limit', { retryAfter })
}

/** A key that was not shown yet is made, one that was is used. */
async function challengeKey(
  ctx: Context,
  { user, session }: Holder,
  factor: Factor,
): Promise<Asked> {
  const party = clientParty(ctx.config)
  const challenge = Buffer.from(ctx.random.bytes(32)).toString('base64url')
  const key = factor.status === 'verified' ? await findFactorKey(ctx, factor.id) : null
  const timeout = ctx.config.gotrue.mfaChallengeSeconds * second
  const name = user.email ?? user.phone ?? user.id
  const known = key === null ? [] : [key]
  const options =
    key === null
      ? creationOptions({
          party,
          challenge,
          user: { id: user.id, name, displayName: user.name ?? name },
          known,
          residentKey: 'discouraged',
          timeout,
        })
      : requestOptions({ party, challenge, known, timeout })
  const asked = await write(ctx, user, {
    factor,
    sessionId: session.id,
    ceremony: {
      challenge,
      rpId: party.id,
      user_id: Buffer.from(user.id).toString('base64'),
      ...(key === null
        ? {}
        : { allowed_credentials: [Buffer.from(key.credentialId, 'base64url').toString('base64')] }),
      expires: after(ctx.now(), timeout).toISOString(),
      userVerification: 'preferred',
    },
  })
  return { ...asked, ceremony: { type: key === null ? 'create' : 'request', options } }
}

async function write(
  ctx: Context,
  user: User,
  {
    factor,
    sessionId,
    code = null,
    ceremony = null,
    notWithin = 0,
  }: {
    factor: Factor
    sessionId: string
    code?: string | null
    ceremony?: Record<string, unknown> | null
    notWithin?: number
  },
): Promise<Asked> {
  const told = factorEvent(ctx, user, {
    type: 'factor.challenged',
    action: 'challenge_created',
    factor,
    sessionId,
    traits: { factor_id: factor.id, factor_status: factor.status },
  })
  const { audit: _unsaid, ...untold } = told
  const asked = await createFactorChallenge(ctx, {
    factorId: factor.id,
    userId: user.id,
    code,
    ceremony,
    notWithin,
    // GoTrue's log does not know of browsers that are asked.
    events: [ceremony === null ? told : untold],
  })
  if (asked === null && notWithin > 0) {
    throw new Fault('over_sms_send_rate_limit', { retryAfter: notWithin })
  }
  if (asked === null) throw new Fault('factor_not_found')
  const expiresAt = after(ctx.now(), ctx.config.gotrue.mfaChallengeSeconds * second)
  return { id: asked.id, expiresAt, ceremony: null }
}
