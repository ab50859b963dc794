import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import {
  type AuthjsUser,
  type AuthjsUserRow,
  authjsUserColumns,
  findAuthjsUser,
  toAuthjsUser,
} from './authjs-user.ts'
import { sqlNow } from './clock.ts'
import { recordAll, recording } from './event.ts'
import { endSessionsOf } from './session.ts'
import { nilUuid } from './uuid.ts'

/** A session that Auth.js began: it ends with the row of the token that carries it. */
export interface AuthjsSession {
  id: string
  expiresAt: Date
  user: AuthjsUser
}

/**
 * Begins a session carried by a token that Auth.js made; only its hash is kept. Throws `user_not_found`, `user_banned`,
 * or a unique violation when the token carries one already. How the user proved who they are, Auth.js does not tell.
 */
export async function createAuthjsSession(
  ctx: Tx,
  session: { token: string; userId: string; expiresAt: Date },
): Promise<AuthjsSession> {
  const { token, userId, expiresAt } = session
  const user = await findAuthjsUser(ctx, userId)
  if (user === null) throw new Fault('user_not_found')
  const id = ctx.random.uuid()
  const now = sqlNow(ctx)
  const signedIn = {
    type: 'user.signed-in' as const,
    userId: user.id,
    sessionId: id,
    details: { carrier: 'authjs' },
    audit: { action: 'login', logType: 'account' as const, actor: user.actor },
  }
  const { rows } = await sql`
    with signed as (
      update auth.users u set last_sign_in_at = ${now}, updated_at = ${now}
      where u.id = ${user.id} and ${isAdmitted(ctx)} returning u.id),
    s as (
      insert into auth.sessions (id, user_id, created_at, updated_at, aal, not_after)
      select ${id}::uuid, id, ${now}, ${now}, 'aal1', ${expiresAt}::timestamptz from signed returning id),
    carried as (
      insert into idp.session_tokens (hash, session_id, carrier, created_at, expires_at)
      select ${sha256(token)}::bytea, id, 'authjs', ${now}, ${expiresAt}::timestamptz from s),
    ${recording(ctx, [signedIn], sql`exists (select from s)`)}
    select id from s`.execute(ctx.db)
  if (rows.length === 0) throw new Fault('user_banned')
  return { id, expiresAt, user }
}

/** A ban, also one that comes after the sign-in, ends what Auth.js sees of the user. */
function isAdmitted(ctx: Tx): RawBuilder<unknown> {
  return sql`u.instance_id = ${nilUuid} and u.deleted_at is null
    and (u.banned_until is null or u.banned_until <= ${sqlNow(ctx)})`
}

/** The session behind a token with its user, in one query; null when it has ended, or the user may not come in. */
export async function findAuthjsSession(ctx: Tx, token: string): Promise<AuthjsSession | null> {
  return readSession(
    ctx,
    token,
    sql`t.expires_at > ${sqlNow(ctx)} and (s.not_after is null or s.not_after > ${sqlNow(ctx)}) and ${isAdmitted(ctx)}`,
  )
}

async function readSession(
  ctx: Tx,
  token: string,
  where: RawBuilder<unknown>,
): Promise<AuthjsSession | null> {
  const { rows } = await sql<AuthjsUserRow & { session_id: string; expires_at: Date }>`
    select s.id as session_id, t.expires_at, ${authjsUserColumns}
    from idp.session_tokens t join auth.sessions s on s.id = t.session_id join auth.users u on u.id = s.user_id
      left join idp.profiles p on p.user_id = u.id
    where t.hash = ${sha256(token)} and t.carrier = 'authjs' and ${where}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  return { id: row.session_id, expiresAt: row.expires_at, user: toAuthjsUser(row) }
}

/** Moves the end of a session; null when it has ended already: nothing brings it back. */
export async function updateAuthjsSession(
  ctx: Tx,
  session: AuthjsSession,
  token: string,
  expiresAt: Date,
): Promise<AuthjsSession | null> {
  const refreshed = {
    type: 'session.refreshed' as const,
    userId: session.user.id,
    sessionId: session.id,
  }
  // The session before its token, as a sign-out's cascade takes them: the other way round the two deadlock.
  const { rows } = await sql`
    with s as (
      update auth.sessions s set not_after = ${expiresAt}, updated_at = ${sqlNow(ctx)}
      from idp.session_tokens t
      where s.id = t.session_id and t.hash = ${sha256(token)} and t.carrier = 'authjs' and t.expires_at > ${sqlNow(ctx)}
      returning s.id),
    moved as (
      update idp.session_tokens t set expires_at = ${expiresAt} from s
      where t.session_id = s.id and t.hash = ${sha256(token)} and t.carrier = 'authjs' returning t.hash),
    ${recording(ctx, [refreshed], sql`exists (select from s)`)}
    select id from s`.execute(ctx.db)
  return rows.length === 0 ? null : { ...session, expiresAt }
}

/** Ends a session, also one that is past its end, and returns it. Of many who come at once, one gets it. */
export async function endAuthjsSession(ctx: Tx, token: string): Promise<AuthjsSession | null> {
  const session = await readSession(ctx, token, sql`true`)
  if (session === null) return null
  const ended = {
    type: 'session.ended' as const,
    userId: session.user.id,
    sessionId: session.id,
    audit: { action: 'logout', logType: 'account' as const, actor: session.user.actor },
  }
  const { rows } = await sql`
    with gone as (delete from auth.sessions where id = ${session.id} returning id),
    ${recording(ctx, [ended], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length === 0 ? null : session
}

/**
 * Ends the sessions of a user, whatever carries them, but for the one behind the token `except`; returns how many. To be
 * called in a transaction. A token that carries none of this user's sessions spares none.
 */
export async function endAuthjsSessionsOf(
  ctx: Tx,
  userId: string,
  except: string | null,
): Promise<number> {
  const user = await findAuthjsUser(ctx, userId)
  if (user === null) return 0
  const kept = except === null ? null : await readSession(ctx, except, sql`true`)
  const ended = await endSessionsOf(ctx, userId, { except: kept?.id })
  await recordAll(
    ctx,
    ended.map((sessionId, index) => ({
      type: 'session.ended' as const,
      userId,
      sessionId,
      details: { scope: kept === null ? 'global' : 'others' },
      // GoTrue writes one entry for a sign-out, however many sessions it ends.
      ...(index === 0
        ? { audit: { action: 'logout', logType: 'account' as const, actor: user.actor } }
        : {}),
    })),
  )
  return ended.length
}
