import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type Granted, type GrantedRow, isLive, toGranted } from './grant.ts'
import { rightsColumn } from './rights.ts'
import {
  type ActingParty,
  type Confirmation,
  detailsOf,
  type OpaqueToken,
  revoking,
} from './token-row.ts'
import { type UserRow, usersSql } from './user-row.ts'

/** Writes an opaque access token; without a grant it is the application's own. */
export async function createAccessToken(
  ctx: Tx,
  opaque: OpaqueToken,
  {
    grantId,
    applicationId,
    scope,
  }: { grantId: string | null; applicationId: string; scope: string },
): Promise<void> {
  await sql`
    with made as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, expires_at)
      values (${sha256(opaque.value)}, 'access', ${grantId}, ${applicationId}, ${scope}, ${detailsOf(opaque)}::text::jsonb,
        ${sqlNow(ctx)}, ${sqlAfter(ctx, opaque.lifetime)})
      returning grant_id, application_id),
    told as (
      select m.application_id, g.user_id, g.session_id from made m left join idp.grants g on g.id = m.grant_id),
    ${recordingOf(ctx, 'token.issued', 'told')}
    select 1`.execute(ctx.db)
}

/** The user behind an access token, as they are now; null when the token, its session or its user is no more. */
export async function findTokenUser(ctx: Tx, token: string): Promise<Granted | null> {
  const { rows } = await sql<UserRow & GrantedRow>`
    ${usersSql(
      sql`idp.tokens t join idp.grants g on g.id = t.grant_id left join auth.sessions s on s.id = g.session_id
        join auth.users u on u.id = g.user_id`,
      sql`g.id as grant_id, g.session_id as granted_session_id, g.application_id as granted_application_id,
        t.scope as granted_scope, g.api_scopes as granted_api_scopes, g.authenticated_at as granted_at, t.details as granted_details,
        ${rightsColumn({ scope: sql`t.scope`, applicationId: sql`g.application_id`, target: null, asker: null })},`,
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
  /** Of a JWT alone. */
  audience: string | null
  organizationId: string | null
  createdAt: Date
  expiresAt: Date
  cnf: Confirmation | null
  act: ActingParty | null
  /** How sure we are of the user, and since when; null where nobody asked (RFC 9470 § 6.2). */
  acr: string | null
  authenticatedAt: Date | null
  /** What stands behind the token's grant; null where a client came with its own credentials. */
  signIn: SignIn | null
}

/** `sessionId` is null where nobody signed in: an exchanged token. */
export interface SignIn {
  sessionId: string | null
  at: Date
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
    details: { cnf?: Confirmation; act?: ActingParty; acr?: string; wantsAuthTime?: boolean }
    session_id: string | null
    authenticated_at: Date | null
    created_at: Date
    expires_at: Date
    username: string | null
  }>`
    select t.kind, t.application_id, g.user_id, t.scope, t.details, t.created_at, t.expires_at, g.session_id, g.authenticated_at,
      p.username
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
    audience: null,
    organizationId: null,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    cnf: row.details.cnf ?? null,
    act: row.details.act ?? null,
    acr: row.details.acr ?? null,
    authenticatedAt: row.details.wantsAuthTime ? row.authenticated_at : null,
    signIn: row.authenticated_at && { sessionId: row.session_id, at: row.authenticated_at },
  }
}

/** What a JWT of ours names that may have ended since: its grant, or null where the application spoke for itself. */
export interface SignedToken {
  token: string
  grantId: string | null
  applicationId: string
  expiresAt: Date
}

/** Whether what stands behind a JWT goes on: grant, session and user, and nobody revoked it. Null when not. */
export async function findSignedToken(
  ctx: Tx,
  { token, grantId, applicationId }: SignedToken,
): Promise<Pick<TokenFacts, 'username' | 'signIn'> | null> {
  if (grantId === null) {
    const { rows } = await sql`
      select from idp.applications a where a.id = ${applicationId}
        and not exists (select from idp.tokens t where t.hash = ${sha256(token)})`.execute(ctx.db)
    return rows.length === 0 ? null : { username: null, signIn: null }
  }
  const { rows } = await sql<{ username: string | null; sessionId: string | null; at: Date }>`
    select p.username, g.session_id as "sessionId", g.authenticated_at as at from idp.grants g left join auth.sessions s on s.id = g.session_id join auth.users u on u.id = g.user_id
      left join idp.profiles p on p.user_id = u.id
    where g.id = ${grantId} and g.application_id = ${applicationId} and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return { username: row.username, signIn: { sessionId: row.sessionId, at: row.at } }
}

/** Revokes an application's own token, and with it everything of the same grant. True when there was one. */
export async function revokeToken(ctx: Tx, token: string, applicationId: string): Promise<boolean> {
  const { rows } = await sql`
    with ${revoking(ctx, {
      event: 'token.revoked',
      where: sql`t.hash = ${sha256(token)} and t.kind in ('refresh', 'access') and t.application_id = ${applicationId}`,
    })}
    select 1 from revoked`.execute(ctx.db)
  return rows.length > 0
}

/** The same for a JWT: its grant ends; of an application's own, the hash is kept until it would have expired. */
export async function revokeSignedToken(ctx: Tx, signed: SignedToken): Promise<void> {
  const { token, grantId, applicationId, expiresAt } = signed
  await sql`
    with gone as (
      delete from idp.grants g where g.id = ${grantId}::uuid and g.application_id = ${applicationId}
      returning g.application_id, g.user_id, g.session_id),
    kept as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, created_at, expires_at, used_at)
      select ${sha256(token)}::bytea, 'access', null, ${applicationId}, '', ${sqlNow(ctx)}, ${expiresAt}::timestamptz, ${sqlNow(ctx)}
      where ${grantId === null} on conflict do nothing
      returning application_id, null::uuid as user_id, null::uuid as session_id),
    revoked as (select * from gone union all select * from kept),
    ${recordingOf(ctx, 'token.revoked', 'revoked')}
    select 1`.execute(ctx.db)
}
