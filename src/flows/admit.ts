import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import type { Audit, NewEvent } from '../model/event.ts'
import {
  type AuthenticationMethod,
  createSession,
  type Session,
  type SessionClient,
} from '../model/session.ts'
import { auditActorOf, type User } from '../model/user.ts'

/** How somebody came, and what the log says of it. */
export interface Admission {
  method: AuthenticationMethod
  /** Recorded with the event, and in GoTrue's audit entry, e.g. `{ provider: 'email' }`. */
  traits?: Record<string, unknown>
  /** GoTrue's entry, where it is another than `login`; null where GoTrue writes none. */
  audit?: Audit | null
  /** The application that the user signs in for. */
  applicationId?: string
  /** The client of GoTrue's OAuth server that is to hold the session. */
  client?: SessionClient
  /** A provider vouches for somebody who has no confirmed address, and the settings allow that. */
  isVouchedFor?: boolean
  /** The provider lets the session last no longer. */
  sessionEndsAt?: Date | null
}

/**
 * The one door: every sign-in, whichever face and method, passes here, within the transaction that spends its proof.
 * Throws `user_not_found`, `user_banned`, `email_not_confirmed` or `phone_not_confirmed`; else there is a session.
 */
export async function admit(ctx: Tx, user: User, admission: Admission): Promise<Session> {
  // Of a user who was deleted softly the row is there, and nobody is behind it.
  if (user.deletedAt !== null) throw new Fault('user_not_found')
  refuseBanned(ctx, user)
  if (!admission.isVouchedFor) refuseUnconfirmed(user)
  const id = ctx.random.uuid()
  return createSession(ctx, {
    id,
    userId: user.id,
    method: admission.method,
    notAfter: admission.sessionEndsAt ?? null,
    client: admission.client ?? null,
    events: [signedIn(user, id, admission)],
  })
}

function signedIn(user: User, sessionId: string, admission: Admission): NewEvent {
  const { method, traits, applicationId } = admission
  const audit =
    admission.audit === undefined
      ? {
          action: 'login',
          logType: 'account' as const,
          actor: auditActorOf(user),
          ...(traits ? { traits } : {}),
        }
      : admission.audit
  return {
    type: 'user.signed-in',
    userId: user.id,
    sessionId,
    applicationId: applicationId ?? null,
    details: { method, ...traits },
    ...(audit === null ? {} : { audit }),
  }
}

/** Throws `user_banned` while a ban lasts. */
export function refuseBanned(ctx: Tx, user: User): void {
  if (isBanned(ctx, user)) throw new Fault('user_banned')
}

export function isBanned(ctx: Tx, user: User): boolean {
  return user.bannedUntil !== null && user.bannedUntil > ctx.now()
}

/** An account whose address nobody proved is nobody's yet. Anonymous users have none to prove. */
function refuseUnconfirmed(user: User): void {
  if (user.isAnonymous || user.isSso || user.emailVerifiedAt || user.phoneVerifiedAt) return
  throw new Fault(
    user.email === null && user.phone !== null ? 'phone_not_confirmed' : 'email_not_confirmed',
  )
}
