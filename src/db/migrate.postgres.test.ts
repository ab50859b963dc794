import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withBareDatabases } from '../../test/database.ts'
import { openRelay } from '../../test/setup/relay.ts'
import { isConnectionError } from '../base/sql-error.ts'
import { migrate } from './migrate.ts'
import { type OpenDatabase, openDatabase } from './open.ts'

const bareDatabase = withBareDatabases()
const endings: (() => Promise<unknown>)[] = []
/** A machine ten times slower gets there too; nothing here waits longer than it has to. */
const patience = { timeout: 30_000, interval: 20 }
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-migrations-'))
})
afterAll(async () => {
  for (const end of endings.reverse()) await end()
  await rm(folder, { recursive: true })
})

async function directory(files: Record<string, string>): Promise<URL> {
  const path = await mkdtemp(join(folder, 'd'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return pathToFileURL(`${path}/`)
}

async function open(url: string | null): Promise<OpenDatabase> {
  const database = await openDatabase({ url: url ?? '' })
  endings.push(database.close)
  return database
}

const first = { '1.sql': 'create table idp.one (id int); insert into idp.one values (1)' }
const second = { '2.sql': `alter table idp.one add name text default 'none'` }

/** How many statements of this database wait for a lock. */
async function waiting({ db }: OpenDatabase): Promise<number> {
  const { rows } = await sql`select from pg_stat_activity
    where datname = current_database() and wait_event_type = 'Lock'`.execute(db)
  return rows.length
}

test('a long transaction holds a migration up, and neither ends it nor stops the nodes that read', async () => {
  const { database, url } = await bareDatabase()
  await migrate(database, { directory: await directory(first) })
  const [reader, migrator] = [await open(url), await open(url)]
  const both = await directory({ ...first, ...second })

  const migrated = await database.db.transaction().execute(async (db) => {
    await sql`select * from idp.one`.execute(db)
    const migrating = migrate(migrator, { directory: both })
    await expect.poll(() => waiting(reader), patience).toBe(1)
    // It stands in line behind the migration, which steps aside before anybody is turned away.
    expect((await sql`select id from idp.one`.execute(reader.db)).rows).toEqual([{ id: 1 }])
    await expect.poll(() => waiting(reader), patience).toBe(0)
    expect((await sql`select id from idp.one`.execute(reader.db)).rows).toEqual([{ id: 1 }])
    return { migrating }
  })
  expect(await migrated.migrating).toEqual({ applied: ['2.sql'], warnings: [] })
  expect((await sql`select * from idp.one`.execute(reader.db)).rows).toEqual([
    { id: 1, name: 'none' },
  ])
})

test('a node that dies in the midst of a migration leaves nothing of it, and the next one does it', async () => {
  const { database, url } = await bareDatabase()
  await migrate(database, { directory: await directory(first) })
  const line = await openRelay(url ?? '')
  const dying = await open(line.url)
  endings.push(line.close)
  const slow = await directory({ ...first, '2.sql': `${second['2.sql']}; select pg_sleep(60)` })
  const died = migrate(dying, { directory: slow }).catch((error: Error) => error)
  const asleep = sql<{ pid: number }>`select pid from pg_stat_activity
    where datname = current_database() and wait_event = 'PgSleep'`
  await expect.poll(async () => (await asleep.execute(database.db)).rows.length, patience).toBe(1)

  // Three others wait for their turn, as nodes that start together do.
  const both = await directory({ ...first, ...second })
  const others = await Promise.all([open(url), open(url), open(url)])
  const waited = Promise.all(others.map((other) => migrate(other, { directory: both })))
  await expect.poll(() => waiting(database), patience).toBe(3)

  line.cut()
  const error = await died
  expect(isConnectionError(error)).toBe(true)
  // Postgres itself notices a client that is gone at its next word; here it is told.
  const { rows } = await asleep.execute(database.db)
  for (const { pid } of rows) await sql`select pg_terminate_backend(${pid})`.execute(database.db)

  const applied = (await waited).flatMap((one) => one.applied)
  expect(applied).toEqual(['2.sql'])
  expect((await sql`select * from idp.one`.execute(database.db)).rows).toEqual([
    { id: 1, name: 'none' },
  ])
})
