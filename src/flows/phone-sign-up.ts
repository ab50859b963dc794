import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import type { SmsChannel } from '../connectors/index.ts'
import { record } from '../model/event.ts'
import { createIdentity } from '../model/identity.ts'
import { normalPhone } from '../model/phone.ts'
import {
  auditActorOf,
  createUser,
  deleteUser,
  existingUser,
  findUserByPhone,
  type Json,
  type User,
} from '../model/user.ts'
import { admit } from './admit.ts'
import { type Approval, approve, withApproval } from './hooks/new-user.ts'
import { type PreparedText, prepareText, sendPreparedText } from './phone-token.ts'
import {
  checkPhone,
  recordConfirmationRequest,
  refuseSignUpWhenOff,
  repeatedSignUp,
  type SignedUp,
  signedUpAudit,
} from './sign-up-checks.ts'
import { checkChannel, findSmsWay, type SmsWay } from './sms.ts'

export interface PhoneSignUp {
  phone: string
  /** Null for somebody who only asked for a code. */
  passwordHash: string | null
  data: Json
  channel: SmsChannel
  approval: Approval
}

/** A new account with a number, which is believed, or proved with a code. */
export async function signUpByPhone(
  ctx: Context,
  request: PhoneSignUp,
  isRetry = false,
): Promise<SignedUp> {
  const { phone, channel } = request
  const found = await findUserByPhone(ctx, phone)
  if (found?.phoneVerifiedAt) return repeatedSignUp(ctx, found, { email: '', phone })
  if (found !== null) {
    const user = await askToConfirmPhone(ctx, found, channel)
    // Whoever names a number that nobody proved is shown nothing of an account that is somebody's by their address.
    return user.emailVerifiedAt === null
      ? { outcome: 'asked-to-confirm', user }
      : { outcome: 'pretended', email: '', phone }
  }
  try {
    if (!ctx.config.gotrue.smsAutoconfirm) return await createUnconfirmed(ctx, request)
    return await transaction(ctx, async (ctx) => {
      const user = await createConfirmed(ctx, request)
      const session = await admit(ctx, user, { method: 'password', traits: { provider: 'phone' } })
      return { outcome: 'signed-in' as const, user, session }
    })
  } catch (error) {
    if (!isUniqueViolation(error)) throw error
    // Somebody was faster with this number, or has it in a directory of single sign-on.
    if (isRetry) throw new Fault('phone_exists', { at: 'account' }, { cause: error })
    return signUpByPhone(ctx, request, true)
  }
}

async function createConfirmed(ctx: Tx, request: PhoneSignUp): Promise<User> {
  const user = await createPhoneAccount(ctx, { ...request, isConfirmed: true })
  const traits = { provider: 'phone', channel: request.channel }
  await record(ctx, {
    type: 'user.signed-up',
    userId: user.id,
    details: traits,
    audit: signedUpAudit(user, traits),
  })
  return user
}

async function createUnconfirmed(ctx: Context, request: PhoneSignUp): Promise<SignedUp> {
  const { phone, channel } = request
  const way = await findSmsWay(ctx, phone)
  const { user, text } = await transaction(ctx, async (ctx) => {
    const user = await createPhoneAccount(ctx, { ...request, isConfirmed: false })
    await record(ctx, {
      type: 'user.signed-up',
      userId: user.id,
      details: { provider: 'phone', confirmed: false },
    })
    return prepareConfirmation(ctx, user, { channel, way })
  })
  try {
    await sendPreparedText(ctx, text)
  } catch (error) {
    // An account that nobody can confirm, with a password that cannot be corrected, would stand in the way.
    await transaction(ctx, async (ctx) => {
      await deleteUser(ctx, user.id)
      await record(ctx, { type: 'user.deleted', userId: user.id, details: { why: 'text failed' } })
    })
    throw error
  }
  return { outcome: 'asked-to-confirm', user }
}

async function createPhoneAccount(
  ctx: Tx,
  { phone, passwordHash, isConfirmed, ...request }: PhoneSignUp & { isConfirmed: boolean },
): Promise<User> {
  const app = { provider: 'phone', providers: ['phone'] }
  const metadata = { app, own: request.data }
  const id = approve(ctx, request.approval, { phone, metadata })
  const data = { ...request.data, sub: id, phone, email_verified: false, phone_verified: false }
  await createUser(ctx, {
    id,
    phone,
    phoneVerified: isConfirmed,
    passwordHash,
    metadata: { app, own: data },
  })
  await createIdentity(ctx, { userId: id, provider: 'phone', subject: id, data })
  return existingUser(ctx, id)
}

async function prepareConfirmation(
  ctx: Tx,
  user: User,
  { channel, way }: { channel: SmsChannel; way: SmsWay },
): Promise<{ user: User; text: PreparedText }> {
  await recordConfirmationRequest(ctx, user, 'phone')
  const phone = user.phone ?? ''
  const text = await prepareText(ctx, user, { purpose: 'confirmation', phone, channel, way })
  return { user: await existingUser(ctx, user.id), text }
}

/** Sends the code to somebody who has not confirmed their number yet. */
async function askToConfirmPhone(ctx: Context, user: User, channel: SmsChannel): Promise<User> {
  const way = await findSmsWay(ctx, user.phone ?? '')
  const asked = await transaction(ctx, (ctx) => prepareConfirmation(ctx, user, { channel, way }))
  await sendPreparedText(ctx, asked.text)
  return asked.user
}

/** A code that signs in; somebody without a confirmed account gets the one that confirms. Resolves with the message's id. */
export async function sendPhoneCode(
  ctx: Context,
  request: { phone: string; createUser: boolean; data: Json; channel: string },
): Promise<string> {
  const channel = await checkChannel(ctx, request.channel)
  if (!request.createUser) {
    const known = await findUserByPhone(ctx, normalPhone(request.phone))
    if (known === null) throw new Fault('otp_disabled')
  }
  const { phoneEnabled, smsAutoconfirm } = ctx.config.gotrue
  if (!phoneEnabled) throw new Fault('phone_provider_disabled', { at: 'otp' })
  const phone = checkPhone(request.phone)
  const signUp = { phone, passwordHash: null, data: request.data, channel }
  const found = await findUserByPhone(ctx, phone)
  if (found?.phoneVerifiedAt) return sendCodeTo(ctx, found, channel)
  refuseSignUpWhenOff(ctx)
  if (found === null && smsAutoconfirm) {
    await findSmsWay(ctx, phone)
    const user = await withApproval(ctx, (approval) =>
      transaction(ctx, (ctx) => createConfirmed(ctx, { ...signUp, approval })),
    )
    return sendCodeTo(ctx, user, channel)
  }
  await withApproval(ctx, (approval) => signUpByPhone(ctx, { ...signUp, approval }))
  return ''
}

/** GoTrue's log calls it a recovery. */
export async function sendCodeTo(ctx: Context, user: User, channel: SmsChannel): Promise<string> {
  const phone = user.phone ?? ''
  const way = await findSmsWay(ctx, phone)
  const text = await transaction(ctx, async (ctx) => {
    await record(ctx, {
      type: 'recovery.requested',
      userId: user.id,
      details: { method: 'otp', channel },
      audit: {
        action: 'user_recovery_requested',
        logType: 'user',
        actor: auditActorOf(user),
        traits: { channel },
      },
    })
    return prepareText(ctx, user, { purpose: 'confirmation', phone, channel, way })
  })
  return sendPreparedText(ctx, text)
}
