import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { record } from '../model/event.ts'
import type { Challenge } from '../model/flow-state.ts'
import { findUserByEmail, findUserByPhone } from '../model/user.ts'
import { startEmailChange } from './account.ts'
import { sendMails } from './mail-token.ts'
import { resendPhoneChange } from './phone-change.ts'
import { sendCodeTo } from './phone-sign-up.ts'
import { askToConfirm } from './sign-up.ts'
import { checkEmail, checkPhone, pretendToMail, pretendToText } from './sign-up-checks.ts'

export type ResendType = 'signup' | 'email_change' | 'sms' | 'phone_change'

/** Sends again what waits to be confirmed. Resolves with the id of a message to a phone, empty where there is none. */
export async function resend(
  ctx: Context,
  request: {
    type: ResendType
    email: string
    phone: string
    challenge: Challenge | null
    redirectTo: string
  },
): Promise<string> {
  const { type, challenge, redirectTo } = request
  if (type === 'sms' || type === 'phone_change') return resendToPhone(ctx, request.phone, type)
  await resendMail(ctx, { type, email: request.email, challenge, redirectTo })
  return ''
}

async function resendMail(
  ctx: Context,
  request: {
    type: 'signup' | 'email_change'
    email: string
    challenge: Challenge | null
    redirectTo: string
  },
): Promise<void> {
  const { type, challenge, redirectTo } = request
  if (!ctx.config.gotrue.emailEnabled) throw new Fault('email_provider_disabled', { at: 'resend' })
  const email = checkEmail(request.email)
  const user = await findUserByEmail(ctx, email)
  if (type === 'signup') {
    if (user === null || user.emailVerifiedAt) return pretendToMail(ctx, `resend:${email}`)
    await askToConfirm(ctx, user, { challenge, redirectTo })
    return
  }
  const newEmail = user?.pending.newEmail
  if (user === null || !newEmail) return pretendToMail(ctx, `resend-change:${email}`)
  const mails = await transaction(ctx, async (ctx) => {
    await record(ctx, {
      type: 'confirmation.requested',
      userId: user.id,
      details: { change: 'email' },
    })
    return startEmailChange(ctx, user, { newEmail, challenge, redirectTo })
  })
  await sendMails(ctx, mails)
}

async function resendToPhone(
  ctx: Context,
  given: string,
  type: 'sms' | 'phone_change',
): Promise<string> {
  if (!ctx.config.gotrue.phoneEnabled) throw new Fault('phone_provider_disabled', { at: 'resend' })
  const phone = checkPhone(given)
  const user = await findUserByPhone(ctx, phone)
  if (type === 'sms' && user !== null && !user.phoneVerifiedAt) return sendCodeTo(ctx, user, 'sms')
  if (type === 'phone_change' && user?.pending.newPhone) return resendPhoneChange(ctx, user)
  // The wait would hide nothing of a change: its answer holds the message's id, and official clients ask twice at once.
  if (type === 'sms') await pretendToText(ctx, `resend-sms:${phone}`)
  return ''
}
