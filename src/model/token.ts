import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type Granted, type GrantedRow, isLive, toGranted } from './grant.ts'
import { detailsOf, type OpaqueToken, revoke } from './token-row.ts'
import { type UserRow, usersSql } from './user-row.ts'

export { createCode } from './code.ts'

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
