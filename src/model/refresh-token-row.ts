import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { type NewEvent, recording } from './event.ts'
import {
  type Refreshable,
  type RefreshableRow,
  refreshableColumns,
  toRefreshable,
} from './refresh-token.ts'
import type { Session } from './session.ts'
import type { User } from './user.ts'
import { usersSql } from './user-row.ts'
import { nilUuid } from './uuid.ts'

/** GoTrue's refresh tokens of the first kind, one row each: for databases and clients that have them. */
export function isRowToken(text: string): boolean {
  return /^[a-z0-9]{12}$/.test(text)
}

/** Twelve characters of base32 in lower case. */
function makeRowToken(ctx: Tx): string {
  const alphabet = 'abcdefghijklmnopqrstuvwxyz234567'
  return [...ctx.random.bytes(12)].map((byte) => alphabet[byte % 32]).join('')
}

/** What the rows say of a token. */
export interface RowRefreshable extends Refreshable {
  tokenId: number
  isRevoked: boolean
  /** It was revoked within the reuse interval. */
  isFresh: boolean
  /** The session's newest token that is not revoked, and what it was born of. */
  active: { token: string; parent: string | null } | null
}

interface RowColumns {
  token_id: number
  revoked: boolean | null
  fresh: boolean | null
  active: { token: string; parent: string | null } | null
}

export async function findByRowToken(ctx: Tx, token: string): Promise<RowRefreshable | null> {
  const reuse = ctx.config.gotrue.refreshTokenReuseSeconds * second
  const extra = sql`${refreshableColumns(ctx)} r.id as token_id, r.revoked,
    r.updated_at >= ${sqlAfter(ctx, -reuse)} as fresh,
    (select json_build_object('token', a.token, 'parent', a.parent) from auth.refresh_tokens a
      where a.session_id = s.id and a.revoked = false order by a.id desc limit 1) as active,`
  const source = sql`auth.refresh_tokens r join auth.sessions s on s.id = r.session_id join auth.users u on u.id = s.user_id`
  const { rows } = await sql<RefreshableRow & RowColumns>`
    ${usersSql(source, extra)} where r.token = ${token} and u.instance_id = ${nilUuid}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    ...toRefreshable(row),
    tokenId: row.token_id,
    isRevoked: row.revoked ?? false,
    isFresh: row.fresh ?? false,
    active: row.active,
  }
}

/** Whether a token rests of which no session is known any more: GoTrue's oldest ones had none. */
export async function isRowTokenOrphan(ctx: Tx, token: string): Promise<boolean> {
  const { rows } = await sql`
    select from auth.refresh_tokens where token = ${token} and session_id is null`.execute(ctx.db)
  return rows.length > 0
}

/** Writes a session's first token; the answer is whole, for the session has just begun. */
export async function carryByRow(
  ctx: Tx,
  sessionId: string,
): Promise<{ user: User; session: Session; refreshToken: string } | null> {
  const refreshToken = makeRowToken(ctx)
  const now = sqlNow(ctx)
  const source = sql`auth.sessions s join auth.users u on u.id = s.user_id`
  const { rows } = await sql<RefreshableRow>`
    with born as (
      insert into auth.refresh_tokens (instance_id, token, user_id, session_id, revoked, created_at, updated_at)
      select ${nilUuid}::uuid, ${refreshToken}, s.user_id::text, s.id, false, ${now}, ${now}
      from auth.sessions s where s.id = ${sessionId} returning session_id)
    ${usersSql(source, refreshableColumns(ctx))} where s.id in (select session_id from born)`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  const { user, session } = toRefreshable(row)
  return { user, session, refreshToken }
}

/**
 * Revokes the token and writes its child, in one statement. `from: 'active'` takes only a token that is not revoked: of
 * all who come with it, one gets a child. `from: 'revoked'` adds a sibling within the reuse interval.
 */
export async function rotateRow(
  ctx: Tx,
  {
    found,
    from,
    events,
  }: { found: RowRefreshable; from: 'active' | 'revoked'; events: readonly NewEvent[] },
): Promise<string | null> {
  const child = makeRowToken(ctx)
  const now = sqlNow(ctx)
  const spent =
    from === 'active'
      ? sql`update auth.refresh_tokens set revoked = true, updated_at = ${now}
            where id = ${found.tokenId} and revoked = false and exists (select from held)
            returning token, user_id, session_id`
      : sql`select token, user_id, session_id from auth.refresh_tokens
            where id = ${found.tokenId} and exists (select from held)`
  const { rows } = await sql<{ token: string }>`
    with ${holding(found.session.id)},
    spent as (${spent}),
    born as (
      insert into auth.refresh_tokens (instance_id, token, user_id, parent, session_id, revoked, created_at, updated_at)
      select ${nilUuid}::uuid, ${child}, user_id, token, session_id, false, ${now}, ${now} from spent returning token),
    touched as (
      update auth.sessions set refreshed_at = ${now} at time zone 'utc', updated_at = ${now},
        user_agent = ${ctx.client.userAgent}, ip = ${ctx.client.ip}::inet
      where id in (select session_id from spent)),
    ${recording(ctx, events, sql`exists (select from born)`)}
    select token from born`.execute(ctx.db)
  return rows[0]?.token ?? null
}

/**
 * The session's row, locked as the expression `held` before its tokens are: in that order a sign-out locks them too, and
 * the other way round each would wait for the other.
 */
function holding(sessionId: string): RawBuilder<unknown> {
  return sql`held as (select id from auth.sessions where id = ${sessionId} for no key update)`
}

/** A new token for a session that has one, whose older ones are revoked. Null for a session without any. */
export async function renewRow(
  ctx: Tx,
  sessionId: string,
): Promise<{ user: User; session: Session; refreshToken: string } | null> {
  const child = makeRowToken(ctx)
  const now = sqlNow(ctx)
  const source = sql`auth.sessions s join auth.users u on u.id = s.user_id`
  const { rows } = await sql<RefreshableRow>`
    with ${holding(sessionId)},
    revoked as (
      update auth.refresh_tokens set revoked = true, updated_at = ${now}
      where session_id = ${sessionId} and revoked = false and exists (select from held) returning token, id),
    born as (
      insert into auth.refresh_tokens (instance_id, token, user_id, parent, session_id, revoked, created_at, updated_at)
      select ${nilUuid}::uuid, ${child}, s.user_id::text, (select token from revoked order by id desc limit 1), s.id,
        false, ${now}, ${now}
      from auth.sessions s where s.id = ${sessionId}
        and exists (select from auth.refresh_tokens r where r.session_id = s.id) returning session_id)
    ${usersSql(source, refreshableColumns(ctx))} where s.id in (select session_id from born)`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  const { user, session } = toRefreshable(row)
  return { user, session, refreshToken: child }
}

/**
 * A token that is too old came back: the whole family is revoked, and the session's row stays, as GoTrue has it. The
 * revoked are dated back, or the newest of them, in whoever's hand, would be good for the reuse interval.
 */
export async function revokeRows(
  ctx: Tx,
  { sessionId, event }: { sessionId: string; event: NewEvent },
): Promise<void> {
  if (!ctx.config.gotrue.refreshTokenRotation) return
  const reuse = ctx.config.gotrue.refreshTokenReuseSeconds * second
  await sql`
    with revoked as (
      update auth.refresh_tokens
      set revoked = true, updated_at = least(updated_at, ${sqlAfter(ctx, -reuse - second)})
      where session_id = ${sessionId} and revoked = false returning id),
    ${recording(ctx, [event])}
    select count(*) from revoked`.execute(ctx.db)
}
