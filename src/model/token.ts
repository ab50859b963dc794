import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { hmacSha256, secretOf, sha256 } from '../base/crypto.ts'
import { minute, second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type Granted, type GrantedRow, grantedColumns, isLive, toGranted } from './grant.ts'
import { type UserRow, usersSql } from './user-row.ts'

/** How long a code waits to be redeemed. */
export const codeLifetime = 1 * minute

/** How long a spent refresh token still gets the same child: for tabs that refresh at once, and lost answers. */
export const reuseInterval = 10 * second

/** What the code's authorization request said, as the code has to prove it. */
export interface CodeDetails {
  redirectUri: string
  challenge: string | null
  nonce: string | null
  /** The ID token has to say when the user signed in (`max_age`). */
  wantsAuthTime: boolean
}

/** Writes a grant of the session's user and its code, in one statement; null when the session has ended. */
export async function createCode(
  ctx: Tx,
  code: {
    sessionId: string
    applicationId: string
    scope: string
    authenticatedAt: Date
    details: CodeDetails
  },
): Promise<string | null> {
  const value = ctx.random.token()
  // Whoever deletes the user or ends the session locks in this order, too.
  const { rows } = await sql`
    with held as (
      select u.id as user_id, s.id as session_id from auth.users u join auth.sessions s on s.user_id = u.id
      where s.id = ${code.sessionId} and ${isLive(ctx)} for key share of u, s),
    granted as (
      insert into idp.grants (id, user_id, session_id, application_id, scope, authenticated_at, created_at)
      select ${ctx.random.uuid()}, user_id, session_id, ${code.applicationId}, ${code.scope}, ${code.authenticatedAt}, ${sqlNow(ctx)}
      from held returning *),
    made as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, expires_at)
      select ${sha256(value)}, 'code', id, application_id, scope, ${JSON.stringify(code.details)}::text::jsonb,
        ${sqlNow(ctx)}, ${sqlAfter(ctx, codeLifetime)} from granted),
    ${recordingOf(ctx, 'grant.created', 'granted')}
    select id from granted`.execute(ctx.db)
  return rows.length === 0 ? null : value
}

/** What is to be written when a token is redeemed. */
export interface Issue {
  applicationId: string
  /** Milliseconds. */
  accessLifetime: number
  refreshLifetime: number
}

/** What a client gets for its code or refresh token. */
export interface Issued extends Granted {
  accessToken: string
  refreshToken: string | null
  /** The scope of the access token, which may be narrower than the grant's. */
  scope: string
}

/**
 * Redeems a code, with all that it gives, in one statement: of many who come at once, one gets it. Null when it is
 * unknown, spent, expired, of another application, for another address, or when the verifier does not fit.
 */
export async function redeemCode(
  ctx: Tx,
  code: string,
  {
    redirectUri,
    challenge,
    alwaysRefresh,
    ...issue
  }: Issue & { redirectUri: string; challenge: string | null; alwaysRefresh: boolean },
): Promise<Issued | null> {
  const accessToken = ctx.random.token()
  const refreshToken = ctx.random.token()
  const { rows } = await sql<UserRow & GrantedRow & { has_refresh: boolean }>`
    with ${held(ctx, { hash: sha256(code), kind: 'code', applicationId: issue.applicationId })},
    spent as (
      update idp.tokens t set used_at = ${sqlNow(ctx)} from held
      where t.hash = held.hash and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
        and t.details->>'redirectUri' = ${redirectUri}
        and t.details->>'challenge' is not distinct from ${challenge}::text
      returning held.*, t.scope, t.details as token_details,
        ${alwaysRefresh}::boolean or 'offline_access' = any(string_to_array(t.scope, ' ')) as has_refresh),
    access as (${newToken(ctx, { hash: sha256(accessToken), kind: 'access', from: 'spent', lifetime: issue.accessLifetime })}),
    refresh as (${newToken(ctx, { hash: sha256(refreshToken), kind: 'refresh', from: 'spent', lifetime: issue.refreshLifetime })}
      where has_refresh),
    ${recordingOf(ctx, 'code.redeemed', 'spent')}
    ${usersSql(sql`auth.users u join spent on spent.user_id = u.id`, sql`${grantedColumns('spent')}, spent.has_refresh,`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    ...toGranted(row),
    accessToken,
    refreshToken: row.has_refresh ? refreshToken : null,
    scope: row.granted_scope,
  }
}

/** A spent code came again: somebody stole it, so all that it gave falls (RFC 6749 § 4.1.2). True when it was one. */
export function revokeReusedCode(ctx: Tx, code: string, applicationId: string): Promise<boolean> {
  return revoke(ctx, {
    event: 'code.reused',
    where: sql`t.hash = ${sha256(code)} and t.kind = 'code' and t.application_id = ${applicationId} and t.used_at is not null`,
  })
}

export type Rotation =
  | { outcome: 'rotated'; issued: Issued }
  | { outcome: 'scope-too-wide' | 'reused' | 'unknown' }

/** A refresh token as it comes; `scope` asks for less than was granted. */
export interface Refresh extends Issue {
  token: string
  scope: readonly string[]
}

/**
 * Spends a refresh token and writes its child, in one conditional statement. The child follows from its parent, so
 * that whoever comes with the same token within `reuseInterval` gets the same child; who comes later is a thief, or
 * was robbed: then the grant falls.
 */
export async function rotateRefreshToken(ctx: Tx, refresh: Refresh): Promise<Rotation> {
  const refreshToken = childOf(ctx, refresh.token)
  const accessToken = ctx.random.token()
  const { rows } = await sql<UserRow & GrantedRow>`
    with ${held(ctx, { hash: sha256(refresh.token), kind: 'refresh', applicationId: refresh.applicationId })},
    spent as (
      update idp.tokens t set used_at = ${sqlNow(ctx)} from held
      where t.hash = held.hash and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
        and ${[...refresh.scope]}::text[] <@ string_to_array(t.scope, ' ')
      returning held.*, t.scope, t.details as token_details),
    child as (${newToken(ctx, { hash: sha256(refreshToken), kind: 'refresh', from: 'spent', lifetime: refresh.refreshLifetime })}),
    access as (${newAccessToken(ctx, { token: accessToken, from: 'spent', refresh })}),
    ${recordingOf(ctx, 'session.refreshed', 'spent')}
    ${usersSql(sql`auth.users u join spent on spent.user_id = u.id`, sql`${grantedColumns('spent')},`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return retryRefreshToken(ctx, refresh, { refreshToken, accessToken })
  return { outcome: 'rotated', issued: issuedOf(row, refresh, { refreshToken, accessToken }) }
}

/** A refresh token that is not spent: for confidential clients whose application says so. */
export async function keepRefreshToken(ctx: Tx, refresh: Refresh): Promise<Rotation> {
  const accessToken = ctx.random.token()
  const { rows } = await sql<UserRow & GrantedRow & { fits: boolean }>`
    with ${held(ctx, { hash: sha256(refresh.token), kind: 'refresh', applicationId: refresh.applicationId })},
    good as (
      select held.*, t.scope, t.details as token_details from held join idp.tokens t on t.hash = held.hash
      where t.used_at is null and t.expires_at > ${sqlNow(ctx)}),
    fitting as (select * from good where ${[...refresh.scope]}::text[] <@ string_to_array(scope, ' ')),
    access as (${newAccessToken(ctx, { token: accessToken, from: 'fitting', refresh })}),
    ${recordingOf(ctx, 'session.refreshed', 'fitting')}
    ${usersSql(sql`auth.users u join good on good.user_id = u.id`, sql`${grantedColumns('good')}, exists (select from fitting) as fits,`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  if (!row.fits) return { outcome: 'scope-too-wide' }
  const issued = issuedOf(row, refresh, { refreshToken: refresh.token, accessToken })
  return { outcome: 'rotated', issued }
}

/** Why a refresh token was not spent, and what follows from that, in one statement. */
async function retryRefreshToken(
  ctx: Tx,
  refresh: Refresh,
  tokens: { refreshToken: string; accessToken: string },
): Promise<Rotation> {
  // Locked for update, not for share: two who came for the same reason would wait for each other.
  const { rows } = await sql<
    UserRow & GrantedRow & { outcome: 'again' | 'scope-too-wide' | 'reused' | 'unknown' }
  >`
    with presented as (
      select t.scope, t.details as token_details, g.id as grant_id, g.user_id, g.session_id, g.application_id, g.authenticated_at,
        case
          when t.used_at <= ${sqlAfter(ctx, -reuseInterval)} then 'reused'
          when t.used_at is null and t.expires_at <= ${sqlNow(ctx)} then 'unknown'
          when not ${[...refresh.scope]}::text[] <@ string_to_array(t.scope, ' ') then 'scope-too-wide'
          when exists (select from idp.tokens c where c.hash = ${sha256(tokens.refreshToken)}) then 'again'
          else 'unknown'
        end as outcome
      from idp.tokens t join idp.grants g on g.id = t.grant_id join auth.sessions s on s.id = g.session_id
        join auth.users u on u.id = g.user_id
      where t.hash = ${sha256(refresh.token)} and t.kind = 'refresh' and t.application_id = ${refresh.applicationId}
        and ${isLive(ctx)}
      for update of g),
    again as (select * from presented where outcome = 'again'),
    access as (${newAccessToken(ctx, { token: tokens.accessToken, from: 'again', refresh })}),
    revoked as (
      delete from idp.grants g using presented where g.id = presented.grant_id and presented.outcome = 'reused'
      returning g.*),
    ${recordingOf(ctx, 'token.reused', 'revoked')}, ${recordingOf(ctx, 'session.refreshed', 'again')}
    ${usersSql(sql`auth.users u join presented on presented.user_id = u.id`, sql`${grantedColumns('presented')}, presented.outcome,`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  if (row.outcome !== 'again') return { outcome: row.outcome }
  return { outcome: 'rotated', issued: issuedOf(row, refresh, tokens) }
}

function childOf(ctx: Tx, parent: string): string {
  return hmacSha256(secretOf(ctx.config).key('oidc-refresh'), parent).toString('base64url')
}

function issuedOf(
  row: UserRow & GrantedRow,
  refresh: Refresh,
  tokens: { refreshToken: string; accessToken: string },
): Issued {
  const scope = refresh.scope.length > 0 ? refresh.scope.join(' ') : row.granted_scope
  return { ...toGranted(row), ...tokens, scope }
}

/**
 * The presented token's grant as the expression `held`, locked until the end: who revokes it waits, or was first and
 * leaves no row. Without the lock, the tokens that follow would meet a grant that is just being deleted.
 */
function held(
  ctx: Tx,
  { hash, kind, applicationId }: { hash: Buffer; kind: 'code' | 'refresh'; applicationId: string },
): RawBuilder<unknown> {
  return sql`held as (
    select t.hash, g.id as grant_id, g.user_id, g.session_id, g.application_id, g.authenticated_at
    from idp.tokens t join idp.grants g on g.id = t.grant_id join auth.sessions s on s.id = g.session_id
      join auth.users u on u.id = g.user_id
    where t.hash = ${hash} and t.kind = ${kind} and t.application_id = ${applicationId} and ${isLive(ctx)}
    for key share of g)`
}

function newToken(
  ctx: Tx,
  token: { hash: Buffer; kind: 'access' | 'refresh'; from: string; lifetime: number },
): RawBuilder<unknown> {
  return sql`
    insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, expires_at)
    select ${token.hash}::bytea, ${token.kind}, grant_id, application_id, scope, token_details - 'redirectUri' - 'challenge' - 'nonce',
      ${sqlNow(ctx)}, ${sqlAfter(ctx, token.lifetime)} from ${sql.ref(token.from)}`
}

function newAccessToken(
  ctx: Tx,
  { token, from, refresh }: { token: string; from: string; refresh: Refresh },
): RawBuilder<unknown> {
  const scope = refresh.scope.length > 0 ? sql`${refresh.scope.join(' ')}` : sql`scope`
  return sql`
    insert into idp.tokens (hash, kind, grant_id, application_id, scope, created_at, expires_at)
    select ${sha256(token)}::bytea, 'access', grant_id, application_id, ${scope}, ${sqlNow(ctx)},
      ${sqlAfter(ctx, refresh.accessLifetime)} from ${sql.ref(from)}`
}

/** An access token for a client that came with its own credentials; nobody's grant stands behind it. */
export async function createClientToken(
  ctx: Tx,
  { applicationId, lifetime }: { applicationId: string; lifetime: number },
): Promise<string> {
  const token = ctx.random.token()
  await sql`
    with made as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, created_at, expires_at)
      values (${sha256(token)}, 'access', null, ${applicationId}, '', ${sqlNow(ctx)}, ${sqlAfter(ctx, lifetime)})
      returning application_id, null::uuid as user_id, null::uuid as session_id),
    ${recordingOf(ctx, 'token.issued', 'made')}
    select 1`.execute(ctx.db)
  return token
}

/** The user behind an access token, as they are now; null when the token, its session or its user is no more. */
export async function findTokenUser(ctx: Tx, token: string): Promise<Granted | null> {
  const { rows } = await sql<UserRow & GrantedRow>`
    ${usersSql(
      sql`idp.tokens t join idp.grants g on g.id = t.grant_id join auth.sessions s on s.id = g.session_id
        join auth.users u on u.id = g.user_id`,
      sql`g.id as grant_id, g.session_id as granted_session_id, g.application_id as granted_application_id,
        t.scope as granted_scope, g.authenticated_at as granted_at, t.details as granted_details,`,
    )}
    where t.hash = ${sha256(token)} and t.kind = 'access' and t.expires_at > ${sqlNow(ctx)} and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : toGranted(rows[0])
}

/** A token as introspection tells of it. */
export interface TokenFacts {
  kind: 'refresh' | 'access'
  applicationId: string
  /** Null for a client that came with its own credentials. */
  userId: string | null
  username: string | null
  scope: string
  createdAt: Date
  expiresAt: Date
}

/** The token if it is good now; `owner` null looks at every application's. */
export async function findToken(
  ctx: Tx,
  token: string,
  owner: string | null,
): Promise<TokenFacts | null> {
  const { rows } = await sql<{
    kind: 'refresh' | 'access'
    application_id: string
    user_id: string | null
    scope: string
    created_at: Date
    expires_at: Date
    username: string | null
  }>`
    select t.kind, t.application_id, g.user_id, t.scope, t.created_at, t.expires_at, p.username
    from idp.tokens t left join idp.grants g on g.id = t.grant_id left join auth.sessions s on s.id = g.session_id
      left join auth.users u on u.id = g.user_id left join idp.profiles p on p.user_id = g.user_id
    where t.hash = ${sha256(token)} and t.kind in ('refresh', 'access') and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
      and (${owner}::text is null or t.application_id = ${owner}) and (t.grant_id is null or (u.id is not null and ${isLive(ctx)}))`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    kind: row.kind,
    applicationId: row.application_id,
    userId: row.user_id,
    username: row.username,
    scope: row.scope,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }
}

/** Revokes an application's own token, and with it everything of the same grant. True when there was one. */
export async function revokeToken(ctx: Tx, token: string, applicationId: string): Promise<boolean> {
  return revoke(ctx, {
    event: 'token.revoked',
    where: sql`t.hash = ${sha256(token)} and t.kind in ('refresh', 'access') and t.application_id = ${applicationId}`,
  })
}

/** Deletes the grants of the tokens that `where` finds, or the tokens themselves where there is no grant. */
async function revoke(
  ctx: Tx,
  { event, where }: { event: 'code.reused' | 'token.revoked'; where: RawBuilder<unknown> },
): Promise<boolean> {
  const { rows } = await sql`
    with presented as (select t.hash, t.grant_id from idp.tokens t where ${where}),
    ungranted as (
      delete from idp.tokens t using presented where t.hash = presented.hash and presented.grant_id is null
      returning t.application_id, null::uuid as user_id, null::uuid as session_id),
    grants as (
      delete from idp.grants g using presented where g.id = presented.grant_id
      returning g.application_id, g.user_id, g.session_id),
    revoked as (select * from ungranted union all select * from grants),
    ${recordingOf(ctx, event, 'revoked')}
    select 1 from revoked`.execute(ctx.db)
  return rows.length > 0
}
