import { type Kysely, sql } from 'kysely'
import type { Database } from './tables.ts'

// GoTrue runs, in its own order, whatever its list in `auth.schema_migrations` lacks, and some of it fails where its
// work is done already. So the list says what the schema has: then GoTrue could take the database back.

const newest = '20260625000000'

/** All of GoTrue's migrations whose work `auth` holds after ours. */
const gotrueVersions =
  `00 20210710035447 20210722035447 20210730183235 20210909172000 20210927181326 20211122151130
  20211124214934 20211202183645 20220114185221 20220114185340 20220224000811 20220323170000 20220429102000 20220531120530
  20220614074223 20220811173540 20221003041349 20221003041400 20221011041400 20221020193600 20221021073300 20221021082433
  20221027105023 20221114143122 20221114143410 20221125140132 20221208132122 20221215195500 20221215195800 20221215195900
  20230116124310 20230116124412 20230131181311 20230322519590 20230402418590 20230411005111 20230508135423 20230523124323
  20230818113222 20230914180801 20231027141322 20231114161723 20231117164230 20240115144230 20240214120130 20240306115329
  20240314092811 20240427152123 20240612123726 20240729123726 20240802193726 20240806073726
  20241009103726 20250717082212 20250731150234 20250804100000 20250901200500 20250903112500 20250904133000 20250925093508 20251007112900 20251104100000 20251111201300 20251201000000 20260115000000 20260121000000 20260219120000
  20260302000000 ${newest}`.split(/\s+/)

/** Brings GoTrue's own list to what the schema has now; a sentence about the GoTrue before us, where there is one to say. */
export async function noteGotrue(db: Kysely<Database>): Promise<string | null> {
  const { rows } = await sql<{ version: string | null; may_write: boolean }>`
    select max(version) as version, has_table_privilege('auth.schema_migrations', 'insert') as may_write
    from auth.schema_migrations where version ~ '^[0-9]{14}$'`.execute(db)
  const { version = null, may_write: mayWrite = false } = rows[0] ?? {}
  if (version !== null && version > newest) {
    return `GoTrue's migrations of this database go up to ${version}, and this version knows them up to ${newest}: what is newer is left alone`
  }
  // Who may only read `auth` has changed nothing in it: the list is its owner's.
  if (version === newest || !mayWrite) return null
  await sql`
    insert into auth.schema_migrations (version)
    select known.version from unnest(${gotrueVersions}::text[]) as known(version)
    where not exists (select from auth.schema_migrations s where s.version = known.version)`.execute(
    db,
  )
  if (version === null) return null
  return `GoTrue's migrations of this database ended at ${version}. What came until ${newest} has been added, as GoTrue would have done`
}
