import { sql } from 'kysely'
import { type Context, transaction } from '../../src/base/context.ts'
import { deleteExpired } from '../../src/model/expired.ts'
import { createHistogram } from '../load/histogram.ts'
import type { Line } from './latency.ts'

/** A first round, which finds all that was ever left, one with little to do, and one that cuts the logs; each by its transactions. */
export async function tidyTimed(ctx: Context): Promise<Line[]> {
  const config = { ...ctx.config, eventsRetentionDays: 30, auditLogRetentionDays: 30 }
  return [
    await round(ctx, 'housekeeping: a batch'),
    await round(ctx, 'housekeeping: nothing to do'),
    await round({ ...ctx, config }, 'housekeeping: logs of ninety days cut to thirty'),
  ]
}

async function round(ctx: Context, name: string): Promise<Line> {
  const histogram = createHistogram()
  const began = performance.now()
  let slowest = { table: '', milliseconds: 0 }
  const tidied = await deleteExpired(ctx, async (work) => {
    const start = performance.now()
    const done = await transaction(ctx, work)
    const milliseconds = performance.now() - start
    histogram.record(milliseconds * 1000)
    if (done !== null && milliseconds > slowest.milliseconds)
      slowest = { table: done.table, milliseconds }
    return done
  })
  const seconds = (performance.now() - began) / 1000
  const rows = Object.values(tidied).reduce((sum, count) => sum + count, 0)
  console.log(
    `  ${name}: ${rows} rows in ${seconds.toFixed(1)} s, ${histogram.count} transactions of at most ${slowest.milliseconds.toFixed(0)} ms (${slowest.table})`,
  )
  const [p50 = 0, p95 = 0] = [50, 95].map((percent) => histogram.percentile(percent) / 1000)
  return { name, samples: histogram.count, failed: 0, p50, p95, max: histogram.max / 1000 }
}

/** How a table's rows were changed: heap-only updates leave the indexes alone, and no vacuum has to clear them. */
export interface Updates {
  table: string
  updates: number
  heapOnly: number
  dead: number
}

export async function updatesOf(ctx: Context): Promise<Updates[]> {
  // What the server's connections have counted is told a second later.
  await sql`select pg_sleep(1.5), pg_stat_clear_snapshot()`.execute(ctx.db)
  const { rows } = await sql<Updates>`
    select schemaname || '.' || relname as table, n_tup_upd::float8 as updates, n_tup_hot_upd::float8 as "heapOnly",
      n_dead_tup::float8 as dead
    from pg_stat_user_tables where schemaname in ('auth', 'idp') and n_tup_upd > 10 order by n_tup_upd desc`.execute(
    ctx.db,
  )
  return rows
}
