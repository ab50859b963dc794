import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import type { AccessToken } from './access-token.ts'
import { sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import {
  type GrantDetails,
  type Granted,
  type GrantedRow,
  isLive,
  revokingGrant,
  toGranted,
} from './grant.ts'
import { type HolderRow, holdersSql } from './holder.ts'
import { type Identity, type IdentityRow, toIdentity } from './identity.ts'
import type { ActingParty, Confirmation } from './issue.ts'
import { readRefreshValue } from './refresh-value.ts'
import { rightsColumn, tellsRights } from './rights.ts'

/** What UserInfo tells of: beside what tokens say, who the user is elsewhere, where the scope has it. */
export interface TokenUser extends Granted {
  identities: Identity[]
}

/** The user behind an access token, as they are now; null when its grant, its session or its user is no more. */
export async function findTokenUser(ctx: Tx, token: AccessToken): Promise<TokenUser | null> {
  const { cnf, acr, userInfoClaims, authenticatedAt, scope } = token
  const rights = tellsRights(scope)
    ? rightsColumn({
        ...{ scope: sql`${scope}::text`, applicationId: sql`g.application_id` },
        ...{ target: null, asker: null },
      })
    : sql`null::json as rights`
  const identities = scope.split(' ').includes('identities')
    ? sql`(select json_agg(i order by i.created_at, i.id) from auth.identities i where i.user_id = u.id)`
    : sql`null::json`
  const { rows } = await sql<
    HolderRow &
      Omit<GrantedRow, 'granted_scope' | 'granted_details'> & { identities: IdentityRow[] | null }
  >`
    ${holdersSql(
      sql`idp.grants g left join auth.sessions s on s.id = g.session_id join auth.users u on u.id = g.user_id`,
      sql`g.id as grant_id, g.session_id as granted_session_id, g.application_id as granted_application_id,
        g.api_scopes as granted_api_scopes, g.authenticated_at as granted_at, ${rights}, ${identities} as identities`,
    )}
    where g.id = ${token.grantId}::uuid and g.application_id = ${token.applicationId} and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  const details = { wantsAuthTime: authenticatedAt !== null, ...(cnf !== null && { cnf }) }
  return {
    ...toGranted({ ...row, granted_scope: scope, granted_details: details }),
    acr,
    userInfoClaims,
    identities: (row.identities ?? []).map(toIdentity),
  }
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

/** The refresh token if it is good now; `owner` null looks at every application's. */
export async function findRefreshToken(
  ctx: Tx,
  token: string,
  owner: string | null,
): Promise<TokenFacts | null> {
  const value = readRefreshValue(ctx, token)
  if (value === null) return null
  const { rows } = await sql<{
    application_id: string
    user_id: string
    scope: string
    details: GrantDetails
    session_id: string | null
    authenticated_at: Date
    created_at: Date
    expires_at: Date
    username: string | null
  }>`
    select g.application_id, g.user_id, g.scope, g.details, g.created_at, g.refreshable_until as expires_at, g.session_id, g.authenticated_at, p.username
    from idp.grants g left join auth.sessions s on s.id = g.session_id join auth.users u on u.id = g.user_id
      left join idp.profiles p on p.user_id = g.user_id
    where g.id = ${value.grantId}::uuid and g.generation = ${value.generation} and g.refreshable_until > ${sqlNow(ctx)}
      and (${owner}::text is null or g.application_id = ${owner}) and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    kind: 'refresh',
    applicationId: row.application_id,
    userId: row.user_id,
    username: row.username,
    scope: row.scope,
    audience: null,
    organizationId: null,
    createdAt: row.created_at,
    expiresAt: row.expires_at,
    cnf: null,
    act: null,
    acr: row.details.acr ?? null,
    authenticatedAt: row.details.wantsAuthTime ? row.authenticated_at : null,
    signIn: { sessionId: row.session_id, at: row.authenticated_at },
  }
}

/** An access token that we made, opaque or a JWT, and what of it may have ended since: its grant. */
export interface IssuedToken {
  token: string
  /** Null where the application speaks for itself. */
  grantId: string | null
  applicationId: string
  expiresAt: Date
}

/** What a grant adds to the facts of a token. */
export type GrantFacts = Pick<TokenFacts, 'userId' | 'username' | 'signIn'>

/** Whether what stands behind an access token goes on: grant, session and user, and nobody revoked it. Null when not. */
export async function findIssuedToken(
  ctx: Tx,
  { token, grantId, applicationId }: IssuedToken,
): Promise<GrantFacts | null> {
  if (grantId === null) {
    const { rows } = await sql`
      select from idp.applications a where a.id = ${applicationId}
        and not exists (select from idp.tokens t where t.hash = ${sha256(token)})`.execute(ctx.db)
    return rows.length === 0 ? null : { userId: null, username: null, signIn: null }
  }
  const { rows } = await sql<{
    userId: string
    username: string | null
    sessionId: string | null
    at: Date
  }>`
    select u.id as "userId", p.username, g.session_id as "sessionId", g.authenticated_at as at
    from idp.grants g left join auth.sessions s on s.id = g.session_id join auth.users u on u.id = g.user_id
      left join idp.profiles p on p.user_id = u.id
    where g.id = ${grantId} and g.application_id = ${applicationId} and ${isLive(ctx)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  const { userId, username, sessionId, at } = row
  return { userId, username, signIn: { sessionId, at } }
}

/** Revokes an application's refresh token, and with it everything of the same grant. */
export async function revokeRefreshToken(
  ctx: Tx,
  token: string,
  applicationId: string,
): Promise<void> {
  const value = readRefreshValue(ctx, token)
  if (value === null) return
  await revokeGrant(ctx, { grantId: value.grantId, applicationId })
}

/** The same for an access token: its grant ends; of an application's own, the hash is kept until it would have expired. */
export async function revokeIssuedToken(ctx: Tx, issued: IssuedToken): Promise<void> {
  const { token, grantId, applicationId, expiresAt } = issued
  if (grantId !== null) {
    await revokeGrant(ctx, { grantId, applicationId })
    return
  }
  await sql`
    with revoked as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, created_at, expires_at, used_at)
      values (${sha256(token)}, 'access', null, ${applicationId}, '', ${sqlNow(ctx)}, ${expiresAt}, ${sqlNow(ctx)})
      on conflict do nothing
      returning application_id, null::uuid as user_id, null::uuid as session_id),
    ${recordingOf(ctx, 'token.revoked', 'revoked')}
    select 1`.execute(ctx.db)
}

async function revokeGrant(
  ctx: Tx,
  grant: { grantId: string; applicationId: string },
): Promise<void> {
  await sql`with ${revokingGrant(ctx, 'token.revoked', grant)} select 1`.execute(ctx.db)
}
