import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type GrantedRow, toGranted } from './grant.ts'
import { type HolderRow, holdersSql } from './holder.ts'
import { newFamily, newRefreshToken, writeRefreshValue } from './refresh-value.ts'
import { type TargetProblem, targetProblem } from './rights.ts'
import { held, type Issue, type Issued, issuedColumns } from './token-row.ts'
import { isWideSecret } from './wide-secret.ts'

/** What is good once, for the tokens of one grant. */
export interface Redeemable {
  value: string
  kind: 'code' | 'device'
}

/** What a redemption writes. */
export interface Redeeming extends Issue {
  /** A refresh token also without `offline_access`. */
  alwaysRefresh: boolean
}

/**
 * Spends a code, with all that it gives, in one statement: of many who come at once, one gets it. `fits` is what else
 * must be true of its row `t`. Null when it is unknown, spent, expired, of another application, or does not fit.
 */
export async function redeem(
  ctx: Tx,
  { value, kind, fits = sql`true` }: Redeemable & { fits?: RawBuilder<unknown> },
  { alwaysRefresh, ...issue }: Redeeming,
): Promise<Issued | null> {
  // A device had its code before anybody knew what it would be allowed.
  const isWide = kind === 'device' || isWideSecret(Buffer.from(value, 'base64url'))
  const refresh = newFamily(ctx, isWide)
  const { rows } = await sql<HolderRow & GrantedRow & { has_refresh: boolean }>`
    with ${held(ctx, { value, kind, issue })},
    spent as (
      update idp.tokens t set used_at = ${sqlNow(ctx)} from held
      where t.hash = held.hash and held.problem is null and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
        and ${fits}
      returning held.*,
        ${alwaysRefresh}::boolean or 'offline_access' = any(string_to_array(held.scope, ' ')) as has_refresh),
    refresh as (${newRefreshToken(ctx, { value: refresh, from: 'spent', issue })}
      where has_refresh),
    ${recordingOf(ctx, 'code.redeemed', 'spent')}
    ${holdersSql(sql`auth.users u join spent on spent.user_id = u.id`, sql`${issuedColumns('spent', issue, isWide)}, spent.has_refresh`)}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  return {
    ...toGranted(row),
    refreshToken: row.has_refresh ? writeRefreshValue(ctx, refresh) : null,
  }
}

/** The query that tells what was asked too much of a good code; no row when it is not good any more. */
export function redemptionProblem(
  ctx: Tx,
  { value, kind }: Redeemable,
  { applicationId, isThirdParty, target }: Issue,
): RawBuilder<{ problem: TargetProblem | null }> {
  return sql`
    select ${targetProblem(target, { applicationId, isThirdParty })} as problem
    from idp.tokens t join idp.grants g on g.id = t.grant_id
    where t.hash = ${sha256(value)} and t.kind = ${kind} and t.application_id = ${applicationId}
      and t.used_at is null and t.expires_at > ${sqlNow(ctx)}`
}
