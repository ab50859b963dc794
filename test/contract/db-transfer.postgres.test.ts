import { createHash } from 'node:crypto'
import { copyFile, readdir, readFile, stat, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import { gunzipSync, gzipSync } from 'node:zlib'
import { type Kysely, sql } from 'kysely'
import { afterAll, expect, onTestFinished, test } from 'vitest'
import { readBackup, verifyBackup, writeBackup } from '../../src/db/backup.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/open.ts'
import type { Database } from '../../src/db/tables.ts'
import { readAll } from '../../src/db/transfer.ts'
import { isTransferRefused, writeAll } from '../../src/db/transfer-in.ts'
import { withBareDatabases } from '../database.ts'
import { folder } from './cli-runner.ts'
import { fillEverything } from './db-filled.ts'

const bare = withBareDatabases()

/** An embedded database with rows in every table; nobody changes it. */
let made: Promise<{ database: OpenDatabase; tables: string[] }> | undefined
function filled() {
  made ??= openDatabase({ memory: true }).then(async (database) => {
    await migrate(database)
    return { database, tables: await fillEverything(database.db, 3) }
  })
  return made
}
afterAll(async () => (await made)?.database.close())

const everyTable = async (db: Kysely<Database>) => {
  const { rows } = await sql<{ name: string }>`
    select schemaname || '.' || tablename as name from pg_tables where schemaname in ('auth', 'idp') order by 1`.execute(
    db,
  )
  return rows.map(({ name }) => name)
}

/** Each row as the database itself writes it, generated columns too. */
async function content(db: Kysely<Database>, tables: readonly string[]) {
  const all: Record<string, unknown[]> = {}
  await db.transaction().execute(async (db) => {
    await sql`set local timezone = 'UTC'`.execute(db)
    for (const table of tables) {
      const { rows } = await sql<{ row: string }>`
        select one::text as row from ${sql.table(table)} one order by one::text collate "C"`.execute(
        db,
      )
      all[table] = rows.map(({ row }) => row)
    }
  })
  return all
}

const failure = (work: Promise<unknown>) => work.then(null, (error) => error)

test('every table goes from the embedded database to Postgres by way of a file, and back, row for row', async () => {
  const { database: source, tables } = await filled()
  // Nothing may be left out because the filler knows nothing of it.
  const lists = ['auth.schema_migrations', 'idp.migrations']
  expect([...tables, ...lists].sort()).toEqual(await everyTable(source.db))
  const before = await content(source.db, [...tables, ...lists])
  for (const [table, rows] of Object.entries(before))
    expect([table, rows.length > 0]).toEqual([table, true])

  const file = join(folder(), 'all.sekisho')
  const written = await writeBackup(file, readAll(source.db))
  expect((await stat(file)).mode & 0o777).toBe(0o600)
  expect(written.tables).toBe(tables.length + 1)
  expect(await verifyBackup(file)).toEqual(written)

  const { database: postgres } = await bare()
  expect(await writeAll(postgres, readBackup(file))).toEqual(written)
  const applied = { ...before, 'idp.migrations': expect.anything() }
  expect(await content(postgres.db, Object.keys(before))).toEqual(applied)

  const back = await openDatabase({ memory: true })
  onTestFinished(back.close)
  expect(await writeAll(back, readAll(postgres.db))).toEqual(written)
  expect(await content(back.db, Object.keys(before))).toEqual(applied)

  for (const there of [postgres, back]) {
    const next = sql<{ next: number }>`
      insert into idp.events (type, actor) values ('user.created', '{}') returning id as next`
    expect((await next.execute(there.db)).rows).toEqual([{ next: 22 }])
    // Deleting a grant tells of it there, as ever, and coming in has told of nothing.
    const { rows } = await sql`
      select tgenabled as enabled from pg_trigger where tgname = 'grants_tell_logout'`.execute(
      there.db,
    )
    expect(rows).toEqual([{ enabled: 'O' }])
  }
})

test('a database that is not empty takes nothing, and says what is in it', async () => {
  const { database: source } = await filled()
  const { database: target } = await bare()
  await migrate(target)
  const id = crypto.randomUUID()
  await sql`insert into auth.users (id) values (${id})`.execute(target.db)
  const error = await failure(writeAll(target, readAll(source.db)))
  expect(isTransferRefused(error)).toBe(true)
  expect(error.message).toContain('not empty: there are rows in auth.users')
  expect((await sql`select id from auth.users`.execute(target.db)).rows).toEqual([{ id }])
  const { rows } = await sql`select from idp.applications`.execute(target.db)
  expect(rows).toEqual([])
})

test('what breaks off in the midst leaves nothing behind, and can be done again', async () => {
  const { database: source, tables } = await filled()
  const { database: target } = await bare()
  async function* broken() {
    for await (const part of readAll(source.db)) {
      if (part.kind === 'rows-end' && part.table === 'idp.tokens')
        throw new Error('the line was cut')
      yield part
    }
  }
  await expect(writeAll(target, broken())).rejects.toThrow('the line was cut')
  const left = await content(target.db, tables)
  expect(Object.values(left).flat()).toEqual([])
  await writeAll(target, readAll(source.db))
  // Nothing of the first try holds the source.
  await sql`drop table if exists auth.nothing`.execute(source.db)
})

test('one state is read, whatever is written meanwhile', async () => {
  const { database: source } = await bare()
  await migrate(source)
  await fillEverything(source.db, 3)
  const { database: target } = await bare()
  async function* disturbed() {
    for await (const part of readAll(source.db)) {
      if (part.kind === 'head') {
        await sql`delete from auth.users`.execute(source.db)
        await sql`insert into auth.users (id) values (gen_random_uuid())`.execute(source.db)
      }
      yield part
    }
  }
  await writeAll(target, disturbed())
  const users = sql<{ count: number }>`select count(*) from auth.users`
  expect((await users.execute(target.db)).rows).toEqual([{ count: 3 }])
  expect((await users.execute(source.db)).rows).toEqual([{ count: 1 }])
})

test('a file that was cut off, altered, or is none is refused before anything is written', async () => {
  const { database: source } = await filled()
  const cwd = folder()
  const whole = join(cwd, 'whole.sekisho')
  await writeBackup(whole, readAll(source.db))
  const packed = await readFile(whole)
  const text = gunzipSync(packed).toString()
  const lines = text.trimEnd().split('\n')
  const bad: Record<string, Buffer> = {
    'cut.sekisho': packed.subarray(0, packed.length / 2),
    'flipped.sekisho': flipped(packed),
    'empty.sekisho': Buffer.alloc(0),
    'text.sekisho': Buffer.from('hello'),
    'no-end.sekisho': gzipSync(`${lines.slice(0, -1).join('\n')}\n`),
    'one-row-less.sekisho': gzipSync(text.replace(/\n\[.*(?=\n)/, '')),
    'other-value.sekisho': gzipSync(text.replace('198.51.100.1', '198.51.100.9')),
    'foreign.sekisho': gzipSync('{"kind":"head","tables":[],"migrations":[]}\n'),
    'newer.sekisho': gzipSync(text.replace('"version":1', '"version":2')),
    'null.sekisho': gzipSync('null\n'),
  }
  const { database: target } = await bare()
  await migrate(target)
  for (const [name, bytes] of Object.entries(bad)) {
    const path = join(cwd, name)
    await writeFile(path, bytes)
    expect([name, isTransferRefused(await failure(verifyBackup(path)))]).toEqual([name, true])
    expect([name, isTransferRefused(await failure(writeAll(target, readBackup(path))))]).toEqual([
      name,
      true,
    ])
  }
  const { rows } = await sql`select from auth.users`.execute(target.db)
  expect(rows).toEqual([])
})

function flipped(bytes: Buffer): Buffer {
  const copy = Buffer.from(bytes)
  const at = Math.floor(copy.length / 2)
  copy[at] = (copy[at] ?? 0) ^ 0xff
  return copy
}

test('a backup of an older version is brought to where it was, filled, and brought on', async () => {
  const { database: source } = await bare()
  await migrate(source, { until: '0003_authjs.sql' })
  await sql`insert into auth.users (id, email) values (gen_random_uuid(), 'old@example.com')`.execute(
    source.db,
  )
  const { database: target } = await bare()
  await writeAll(target, readAll(source.db))
  expect((await migrate(target)).applied).toEqual([])
  const { rows } = await sql`select email from auth.users`.execute(target.db)
  expect(rows).toEqual([{ email: 'old@example.com' }])

  const { database: further } = await bare()
  await migrate(further)
  const error = await failure(writeAll(further, readAll(source.db)))
  expect(error.message).toContain('has been migrated further')
  await sql`insert into idp.migrations (name, checksum) values ('9999_future.sql', '')`.execute(
    source.db,
  )
  const { database: third } = await bare()
  const tooNew = await failure(writeAll(third, readAll(source.db)))
  expect(tooNew.message).toContain('newer version of Sekisho (9999_future.sql)')
})

test('a backup is written beside its name first: who fails leaves what was there', async () => {
  const cwd = folder()
  const path = join(cwd, 'kept.sekisho')
  const { database: source } = await filled()
  await writeBackup(path, readAll(source.db))
  const before = createHash('sha256')
    .update(await readFile(path))
    .digest('hex')
  await copyFile(path, join(cwd, 'copy'))
  async function* broken() {
    for await (const part of readAll(source.db)) {
      if (part.kind === 'sequence') throw new Error('the disk is full')
      yield part
    }
  }
  await expect(writeBackup(path, broken())).rejects.toThrow('the disk is full')
  expect(
    createHash('sha256')
      .update(await readFile(path))
      .digest('hex'),
  ).toBe(before)
  expect((await readdir(cwd)).sort()).toEqual(['copy', 'kept.sekisho'])
})
