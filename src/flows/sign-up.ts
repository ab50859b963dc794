import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { record } from '../model/event.ts'
import { type Challenge, createFlowState } from '../model/flow-state.ts'
import { createIdentity } from '../model/identity.ts'
import {
  createUser,
  deleteUser,
  existingUser,
  findUserByEmail,
  type Json,
  type User,
} from '../model/user.ts'
import { admit } from './admit.ts'
import { type Approval, approve, withApproval } from './hooks/new-user.ts'
import { type PreparedMail, prepareMail, sendMails } from './mail-token.ts'
import { checkPasswordRules } from './password-rules.ts'
import { signUpByPhone } from './phone-sign-up.ts'
import type { SignedIn } from './sign-in.ts'
import {
  checkEmail,
  checkPhone,
  recordConfirmationRequest,
  refuseSignUpWhenOff,
  repeatedSignUp,
  type SignedUp,
  signedUpAudit,
} from './sign-up-checks.ts'
import { checkChannel } from './sms.ts'

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

/** A new account with a password. The order of the checks is GoTrue's: its clients see which one is first. */
export async function signUp(ctx: Context, request: SignUpRequest): Promise<SignedUp> {
  refuseSignUpWhenOff(ctx)
  const { password, challenge } = request
  if (password === '') throw new Fault('password_required')
  await checkPasswordRules(ctx, password)
  if (request.email !== '' && request.phone !== '') {
    throw new Fault('input_invalid', { problem: 'two-identifiers', at: 'signup' })
  }
  if (request.phone !== '') {
    const channel = await checkChannel(ctx, request.channel)
    if (challenge !== null) throw new Fault('input_invalid', { problem: 'phone-with-challenge' })
    const phone = checkSignUpPhone(ctx, request.phone)
    // Whether the number is known or not, the answer takes as long.
    const passwordHash = await hashPassword(ctx, password)
    return withApproval(ctx, (approval) =>
      signUpByPhone(ctx, { ...request, phone, channel, passwordHash, approval }),
    )
  }
  const email = checkSignUpEmail(ctx, request.email)
  const passwordHash = await hashPassword(ctx, password)
  return withApproval(ctx, (approval) =>
    signUpByEmail(ctx, { ...request, email, passwordHash, approval }),
  )
}

function checkSignUpEmail(ctx: Tx, email: string): string {
  if (!ctx.config.gotrue.emailEnabled) throw new Fault('email_provider_disabled', { at: 'signup' })
  return checkEmail(email)
}

function checkSignUpPhone(ctx: Tx, phone: string): string {
  if (!ctx.config.gotrue.phoneEnabled) throw new Fault('phone_provider_disabled', { at: 'signup' })
  return checkPhone(phone)
}

export interface EmailSignUp {
  email: string
  /** Null for somebody who came by a magic link. */
  passwordHash: string | null
  data: Json
  challenge: Challenge | null
  redirectTo: string
  approval: Approval
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
    approval: Approval
    /** An administrator's data are shown as they were sent. */
    isByAdmin?: boolean
  },
): Promise<User> {
  const { email, passwordHash, isConfirmed, isByAdmin = false } = account
  const app = { provider: 'email', providers: ['email'] }
  const metadata = { app, own: account.data }
  const id = approve(ctx, account.approval, { email, metadata })
  const data = { ...account.data, sub: id, email, email_verified: false, phone_verified: false }
  await createUser(ctx, {
    id,
    email,
    passwordHash,
    emailVerified: isConfirmed,
    metadata: {
      app,
      own: isByAdmin ? account.data : { ...data, email_verified: isConfirmed },
    },
  })
  await createIdentity(ctx, { userId: id, provider: 'email', subject: id, data })
  return existingUser(ctx, id)
}

/** Writes what the confirmation's mail carries, and reads the user again, who shows when it was sent. */
async function prepareConfirmation(
  ctx: Tx,
  user: User,
  { redirectTo, challenge }: { redirectTo: string; challenge: Challenge | null },
): Promise<{ user: User; mail: PreparedMail }> {
  await recordConfirmationRequest(ctx, user, 'email')
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
  return { user: await existingUser(ctx, user.id), mail }
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

/** A user without address or number. GoTrue's log says nothing of them. */
export async function signUpAnonymously(ctx: Context, data: Json): Promise<SignedIn> {
  if (!ctx.config.gotrue.anonymousEnabled) throw new Fault('anonymous_provider_disabled')
  refuseSignUpWhenOff(ctx)
  return withApproval(ctx, (approval) =>
    transaction(ctx, async (ctx) => {
      const newcomer = { isAnonymous: true, metadata: { own: data } }
      const id = approve(ctx, approval, newcomer)
      const user = await createUser(ctx, { ...newcomer, id })
      await record(ctx, { type: 'user.signed-up', userId: user.id, details: { anonymous: true } })
      const session = await admit(ctx, user, { method: 'anonymous', audit: null })
      return { user, session }
    }),
  )
}

/** For somebody who asked for a magic link and has no confirmed account: with autoconfirmation there is one now. */
export async function signUpForLink(
  ctx: Context,
  request: Omit<EmailSignUp, 'passwordHash' | 'approval'>,
): Promise<User | null> {
  refuseSignUpWhenOff(ctx)
  return withApproval(ctx, (approval) =>
    signUpWithoutPassword(ctx, { ...request, approval, passwordHash: null }),
  )
}

async function signUpWithoutPassword(ctx: Context, signUp: EmailSignUp): Promise<User | null> {
  const found = await findUserByEmail(ctx, signUp.email)
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
