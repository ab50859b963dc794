import { parseGoDuration } from '../base/config/variables.ts'
import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword, isKnownHash } from '../base/password.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { after } from '../base/time.ts'
import { adminActor } from '../model/audit.ts'
import { tellLogoutOf } from '../model/delivery.ts'
import { type Audit, record } from '../model/event.ts'
import { createIdentity } from '../model/identity.ts'
import { clearTokens } from '../model/one-time-token.ts'
import { endSessionsOf } from '../model/session.ts'
import { softDeleteUser } from '../model/soft-delete.ts'
import {
  createUser,
  deleteUser,
  existingUser,
  findUserByEmail,
  findUserByPhone,
  type Json,
  type User,
  type UserChange,
  updateUser,
} from '../model/user.ts'
import { isUuid, nilUuid } from '../model/uuid.ts'
import { mergeJson } from './account.ts'
import { checkPasswordRules, maxPasswordBytes } from './password-rules.ts'
import { nameEmailIdentity, namePhoneIdentity } from './redeem.ts'
import { checkEmail, checkPhone } from './sign-up-checks.ts'

/** What an administrator says of a user, in GoTrue's API; empty or null says nothing. */
export interface AdminUserInput {
  id: string
  audience: string
  databaseRole: string
  email: string
  phone: string
  password: string | null
  passwordHash: string
  emailConfirm: boolean
  phoneConfirm: boolean
  userMetadata: Json | null
  appMetadata: Json | null
  /** A Go duration, or `none`. */
  banDuration: string
}

/** Makes a user as an administrator wants it: no mail is sent, and the strength of the password is theirs to judge. */
export async function createUserByAdmin(ctx: Context, input: AdminUserInput): Promise<User> {
  const email = input.email === '' ? null : checkEmail(input.email)
  const phone = input.phone === '' ? null : checkPhone(input.phone)
  if (email === null && phone === null)
    throw new Fault('input_invalid', { problem: 'no-identifier' })
  if (email !== null && (await findUserByEmail(ctx, email)) !== null)
    throw new Fault('email_exists')
  if (phone !== null && (await findUserByPhone(ctx, phone)) !== null)
    throw new Fault('phone_exists')
  if (input.password && input.passwordHash !== '') {
    throw new Fault('input_invalid', { problem: 'two-passwords' })
  }
  const id = checkId(input.id)
  const bannedUntil = banOf(ctx, input.banDuration)
  const passwordHash = await hashOf(ctx, input)
  const { audience, databaseRole, emailConfirm, phoneConfirm } = input
  const providers = [...(email === null ? [] : ['email']), ...(phone === null ? [] : ['phone'])]
  const provider = providers[0] ?? 'email'
  return transaction(ctx, async (ctx) => {
    const { id: userId } = await createUser(ctx, {
      ...(id === null ? {} : { id }),
      email,
      emailVerified: emailConfirm && email !== null,
      phone,
      phoneVerified: phoneConfirm && phone !== null,
      passwordHash,
      bannedUntil: bannedUntil ?? null,
      ...(audience === '' ? {} : { audience }),
      ...(databaseRole === '' ? {} : { databaseRole }),
      metadata: {
        app: { provider, providers, ...input.appMetadata },
        own: {
          ...input.userMetadata,
          ...(emailConfirm && email !== null ? { email_verified: true } : {}),
        },
      },
    })
    for (const one of providers) {
      await createIdentity(ctx, {
        userId,
        provider: one,
        subject: userId,
        data: {
          sub: userId,
          ...(one === 'email' ? { email } : { phone }),
          email_verified: one === 'email' && emailConfirm,
          phone_verified: one === 'phone' && phoneConfirm,
        },
      })
    }
    const user = await existingUser(ctx, userId)
    await record(ctx, {
      type: 'user.created',
      userId,
      details: { provider },
      audit: adminAudit(ctx, 'user_signedup', 'team', user, { provider }),
    })
    return user
  }).catch(sayTaken)
}

function adminAudit(
  ctx: Tx,
  action: string,
  logType: Audit['logType'],
  user: User,
  traits: Json = {},
): Audit {
  const { id, email, phone } = user
  return {
    action,
    logType,
    actor: adminActor(ctx),
    traits: { user_id: id, user_email: email ?? '', user_phone: phone ?? '', ...traits },
  }
}

function checkId(id: string): string | null {
  if (id === '') return null
  if (!isUuid(id)) throw new Fault('input_invalid', { problem: 'id' })
  if (id === nilUuid) throw new Fault('input_invalid', { problem: 'nil-id' })
  return id.toLowerCase()
}

/** Undefined: nothing is said of a ban; null: it is lifted. */
function banOf(ctx: Tx, duration: string): Date | null | undefined {
  if (duration === '') return undefined
  if (duration === 'none') return null
  const length = parseGoDuration(duration)
  const until = length === null ? null : after(ctx.now(), length)
  if (until === null || Number.isNaN(until.getTime()) || until.getUTCFullYear() > 9999) {
    throw new Fault('input_invalid', { problem: 'ban-duration', duration })
  }
  return until
}

async function hashOf(ctx: Tx, { password, passwordHash }: AdminUserInput): Promise<string | null> {
  if (passwordHash !== '') {
    if (!isKnownHash(passwordHash) || passwordHash.length > 255) {
      throw new Fault('input_invalid', { problem: 'password-hash' })
    }
    return passwordHash
  }
  if (!password) return null
  if (Buffer.byteLength(password) > maxPasswordBytes) {
    throw new Fault('password_too_long', { max: maxPasswordBytes })
  }
  return hashPassword(ctx, password)
}

/** Changes a user at once: nobody is asked to confirm. A new password signs them out everywhere. */
export async function updateUserByAdmin(
  ctx: Context,
  id: string,
  input: AdminUserInput,
): Promise<User> {
  const user = await existingUser(ctx, id)
  const email = input.email === '' ? null : checkEmail(input.email)
  const phone = input.phone === '' ? null : checkPhone(input.phone)
  if (input.password) await checkPasswordRules(ctx, input.password)
  const bannedUntil = banOf(ctx, input.banDuration)
  const passwordHash = await hashOf(ctx, input)
  const { userMetadata, appMetadata } = input
  const change: UserChange = {
    email: email ?? undefined,
    phone: phone ?? undefined,
    emailVerified: input.emailConfirm || undefined,
    phoneVerified: input.phoneConfirm || undefined,
    passwordHash: passwordHash ?? undefined,
    bannedUntil,
    audience: input.audience || undefined,
    databaseRole: input.databaseRole || undefined,
    metadata: {
      own: userMetadata === null ? undefined : mergeJson(user.metadata.own, userMetadata),
      app: appMetadata === null ? undefined : mergeJson(user.metadata.app, appMetadata),
    },
  }
  return transaction(ctx, async (ctx) => {
    const changed = (await updateUser(ctx, id, change)) ?? user
    if (email !== null) await nameEmailIdentity(ctx, changed, email)
    if (phone !== null) await namePhoneIdentity(ctx, changed, phone)
    if (passwordHash !== null) {
      await clearTokens(ctx, id)
      const ended = await endSessionsOf(ctx, id)
      await record(ctx, {
        type: 'user.password-changed',
        userId: id,
        details: { by: 'admin', endedSessions: ended.length },
      })
    }
    if (bannedUntil) await tellLogoutOf(ctx, id)
    await record(ctx, {
      type: 'user.updated',
      userId: id,
      audit: adminAudit(ctx, 'user_modified', 'user', changed),
    })
    return existingUser(ctx, id)
  }).catch(sayTaken)
}

/** Deletes a user; `soft` leaves the row without who it was. */
export async function deleteUserByAdmin(
  ctx: Context,
  id: string,
  way: 'hard' | 'soft',
): Promise<void> {
  await transaction(ctx, async (ctx) => {
    const user = await existingUser(ctx, id)
    await record(ctx, {
      type: 'user.deleted',
      userId: id,
      details: { way },
      audit: adminAudit(ctx, 'user_deleted', 'team', user),
    })
    if (way === 'soft') await softDeleteUser(ctx, user)
    else await deleteUser(ctx, id)
  })
}

function sayTaken(error: unknown): never {
  if (isUniqueViolation(error, 'users_phone_key'))
    throw new Fault('phone_exists', {}, { cause: error })
  if (isUniqueViolation(error, 'users_pkey'))
    throw new Fault('user_already_exists', {}, { cause: error })
  if (isUniqueViolation(error)) throw new Fault('email_exists', {}, { cause: error })
  throw error
}
