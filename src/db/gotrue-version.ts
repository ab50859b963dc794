import { type Kysely, sql } from 'kysely'
import type { Database } from './tables.ts'

/** GoTrue's newest migration whose shape `auth` has after ours. */
export const newestGotrue = '20260625000000'

/** What is to be said, once, of the GoTrue that had this database before us; null where there is nothing to say. */
export async function gotrueBefore(db: Kysely<Database>): Promise<string | null> {
  const { rows: found } = await sql<{ is_there: boolean }>`
    select to_regclass('auth.schema_migrations') is not null as is_there`.execute(db)
  if (!found[0]?.is_there) return null
  const { rows } = await sql<{ version: string | null }>`
    select max(version) as version from auth.schema_migrations where version ~ '^[0-9]{14}$'`.execute(
    db,
  )
  const version = rows[0]?.version ?? null
  if (version === null || version === newestGotrue) return null
  if (version < newestGotrue) {
    return `GoTrue's migrations of this database end at ${version}. What came until ${newestGotrue} has been added; auth.schema_migrations is as it was, so that a newer GoTrue would still run its own`
  }
  return `GoTrue's migrations of this database go up to ${version}, and this version knows them up to ${newestGotrue}: what is newer is left alone`
}
