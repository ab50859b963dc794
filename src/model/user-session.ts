import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { type Session, type SessionRow, sessionEnded, sessionObject, toSession } from './session.ts'
import type { User } from './user.ts'
import { toUser, usersSql } from './user-row.ts'
import { isUuid, nilUuid } from './uuid.ts'

/** Who a bearer token speaks of, read with one query. */
export interface UserWithSession {
  user: User
  /** Null when the token names none, or one that has ended. */
  session: Session | null
}

export async function findUserWithSession(
  ctx: Tx,
  { userId, sessionId }: { userId: string; sessionId: string | null },
): Promise<UserWithSession | null> {
  if (!isUuid(userId)) return null
  const source = sql`auth.users u left join auth.sessions s on s.user_id = u.id and s.id = ${sessionId}`
  const extra = sql`case when s.id is not null then ${sessionObject} end as session,`
  const { rows } = await sql<{ session: SessionRow | null } & Parameters<typeof toUser>[0]>`
    ${usersSql(source, extra)} where u.id = ${userId} and u.instance_id = ${nilUuid}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return { user: toUser(row), session: row.session === null ? null : toSession(row.session) }
}

/** Whether a session exists and is not over: what GoTrue asks of an admin's token that carries one. */
export async function isLiveSession(ctx: Tx, sessionId: string): Promise<boolean> {
  if (!isUuid(sessionId)) return false
  const { rows } = await sql<{ ended: string | null }>`
    select ${sessionEnded(ctx)} as ended from auth.sessions s where s.id = ${sessionId}`.execute(
    ctx.db,
  )
  return rows[0] !== undefined && rows[0].ended === null
}
