import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword, passwordMatches } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { after, day } from '../base/time.ts'
import { record } from '../model/event.ts'
import { type Challenge, createFlowState } from '../model/flow-state.ts'
import { clearTokens, type NonceProof } from '../model/one-time-token.ts'
import { endSessionsOf, type Session } from '../model/session.ts'
import {
  auditActorOf,
  findUser,
  findUserByEmail,
  type Json,
  passwordHashOf,
  type User,
  type UserChange,
  updateUser,
} from '../model/user.ts'
import { type PreparedMail, prepareEmailChange, sendMails } from './mail-token.ts'
import { announce } from './notices.ts'
import { checkPasswordRules } from './password-rules.ts'
import { believePhone, type PhoneChange, planPhoneChange } from './phone-change.ts'
import { type PreparedText, prepareText, sendPreparedText } from './phone-token.ts'
import { proofOfNonce, spendProof } from './reauthenticate.ts'
import { nameEmailIdentity } from './redeem.ts'
import { checkEmail, checkPhone } from './sign-up-checks.ts'
import { checkChannel } from './sms.ts'

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
  const channel = phone === null ? 'sms' : await checkChannel(ctx, change.channel)
  if (change.password !== null) await checkPasswordRules(ctx, change.password)
  refuse(ctx, caller, change, { email, phone })
  const newEmail = email === user.email ? null : email
  const newPhone = phone === user.phone ? null : phone
  if (newEmail !== null && (await findUserByEmail(ctx, newEmail)) !== null)
    throw new Fault('email_exists')
  const phoneChange =
    newPhone === null ? null : await planPhoneChange(ctx, { phone: newPhone, channel })
  const password = change.password === null ? null : await checkNewPassword(ctx, caller, change)

  const { gotrue } = ctx.config
  const isBelieved = newEmail !== null && user.isAnonymous && gotrue.mailerAutoconfirm
  const { updated, mails, text } = await transaction(ctx, async (ctx) => {
    if (password !== null) await changePassword(ctx, { user, session }, password)
    const userChange: UserChange = {
      ...(change.data === null
        ? {}
        : { metadata: { own: mergeJson(user.metadata.own, change.data) } }),
      ...(isBelieved ? { email: newEmail, emailVerified: true, isAnonymous: false } : {}),
    }
    const changed = (await updateUser(ctx, user.id, userChange)) ?? user
    if (isBelieved) await nameEmailIdentity(ctx, changed, newEmail)
    const text = phoneChange === null ? null : await changePhone(ctx, changed, phoneChange)
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
          password,
          data: change.data,
        }),
      },
      audit: { action: 'user_modified', logType: 'user', actor: auditActorOf(user) },
    })
    return { updated: await findUser(ctx, user.id), mails, text }
  }).catch(sayTaken)
  await sendMails(ctx, mails)
  if (text !== null) await sendPreparedText(ctx, text)
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
  const isMoved =
    (email !== null && email !== user.email) || (phone !== null && phone !== user.phone)
  const touchesCredentials = isMoved || change.password !== null
  const hasFactor = user.factors.some(({ status }) => status === 'verified')
  if (touchesCredentials && hasFactor && session?.aal === 'aal1') {
    throw new Fault('insufficient_aal', { at: 'account' })
  }
  const hasIdentifier =
    user.email !== null || user.phone !== null || email !== null || phone !== null
  if (user.isAnonymous && change.password !== null && !hasIdentifier) {
    throw new Fault('input_invalid', { problem: 'anonymous-password' })
  }
  if (user.isSso && touchesCredentials) throw new Fault('user_sso_managed')
}

async function changePhone(ctx: Tx, user: User, change: PhoneChange): Promise<PreparedText | null> {
  if (!change.isBelieved) return prepareText(ctx, user, { purpose: 'phone_change', ...change })
  await believePhone(ctx, user, change.phone)
  return null
}

/** A password that the caller may set, and what is spent for it. */
interface NewPassword {
  hash: string
  proof: NonceProof | null
}

async function checkNewPassword(
  ctx: Context,
  { user, session }: Caller,
  { password, currentPassword, nonce }: AccountChange,
): Promise<NewPassword> {
  const { updatePasswordRequireReauthentication, updatePasswordRequireCurrentPassword } =
    ctx.config.gotrue
  const isOld = session === null || after(session.createdAt, day) <= ctx.now()
  const needsProof = updatePasswordRequireReauthentication && isOld
  if (needsProof && nonce === '') throw new Fault('reauthentication_needed')
  const wasProved = session?.amr.some(({ method }) =>
    ['recovery', 'otp', 'magiclink'].includes(method),
  )
  const presentHash = passwordHashOf(ctx, user)
  if (updatePasswordRequireCurrentPassword && presentHash !== null && !wasProved) {
    if (!currentPassword) throw new Fault('current_password_required')
    if (!(await passwordMatches(ctx, currentPassword, presentHash))) {
      throw new Fault('current_password_invalid')
    }
  }
  if (presentHash !== null && (await passwordMatches(ctx, password ?? '', presentHash))) {
    throw new Fault('same_password')
  }
  const proof = needsProof ? await proofOfNonce(ctx, user, nonce) : null
  return { hash: await hashPassword(ctx, password ?? ''), proof }
}

/** Every other session ends, and every code and link that waits: somebody else may hold one. */
async function changePassword(
  ctx: Tx,
  { user, session }: Caller,
  { hash: passwordHash, proof }: NewPassword,
): Promise<void> {
  if (proof !== null) await spendProof(ctx, user, proof)
  await updateUser(ctx, user.id, { passwordHash })
  await clearTokens(ctx, user.id)
  const ended = await endSessionsOf(ctx, user.id, { except: session?.id })
  await announce(ctx, user, 'passwordChanged')
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
