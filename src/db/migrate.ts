import { createHash } from 'node:crypto'
import { readdir, readFile } from 'node:fs/promises'
import { setTimeout as pause } from 'node:timers/promises'
import { type Kysely, sql } from 'kysely'
import { type OpenDatabase, withoutDeadline } from './driver.ts'
import { noteGotrue } from './gotrue-version.ts'
import type { Database } from './tables.ts'

const ownMigrations = new URL('../../migrations/', import.meta.url)

/** Any number will do, as long as it stays: who holds it migrates, and the other nodes wait. */
const lockNumber = 7_305_104

export interface Migrated {
  /** The files applied just now, in order. */
  applied: string[]
  /** What could not be done, and need not be, e.g. a database role that we may not create. */
  warnings: string[]
}

interface Migration {
  name: string
  text: string
  checksum: string
}

export interface MigrateOptions {
  /** Where the SQL files are, unless they are our own. */
  directory?: URL
  /** The last one to be applied, unless all are. */
  until?: string
}

export async function ownMigrationNames(): Promise<string[]> {
  return (await readMigrations(ownMigrations)).map(({ name }) => name)
}

/** Brings the database up to the newest migration. Forward only; every file is one transaction. */
export async function migrate(
  database: OpenDatabase,
  options: MigrateOptions = {},
): Promise<Migrated> {
  const { directory = ownMigrations, until } = options
  const all = await readMigrations(directory)
  const migrations = all.filter(({ name }) => until === undefined || name <= until)
  const known = await appliedMigrations(database.db)
  const done: Migrated = { applied: [], warnings: [] }
  if (migrations.every((migration) => isApplied(migration, known))) return done

  const stopListening = database.onNotice((notice) => {
    if (notice.severity === 'WARNING') done.warnings.push(notice.message)
  })
  try {
    await alone(database.db, makeHistory)
    for (const migration of migrations) {
      if (isApplied(migration, known)) continue
      const before = done.warnings.length
      const applied = await patiently(() => {
        // What an earlier try warned of was undone with it.
        done.warnings.length = before
        return alone(database.db, (db) => apply(db, migration))
      })
      if (applied === null) continue
      done.applied.push(migration.name)
      done.warnings.push(...applied.warnings)
    }
  } finally {
    stopListening()
  }
  return done
}

/** The lock ends with the transaction, and so also behind a pooler. */
function alone<T>(db: Kysely<Database>, work: (db: Kysely<Database>) => Promise<T>): Promise<T> {
  return db.transaction().execute(async (db) => {
    await sql.raw(withoutDeadline).execute(db)
    // The other nodes wait as long as the one that migrates takes.
    await sql`set local lock_timeout = 0`.execute(db)
    await sql`select pg_advisory_xact_lock(${lockNumber})`.execute(db)
    // Whoever wants to read a table stands in line behind one who waits to change it.
    await sql`set local lock_timeout = ${sql.lit(longestInLine)}`.execute(db)
    return work(db)
  })
}

/** Shorter than a request waits for a lock, so that nobody is turned away for our sake. */
const longestInLine = 1000
/** In which those who stood in line get what they came for. */
const pauseBetween = 1000
const longestPatience = 120_000

/** Somebody's long transaction, or a backup, may hold a table: tries again and again, and leaves it alone in between. */
async function patiently<T>(work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  for (;;) {
    try {
      return await work()
    } catch (error) {
      if (!isLocked(error) || performance.now() - began > longestPatience) throw error
      await pause(pauseBetween)
    }
  }
}

// lock_not_available; deadlock_detected, where it met requests that take the same tables in another order.
const inLine = ['55P03', '40P01']

function isLocked(error: unknown): boolean {
  const cause = error instanceof Error ? error.cause : null
  return cause instanceof Error && 'code' in cause && inLine.includes(String(cause.code))
}

async function makeHistory(db: Kysely<Database>): Promise<void> {
  // `if not exists` asks for the right to create even where there is nothing to create.
  await sql`
    do $$ begin
      if to_regnamespace('idp') is null then create schema idp; end if;
      if to_regclass('idp.migrations') is null then
        create table idp.migrations (
          name text primary key,
          checksum text not null,
          applied_at timestamptz not null default now()
        );
      end if;
    end $$`.execute(db)
}

async function apply(
  db: Kysely<Database>,
  migration: Migration,
): Promise<{ warnings: string[] } | null> {
  // Another node may have done it while this one waited.
  if (isApplied(migration, await appliedMigrations(db))) return null
  try {
    await sql.raw(migration.text).execute(db)
  } catch (error) {
    throw new Error(`The migration ${migration.name} failed`, { cause: error })
  }
  await sql`insert into idp.migrations (name, checksum) values (${migration.name}, ${migration.checksum})`.execute(
    db,
  )
  const said = migration.name === '0001_auth.sql' ? await noteGotrue(db) : null
  return { warnings: said === null ? [] : [said] }
}

async function appliedMigrations(db: Kysely<Database>): Promise<Map<string, string>> {
  const exists = await sql<{ exists: boolean }>`
    select to_regclass('idp.migrations') is not null as exists`.execute(db)
  if (!exists.rows[0]?.exists) return new Map()
  const { rows } = await sql<{ name: string; checksum: string }>`
    select name, checksum from idp.migrations`.execute(db)
  return new Map(rows.map((row) => [row.name, row.checksum]))
}

function isApplied(migration: Migration, known: Map<string, string>): boolean {
  const checksum = known.get(migration.name)
  if (checksum === undefined) return false
  if (checksum === migration.checksum) return true
  throw new Error(
    `The migration ${migration.name} was changed after it had been applied to this database. Migrations are forward only: restore the file, and put the change into a new one.`,
  )
}

async function readMigrations(directory: URL): Promise<Migration[]> {
  const names = (await readdir(directory)).filter((name) => name.endsWith('.sql')).sort()
  return Promise.all(
    names.map(async (name) => {
      const text = await readFile(new URL(name, directory), 'utf8')
      return { name, text, checksum: createHash('sha256').update(text).digest('hex') }
    }),
  )
}
