import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { type NewEvent, recording } from './event.ts'
import { isUuid } from './uuid.ts'

export type Aal = 'aal1' | 'aal2' | 'aal3'

/** How a user proved who they are (GoTrue's names, which `amr` claims carry). */
export type AuthenticationMethod =
  | 'password'
  | 'otp'
  | 'magiclink'
  | 'recovery'
  | 'invite'
  | 'email/signup'
  | 'email_change'
  | 'anonymous'
  | 'oauth'
  | 'passkey'
  | 'totp'
  | 'mfa/phone'
  | 'mfa/webauthn'
  | 'sso/saml'
  | 'web3'
  | 'oauth_provider/authorization_code'

export interface Amr {
  method: string
  at: Date
}

/** One sign-in of one user on one device, whoever carries it: a row of `auth.sessions`. */
export interface Session {
  id: string
  userId: string
  aal: Aal
  /** Newest first. */
  amr: Amr[]
  createdAt: Date
  refreshedAt: Date | null
  /** The session ends at this time, whatever carries it. */
  notAfter: Date | null
  userAgent: string | null
  ip: string | null
  tag: string | null
  /** The client of GoTrue's OAuth server that holds it, and what that may have; null for the user's own. */
  client: SessionClient | null
}

export interface SessionClient {
  id: string
  scope: string
}

/** What carries a session beside GoTrue's refresh token: a browser's cookie, or Auth.js' session token. */
export type Carrier = 'browser' | 'authjs'

/** Times are strings where the row came inside a JSON object. */
export interface SessionRow {
  id: string
  user_id: string
  aal: Aal | null
  created_at: Date | string | null
  refreshed_at: Date | string | null
  not_after: Date | string | null
  user_agent: string | null
  ip: string | null
  tag: string | null
  oauth_client_id: string | null
  scopes: string | null
  amr: { method: string; at: string }[] | null
}

export function toSession(row: SessionRow): Session {
  return {
    id: row.id,
    userId: row.user_id,
    aal: row.aal ?? 'aal1',
    amr: (row.amr ?? []).map(({ method, at }) => ({ method, at: new Date(at) })),
    createdAt: toDate(row.created_at) ?? new Date(0),
    refreshedAt: toDate(row.refreshed_at),
    notAfter: toDate(row.not_after),
    userAgent: row.user_agent,
    ip: row.ip,
    tag: row.tag,
    client:
      row.oauth_client_id === null ? null : { id: row.oauth_client_id, scope: row.scopes ?? '' },
  }
}

function toDate(value: Date | string | null): Date | null {
  return value === null ? null : new Date(value)
}

/** The methods of a session `s`, newest first. */
const amrSql = sql`(select json_agg(json_build_object('method', c.authentication_method, 'at', c.updated_at) order by c.updated_at desc)
     from auth.mfa_amr_claims c where c.session_id = s.id)`

/** A session `s` as one JSON column, for a query whose rows are users. */
export const sessionObject = sql`json_build_object('id', s.id, 'user_id', s.user_id, 'aal', s.aal, 'created_at', s.created_at,
  'refreshed_at', s.refreshed_at at time zone 'utc', 'not_after', s.not_after, 'user_agent', s.user_agent,
  'ip', host(s.ip), 'tag', s.tag, 'oauth_client_id', s.oauth_client_id, 'scopes', s.scopes, 'amr', ${amrSql})`

/** Why a session is over. */
export type SessionEnd = 'expired' | 'inactive' | 'low-aal' | 'newer'

/**
 * Why a session `s` is over, as GoTrue says it at a refresh: `expired` (its own end, or `GOTRUE_SESSIONS_TIMEBOX`),
 * `inactive`, `low-aal` (its user has a second factor and did not show it in time), `newer` (one session is allowed, and
 * another one was used since), or null.
 */
export function sessionEnded(ctx: Tx): RawBuilder<SessionEnd | null> {
  const { sessionsSinglePerUser } = ctx.config.gotrue
  const itself = endedByItself(ctx, 's')
  return sessionsSinglePerUser
    ? sql`coalesce(${itself}, case when exists (${newerSession(ctx)}) then 'newer' end)`
    : itself
}

function endedByItself(ctx: Tx, session: 's' | 'o'): RawBuilder<SessionEnd | null> {
  const { sessionsTimebox, sessionsInactivity, sessionsAllowLowAal } = ctx.config.gotrue
  const s = sql.ref(session)
  const isOver = (since: RawBuilder<unknown>, length: number | null) =>
    length === null ? sql`false` : sql`${since} <= ${sqlAfter(ctx, -length)}`
  return sql`case
    when ${s}.not_after <= ${sqlNow(ctx)} or ${isOver(sql`${s}.created_at`, sessionsTimebox)} then 'expired'
    when ${isOver(lastUsed(session), sessionsInactivity)} then 'inactive'
    when ${isOver(sql`${s}.created_at`, sessionsAllowLowAal)} and coalesce(${s}.aal, 'aal1') = 'aal1' and exists (
      select from auth.mfa_factors f where f.user_id = ${s}.user_id and f.status = 'verified') then 'low-aal'
  end`
}

function lastUsed(session: 's' | 'o'): RawBuilder<unknown> {
  const s = sql.ref(session)
  return sql`coalesce(${s}.refreshed_at at time zone 'utc', ${s}.created_at)`
}

/** Another session of the user with the same tag that refresh tokens carry, that is good, and that was used later. */
function newerSession(ctx: Tx): RawBuilder<unknown> {
  const { sessionsTags: tags } = ctx.config.gotrue
  // Whatever has none of the tags has the first.
  const tagOf = (session: 's' | 'o') =>
    sql`case when ${sql.ref(session)}.tag = any(${tags}::text[]) then ${sql.ref(session)}.tag else ${tags[0] ?? ''} end`
  return sql`select from auth.sessions o
    where o.user_id = s.user_id and o.id <> s.id and o.oauth_client_id is null and ${tagOf('o')} = ${tagOf('s')}
      and ${lastUsed('o')} > ${lastUsed('s')} and ${endedByItself(ctx, 'o')} is null
      and (o.refresh_token_hmac_key is not null or exists (
        select from auth.refresh_tokens r where r.session_id = o.id and r.revoked = false))`
}

/** Columns of a session `s` with its methods, newest first, for a `select`. */
export const sessionColumns = sql`s.id, s.user_id, s.aal::text as aal, s.created_at, s.refreshed_at, s.not_after, s.user_agent,
  host(s.ip) as ip, s.tag, s.oauth_client_id, s.scopes,
  ${amrSql} as amr`

export interface NewSession {
  id?: string
  userId: string
  method: AuthenticationMethod
  notAfter?: Date | null
  client?: SessionClient | null
  /** What is told of it. */
  events?: readonly NewEvent[]
}

/**
 * Begins a session with the method that the user came by, notes when they signed in, and records it: one statement.
 * Only `admit` (flows/admit.ts) calls it: every sign-in passes the one door. Throws `user_not_found` when the user
 * was deleted meanwhile.
 */
export async function createSession(ctx: Tx, session: NewSession): Promise<Session> {
  const {
    id = ctx.random.uuid(),
    userId,
    method,
    notAfter = null,
    client = null,
    events = [],
  } = session
  const now = sqlNow(ctx)
  const { rows } = await sql<SessionRow>`
    with u as (
      update auth.users set last_sign_in_at = ${now}, updated_at = ${now} where id = ${userId} returning id),
    s as (
      insert into auth.sessions (id, user_id, created_at, updated_at, aal, not_after, user_agent, ip, oauth_client_id, scopes)
      select ${id}::uuid, u.id, ${now}, ${now}, 'aal1', ${notAfter}::timestamptz, ${ctx.client.userAgent}, ${ctx.client.ip}::inet,
        ${client?.id ?? null}::uuid, ${client?.scope ?? null}::text
      from u returning *),
    claim as (
      insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
      select ${ctx.random.uuid()}::uuid, id, ${method}, ${now}, ${now} from s
      returning authentication_method, updated_at),
    ${recording(ctx, events, sql`exists (select from s)`)}
    select s.id, s.user_id, s.aal::text as aal, s.created_at, s.refreshed_at, s.not_after, s.user_agent, host(s.ip) as ip, s.tag, s.oauth_client_id, s.scopes,
      json_build_array(json_build_object('method', claim.authentication_method, 'at', claim.updated_at)) as amr
    from s, claim`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Fault('user_not_found')
  return toSession(row)
}

export async function listSessions(ctx: Tx, userId: string): Promise<Session[]> {
  if (!isUuid(userId)) return []
  const { rows } = await sql<SessionRow>`
    select ${sessionColumns} from auth.sessions s
    where s.user_id = ${userId} and (s.not_after is null or s.not_after > ${sqlNow(ctx)})
    order by s.created_at desc`.execute(ctx.db)
  return rows.map(toSession)
}

/** Gives the session a carrier and returns the secret that the carrier holds; only its hash is kept. */
export async function carrySession(
  ctx: Tx,
  sessionId: string,
  carrier: Carrier,
  lifetime: number,
): Promise<{ token: string }> {
  const token = ctx.random.token()
  await sql`
    insert into idp.session_tokens (hash, session_id, carrier, created_at, expires_at)
    values (${sha256(token)}, ${sessionId}, ${carrier}, ${sqlNow(ctx)}, ${sqlAfter(ctx, lifetime)})`.execute(
    ctx.db,
  )
  return { token }
}

/** The session behind a carrier's secret; null when the carrier or the session has ended. */
export async function findCarriedSession(
  ctx: Tx,
  token: string,
  carrier: Carrier,
): Promise<Session | null> {
  const { rows } = await sql<SessionRow>`
    select ${sessionColumns} from idp.session_tokens t join auth.sessions s on s.id = t.session_id
    where t.hash = ${sha256(token)} and t.carrier = ${carrier} and t.expires_at > ${sqlNow(ctx)}
      and (s.not_after is null or s.not_after > ${sqlNow(ctx)})`.execute(ctx.db)
  return rows[0] === undefined ? null : toSession(rows[0])
}

/** Ends one session; every carrier, grant and token of it falls by cascade. Returns whether there was one. */
export async function endSession(ctx: Tx, id: string): Promise<boolean> {
  if (!isUuid(id)) return false
  const { rows } = await sql`delete from auth.sessions where id = ${id} returning id`.execute(
    ctx.db,
  )
  return rows.length > 0
}

/** Ends all sessions of a user, whichever face began them, and returns their ids. */
export async function endSessionsOf(
  ctx: Tx,
  userId: string,
  { except }: { except?: string | undefined } = {},
): Promise<string[]> {
  const { rows } = await sql<{ id: string }>`
    delete from auth.sessions where user_id = ${userId} and (${except ?? null}::uuid is null or id <> ${except ?? null}::uuid)
    returning id`.execute(ctx.db)
  return rows.map(({ id }) => id)
}
