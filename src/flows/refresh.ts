import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import type { NewEvent } from '../model/event.ts'
import {
  type CountedToken,
  carryByCount,
  endCountedSession,
  findByCountedToken,
  parseCountedToken,
  type Refreshable,
  type ReuseCause,
  renewCount,
  rotateCount,
  rotateNewest,
} from '../model/refresh-token.ts'
import {
  carryByRow,
  findByRowToken,
  isRowToken,
  isRowTokenOrphan,
  renewRow,
  revokeRows,
  rotateRow,
} from '../model/refresh-token-row.ts'
import type { Session } from '../model/session.ts'
import { auditActorOf, type User } from '../model/user.ts'
import { isBanned } from './admit.ts'

/** A session that a refresh token carries. */
export interface Carried {
  user: User
  session: Session
  refreshToken: string
  /** Where the token counts: how often it was rotated. */
  counter: number | null
}

/** Gives a session that was just admitted its refresh token, of the kind that is configured. */
export async function carryByRefreshToken(ctx: Tx, session: Session): Promise<Carried> {
  const isCounted = ctx.config.gotrue.refreshTokenAlgorithm === 2
  const carried = await (isCounted ? carryByCount(ctx, session.id) : carryByRow(ctx, session.id))
  if (carried === null) throw new Fault('session_not_found')
  return { ...carried, counter: isCounted ? 0 : null }
}

/** A new token of the session's own kind, after it was raised: the one before it is not to be used any more. */
export async function carryAgain(ctx: Tx, session: Session): Promise<Carried> {
  const counted = await renewCount(ctx, session.id)
  if (counted !== null) return counted
  const row = await renewRow(ctx, session.id)
  return row === null ? carryByRefreshToken(ctx, session) : { ...row, counter: null }
}

export interface Refreshed extends Carried {
  /** Why the token was answered with the newest one instead of a new one; empty for a rotation. */
  reuse: readonly ReuseCause[]
}

/**
 * Rotates a refresh token of either kind (reference/gotrue.md § 2.2): one round trip for the newest of the second kind. A session that a client of
 * GoTrue's OAuth server holds is refreshed by that client alone (`invalid_client`). Throws `refresh_token_invalid`,
 * `refresh_token_not_found`, `user_banned`, `session_expired`; `refresh_token_already_used`
 * when an old one comes back too late, and then nobody holds a good one any more.
 */
export async function refresh(
  ctx: Context,
  refreshToken: string,
  { clientId = null }: { clientId?: string | null } = {},
): Promise<Refreshed> {
  if (isRowToken(refreshToken)) return refreshRow(ctx, refreshToken, { clientId })
  const token = parseCountedToken(refreshToken)
  if (token === null) throw new Fault('refresh_token_invalid')
  return refreshCount(ctx, token, clientId)
}

async function refreshCount(
  ctx: Context,
  token: CountedToken,
  clientId: string | null,
): Promise<Refreshed> {
  const rotatedNewest = await rotateNewest(ctx, { token, clientId })
  if (rotatedNewest !== null) return { ...rotatedNewest, reuse: [] }
  const found = await findByCountedToken(ctx, token)
  if (found === null) throw new Fault('refresh_token_not_found')
  refuse(ctx, found, clientId)
  if (found.behind < 0) throw new Fault('refresh_token_invalid', { why: 'foreign' })
  const { user, session, key } = found
  const rotated = await rotateCount(ctx, { token, key, event: refreshedEvent(user, session) })
  if (rotated !== null) {
    const { counter, isReused } = rotated
    const reuse = isReused ? causes(ctx, counter - token.counter) : []
    return { user, session, refreshToken: rotated.refreshToken, counter, reuse }
  }
  const hasEnded = await endCountedSession(ctx, { token, event: reusedEvent(user, session) })
  throw new Fault('refresh_token_already_used', { rotated: hasEnded })
}

function causes(ctx: Tx, behind: number): ReuseCause[] {
  if (behind === 1) return ['fail-to-save']
  return [ctx.config.gotrue.refreshTokenAllowReuse ? 'always-allow' : 'concurrent-refresh']
}

async function refreshRow(
  ctx: Context,
  token: string,
  { clientId, isRetry = false }: { clientId: string | null; isRetry?: boolean },
): Promise<Refreshed> {
  const found = await findByRowToken(ctx, token)
  if (found === null) {
    const isOrphan = await isRowTokenOrphan(ctx, token)
    throw new Fault(isOrphan ? 'session_not_found' : 'refresh_token_not_found')
  }
  refuse(ctx, found, clientId)
  const { user, session, active } = found
  const carried = { user, session, counter: null }
  // The client did not save what it got: it gets the same again, at any age.
  if (found.isRevoked && active?.parent === token) {
    return { ...carried, refreshToken: active.token, reuse: ['fail-to-save'] }
  }
  if (found.isRevoked && !found.isFresh) {
    await revokeRows(ctx, { sessionId: session.id, event: reusedEvent(user, session) })
    throw new Fault('refresh_token_already_used', {
      rotated: ctx.config.gotrue.refreshTokenRotation,
    })
  }
  const child = await rotateRow(ctx, {
    found,
    from: found.isRevoked ? 'revoked' : 'active',
    events: [refreshedEvent(user, session), revokedEvent(user, session)],
  })
  if (child !== null) {
    return { ...carried, refreshToken: child, reuse: found.isRevoked ? ['concurrent-refresh'] : [] }
  }
  // Somebody was faster with the same token: theirs is the child of both.
  if (isRetry) throw new Fault('conflict', { what: 'refresh' })
  return refreshRow(ctx, token, { clientId, isRetry: true })
}

function refuse(ctx: Tx, { user, session, ended }: Refreshable, clientId: string | null): void {
  if (isBanned(ctx, user)) throw new Fault('user_banned', { at: 'refresh' })
  if (ended !== null) throw new Fault('session_expired', { at: 'refresh', why: ended })
  const holder = session.client?.id ?? null
  if (holder === clientId) return
  if (clientId === null) throw new Fault('invalid_client', { why: 'client-needed' })
  throw new Fault('invalid_client', { why: holder === null ? 'no-client-allowed' : 'other-client' })
}

function refreshedEvent(user: User, session: Session): NewEvent {
  return {
    type: 'session.refreshed',
    userId: user.id,
    sessionId: session.id,
    audit: { action: 'token_refreshed', logType: 'token', actor: auditActorOf(user) },
  }
}

/** A rotation of the first kind revokes a row, and GoTrue's log says so. */
function revokedEvent(user: User, session: Session): NewEvent {
  return {
    type: 'token.revoked',
    userId: user.id,
    sessionId: session.id,
    audit: { action: 'token_revoked', logType: 'token', actor: auditActorOf(user) },
  }
}

function reusedEvent(user: User, session: Session): NewEvent {
  return { type: 'token.reused', userId: user.id, sessionId: session.id }
}
