import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { type Audit, record } from '../model/event.ts'
import { type Challenge, createFlowState } from '../model/flow-state.ts'
import { createIdentity } from '../model/identity.ts'
import { take } from '../model/limit.ts'
import { isPhone, normalPhone } from '../model/phone.ts'
import {
  auditActorOf,
  createUser,
  deleteUser,
  findUser,
  findUserByEmail,
  findUserByPhone,
  isEmail,
  type Json,
  normalEmail,
  type User,
} from '../model/user.ts'
import { admit } from './admit.ts'
import { type PreparedMail, prepareMail, sendMails } from './mail-token.ts'
import { checkPasswordRules } from './password-rules.ts'
import type { SignedIn } from './sign-in.ts'

export interface SignUpRequest {
  email: string
  phone: string
  password: string
  /** What the user writes into their own metadata. */
  data: Json
  /** How a code reaches the phone; empty for the usual way. */
  channel: string
  challenge: Challenge | null
  /** Where the confirmation's link leads in the end. */
  redirectTo: string
}

export type SignedUp =
  | ({ outcome: 'signed-in' } & SignedIn)
  | { outcome: 'asked-to-confirm'; user: User }
  /** Somebody has this address, which the answer must not show. */
  | { outcome: 'pretended'; email: string; phone: string }

/** A new account with a password. The order of the checks is GoTrue's: its clients see which one is first. */
export async function signUp(ctx: Context, request: SignUpRequest): Promise<SignedUp> {
  refuseSignUpWhenOff(ctx)
  const { password, challenge } = request
  if (password === '') throw new Fault('password_required')
  checkPasswordRules(ctx.config, password)
  if (request.email !== '' && request.phone !== '') {
    throw new Fault('input_invalid', { problem: 'two-identifiers', at: 'signup' })
  }
  if (request.phone !== '') {
    checkChannel(ctx, request.channel)
    if (challenge !== null) throw new Fault('input_invalid', { problem: 'phone-with-challenge' })
    const phone = checkSignUpPhone(ctx, request.phone)
    // Whether the number is known or not, the answer takes as long.
    return signUpByPhone(ctx, { ...request, phone, passwordHash: await hashPassword(password) })
  }
  const email = checkSignUpEmail(ctx, request.email)
  const passwordHash = await hashPassword(password)
  return signUpByEmail(ctx, { ...request, email, passwordHash })
}

export function refuseSignUpWhenOff(ctx: Tx): void {
  if (ctx.config.gotrue.disableSignup) throw new Fault('signup_disabled')
}

function checkSignUpEmail(ctx: Tx, email: string): string {
  if (!ctx.config.gotrue.emailEnabled) throw new Fault('email_provider_disabled', { at: 'signup' })
  return checkEmail(email)
}

/** The address in the form that is kept. Throws `email_address_invalid`. */
export function checkEmail(email: string): string {
  if (!isEmail(email)) {
    const why = email === '' ? 'missing' : email.length > 255 ? 'too-long' : 'malformed'
    throw new Fault('email_address_invalid', { why })
  }
  return normalEmail(email)
}

function checkSignUpPhone(ctx: Tx, phone: string): string {
  if (!ctx.config.gotrue.phoneEnabled) throw new Fault('phone_provider_disabled', { at: 'signup' })
  return checkPhone(phone)
}

export function checkPhone(phone: string): string {
  const normal = normalPhone(phone)
  if (!isPhone(normal)) throw new Fault('phone_invalid')
  return normal
}

/** GoTrue knows WhatsApp only through Twilio. */
export function checkChannel(ctx: Tx, channel: string): void {
  const channels = /^twilio(_verify)?$/.test(ctx.config.gotrue.smsProvider)
    ? ['', 'sms', 'whatsapp']
    : ['', 'sms']
  if (!channels.includes(channel)) throw new Fault('input_invalid', { problem: 'channel' })
}

export interface EmailSignUp {
  email: string
  /** Null for somebody who came by a magic link. */
  passwordHash: string | null
  data: Json
  challenge: Challenge | null
  redirectTo: string
}

async function signUpByEmail(
  ctx: Context,
  request: EmailSignUp,
  isRetry = false,
): Promise<SignedUp> {
  const { email, redirectTo, challenge } = request
  const found = await findUserByEmail(ctx, email)
  if (found?.emailVerifiedAt) return repeatedSignUp(ctx, found, { email, phone: '' })
  if (found !== null) {
    const user = await askToConfirm(ctx, found, { redirectTo, challenge })
    return { outcome: 'asked-to-confirm', user }
  }
  try {
    return ctx.config.gotrue.mailerAutoconfirm
      ? await transaction(ctx, async (ctx) => ({
          outcome: 'signed-in' as const,
          ...(await createConfirmed(ctx, request)),
        }))
      : await createUnconfirmed(ctx, request)
  } catch (error) {
    // Somebody was faster with this address.
    if (isUniqueViolation(error) && !isRetry) return signUpByEmail(ctx, request, true)
    throw error
  }
}

async function createConfirmed(ctx: Tx, request: EmailSignUp): Promise<SignedIn> {
  const user = await createEmailAccount(ctx, { ...request, isConfirmed: true })
  await record(ctx, {
    type: 'user.signed-up',
    userId: user.id,
    details: { provider: 'email' },
    audit: signedUpAudit(user, { provider: 'email' }),
  })
  const session = await admit(ctx, user, { method: 'password', traits: { provider: 'email' } })
  return { user, session }
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

async function createUnconfirmed(ctx: Context, request: EmailSignUp): Promise<SignedUp> {
  const { user, mail } = await transaction(ctx, async (ctx) => {
    const user = await createEmailAccount(ctx, { ...request, isConfirmed: false })
    await record(ctx, {
      type: 'user.signed-up',
      userId: user.id,
      details: { provider: 'email', confirmed: false },
    })
    return prepareConfirmation(ctx, user, request)
  })
  try {
    await sendMails(ctx, [mail])
  } catch (error) {
    // An account that nobody can confirm, with a password that cannot be corrected, would stand in the way.
    await transaction(ctx, async (ctx) => {
      await deleteUser(ctx, user.id)
      await record(ctx, { type: 'user.deleted', userId: user.id, details: { why: 'mail failed' } })
    })
    throw error
  }
  return { outcome: 'asked-to-confirm', user }
}

/** Both rows of an account with an address. GoTrue shows the identity's data as the user's metadata. */
export async function createEmailAccount(
  ctx: Tx,
  account: {
    email: string
    passwordHash: string | null
    data: Json
    isConfirmed: boolean
    /** An administrator's data are shown as they were sent. */
    isByAdmin?: boolean
  },
): Promise<User> {
  const { email, passwordHash, isConfirmed, isByAdmin = false } = account
  const id = ctx.random.uuid()
  const data = { ...account.data, sub: id, email, email_verified: false, phone_verified: false }
  await createUser(ctx, {
    id,
    email,
    passwordHash,
    emailVerified: isConfirmed,
    metadata: {
      app: { provider: 'email', providers: ['email'] },
      own: isByAdmin ? account.data : { ...data, email_verified: isConfirmed },
    },
  })
  await createIdentity(ctx, { userId: id, provider: 'email', subject: id, data })
  return existing(await findUser(ctx, id))
}

function existing(user: User | null): User {
  if (user === null) throw new Fault('user_not_found')
  return user
}

/** Writes what the confirmation's mail carries, and reads the user again, who shows when it was sent. */
async function prepareConfirmation(
  ctx: Tx,
  user: User,
  { redirectTo, challenge }: { redirectTo: string; challenge: Challenge | null },
): Promise<{ user: User; mail: PreparedMail }> {
  await record(ctx, {
    type: 'confirmation.requested',
    userId: user.id,
    details: { provider: 'email' },
    audit: {
      action: 'user_confirmation_requested',
      logType: 'user',
      actor: auditActorOf(user),
      traits: { provider: 'email' },
    },
  })
  if (challenge !== null) {
    await createFlowState(ctx, {
      userId: user.id,
      challenge,
      providerType: 'email',
      authenticationMethod: 'email/signup',
    })
  }
  const isPkce = challenge !== null
  const mail = await prepareMail(ctx, user, { letter: 'confirmation', redirectTo, isPkce })
  return { user: existing(await findUser(ctx, user.id)), mail }
}

/** Mails the confirmation's link to somebody who has not confirmed yet. */
export async function askToConfirm(
  ctx: Context,
  user: User,
  request: { redirectTo: string; challenge: Challenge | null },
): Promise<User> {
  const asked = await transaction(ctx, (ctx) => prepareConfirmation(ctx, user, request))
  await sendMails(ctx, [asked.mail])
  return asked.user
}

async function repeatedSignUp(
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
  await pretendToMail(ctx, `sign-up:${identifier.email}${identifier.phone}`)
  return { outcome: 'pretended', ...identifier }
}

/** An address that gets no mail is refused as often as one that does: being told to wait would tell them apart. */
export async function pretendToMail(ctx: Context, key: string): Promise<void> {
  const window = ctx.config.gotrue.smtpMaxFrequency
  if (window === 0) return
  const taken = await take(ctx, key, { limit: 1, window })
  if (!taken.allowed) {
    throw new Fault('over_email_send_rate_limit', { retryAfter: taken.retryAfter })
  }
}

async function signUpByPhone(
  ctx: Context,
  request: { phone: string; passwordHash: string | null; data: Json; channel: string },
): Promise<SignedUp> {
  const { phone, passwordHash } = request
  const found = await findUserByPhone(ctx, phone)
  if (found?.phoneVerifiedAt) return repeatedSignUp(ctx, found, { email: '', phone })
  // No connector of this version sends to phones: a number is believed, or nothing can be done.
  if (found !== null || !ctx.config.gotrue.smsAutoconfirm) {
    throw new Fault('connector_not_found', { channel: 'sms' })
  }
  return transaction(ctx, async (ctx) => {
    const id = ctx.random.uuid()
    const data = { ...request.data, sub: id, phone, email_verified: false, phone_verified: false }
    await createUser(ctx, {
      id,
      phone,
      phoneVerified: true,
      passwordHash,
      metadata: { app: { provider: 'phone', providers: ['phone'] }, own: data },
    })
    await createIdentity(ctx, { userId: id, provider: 'phone', subject: id, data })
    const user = existing(await findUser(ctx, id))
    const traits = { provider: 'phone', channel: request.channel || 'sms' }
    await record(ctx, {
      type: 'user.signed-up',
      userId: id,
      details: traits,
      audit: signedUpAudit(user, traits),
    })
    const session = await admit(ctx, user, { method: 'password', traits: { provider: 'phone' } })
    return { outcome: 'signed-in' as const, user, session }
  })
}

/** A user without address or number. GoTrue's log says nothing of them. */
export async function signUpAnonymously(ctx: Context, data: Json): Promise<SignedIn> {
  if (!ctx.config.gotrue.anonymousEnabled) throw new Fault('anonymous_provider_disabled')
  refuseSignUpWhenOff(ctx)
  return transaction(ctx, async (ctx) => {
    const user = await createUser(ctx, { isAnonymous: true, metadata: { own: data } })
    await record(ctx, { type: 'user.signed-up', userId: user.id, details: { anonymous: true } })
    const session = await admit(ctx, user, { method: 'anonymous', audit: null })
    return { user, session }
  })
}

/** For somebody who asked for a magic link and has no confirmed account: with autoconfirmation there is one now. */
export async function signUpForLink(
  ctx: Context,
  request: Omit<EmailSignUp, 'passwordHash'>,
): Promise<User | null> {
  refuseSignUpWhenOff(ctx)
  const signUp = { ...request, passwordHash: null }
  const found = await findUserByEmail(ctx, request.email)
  if (found === null && ctx.config.gotrue.mailerAutoconfirm) {
    return transaction(ctx, async (ctx) => {
      const user = await createEmailAccount(ctx, { ...signUp, isConfirmed: true })
      const traits = { provider: 'email' }
      await record(ctx, {
        type: 'user.signed-up',
        userId: user.id,
        details: traits,
        audit: signedUpAudit(user, traits),
      })
      return user
    })
  }
  await signUpByEmail(ctx, signUp)
  return null
}
