import { networkOf } from '../base/client-ip.ts'
import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import {
  hashPassword,
  isOutdated,
  passwordMatches,
  refuseWhenHashingIsBusy,
} from '../base/password.ts'
import { hour, minute } from '../base/time.ts'
import { refusedFor, take } from '../model/limit.ts'
import type { Session } from '../model/session.ts'
import {
  findUserByEmail,
  findUserByPhone,
  normalEmail,
  passwordHashOf,
  replacePasswordHash,
  type User,
} from '../model/user.ts'
import { type Admission, admit, refuseBanned } from './admit.ts'
import { reviewPassword } from './hooks/attempt.ts'

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
 * after the same time; then what `admit` refuses. Whoever guesses gets `over_request_rate_limit`, whether the account
 * exists or not. A hash of another scheme is replaced on the way.
 */
export async function signInWithPassword(
  ctx: Context,
  credentials: PasswordCredentials,
): Promise<SignedIn> {
  const byEmail = 'email' in credentials
  const { password, applicationId } = credentials
  const identifier = byEmail ? normalEmail(credentials.email) : credentials.phone
  refuseGuesser(ctx, identifier)
  refuseWhenHashingIsBusy(ctx)
  const user = byEmail
    ? await findUserByEmail(ctx, identifier)
    : await findUserByPhone(ctx, identifier)
  // An unknown address costs as much time as a wrong password.
  const hash = passwordHashOf(ctx, user)
  const matches = await passwordMatches(ctx, password, hash)
  // Of many guesses at once those count that came before: a right one behind them is a guess, too.
  refuseGuesser(ctx, identifier)
  const known = hash === null ? null : user
  if (known !== null) refuseBanned(ctx, known)
  if (known === null || !matches) await countGuess(ctx, identifier)
  if (known !== null) await reviewPassword(ctx, known, matches)
  if (user === null || hash === null || !matches) throw new Fault('invalid_credentials')
  // The identifier itself has to be proved: another one of the account does not speak for it.
  if ((byEmail ? user.emailVerifiedAt : user.phoneVerifiedAt) === null) {
    throw new Fault(byEmail ? 'email_not_confirmed' : 'phone_not_confirmed')
  }
  const fresh = isOutdated(hash) ? await hashPassword(ctx, password) : null
  const admission: Admission = {
    method: 'password',
    traits: { provider: byEmail ? 'email' : 'phone' },
    ...(applicationId === undefined ? {} : { applicationId }),
  }
  // Admission alone is one statement, and needs no transaction around it.
  if (fresh === null) return { user, session: await admit(ctx, user, admission) }
  const session = await transaction(ctx, async (ctx) => {
    await replacePasswordHash(ctx, user.id, { from: user.passwordHash ?? '', to: fresh })
    return admit(ctx, user, admission)
  })
  return { user, session }
}

/**
 * Ten wrong passwords in five minutes for an account from one place, a hundred an hour from everywhere (NIST SP 800-63B
 * § 3.2.2): who guesses is stopped, and who signs in often is not. Unknown accounts count alike.
 */
function limitsOf(ctx: Context, identifier: string) {
  return [
    { key: `password:${identifier}:${networkOf(ctx.client.ip)}`, limit: 10, window: 5 * minute },
    { key: `password:${identifier}`, limit: 100, window: 1 * hour },
  ]
}

/** Keeps a guesser out, also with the right password. It asks no database. */
function refuseGuesser(ctx: Context, identifier: string): void {
  const retryAfter = Math.max(...limitsOf(ctx, identifier).map(({ key }) => refusedFor(ctx, key)))
  if (retryAfter > 0) throw new Fault('over_request_rate_limit', { retryAfter })
}

async function countGuess(ctx: Context, identifier: string): Promise<void> {
  for (const { key, ...bounds } of limitsOf(ctx, identifier)) {
    const taken = await take(ctx, key, bounds)
    if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
  }
}
