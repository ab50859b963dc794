import { sql } from 'kysely'
import type { World } from '../world.ts'

/** How many wait for somebody's lock. Not to be asked within a transaction: it would be told the same again and again. */
export async function countWaiting({ database }: Pick<World, 'database'>): Promise<number> {
  const { rows } = await sql`
    select from pg_stat_activity where datname = current_database() and wait_event_type = 'Lock'`.execute(
    database.db,
  )
  return rows.length
}
