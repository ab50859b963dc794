import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type GrantedRow, grantedColumns, isLive, toGranted } from './grant.ts'
import { type HolderRow, holdersSql } from './holder.ts'
import {
  boundBy,
  type Issue,
  type Issued,
  isAllowed,
  type Redeeming,
  rightsOfGrant,
} from './issue.ts'
import { writeRefreshValue } from './refresh-value.ts'
import { type TargetProblem, targetProblem, tellsRights } from './rights.ts'

/**
 * Spends a device's code, when its user allowed it, in one statement: of many who come at once, one gets it. Null when it
 * is unknown, spent, expired, of another application, or its key is not the one that was proved, its grant has ended, or
 * what its user allowed was taken back.
 */
export async function redeemDeviceCode(
  ctx: Tx,
  deviceCode: string,
  { alwaysRefresh, ...issue }: Redeeming,
): Promise<Issued | null> {
  const until = sqlAfter(ctx, issue.refreshLifetime)
  // The grant is locked until the end: who revokes it waits, or was first and leaves no row.
  const { rows } = await sql<
    HolderRow & GrantedRow & { nonce: string | null; has_refresh: boolean }
  >`
    with held as (
      select t.hash, t.details->>'nonce' as nonce, g.id as grant_id, g.user_id, g.session_id, g.application_id,
        ${alwaysRefresh}::boolean or 'offline_access' = any(string_to_array(g.scope, ' ')) as has_refresh
      from idp.tokens t join idp.grants g on g.id = t.grant_id join auth.sessions s on s.id = g.session_id
        join auth.users u on u.id = g.user_id
      where t.hash = ${sha256(deviceCode)} and t.kind = 'device' and t.application_id = ${issue.applicationId}
        and (t.details->>'jkt' is null or t.details->>'jkt' = ${issue.cnf?.jkt ?? null}::text) and ${isLive(ctx)}
        and ${isAllowed(issue)} and ${targetProblem(issue.target, issue)} is null
      for update of g),
    spent as (
      update idp.tokens t set used_at = ${sqlNow(ctx)} from held
      where t.hash = held.hash and t.used_at is null and t.expires_at > ${sqlNow(ctx)}
      returning held.*),
    refreshable as (
      update idp.grants g set generation = 0, refreshable_until = ${until}, details = g.details || ${JSON.stringify(boundBy(issue))}::text::jsonb
      from spent where g.id = spent.grant_id and spent.has_refresh),
    ${recordingOf(ctx, 'code.redeemed', 'spent')}
    ${holdersSql(
      sql`spent join idp.grants g on g.id = spent.grant_id join auth.users u on u.id = g.user_id`,
      // What the device was allowed is not known from its code.
      sql`${grantedColumns}, ${rightsOfGrant(issue, true)}, spent.nonce, spent.has_refresh`,
    )}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  const value = {
    grantId: row.grant_id,
    generation: 0,
    isWide: tellsRights(row.granted_scope),
  }
  return {
    ...toGranted(row),
    nonce: row.nonce,
    refreshToken: row.has_refresh ? writeRefreshValue(ctx, value) : null,
  }
}

/** Why an allowed request was not redeemed; null when it was spent, or its grant has ended. It stays good. */
export async function deviceCodeProblem(
  ctx: Tx,
  deviceCode: string,
  issue: Issue,
): Promise<TargetProblem | null> {
  const { rows } = await sql<{ problem: TargetProblem | null }>`
    select ${targetProblem(issue.target, issue)} as problem
    from idp.tokens t join idp.grants g on g.id = t.grant_id
    where t.hash = ${sha256(deviceCode)} and t.kind = 'device' and t.application_id = ${issue.applicationId}
      and t.used_at is null and t.expires_at > ${sqlNow(ctx)}`.execute(ctx.db)
  return rows[0]?.problem ?? null
}
