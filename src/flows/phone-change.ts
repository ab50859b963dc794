import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import type { SmsChannel } from '../connectors/index.ts'
import { record } from '../model/event.ts'
import { auditActorOf, findUserByPhone, type User, updateUser } from '../model/user.ts'
import { announce } from './notices.ts'
import { prepareText, sendPreparedText } from './phone-token.ts'
import { namePhoneIdentity } from './redeem.ts'
import { findSmsWay, type SmsWay } from './sms.ts'

/** A change of number that may be made: believed at once, or after a code that goes `way`. */
export type PhoneChange =
  | { phone: string; isBelieved: true }
  | { phone: string; isBelieved: false; channel: SmsChannel; way: SmsWay }

/** Looks whether a number may become the user's. Throws `phone_exists`, or `connector_not_found`. */
export async function planPhoneChange(
  ctx: Context,
  { phone, channel }: { phone: string; channel: SmsChannel },
): Promise<PhoneChange> {
  if ((await findUserByPhone(ctx, phone)) !== null) {
    throw new Fault('phone_exists', { at: 'account' })
  }
  if (ctx.config.gotrue.smsAutoconfirm) return { phone, isBelieved: true }
  return { phone, isBelieved: false, channel, way: await findSmsWay(ctx, phone) }
}

/** The number is the user's without a proof, because the configuration says so. An anonymous user is one no more. */
export async function believePhone(ctx: Tx, user: User, phone: string): Promise<void> {
  const change = { phone, phoneVerified: true, isAnonymous: false }
  const changed = (await updateUser(ctx, user.id, change)) ?? user
  await namePhoneIdentity(ctx, changed, phone)
  await announce(ctx, changed, 'phoneChanged', { Phone: phone, OldPhone: user.phone ?? '' })
  await record(ctx, {
    type: 'user.updated',
    userId: user.id,
    details: { phone },
    audit: { action: 'user_modified', logType: 'user', actor: auditActorOf(user) },
  })
}

/** Sends the code of a change that waits once more. */
export async function resendPhoneChange(ctx: Context, user: User): Promise<string> {
  const phone = user.pending.newPhone
  const way = await findSmsWay(ctx, phone)
  const text = await transaction(ctx, async (ctx) => {
    await record(ctx, {
      type: 'confirmation.requested',
      userId: user.id,
      details: { change: 'phone' },
    })
    return prepareText(ctx, user, { purpose: 'phone_change', phone, channel: 'sms', way })
  })
  return sendPreparedText(ctx, text)
}
