import type { Context as HonoContext } from 'hono'
import { actingAs, type Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import type { Claims, JwtOutcome } from '../../base/jwt.ts'
import type { Caller } from '../../flows/account.ts'
import { isBanned } from '../../flows/admit.ts'
import { verifyIssued } from '../../model/key.ts'
import { findUserWithSession, isLiveSession } from '../../model/user-session.ts'
import { isUuid } from '../../model/uuid.ts'
import { refused, type Said } from './errors.ts'

/** Who calls, and the context in which they act. */
export interface Called extends Caller {
  ctx: Context
}

/** The user of the bearer token: one query. A session that was ended is refused at once, one that is only old is not. */
export async function callerOf(
  c: HonoContext<Env>,
  otherAudience: Partial<Said> = {},
): Promise<Called> {
  const ctx = c.get('ctx')
  const claims = await claimsOf(c)
  const { sub, session_id } = claims
  if (typeof sub !== 'string' || sub === '') throw badJwt('invalid claim: missing sub claim')
  if (!isUuid(sub)) throw badJwt('invalid claim: sub claim must be a UUID', 400)
  if (session_id !== undefined && typeof session_id !== 'string') {
    throw badJwt('invalid claim: session_id claim must be a UUID')
  }
  const sessionId = typeof session_id === 'string' && session_id !== '' ? session_id : null
  if (sessionId !== null && !isUuid(sessionId)) {
    throw badJwt('invalid claim: session_id claim must be a UUID')
  }
  // An ID token of our own is for a client's eyes: it opens nothing, and ends with no session.
  if (sessionId === null && claims.client_id !== undefined) {
    throw badJwt('invalid claim: missing session_id claim')
  }
  const found = await findUserWithSession(ctx, { userId: sub, sessionId })
  if (found === null) throw new Fault('user_not_found', { at: 'bearer' })
  const { user, session } = found
  if (sessionId !== null && session === null) throw new Fault('session_not_found', { at: 'bearer' })
  if (isBanned(ctx, user)) throw new Fault('user_banned')
  const asked = c.req.header('x-jwt-aud')
  if (asked && asked !== user.audience) {
    throw refused("Token audience doesn't match request audience", otherAudience)
  }
  return { ctx: actingAs(ctx, { kind: 'user', userId: user.id, sessionId }), user, session }
}

/** The context of an administrator: a token whose role is one of `GOTRUE_JWT_ADMIN_ROLES`. It needs no user. */
export async function adminOf(c: HonoContext<Env>): Promise<Context> {
  const ctx = c.get('ctx')
  const { role, session_id } = await claimsOf(c)
  if (typeof role !== 'string' || !ctx.config.gotrue.jwtAdminRoles.includes(role)) {
    throw new Fault('not_admin')
  }
  if (
    typeof session_id === 'string' &&
    session_id !== '' &&
    !(await isLiveSession(ctx, session_id))
  ) {
    throw new Fault('session_expired')
  }
  return actingAs(ctx, { kind: 'admin', name: role })
}

async function claimsOf(c: HonoContext<Env>): Promise<Claims> {
  const ctx = c.get('ctx')
  const token = /^bearer (\S+)$/i.exec(c.req.header('authorization') ?? '')?.[1]
  if (token === undefined) throw new Fault('no_authorization')
  const verified = await verifyIssued(ctx, 'gotrue', { token, at: ctx.now() })
  if (verified.outcome === 'valid') return verified.claims
  throw badJwt(`invalid JWT: unable to parse or verify signature, ${reasons[verified.outcome]}`)
}

/** What GoTrue's library says, as far as clients look at it. */
const reasons: Record<Exclude<JwtOutcome['outcome'], 'valid'>, string> = {
  malformed: 'token is malformed: token contains an invalid number of segments',
  'unknown-key': 'token is unverifiable: error while executing keyfunc: unrecognized JWT kid',
  'bad-signature': 'token signature is invalid: signature is invalid',
  expired: 'token has invalid claims: token is expired',
  'not-yet-valid': 'token has invalid claims: token is not valid yet',
}

function badJwt(why: string, status = 403): Fault {
  return new Fault('bad_jwt', { why, status })
}
