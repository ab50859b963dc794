import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { type GrantedRow, grantedColumns, isLive, toGranted } from './grant.ts'
import { type HolderRow, holderColumns, holdersSql } from './holder.ts'
import { boundBy, type Issue, type Issued, rightsOfGrant } from './issue.ts'
import { childOf, type RefreshValue, readRefreshValue, writeRefreshValue } from './refresh-value.ts'
import { type TargetProblem, targetProblem } from './rights.ts'

/** How long a spent refresh token still gets the same child: for tabs that refresh at once, and lost answers. */
export const reuseInterval = 10 * second

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
 * Spends a refresh token for its child by one conditional update: of many who come with the same generation, one moves the
 * row on. The child follows from its parent, so that whoever comes again within `reuseInterval` gets the same one; who
 * comes later is a thief, or was robbed: then the grant falls. A grant that ends meanwhile takes the row along, before or after.
 */
export async function rotateRefreshToken(ctx: Tx, refresh: Refresh): Promise<Rotation> {
  const value = readRefreshValue(ctx, refresh.token)
  if (value === null) return { outcome: 'unknown' }
  const { rows } = await sql<HolderRow & GrantedRow>`
    with spent as (
      update idp.grants g set generation = g.generation + 1, rotated_at = (array_prepend(${sqlNow(ctx)}, g.rotated_at))[1:${sql.lit(remembered)}],
        ${binding(refresh)} refreshable_until = ${sqlAfter(ctx, refresh.refreshLifetime)}
      from auth.sessions s, auth.users u left join idp.profiles p on p.user_id = u.id
      where ${isPresented(ctx, value, refresh)} and ${isGood(ctx, value)}
        and ${targetProblem(refresh.target, refresh)} is null and ${fits(refresh)}
      returning ${holderColumns}, ${grantedColumns}, ${rightsOfGrant(refresh, value.isWide)}),
    ${whose('spent')}, ${recordingOf(ctx, 'session.refreshed', 'whose')}
    select * from spent`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return retryRefreshToken(ctx, refresh, value)
  return rotated(row, writeRefreshValue(ctx, childOf(value)))
}

/** A refresh token that is not spent: for confidential clients whose application says so. */
export async function keepRefreshToken(ctx: Tx, refresh: Refresh): Promise<Rotation> {
  const value = readRefreshValue(ctx, refresh.token)
  if (value === null) return { outcome: 'unknown' }
  const { rows } = await sql<
    HolderRow & GrantedRow & { fits: boolean; problem: TargetProblem | null }
  >`
    with good as (
      ${presented(sql`${targetProblem(refresh.target, refresh)} as problem, ${fits(refresh)} as fits, ${rightsOfGrant(refresh, value.isWide)}`)}
      where ${isPresented(ctx, value, refresh)} and ${isGood(ctx, value)}
      for key share of g),
    fitting as (select * from good where problem is null and fits),
    ${whose('fitting')}, ${recordingOf(ctx, 'session.refreshed', 'whose')}
    select * from good`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  if (row.problem !== null) return { outcome: row.problem }
  return row.fits ? rotated(row, refresh.token) : { outcome: 'scope-too-wide' }
}

/** Why a refresh token was not spent, and what follows from that, in one statement. */
async function retryRefreshToken(
  ctx: Tx,
  refresh: Refresh,
  value: RefreshValue,
): Promise<Rotation> {
  // A generation ahead of its row was handed out by a database that was set back since: nobody knows what else was.
  const spentAt = sql`g.rotated_at[g.generation - ${value.generation}::integer]`
  const problem = targetProblem(refresh.target, refresh)
  const outcome = sql`case
      when g.generation > ${value.generation} and coalesce(${spentAt} <= ${sqlAfter(ctx, -reuseInterval)}, true) then 'reused'
      when g.generation < ${value.generation} or g.refreshable_until <= ${sqlNow(ctx)} then 'unknown'
      when ${problem} is not null then ${problem}
      when not ${fits(refresh)} then 'scope-too-wide'
      when g.generation > ${value.generation} then 'again'
      else 'unknown'
    end as outcome`
  // Locked for update, not for share: two who came for the same reason would wait for each other.
  const { rows } = await sql<HolderRow & GrantedRow & { outcome: 'again' | Refusal }>`
    with presented as (
      ${presented(sql`${outcome}, ${rightsOfGrant(refresh, value.isWide)}`)}
      where ${isPresented(ctx, value, refresh)}
      for update of g),
    again as (select * from presented where outcome = 'again'),
    revoked as (
      delete from idp.grants g using presented where g.id = presented.grant_id and presented.outcome = 'reused'
      returning g.*),
    ${recordingOf(ctx, 'token.reused', 'revoked')}, ${whose('again')}, ${recordingOf(ctx, 'session.refreshed', 'whose')}
    select * from presented`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  if (row.outcome !== 'again') return { outcome: row.outcome }
  return rotated(row, writeRefreshValue(ctx, childOf(value)))
}

function rotated(row: HolderRow & GrantedRow, refreshToken: string): Rotation {
  return { outcome: 'rotated', issued: { ...toGranted(row), refreshToken } }
}

/** So many of the last rotations are known by their time; who comes with an older generation comes late. */
const remembered = 8

/** Whom an event tells of, as a common table expression. */
const whose = (source: string) => sql`whose as (
    select id as user_id, granted_session_id as session_id, granted_application_id as application_id from ${sql.ref(source)})`

/** `select` of a grant `g` and its user, with `extra` columns. */
function presented(extra: RawBuilder<unknown>): RawBuilder<unknown> {
  return holdersSql(
    sql`idp.grants g join auth.sessions s on s.id = g.session_id join auth.users u on u.id = g.user_id`,
    sql`${grantedColumns}, ${extra}`,
  )
}

/** Whether grant `g` is this token's, at any generation, and who shows it may: the key that it is bound to was proved (RFC 9449). */
function isPresented(
  ctx: Tx,
  { grantId }: RefreshValue,
  { applicationId, cnf }: Refresh,
): RawBuilder<boolean> {
  return sql<boolean>`g.id = ${grantId}::uuid and s.id = g.session_id and u.id = g.user_id and g.application_id = ${applicationId}
    and (g.details->>'jkt' is null or g.details->>'jkt' = ${cnf?.jkt ?? null}::text) and ${isLive(ctx)}`
}

function isGood(ctx: Tx, { generation }: RefreshValue): RawBuilder<boolean> {
  return sql<boolean>`g.generation = ${generation} and g.refreshable_until > ${sqlNow(ctx)}`
}

/** Whether no more is asked than was granted; mostly nothing is asked. */
function fits({ scope, apiScopes }: Refresh): RawBuilder<boolean> {
  if (scope.length === 0 && apiScopes.length === 0) return sql<boolean>`true`
  return sql<boolean>`(${[...scope]}::text[] <@ string_to_array(g.scope, ' ') and ${[...apiScopes]}::text[] <@ g.api_scopes)`
}

/** What binds the refresh token to the key that was proved, as a part of an update. */
function binding(refresh: Refresh): RawBuilder<unknown> {
  const bound = boundBy(refresh)
  if (bound.jkt === undefined) return sql``
  return sql`details = g.details || ${JSON.stringify(bound)}::text::jsonb,`
}
