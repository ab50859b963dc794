import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type Holder, type HolderRow, toHolder } from './holder.ts'
import { noRights, type Rights } from './rights.ts'

/**
 * What a user allowed an application, in one session: each authorization has a grant of its own, so that a stolen code
 * or token takes only its own family along. The session's end is the grant's end.
 */
export interface Granted {
  grantId: string
  user: Holder
  /** Null where no sign-in stands behind it: an exchanged token. */
  sessionId: string | null
  applicationId: string
  /** What was granted of the user's own data. */
  grantedScope: string
  /** Names of scopes of APIs and organizations that were asked for; what a token has of them, the user's roles decide. */
  apiScopes: readonly string[]
  rights: Rights
  /** When the user last proved who they are. */
  authenticatedAt: Date
  /** The nonce of the authorization request; only with its code. */
  nonce: string | null
  wantsAuthTime: boolean
  /** The key that the access token is bound to (RFC 9449). */
  cnf: { jkt: string } | null
  /** What the ID token has to say of the assurance; null where nobody asked. */
  acr: string | null
  /** Names of claims that were asked for beside those of the scope. */
  idTokenClaims: readonly string[]
  userInfoClaims: readonly string[]
}

/** How a grant's tokens differ from others of the same scope. */
export interface GrantDetails {
  /** The ID token has to say when the user signed in (`max_age`). */
  wantsAuthTime?: boolean
  /** What the ID token has to say of the assurance (`acr_values`). */
  acr?: string
  /** Claims beside those of the scope (`claims`), for the ID token and for UserInfo. */
  idTokenClaims?: readonly string[]
  userInfoClaims?: readonly string[]
}

/** What a session gives to a request of an application. */
export interface Giving {
  sessionId: string
  scope: string
  resources: readonly string[]
  apiScopes: readonly string[]
  authenticatedAt: Date
  details: GrantDetails
}

/** Columns of a grant beside those of its user, named so that none hides another. */
export interface GrantedRow {
  grant_id: string
  granted_session_id: string | null
  granted_application_id: string
  granted_scope: string
  granted_api_scopes: readonly string[]
  rights: Rights | null
  granted_at: Date
  granted_details: GrantDetails & { cnf?: { jkt: string } }
}

/** These columns of grant `g`, but the rights. */
export const grantedColumns = sql`g.id as grant_id, g.session_id as granted_session_id, g.application_id as granted_application_id,
  g.scope as granted_scope, g.api_scopes as granted_api_scopes, g.authenticated_at as granted_at, g.details as granted_details`

export function toGranted(row: HolderRow & GrantedRow): Granted {
  return {
    grantId: row.grant_id,
    user: toHolder(row),
    sessionId: row.granted_session_id,
    applicationId: row.granted_application_id,
    grantedScope: row.granted_scope,
    apiScopes: row.granted_api_scopes,
    rights: row.rights ?? noRights,
    authenticatedAt: row.granted_at,
    nonce: null,
    wantsAuthTime: row.granted_details.wantsAuthTime ?? false,
    cnf: row.granted_details.cnf ?? null,
    acr: row.granted_details.acr ?? null,
    idTokenClaims: row.granted_details.idTokenClaims ?? [],
    userInfoClaims: row.granted_details.userInfoClaims ?? [],
  }
}

/** Whether session `s` goes on and its user `u` may act: every token that is used asks this. */
export function isLive(ctx: Tx): RawBuilder<boolean> {
  return sql<boolean>`(s.not_after is null or s.not_after > ${sqlNow(ctx)}) and u.deleted_at is null
    and (u.banned_until is null or u.banned_until <= ${sqlNow(ctx)})`
}

/**
 * Writes a grant of its own for a user, with a session behind it or none, and returns its id; null when the session has
 * ended or the user may not act.
 * A code writes its grant itself, and so does a device; this is for what comes another way.
 */
export async function createGrant(
  ctx: Tx,
  grant: {
    userId: string
    sessionId: string | null
    applicationId: string
    scope: string
    resources: readonly string[]
    apiScopes: readonly string[]
    authenticatedAt: Date
  },
): Promise<string | null> {
  const { userId, sessionId, applicationId, scope, resources, apiScopes, authenticatedAt } = grant
  const { rows } = await sql<{ id: string }>`
    with holding as (
      select u.id as user_id from auth.users u where u.id = ${userId} for key share of u),
    held as (
      select u.id as user_id, s.id as session_id from holding h join auth.users u on u.id = h.user_id
        left join auth.sessions s on s.user_id = u.id and s.id = ${sessionId}::uuid
      where (s.id is not null or ${sessionId === null}) and ${isLive(ctx)}),
    granted as (
      insert into idp.grants (id, user_id, session_id, application_id, scope, resources, api_scopes, authenticated_at, created_at)
      select ${ctx.random.uuid()}, user_id, session_id, ${applicationId}, ${scope}, ${[...resources]}::text[],
        ${[...apiScopes]}::text[], ${authenticatedAt}, ${sqlNow(ctx)} from held returning *),
    ${recordingOf(ctx, 'grant.created', 'granted')}
    select id from granted`.execute(ctx.db)
  return rows[0]?.id ?? null
}

/** Ends a grant of the application, as common table expressions; `revoked` has its row. */
export function revokingGrant(
  ctx: Tx,
  event: 'code.reused' | 'token.revoked',
  { grantId, applicationId }: { grantId: string; applicationId: string },
): RawBuilder<unknown> {
  return revokingGrants(
    ctx,
    event,
    sql`g.id = ${grantId}::uuid and g.application_id = ${applicationId}`,
  )
}

/** Ends every grant of a user to an application, with its tokens, in whatever session. */
export async function revokeGrantsOf(
  ctx: Tx,
  { userId, applicationId }: { userId: string; applicationId: string },
): Promise<void> {
  const theirs = sql`g.user_id = ${userId} and g.application_id = ${applicationId}`
  await sql`with ${revokingGrants(ctx, 'grant.revoked', theirs)} select 1`.execute(ctx.db)
}

function revokingGrants(
  ctx: Tx,
  event: 'code.reused' | 'token.revoked' | 'grant.revoked',
  which: RawBuilder<unknown>,
): RawBuilder<unknown> {
  return sql`revoked as (
      delete from idp.grants g where ${which}
      returning g.application_id, g.user_id, g.session_id),
    ${recordingOf(ctx, event, 'revoked')}`
}
