import type { Context } from '../../base/context.ts'
import { findUser, type Json } from '../../model/user.ts'
import { askHook } from './ask.ts'
import { userJson } from './present.ts'

/** What a mail is about, by GoTrue's names; what does not apply is empty. */
export interface EmailData {
  token: string
  token_hash: string
  redirect_to: string
  email_action_type: string
  token_new: string
  token_hash_new: string
  old_email: string
  old_phone: string
  provider: string
  factor_type: string
}

/** Hands a mail to the hook that sends in our stead. Nothing is sent to somebody who is gone. */
export async function sendEmailByHook(
  ctx: Context,
  userId: string,
  data: Partial<EmailData>,
): Promise<void> {
  const user = await findUser(ctx, userId)
  if (user === null) return
  await askHook(ctx, 'sendEmail', { user: userJson(user), email_data: wholeOf(ctx, data) })
}

function wholeOf(ctx: Context, data: Partial<EmailData>): Json {
  return {
    token: '',
    token_hash: '',
    redirect_to: '',
    email_action_type: '',
    // Sic: what is called the site is where clients of GoTrue come in.
    site_url: ctx.config.gotrue.externalUrl,
    token_new: '',
    token_hash_new: '',
    old_email: '',
    old_phone: '',
    provider: '',
    factor_type: '',
    ...data,
  }
}

/** Hands a code to the hook that sends it to the phone. */
export async function sendTextByHook(
  ctx: Context,
  userId: string,
  { code, phone, isFactor }: { code: string; phone: string; isFactor: boolean },
): Promise<void> {
  const user = await findUser(ctx, userId)
  if (user === null) return
  await askHook(ctx, 'sendSms', {
    user: userJson(user),
    sms: { otp: code, ...(isFactor ? { sms_type: 'mfa' } : {}), phone },
  })
}
