import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'

/** A kind of row that goes one day. */
export interface Dead {
  table: string
  /** Of `row`. */
  isDead(ctx: Tx): RawBuilder<unknown>
}

/** How much a step takes on at most: rows that it deletes, and pages that it looks through. */
export interface Pace {
  rows: number
  pages: number
}

/** How many rows went, how many pages were passed, and what of its pace ended it; null where nothing is left. */
export interface Step {
  gone: number
  pages: number
  endedBy: keyof Pace | null
}

/** The oldest first by an index, which gives them without looking at what is alive; null for a table that stays small. */
export async function deleteBatch(
  ctx: Tx,
  { table, isDead, by }: Dead & { by: string | null },
  pace: Pace,
): Promise<Step> {
  const order = by === null ? sql`` : sql`order by row.${sql.ref(by)}`
  const { rows } = await sql<{ count: number }>`
    with gone as (
      delete from ${sql.table(table)} where ctid = any (array(
        select row.ctid from ${sql.table(table)} as row where ${isDead(ctx)} ${order} limit ${pace.rows} for update skip locked))
      returning 1)
    select count(*)::int as count from gone`.execute(ctx.db)
  const gone = rows[0]?.count ?? 0
  return { gone, pages: 0, endedBy: gone < pace.rows ? null : 'rows' }
}

/**
 * Where no index finds them: the next pages of the table, in the order in which they lie on the disk. The next step goes on
 * where this one stopped; after the last page the walk begins anew.
 */
export async function walkOn(ctx: Tx, { table, isDead }: Dead, pace: Pace): Promise<Step> {
  const { rows: places } = await sql<{ place: number; end: number }>`
    select coalesce((select place from idp.walks where name = ${table}), 0)::float8 as place,
      (pg_relation_size(${table}::regclass) / current_setting('block_size')::bigint)::float8 as end`.execute(
    ctx.db,
  )
  const { place = 0, end = 0 } = places[0] ?? {}
  const edge = place + pace.pages
  const { rows } = await sql<{ gone: number; last: number }>`
    with found as (
      select row.ctid as place from ${sql.table(table)} as row
      where row.ctid >= ${`(${place},0)`}::tid and row.ctid < ${`(${edge},0)`}::tid and ${isDead(ctx)}
      limit ${pace.rows} for update skip locked),
    gone as (delete from ${sql.table(table)} where ctid = any (array(select place from found)))
    select count(*)::int as gone, coalesce((max(place)::text::point)[0], 0) as last from found`.execute(
    ctx.db,
  )
  const { gone = 0, last = 0 } = rows[0] ?? {}
  // The page of the last may hold more.
  const [stop, endedBy] = gone < pace.rows ? ([edge, 'pages'] as const) : ([last, 'rows'] as const)
  const isAtEnd = stop >= end
  await keepPlace(ctx, table, isAtEnd ? 0 : stop)
  return { gone, pages: stop - place, endedBy: isAtEnd ? null : endedBy }
}

/**
 * A log, which is numbered in the order of its writing, from its beginning to what is still wanted. What of it is kept for
 * good is passed over once: the next step goes on behind it.
 */
export async function cutLog(
  ctx: Tx,
  { table, isDead, isKept }: Dead & { isKept: RawBuilder<unknown> },
  pace: Pace,
): Promise<Step> {
  // Enough to see beyond some that bear the date of a clock that was wrong; those behind them go all the same.
  const limit = Math.max(100, pace.rows)
  const { rows } = await sql<{ gone: number; seen: number; last: string; wanted: string | null }>`
    with seen as (
      select row.id, ${isDead(ctx)} as is_dead, ${isKept} as is_kept from ${sql.table(table)} as row
      where row.id > coalesce((select place from idp.walks where name = ${table}), 0)
      order by row.id limit ${limit}),
    gone as (
      delete from ${sql.table(table)} where id = any (array(select id from seen where is_dead and not is_kept)) returning 1)
    select (select count(*)::int from gone) as gone, count(*)::int as seen, coalesce(max(id), 0)::text as last,
      (min(id) filter (where not is_dead) - 1)::text as wanted from seen`.execute(ctx.db)
  const { gone = 0, seen = 0, last = '0', wanted = null } = rows[0] ?? {}
  if (seen > 0) await keepPlace(ctx, table, wanted ?? last)
  const hasMore = wanted === null ? seen === limit : gone > 0
  return { gone, pages: 0, endedBy: hasMore ? 'rows' : null }
}

async function keepPlace(ctx: Tx, name: string, place: number | string): Promise<void> {
  await sql`
    insert into idp.walks (name, place) values (${name}, ${place}::bigint)
    on conflict (name) do update set place = excluded.place`.execute(ctx.db)
}
