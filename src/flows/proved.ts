import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { record } from '../model/event.ts'
import { createIdentity, updateIdentityData } from '../model/identity.ts'
import { endSessionsOf } from '../model/session.ts'
import { emptyShell } from '../model/shell.ts'
import { auditActorOf, createUser, findUserByEmail, type User, updateUser } from '../model/user.ts'
import { type Approval, approve } from './hooks/new-user.ts'

/** What somebody may do who proved an e-mail address with a code. Each runs in the transaction that spends the proof. */

/** The account of the address, for signing in; null where there is none. */
export async function findProvedUser(ctx: Tx, email: string): Promise<User | null> {
  const user = await findUserByEmail(ctx, email)
  return user === null ? null : claim(ctx, user, null)
}

/** A new account. Throws `email_exists` when the address has one that is proved already. */
export async function createProvedUser(
  ctx: Tx,
  account: { email: string; passwordHash: string | null; approval: Approval },
): Promise<User> {
  const { email, passwordHash } = account
  const found = await findUserByEmail(ctx, email)
  if (found?.emailVerifiedAt) throw new Fault('email_exists')
  const user = found === null ? await create(ctx, account) : await claim(ctx, found, passwordHash)
  await record(ctx, {
    type: 'user.signed-up',
    userId: user.id,
    details: { provider: 'email' },
    audit: {
      action: 'user_signedup',
      logType: 'team',
      actor: auditActorOf(user),
      traits: { provider: 'email' },
    },
  })
  return user
}

/** A new password; every device is signed out. Null where the address has no account. */
export async function resetPassword(
  ctx: Tx,
  { email, passwordHash }: { email: string; passwordHash: string },
): Promise<User | null> {
  const found = await findUserByEmail(ctx, email)
  if (found === null) return null
  await claim(ctx, found, null)
  const user = await updateUser(ctx, found.id, { passwordHash })
  if (user === null) return null
  const ended = await endSessionsOf(ctx, user.id)
  await record(ctx, {
    type: 'user.password-changed',
    userId: user.id,
    details: { by: 'code', endedSessions: ended.length },
    audit: { action: 'user_updated_password', logType: 'user', actor: auditActorOf(user) },
  })
  return user
}

async function create(
  ctx: Tx,
  account: { email: string; passwordHash: string | null; approval: Approval },
): Promise<User> {
  const { email, passwordHash, approval } = account
  const app = { provider: 'email', providers: ['email'] }
  const id = approve(ctx, approval, { email, metadata: { app } })
  const data = { sub: id, email, email_verified: true, phone_verified: false }
  try {
    const user = await createUser(ctx, {
      id,
      email,
      emailVerified: true,
      passwordHash,
      metadata: { app, own: data },
    })
    await createIdentity(ctx, { userId: user.id, provider: 'email', subject: user.id, data })
    return user
  } catch (error) {
    // Two tabs that finish at once: the other one made the account.
    if (isUniqueViolation(error)) throw new Fault('email_exists', {}, { cause: error })
    throw error
  }
}

/** Gives an account whose address nobody had proved to the one who now did, without what was put into it before. */
async function claim(ctx: Tx, user: User, passwordHash: string | null): Promise<User> {
  if (user.emailVerifiedAt) return user
  // It is somebody's by their phone; an address that they never proved does not open it.
  if (user.phoneVerifiedAt) throw new Fault('email_not_confirmed')
  await emptyShell(ctx, user.id)
  const claimed = await updateUser(ctx, user.id, {
    emailVerified: true,
    passwordHash,
    metadata: { own: { ...user.metadata.own, email_verified: true } },
  })
  await updateIdentityData(
    ctx,
    { provider: 'email', userId: user.id },
    { email: user.email, email_verified: true },
  )
  if (claimed === null) throw new Fault('user_not_found')
  await record(ctx, {
    type: 'user.updated',
    userId: user.id,
    details: { emailVerified: true, emptied: true },
  })
  return claimed
}
