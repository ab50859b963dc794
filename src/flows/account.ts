import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword, passwordMatches } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { after, day } from '../base/time.ts'
import { record } from '../model/event.ts'
import { type Challenge, createFlowState } from '../model/flow-state.ts'
import { clearTokens, spendNonce } from '../model/one-time-token.ts'
import { endSessionsOf, type Session } from '../model/session.ts'
import {
  auditActorOf,
  findUser,
  findUserByEmail,
  findUserByPhone,
  type Json,
  type User,
  type UserChange,
  updateUser,
} from '../model/user.ts'
import { type PreparedMail, prepareEmailChange, prepareMail, sendMails } from './mail-token.ts'
import { checkPasswordRules } from './password-rules.ts'
import { nameEmailIdentity, namePhoneIdentity } from './redeem.ts'
import { checkChannel, checkEmail, checkPhone } from './sign-up.ts'

/** What a user may change of themself; what is empty or null stays. */
export interface AccountChange {
  email: string
  phone: string
  password: string | null
  currentPassword: string | null
  /** The code of `requestReauthentication`. */
  nonce: string
  data: Json | null
  /** Only administrators may: refused here. */
  appMetadata: Json | null
  channel: string
  challenge: Challenge | null
  redirectTo: string
}

/** Who asks, and by which session. */
export interface Caller {
  user: User
  session: Session | null
}

/** Changes the caller's account. A new e-mail address waits until it, and where wanted the old one too, said yes. */
export async function updateAccount(
  ctx: Context,
  caller: Caller,
  change: AccountChange,
): Promise<User> {
  const { user, session } = caller
  const email = change.email === '' ? null : checkEmail(change.email)
  const phone = change.phone === '' ? null : checkPhone(change.phone)
  if (phone !== null) checkChannel(ctx, change.channel)
  if (change.password !== null) checkPasswordRules(ctx.config, change.password)
  refuse(ctx, caller, change, { email, phone })
  const newEmail = email === user.email ? null : email
  const newPhone = phone === user.phone ? null : phone
  if (newEmail !== null && (await findUserByEmail(ctx, newEmail)) !== null)
    throw new Fault('email_exists')
  if (newPhone !== null) await checkNewPhone(ctx, newPhone)
  const passwordHash = change.password === null ? null : await checkNewPassword(ctx, caller, change)

  const { gotrue } = ctx.config
  const isBelieved = newEmail !== null && user.isAnonymous && gotrue.mailerAutoconfirm
  const { updated, mails } = await transaction(ctx, async (ctx) => {
    if (passwordHash !== null)
      await changePassword(ctx, { user, session }, { ...change, passwordHash })
    const userChange: UserChange = {
      ...(change.data === null
        ? {}
        : { metadata: { own: mergeJson(user.metadata.own, change.data) } }),
      ...(isBelieved ? { email: newEmail, emailVerified: true, isAnonymous: false } : {}),
      ...(newPhone === null ? {} : { phone: newPhone, phoneVerified: true, isAnonymous: false }),
    }
    const changed = (await updateUser(ctx, user.id, userChange)) ?? user
    if (isBelieved) await nameEmailIdentity(ctx, changed, newEmail)
    if (newPhone !== null) await namePhoneIdentity(ctx, changed, newPhone)
    const mails =
      newEmail === null || isBelieved
        ? []
        : await startEmailChange(ctx, user, { ...change, newEmail })
    await record(ctx, {
      type: 'user.updated',
      userId: user.id,
      sessionId: session?.id ?? null,
      details: {
        changed: namesOf({
          email: newEmail,
          phone: newPhone,
          password: passwordHash,
          data: change.data,
        }),
      },
      audit: { action: 'user_modified', logType: 'user', actor: auditActorOf(user) },
    })
    return { updated: await findUser(ctx, user.id), mails }
  }).catch(sayTaken)
  await sendMails(ctx, mails)
  if (updated === null) throw new Fault('user_not_found')
  return updated
}

function namesOf(values: Record<string, unknown>): string[] {
  return Object.keys(values).filter((name) => values[name] !== null)
}

/** Somebody else was faster with the address or the number. */
function sayTaken(error: unknown): never {
  if (isUniqueViolation(error, 'users_phone_key'))
    throw new Fault('phone_exists', { at: 'account' }, { cause: error })
  if (isUniqueViolation(error)) throw new Fault('email_exists', {}, { cause: error })
  throw error
}

function refuse(
  ctx: Tx,
  { user, session }: Caller,
  change: AccountChange,
  { email, phone }: { email: string | null; phone: string | null },
): void {
  if (change.appMetadata !== null && !ctx.config.gotrue.jwtAdminRoles.includes(user.databaseRole)) {
    throw new Fault('not_admin', { at: 'app_metadata' })
  }
  const touchesCredentials = email !== null || change.password !== null
  const hasFactor = user.factors.some(({ status }) => status === 'verified')
  if (touchesCredentials && hasFactor && session?.aal === 'aal1') {
    throw new Fault('insufficient_aal', { at: 'account' })
  }
  const hasIdentifier =
    user.email !== null || user.phone !== null || email !== null || phone !== null
  if (user.isAnonymous && change.password !== null && !hasIdentifier) {
    throw new Fault('input_invalid', { problem: 'anonymous-password' })
  }
  if (user.isSso && (touchesCredentials || phone !== null)) throw new Fault('user_sso_managed')
}

async function checkNewPhone(ctx: Context, phone: string): Promise<void> {
  if ((await findUserByPhone(ctx, phone)) !== null)
    throw new Fault('phone_exists', { at: 'account' })
  // No connector of this version sends to phones: a number is believed, or nothing can be done.
  if (!ctx.config.gotrue.smsAutoconfirm) throw new Fault('connector_not_found', { channel: 'sms' })
}

/** The new password's hash, if the caller may set it. */
async function checkNewPassword(
  ctx: Context,
  { user, session }: Caller,
  { password, currentPassword, nonce }: AccountChange,
): Promise<string> {
  const { updatePasswordRequireReauthentication, updatePasswordRequireCurrentPassword } =
    ctx.config.gotrue
  const isOld = session === null || after(session.createdAt, day) <= ctx.now()
  if (updatePasswordRequireReauthentication && isOld && nonce === '') {
    throw new Fault('reauthentication_needed')
  }
  const wasProved = session?.amr.some(({ method }) =>
    ['recovery', 'otp', 'magiclink'].includes(method),
  )
  if (updatePasswordRequireCurrentPassword && user.passwordHash !== null && !wasProved) {
    if (!currentPassword) throw new Fault('current_password_required')
    if (!(await passwordMatches(currentPassword, user.passwordHash))) {
      throw new Fault('current_password_invalid')
    }
  }
  if (user.passwordHash !== null && (await passwordMatches(password ?? '', user.passwordHash))) {
    throw new Fault('same_password')
  }
  return hashPassword(password ?? '')
}

/** Every other session ends, and every code and link that waits: somebody else may hold one. */
async function changePassword(
  ctx: Tx,
  { user, session }: Caller,
  { passwordHash, nonce }: { passwordHash: string; nonce: string },
): Promise<void> {
  const needsNonce =
    ctx.config.gotrue.updatePasswordRequireReauthentication &&
    (session === null || after(session.createdAt, day) <= ctx.now())
  if (
    needsNonce &&
    !(await spendNonce(ctx, {
      userId: user.id,
      recipient: user.email ?? user.phone ?? '',
      code: nonce,
    }))
  ) {
    throw new Fault('reauthentication_not_valid')
  }
  await updateUser(ctx, user.id, { passwordHash })
  await clearTokens(ctx, user.id)
  const ended = await endSessionsOf(ctx, user.id, { except: session?.id })
  await record(ctx, {
    type: 'user.password-changed',
    userId: user.id,
    sessionId: session?.id ?? null,
    details: { by: 'user', endedSessions: ended.length },
    audit: { action: 'user_updated_password', logType: 'user', actor: auditActorOf(user) },
  })
}

/** Writes what the mails of a change of address carry, and the flow that a PKCE client finishes. */
export async function startEmailChange(
  ctx: Tx,
  user: User,
  {
    newEmail,
    challenge,
    redirectTo,
  }: { newEmail: string; challenge: Challenge | null; redirectTo: string },
): Promise<PreparedMail[]> {
  if (challenge !== null) {
    await createFlowState(ctx, {
      userId: user.id,
      challenge,
      providerType: 'email_change',
      authenticationMethod: 'email_change',
    })
  }
  const isPkce = challenge !== null
  return prepareEmailChange(ctx, user, { letter: 'emailChange', newEmail, redirectTo, isPkce })
}

/** A shallow merge in which null deletes. */
export function mergeJson(present: Json, change: Json): Json {
  const merged = Object.entries({ ...present, ...change })
  return Object.fromEntries(merged.filter(([name]) => change[name] !== null))
}

/** Mails a code with which the caller shows that it is still them. */
export async function requestReauthentication(ctx: Context, user: User): Promise<void> {
  const { email } = user
  if (email === null && user.phone === null) {
    throw new Fault('input_invalid', { problem: 'nobody-to-reauthenticate' })
  }
  if (email === null) {
    if (user.phoneVerifiedAt === null)
      throw new Fault('phone_not_confirmed', { at: 'reauthenticate' })
    throw new Fault('connector_not_found', { channel: 'sms' })
  }
  if (user.emailVerifiedAt === null)
    throw new Fault('email_not_confirmed', { at: 'reauthenticate' })
  const mail = await transaction(ctx, async (ctx) => {
    await record(ctx, {
      type: 'reauthentication.requested',
      userId: user.id,
      audit: {
        action: 'user_reauthenticate_requested',
        logType: 'user',
        actor: auditActorOf(user),
      },
    })
    return prepareMail(ctx, user, { letter: 'reauthentication', redirectTo: '' })
  })
  await sendMails(ctx, [mail])
}
