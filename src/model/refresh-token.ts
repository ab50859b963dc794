import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { hmacSha256, sameHash, sha256 } from '../base/crypto.ts'
import { discloseFor, encloseFor } from '../base/gotrue-envelope.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { auditing } from './audit.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { type NewEvent, recording, recordingOf } from './event.ts'
import { hmacSql } from './hmac.ts'
import {
  type Session,
  type SessionEnd,
  type SessionRow,
  sessionEnded,
  sessionObject,
  toSession,
} from './session.ts'
import type { User } from './user.ts'
import { toUser, type UserRow, usersSql } from './user-row.ts'
import { nilUuid } from './uuid.ts'

/**
 * GoTrue's refresh tokens of the second kind: the session's id and a count, signed with the session's own key. No token
 * rests in the database; the session's row holds the key and the newest count. (The first kind: `refresh-token-row.ts`.)
 */
export interface CountedToken {
  sessionId: string
  counter: number
  /** What the mark was made over, and the mark. */
  signed: Buffer
  mark: Buffer
}

const form = { version: 0, idEnd: 17, markLength: 16, sumLength: 4 }

/** Null for what has not the form of one. Its mark is not checked yet: the key is in the session's row. */
export function parseCountedToken(text: string): CountedToken | null {
  if (!/^[\w-]{50,64}$/.test(text)) return null
  const bytes = Buffer.from(text, 'base64url')
  const sumAt = bytes.length - form.sumLength
  const markAt = sumAt - form.markLength
  if (bytes[0] !== form.version || markAt <= form.idEnd) return null
  if (!bytes.subarray(sumAt).equals(sumOf(bytes.subarray(0, sumAt)))) return null
  const counter = readVarint(bytes.subarray(form.idEnd, markAt))
  if (counter === null) return null
  const id = bytes.subarray(1, form.idEnd).toString('hex')
  return {
    sessionId: id.replace(/^(.{8})(.{4})(.{4})(.{4})(.{12})$/, '$1-$2-$3-$4-$5'),
    counter,
    signed: bytes.subarray(0, markAt),
    mark: bytes.subarray(markAt, sumAt),
  }
}

function writeCountedToken(sessionId: string, counter: number, key: string): string {
  const signed = Buffer.concat([
    Buffer.from([form.version]),
    Buffer.from(sessionId.replaceAll('-', ''), 'hex'),
    writeVarint(counter),
  ])
  const marked = Buffer.concat([signed, markOf(key, signed)])
  return Buffer.concat([marked, sumOf(marked)]).toString('base64url')
}

function markOf(key: string, signed: Buffer): Buffer {
  return hmacSha256(Buffer.from(key, 'base64url'), signed).subarray(0, form.markLength)
}

function sumOf(bytes: Buffer): Buffer {
  return sha256(bytes).subarray(0, form.sumLength)
}

/** Seven bits a byte, the lowest first, as Go's `binary.PutUvarint`. */
function writeVarint(number: number): Buffer {
  const bytes: number[] = []
  let rest = number
  while (rest >= 128) {
    bytes.push((rest % 128) | 128)
    rest = Math.floor(rest / 128)
  }
  return Buffer.from([...bytes, rest])
}

function readVarint(bytes: Buffer): number | null {
  const number = bytes.reduceRight((sum, byte) => sum * 128 + (byte & 127), 0)
  const isWhole = bytes.every((byte, at) => byte >= 128 === at < bytes.length - 1)
  return isWhole && Number.isSafeInteger(number) ? number : null
}

/** A session that a token speaks of, with its user, read with one query. */
export interface Refreshable {
  user: User
  session: Session
  ended: SessionEnd | null
}

export interface RefreshableRow extends UserRow {
  session: SessionRow
  ended: Refreshable['ended']
}

/** The columns of a `Refreshable` beside the user's, from a session `s`. */
export function refreshableColumns(ctx: Tx): RawBuilder<unknown> {
  return sql`${sessionObject} as session, ${sessionEnded(ctx)} as ended,`
}

export function toRefreshable(row: RefreshableRow): Refreshable {
  return {
    user: toUser(row),
    session: toSession(row.session),
    ended: row.ended,
  }
}

/** What the session's row says of a token of its. */
export interface CountedRefreshable extends Refreshable {
  key: string
  /** The newest count less the token's: 0 for the newest token, 1 for the one before. */
  behind: number
}

/** Null when there is no such session, or the token was not made with its key. */
export async function findByCountedToken(
  ctx: Tx,
  token: CountedToken,
): Promise<CountedRefreshable | null> {
  const extra = sql`${refreshableColumns(ctx)} s.refresh_token_hmac_key as key, s.refresh_token_counter as counter,`
  const { rows } = await sql<RefreshableRow & { key: string | null; counter: number | null }>`
    ${usersSql(sql`auth.sessions s join auth.users u on u.id = s.user_id`, extra)}
    where s.id = ${token.sessionId} and u.instance_id = ${nilUuid}`.execute(ctx.db)
  const [row] = rows
  if (!row?.key || row.counter === null) return null
  const key = discloseFor(ctx, token.sessionId, row.key)
  if (!sameHash(markOf(key, token.signed), token.mark)) return null
  return { ...toRefreshable(row), key, behind: row.counter - token.counter }
}

/** Gives a session its key; the answer is whole, for the session has just begun. */
export async function carryByCount(
  ctx: Tx,
  sessionId: string,
): Promise<{ user: User; session: Session; refreshToken: string } | null> {
  const key = Buffer.from(ctx.random.bytes(32)).toString('base64url')
  const source = sql`carried s join auth.users u on u.id = s.user_id`
  const { rows } = await sql<RefreshableRow>`
    with carried as (
      update auth.sessions
      set refresh_token_hmac_key = ${encloseFor(ctx, sessionId, key)}, refresh_token_counter = 0
      where id = ${sessionId} returning *)
    ${usersSql(source, refreshableColumns(ctx))}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  const { user, session } = toRefreshable(row)
  return { user, session, refreshToken: writeCountedToken(sessionId, 0, key) }
}

/**
 * A new token for a session that has one and did more than refresh: two counts on, as GoTrue goes, so that the token
 * before is not taken for one whose answer was lost. Null for a session without a count.
 */
export async function renewCount(
  ctx: Tx,
  sessionId: string,
): Promise<{ user: User; session: Session; refreshToken: string; counter: number } | null> {
  const now = sqlNow(ctx)
  const source = sql`renewed s join auth.users u on u.id = s.user_id`
  const extra = sql`${refreshableColumns(ctx)} s.refresh_token_hmac_key as key, s.refresh_token_counter as counter,`
  const { rows } = await sql<RefreshableRow & { key: string; counter: number }>`
    with renewed as (
      update auth.sessions set refresh_token_counter = refresh_token_counter + 2,
        refreshed_at = ${now} at time zone 'utc', updated_at = ${now}
      where id = ${sessionId} and refresh_token_hmac_key is not null and refresh_token_counter is not null returning *)
    ${usersSql(source, extra)}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  const { user, session } = toRefreshable(row)
  const key = discloseFor(ctx, sessionId, row.key)
  const refreshToken = writeCountedToken(sessionId, row.counter, key)
  return { user, session, refreshToken, counter: row.counter }
}

const keyColumn = sql<string | null>`s.refresh_token_hmac_key`
const refreshed = sql`refreshed`

/**
 * The usual refresh, in one statement: the newest token of a session that is good moves the count on, records it, and
 * reads whose it is. Null where anything at all is not as usual, also where the key rests in an envelope.
 */
export async function rotateNewest(
  ctx: Tx,
  { token, clientId }: { token: CountedToken; clientId: string | null },
): Promise<(Refreshable & { refreshToken: string; counter: number }) | null> {
  if (ctx.config.gotrue.databaseEncryption) return null
  const now = sqlNow(ctx)
  // Hashes are compared, as `sameSecret` does: how long that takes says nothing of the mark.
  const mark = sql`sha256(substring(${hmacSql(keyColumn, token.signed)} for ${form.markLength}::int))`
  const { rows } = await sql<RefreshableRow & { key: string; counter: number }>`
    with rotated as (
      update auth.sessions s set refresh_token_counter = s.refresh_token_counter + 1,
        refreshed_at = ${now} at time zone 'utc', updated_at = ${now}, user_agent = ${ctx.client.userAgent},
        ip = ${ctx.client.ip}::inet
      from auth.users u
      where s.id = ${token.sessionId} and u.id = s.user_id and u.instance_id = ${nilUuid}
        and s.refresh_token_counter = ${token.counter}::bigint and ${mark} = ${sha256(token.mark)}::bytea
        and s.oauth_client_id::text is not distinct from ${clientId}::text
        and (u.banned_until is null or u.banned_until <= ${now}) and ${sessionEnded(ctx)} is null
      returning s.*),
    refreshed as (select user_id, id as session_id, null::text as application_id from rotated),
    ${auditing(ctx, { action: 'token_refreshed', logType: 'token' }, refreshed)},
    ${recordingOf(ctx, 'session.refreshed', 'refreshed')}
    ${usersSql(
      sql`rotated s join auth.users u on u.id = s.user_id`,
      sql`${sessionObject} as session, null as ended,
      s.refresh_token_hmac_key as key, s.refresh_token_counter as counter,`,
    )}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  const refreshToken = writeCountedToken(token.sessionId, row.counter, row.key)
  return { ...toRefreshable(row), refreshToken, counter: row.counter }
}

/** Why an older token was answered with the newest one (GoTrue's names). */
export type ReuseCause = 'fail-to-save' | 'concurrent-refresh' | 'always-allow'

/**
 * Moves the count on, and records it, in one statement: of all who come with one token, one moves it, and the others
 * get the same child, within the reuse interval or while it is the newest. Null when the token is too old, or the
 * session has ended meanwhile.
 */
export async function rotateCount(
  ctx: Tx,
  { token, key, event }: { token: CountedToken; key: string; event: NewEvent },
): Promise<{ refreshToken: string; counter: number; isReused: boolean } | null> {
  const { gotrue } = ctx.config
  const isNewest = sql`s.refresh_token_counter = ${token.counter}::bigint`
  const { rows } = await sql<{ counter: number; moved: boolean }>`
    with before as (
      select s.id, s.refresh_token_counter from auth.sessions s where s.id = ${token.sessionId} for update),
    rotated as (
      update auth.sessions s set
        refresh_token_counter = case when ${isNewest} then s.refresh_token_counter + 1 else s.refresh_token_counter end,
        refreshed_at = case when ${isNewest} then ${sqlNow(ctx)} at time zone 'utc' else s.refreshed_at end,
        updated_at = ${sqlNow(ctx)}, user_agent = ${ctx.client.userAgent}, ip = ${ctx.client.ip}::inet
      from before
      where s.id = before.id and (${isNewest} or s.refresh_token_counter = ${token.counter}::bigint + 1
        or (s.refresh_token_counter > ${token.counter}::bigint and (${gotrue.refreshTokenAllowReuse}::boolean
          or s.refreshed_at at time zone 'utc' > ${sqlAfter(ctx, -gotrue.refreshTokenReuseSeconds * second)})))
      returning s.refresh_token_counter as counter, before.refresh_token_counter <> s.refresh_token_counter as moved),
    ${recording(ctx, [event], sql`exists (select from rotated)`)}
    select counter, moved from rotated`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  return {
    refreshToken: writeCountedToken(token.sessionId, row.counter, key),
    counter: row.counter,
    isReused: !row.moved,
  }
}

/** A token that is too old came back: two hold it, so its session ends. Nothing happens when the rotation is off. */
export async function endCountedSession(
  ctx: Tx,
  { token, event }: { token: CountedToken; event: NewEvent },
): Promise<boolean> {
  if (!ctx.config.gotrue.refreshTokenRotation) return false
  const { rows } = await sql`
    with ended as (
      delete from auth.sessions s where s.id = ${token.sessionId}
        and s.refresh_token_counter > ${token.counter}::bigint + 1 returning s.id),
    ${recording(ctx, [event], sql`exists (select from ended)`)}
    select id from ended`.execute(ctx.db)
  return rows.length > 0
}
