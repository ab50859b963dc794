import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { hashPassword, isOutdated, passwordMatches } from '../base/password.ts'
import type { Session } from '../model/session.ts'
import { findUserByEmail, findUserByPhone, replacePasswordHash, type User } from '../model/user.ts'
import { admit, refuseBanned } from './admit.ts'

export type PasswordCredentials =
  | { email: string; password: string; applicationId?: string }
  | { phone: string; password: string; applicationId?: string }

/** A sign-in that was admitted. */
export interface SignedIn {
  user: User
  session: Session
}

/**
 * Signs in with a password: `invalid_credentials` for an unknown account, one without password and a wrong one, all
 * after the same time; then what `admit` refuses. A hash of another scheme is replaced on the way.
 */
export async function signInWithPassword(
  ctx: Context,
  credentials: PasswordCredentials,
): Promise<SignedIn> {
  const byEmail = 'email' in credentials
  const user = byEmail
    ? await findUserByEmail(ctx, credentials.email)
    : await findUserByPhone(ctx, credentials.phone)
  const { password, applicationId } = credentials
  // An unknown address costs as much time as a wrong password.
  const matches = await passwordMatches(password, user?.passwordHash ?? null)
  if (user !== null && user.passwordHash !== null) refuseBanned(ctx, user)
  if (user === null || user.passwordHash === null || !matches)
    throw new Fault('invalid_credentials')
  const fresh = isOutdated(user.passwordHash) ? await hashPassword(password) : null
  const session = await transaction(ctx, async (ctx) => {
    if (fresh !== null)
      await replacePasswordHash(ctx, user.id, { from: user.passwordHash ?? '', to: fresh })
    return admit(ctx, user, {
      method: 'password',
      traits: { provider: byEmail ? 'email' : 'phone' },
      ...(applicationId === undefined ? {} : { applicationId }),
    })
  })
  return { user, session }
}
