import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { hmacSha256, secretOf, sha256 } from '../base/crypto.ts'
import { second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type GrantedRow, isLive, toGranted } from './grant.ts'
import { type TargetProblem, targetProblem } from './rights.ts'
import {
  held,
  type Issue,
  type Issued,
  isBoundTo,
  issuedColumns,
  newRefreshToken,
} from './token-row.ts'
import { type UserRow, usersSql } from './user-row.ts'

/** How long a spent refresh token still gets the same child: for tabs that refresh at once, and lost answers. */
export const reuseInterval = 10 * second

/** A first refresh token for a grant that came without a code. */
export async function createRefreshToken(ctx: Tx, grantId: string, issue: Issue): Promise<string> {
  const value = ctx.random.token()
  await sql`
    with granted as (
      select g.id as grant_id, g.application_id, g.scope, '{}'::jsonb as token_details from idp.grants g
      where g.id = ${grantId} and g.application_id = ${issue.applicationId})
    ${newRefreshToken(ctx, { value, from: 'granted', issue })}`.execute(ctx.db)
  return value
}

export type Rotation = { outcome: 'rotated'; issued: Issued } | { outcome: Refusal }

/** Why there are no new tokens. What was only asked too wide leaves the refresh token good. */
type Refusal = 'scope-too-wide' | 'reused' | 'unknown' | TargetProblem

/** A refresh token as it comes; `scope` asks for less than was granted. */
export interface Refresh extends Issue {
  token: string
  scope: readonly string[]
  /** The same for scopes of APIs and organizations. */
  apiScopes: readonly string[]
}

/**
 * Spends a refresh token and writes its child, in one conditional statement. The child follows from its parent, so
 * that whoever comes with the same token within `reuseInterval` gets the same child; who comes later is a thief, or
 * was robbed: then the grant falls.
 */
export async function rotateRefreshToken(ctx: Tx, refresh: Refresh): Promise<Rotation> {
  const refreshToken = childOf(ctx, refresh.token)
  const { rows } = await sql<UserRow & GrantedRow>`
    with ${held(ctx, { value: refresh.token, kind: 'refresh', issue: refresh })},
    spent as (
      update idp.tokens t set used_at = ${sqlNow(ctx)} from held
      where t.hash = held.hash and held.problem is null and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
        and ${fits(refresh, 'held')}
      returning held.*),
    child as (${newRefreshToken(ctx, { value: refreshToken, from: 'spent', issue: refresh })}),
    ${recordingOf(ctx, 'session.refreshed', 'spent')}
    ${usersSql(sql`auth.users u join spent on spent.user_id = u.id`, sql`${issuedColumns('spent', refresh)},`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return retryRefreshToken(ctx, refresh, refreshToken)
  return { outcome: 'rotated', issued: { ...toGranted(row), refreshToken } }
}

/** A refresh token that is not spent: for confidential clients whose application says so. */
export async function keepRefreshToken(ctx: Tx, refresh: Refresh): Promise<Rotation> {
  const { rows } = await sql<
    UserRow & GrantedRow & { fits: boolean; problem: TargetProblem | null }
  >`
    with ${held(ctx, { value: refresh.token, kind: 'refresh', issue: refresh })},
    good as (
      select held.* from held join idp.tokens t on t.hash = held.hash
      where t.used_at is null and t.expires_at > ${sqlNow(ctx)}),
    fitting as (select * from good where problem is null and ${fits(refresh, 'good')}),
    ${recordingOf(ctx, 'session.refreshed', 'fitting')}
    ${usersSql(sql`auth.users u join good on good.user_id = u.id`, sql`${issuedColumns('good', refresh)}, good.problem, exists (select from fitting) as fits,`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  if (row.problem !== null) return { outcome: row.problem }
  if (!row.fits) return { outcome: 'scope-too-wide' }
  const issued = { ...toGranted(row), refreshToken: refresh.token }
  return { outcome: 'rotated', issued }
}

/** Why a refresh token was not spent, and what follows from that, in one statement. */
async function retryRefreshToken(
  ctx: Tx,
  refresh: Refresh,
  refreshToken: string,
): Promise<Rotation> {
  // Locked for update, not for share: two who came for the same reason would wait for each other.
  const { rows } = await sql<UserRow & GrantedRow & { outcome: 'again' | Refusal }>`
    with presented as (
      select t.scope, t.details as token_details, g.id as grant_id, g.user_id, g.session_id, g.application_id, g.authenticated_at,
        g.api_scopes, case
          when t.used_at <= ${sqlAfter(ctx, -reuseInterval)} then 'reused'
          when t.used_at is null and t.expires_at <= ${sqlNow(ctx)} then 'unknown'
          when ${targetProblem(refresh.target, refresh)} is not null then ${targetProblem(refresh.target, refresh)}
          when not ${fits(refresh, 't', 'g')} then 'scope-too-wide'
          when exists (select from idp.tokens c where c.hash = ${sha256(refreshToken)}) then 'again'
          else 'unknown'
        end as outcome
      from idp.tokens t join idp.grants g on g.id = t.grant_id left join auth.sessions s on s.id = g.session_id
        join auth.users u on u.id = g.user_id
      where t.hash = ${sha256(refresh.token)} and t.kind = 'refresh' and t.application_id = ${refresh.applicationId}
        and ${isBoundTo(refresh.cnf)} and ${isLive(ctx)}
      for update of g),
    again as (select * from presented where outcome = 'again'),
    revoked as (
      delete from idp.grants g using presented where g.id = presented.grant_id and presented.outcome = 'reused'
      returning g.*),
    ${recordingOf(ctx, 'token.reused', 'revoked')}, ${recordingOf(ctx, 'session.refreshed', 'again')}
    ${usersSql(sql`auth.users u join presented on presented.user_id = u.id`, sql`${issuedColumns('presented', refresh)}, presented.outcome,`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  if (row.outcome !== 'again') return { outcome: row.outcome }
  return { outcome: 'rotated', issued: { ...toGranted(row), refreshToken } }
}

function childOf(ctx: Tx, parent: string): string {
  return hmacSha256(secretOf(ctx.config).key('oidc-refresh'), parent).toString('base64url')
}

/** Whether no more is asked than was granted; `api` names the row that has the scopes of APIs. */
function fits({ scope, apiScopes }: Refresh, own: string, api = own): RawBuilder<boolean> {
  return sql<boolean>`(${[...scope]}::text[] <@ string_to_array(${sql.ref(`${own}.scope`)}, ' ')
    and ${[...apiScopes]}::text[] <@ ${sql.ref(`${api}.api_scopes`)})`
}
