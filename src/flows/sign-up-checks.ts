import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { type Audit, record } from '../model/event.ts'
import { take } from '../model/limit.ts'
import { isPhone, normalPhone } from '../model/phone.ts'
import { auditActorOf, isEmail, normalEmail, type User } from '../model/user.ts'
import { countSent } from './sent-limit.ts'
import type { SignedIn } from './sign-in.ts'

/** What every way of signing up looks at first, and says in the end. */

export type SignedUp =
  | ({ outcome: 'signed-in' } & SignedIn)
  | { outcome: 'asked-to-confirm'; user: User }
  /** Somebody has this address, which the answer must not show. */
  | { outcome: 'pretended'; email: string; phone: string }

export function refuseSignUpWhenOff(ctx: Tx): void {
  if (ctx.config.gotrue.disableSignup) throw new Fault('signup_disabled')
}

/** The address in the form that is kept. Throws `email_address_invalid`. */
export function checkEmail(email: string): string {
  if (!isEmail(email)) {
    const why = email === '' ? 'missing' : email.length > 255 ? 'too-long' : 'malformed'
    throw new Fault('email_address_invalid', { why })
  }
  return normalEmail(email)
}

/** The number in the form that is kept. Throws `phone_invalid`. */
export function checkPhone(phone: string): string {
  const normal = normalPhone(phone)
  if (!isPhone(normal)) throw new Fault('phone_invalid')
  return normal
}

/** GoTrue's entry for an account that was confirmed. */
export function signedUpAudit(user: User, traits?: Record<string, unknown>): Audit {
  return {
    action: 'user_signedup',
    logType: 'team',
    actor: auditActorOf(user),
    ...(traits === undefined ? {} : { traits }),
  }
}

/** Records that somebody was asked to confirm their address or number. */
export function recordConfirmationRequest(
  ctx: Tx,
  user: User,
  provider: 'email' | 'phone',
): Promise<void> {
  const traits = { provider }
  return record(ctx, {
    type: 'confirmation.requested',
    userId: user.id,
    details: traits,
    audit: {
      action: 'user_confirmation_requested',
      logType: 'user',
      actor: auditActorOf(user),
      traits,
    },
  })
}

/** Somebody signs up with what has a confirmed account already, which the answer must not show. */
export async function repeatedSignUp(
  ctx: Context,
  user: User,
  identifier: { email: string; phone: string },
): Promise<SignedUp> {
  const { mailerAutoconfirm, smsAutoconfirm } = ctx.config.gotrue
  const traits = { provider: identifier.email === '' ? 'phone' : 'email' }
  await record(ctx, {
    type: 'user.repeated-sign-up',
    userId: user.id,
    details: traits,
    audit: { action: 'user_repeated_signup', logType: 'user', actor: auditActorOf(user), traits },
  })
  if (mailerAutoconfirm || smsAutoconfirm) throw new Fault('user_already_exists')
  if (identifier.email === '') await pretendToText(ctx, `sign-up:${identifier.phone}`)
  else await pretendToMail(ctx, `sign-up:${identifier.email}`)
  return { outcome: 'pretended', ...identifier }
}

/** An address that gets no mail is refused as often as one that does: being told to wait would tell them apart. */
export async function pretendToMail(ctx: Context, key: string): Promise<void> {
  const retryAfter = await waitFor(ctx, key, ctx.config.gotrue.smtpMaxFrequency)
  if (retryAfter !== null) throw new Fault('over_email_send_rate_limit', { retryAfter })
  await countSent(ctx, 'email')
}

/** The same for a number that gets no message. */
export async function pretendToText(ctx: Context, key: string): Promise<void> {
  const retryAfter = await waitFor(ctx, key, ctx.config.gotrue.smsMaxFrequency)
  if (retryAfter !== null) throw new Fault('over_sms_send_rate_limit', { retryAfter })
  await countSent(ctx, 'sms')
}

async function waitFor(ctx: Context, key: string, window: number): Promise<number | null> {
  if (window === 0) return null
  const taken = await take(ctx, key, { limit: 1, window })
  return taken.allowed ? null : taken.retryAfter
}
