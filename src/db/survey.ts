import { type Kysely, sql } from 'kysely'
import { ownMigrationNames } from './migrate.ts'
import type { Database } from './tables.ts'
import { appliedMigrations } from './transfer.ts'

/** What `sekisho doctor` wants to know of a database; nothing is changed. */
export interface Survey {
  /** 150004 is 15.4. */
  version: number
  versionText: string
  /** The database's clock. */
  now: Date
  /** What this role lacks, in words. */
  lacking: string[]
  /** Migrations that are to come, and those that this version does not know. */
  pending: string[]
  unknown: string[]
  connections: { limit: number; used: number }
  /** Of Supabase's roles, those that are not there. */
  missingRoles: string[]
  isReadOnly: boolean
}

export async function surveyDatabase(db: Kysely<Database>): Promise<Survey> {
  const { rows } = await sql<
    Omit<Survey, 'pending' | 'unknown' | 'connections' | 'lacking'> & {
      limit: number
      used: number
      mayCreate: boolean
    }
  >`
    select current_setting('server_version_num')::int as version,
      current_setting('server_version') as "versionText",
      clock_timestamp() as now,
      current_setting('max_connections')::int - current_setting('superuser_reserved_connections')::int as limit,
      (select count(*) from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid()) as used,
      has_database_privilege(current_database(), 'create') as "mayCreate",
      array(select role from unnest(array['anon', 'authenticated', 'service_role']) role
        where not exists (select from pg_roles where rolname = role)) as "missingRoles",
      pg_is_in_recovery() or current_setting('default_transaction_read_only')::bool as "isReadOnly"`.execute(
    db,
  )
  const [row] = rows
  if (row === undefined) throw new Error('The database said nothing of itself')
  const { limit, used, mayCreate, ...rest } = row
  const own = await ownMigrationNames()
  const applied = (await appliedMigrations(db)).map(({ name }) => name)
  const lacking = await tablesLacking(db)
  const pending = own.filter((name) => !applied.includes(name))
  if (pending.length > 0 && !mayCreate) lacking.unshift('create schemas in this database')
  return {
    ...rest,
    lacking,
    pending,
    unknown: applied.filter((name) => !own.includes(name)),
    connections: { limit, used },
  }
}

async function tablesLacking(db: Kysely<Database>): Promise<string[]> {
  const { rows } = await sql<{ what: string }>`
    select right_wanted || ' ' || n.nspname || '.' || c.relname as what
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    cross join unnest(array['select', 'insert', 'update', 'delete']) right_wanted
    where n.nspname in ('auth', 'idp') and c.relkind = 'r' and c.relname not in ('migrations', 'schema_migrations')
      and not (has_schema_privilege(n.oid, 'usage') and has_table_privilege(c.oid, right_wanted))
    order by 1 limit 20`.execute(db)
  return rows.map(({ what }) => what)
}
