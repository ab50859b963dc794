import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { withBareDatabases } from '../../test/database.ts'
import { migrate } from './migrate.ts'
import { openDatabase } from './open.ts'

const bareDatabase = withBareDatabases()
let folder: string

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'sekisho-migrations-'))
})
afterAll(() => rm(folder, { recursive: true }))

async function directory(files: Record<string, string>): Promise<URL> {
  const path = await mkdtemp(join(folder, 'd'))
  for (const [name, text] of Object.entries(files)) await writeFile(join(path, name), text)
  return pathToFileURL(`${path}/`)
}

const first = `create table idp.one (id int); -- a comment; with a semicolon
do $$ begin insert into idp.one values (1); end $$;`

test('files are applied once, in the order of their names', async () => {
  const { database } = await bareDatabase()
  const early = await directory({ '0001_one.sql': first, 'README.md': 'not a migration' })
  expect(await migrate(database, { directory: early })).toMatchObject({ applied: ['0001_one.sql'] })

  const late = await directory({
    '0003_three.sql': 'insert into idp.one select id + 1 from idp.two;',
    '0001_one.sql': first,
    '0002_two.sql': 'create table idp.two as select 41 as id;',
  })
  const applied = ['0002_two.sql', '0003_three.sql']
  expect(await migrate(database, { directory: late })).toMatchObject({ applied })
  expect(await migrate(database, { directory: late })).toMatchObject({ applied: [] })
  const { rows } = await sql`select id from idp.one order by id`.execute(database.db)
  expect(rows).toEqual([{ id: 1 }, { id: 42 }])
})

test('an older version runs beside the migrations of a newer one', async () => {
  const { database } = await bareDatabase()
  await migrate(database, {
    directory: await directory({ '1.sql': 'select 1', '2.sql': 'select 2' }),
  })
  const older = await directory({ '1.sql': 'select 1' })
  expect(await migrate(database, { directory: older })).toEqual({ applied: [], warnings: [] })
})

test('a file that was changed after it had been applied is refused by name', async () => {
  const { database } = await bareDatabase()
  await migrate(database, { directory: await directory({ '0001_one.sql': first }) })
  const changed = await directory({
    '0001_one.sql': `${first} select 1`,
    '0002_two.sql': 'select 1',
  })
  await expect(migrate(database, { directory: changed })).rejects.toThrow(
    'The migration 0001_one.sql was changed after it had been applied',
  )
})

test('a file that fails leaves nothing of itself, and those before it stand', async () => {
  const { database } = await bareDatabase()
  const broken = await directory({
    '0001_one.sql': first,
    '0002_two.sql': 'create table idp.two (id int); select 1 / 0;',
  })
  await expect(migrate(database, { directory: broken })).rejects.toMatchObject({
    message: 'The migration 0002_two.sql failed',
    cause: { code: '22012' },
  })
  const { rows } = await sql`
    select to_regclass('idp.two') as two, (select count(*) from idp.one) as ones,
      (select array_agg(name) from idp.migrations) as applied`.execute(database.db)
  expect(rows).toEqual([{ two: null, ones: 1, applied: ['0001_one.sql'] }])
})

test('what the database warns of is handed on, and what it merely notes is not', async () => {
  const { database } = await bareDatabase()
  const loud = await directory({
    '1.sql': `do $$ begin raise notice 'by the way'; raise warning 'take care'; end $$`,
  })
  expect(await migrate(database, { directory: loud })).toEqual({
    applied: ['1.sql'],
    warnings: ['take care'],
  })
})

test('nodes that start together migrate once', async () => {
  const { database, url } = await bareDatabase()
  const nodes = url === null ? [database] : [1, 2, 3].map(() => openDatabase({ url }))
  const open = await Promise.all(nodes)
  const slow = await directory({ '1.sql': `select pg_sleep(0.2); ${first}` })
  // The embedded database has one node, which may still be asked twice.
  const all = [...open, ...open]
  const done = await Promise.all(all.map((node) => migrate(node, { directory: slow })))
  expect(done.flatMap((one) => one.applied)).toEqual(['1.sql'])
  if (url !== null) await Promise.all(open.map((node) => node.close()))
})
