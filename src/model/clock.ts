import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'

/**
 * The time inside a statement: the database's clock, which all nodes share; in tests, where time stands, theirs.
 */
export function sqlNow(ctx: Tx): RawBuilder<Date> {
  return ctx.clock === 'standing' ? sql<Date>`${ctx.now()}::timestamptz` : sql<Date>`now()`
}

/** That time, moved by `milliseconds` (also backwards). */
export function sqlAfter(ctx: Tx, milliseconds: number): RawBuilder<Date> {
  return sql<Date>`(${sqlNow(ctx)} + ${milliseconds}::double precision * interval '1 millisecond')`
}
