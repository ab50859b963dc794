import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type GrantedRow, isLive, toGranted } from './grant.ts'
import { type TargetProblem, targetProblem } from './rights.ts'
import {
  held,
  type Issue,
  type Issued,
  issuedColumns,
  newAccessToken,
  newRefreshToken,
  revoking,
} from './token-row.ts'
import { type UserRow, usersSql } from './user-row.ts'

/** How long a code waits to be redeemed. */
export const codeLifetime = 1 * minute

/** What the code's authorization request said, as the code has to prove it. */
export interface CodeDetails {
  redirectUri: string
  challenge: string | null
  nonce: string | null
  /** The ID token has to say when the user signed in (`max_age`). */
  wantsAuthTime: boolean
  /** The key that has to be proved (`dpop_jkt`, RFC 9449 § 10). */
  jkt?: string
  /** What the ID token has to say of the assurance (`acr_values`). */
  acr?: string
  /** Claims beside those of the scope (`claims`), for the ID token and for UserInfo. */
  idTokenClaims?: readonly string[]
  userInfoClaims?: readonly string[]
}

/** Writes a grant of the session's user and its code, in one statement; null when the session has ended. */
export async function createCode(
  ctx: Tx,
  code: {
    sessionId: string
    applicationId: string
    scope: string
    resources: readonly string[]
    apiScopes: readonly string[]
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
      insert into idp.grants (id, user_id, session_id, application_id, scope, resources, api_scopes, authenticated_at, created_at)
      select ${ctx.random.uuid()}, user_id, session_id, ${code.applicationId}, ${code.scope}, ${[...code.resources]}::text[],
        ${[...code.apiScopes]}::text[], ${code.authenticatedAt}, ${sqlNow(ctx)}
      from held returning *),
    made as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, expires_at)
      select ${sha256(value)}, 'code', id, application_id, scope, ${JSON.stringify(code.details)}::text::jsonb,
        ${sqlNow(ctx)}, ${sqlAfter(ctx, codeLifetime)} from granted),
    ${recordingOf(ctx, 'grant.created', 'granted')}
    select id from granted`.execute(ctx.db)
  return rows.length === 0 ? null : value
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
  const refreshToken = ctx.random.token()
  const { rows } = await sql<UserRow & GrantedRow & { has_refresh: boolean }>`
    with ${held(ctx, { value: code, kind: 'code', issue })},
    spent as (
      update idp.tokens t set used_at = ${sqlNow(ctx)} from held
      where t.hash = held.hash and held.problem is null and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
        and t.details->>'redirectUri' = ${redirectUri}
        and t.details->>'challenge' is not distinct from ${challenge}::text
      returning held.*,
        ${alwaysRefresh}::boolean or 'offline_access' = any(string_to_array(held.scope, ' ')) as has_refresh),
    access as (${newAccessToken(ctx, { from: 'spent', issue, scope: [] })}),
    refresh as (${newRefreshToken(ctx, { value: refreshToken, from: 'spent', issue })}
      where has_refresh),
    ${recordingOf(ctx, 'code.redeemed', 'spent')}
    ${usersSql(sql`auth.users u join spent on spent.user_id = u.id`, sql`${issuedColumns('spent', issue)}, spent.has_refresh,`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    ...toGranted(row),
    refreshToken: row.has_refresh ? refreshToken : null,
  }
}

/**
 * Why a code was not redeemed. When it was spent before, somebody stole it, so all that it gave falls (RFC 6749
 * § 4.1.2); a code that was only asked for too much stays good.
 */
export async function refuseCode(
  ctx: Tx,
  code: string,
  { applicationId, isThirdParty, target }: Pick<Issue, 'applicationId' | 'isThirdParty' | 'target'>,
): Promise<TargetProblem | null> {
  const { rows } = await sql<{ problem: TargetProblem | null }>`
    with ${revoking(ctx, {
      event: 'code.reused',
      where: sql`t.hash = ${sha256(code)} and t.kind = 'code' and t.application_id = ${applicationId} and t.used_at is not null`,
    })}
    select ${targetProblem(target, { applicationId, isThirdParty })} as problem
    from idp.tokens t join idp.grants g on g.id = t.grant_id
    where t.hash = ${sha256(code)} and t.kind = 'code' and t.application_id = ${applicationId} and t.used_at is null
      and t.expires_at > ${sqlNow(ctx)}`.execute(ctx.db)
  return rows[0]?.problem ?? null
}
