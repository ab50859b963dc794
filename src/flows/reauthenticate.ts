import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import { record } from '../model/event.ts'
import { take } from '../model/limit.ts'
import { type NonceProof, spendNonce, tokenHash } from '../model/one-time-token.ts'
import { auditActorOf, type User } from '../model/user.ts'
import { prepareMail, sendMails } from './mail-token.ts'
import { prepareText, sendPreparedText } from './phone-token.ts'
import { findSmsWay, judgeSmsCode } from './sms.ts'

/** Sends a code with which the caller shows that it is still them. Resolves with the id of a message to a phone. */
export async function requestReauthentication(ctx: Context, user: User): Promise<string> {
  const { email, phone } = user
  if (email !== null) {
    if (user.emailVerifiedAt === null) {
      throw new Fault('email_not_confirmed', { at: 'reauthenticate' })
    }
    const mail = await transaction(ctx, async (ctx) => {
      await recordRequest(ctx, user)
      return prepareMail(ctx, user, { letter: 'reauthentication', redirectTo: '' })
    })
    await sendMails(ctx, [mail])
    return ''
  }
  if (phone === null) throw new Fault('input_invalid', { problem: 'nobody-to-reauthenticate' })
  if (user.phoneVerifiedAt === null) {
    throw new Fault('phone_not_confirmed', { at: 'reauthenticate' })
  }
  const way = await findSmsWay(ctx, phone)
  const text = await transaction(ctx, async (ctx) => {
    await recordRequest(ctx, user)
    return prepareText(ctx, user, { purpose: 'reauthentication', phone, channel: 'sms', way })
  })
  return sendPreparedText(ctx, text)
}

function recordRequest(ctx: Tx, user: User): Promise<void> {
  return record(ctx, {
    type: 'reauthentication.requested',
    userId: user.id,
    audit: {
      action: 'user_reauthenticate_requested',
      logType: 'user',
      actor: auditActorOf(user),
    },
  })
}

/**
 * Looks at the code that somebody typed, before the transaction that spends it: a provider may have to be asked. Throws
 * `otp_expired` where that one says no, and `over_request_rate_limit` to whoever guesses.
 */
export async function proofOfNonce(ctx: Context, user: User, nonce: string): Promise<NonceProof> {
  const bounds = { limit: 10, window: 15 * minute }
  const taken = await take(ctx, `reauthenticate:${user.id}`, bounds)
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  if (user.email !== null) return { channel: 'email', hash: tokenHash(user.email, nonce) }
  const phone = user.phone ?? ''
  const isAwaited = user.pending.reauthenticationToken !== ''
  const judged = isAwaited ? await judgeSmsCode(ctx, { phone, code: nonce }) : 'ours'
  if (judged === 'wrong') throw new Fault('otp_expired', { by: 'code' })
  return { channel: 'phone', hash: judged === 'right' ? null : tokenHash(phone, nonce) }
}

/** Spends it, within the transaction of what it allows. Throws `reauthentication_not_valid`. */
export async function spendProof(ctx: Tx, user: User, proof: NonceProof): Promise<void> {
  if (!(await spendNonce(ctx, user.id, proof))) throw new Fault('reauthentication_not_valid')
}
