import { createHash } from 'node:crypto'
import { cpSync } from 'node:fs'
import {
  mkdir,
  mkdtemp,
  open,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  truncate,
  writeFile,
} from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { type DamagedDirectory, isDamagedDirectory } from './damage.ts'
import { openDatabase } from './open.ts'

let top: string
let closed: string
let crashed: string
let dataDir: string
let relation: string

beforeAll(async () => {
  top = await mkdtemp(join(tmpdir(), 'sekisho-damage-'))
  closed = join(top, 'closed')
  crashed = join(top, 'crashed')
  const database = await openDatabase({ dataDir: closed })
  await sql`create table kept (word text)`.execute(database.db)
  await sql`insert into kept select repeat('word', 500) from generate_series(1, 50)`.execute(
    database.db,
  )
  const { rows } = await sql<{ path: string }>`select pg_relation_filepath('kept') as path`.execute(
    database.db,
  )
  relation = rows[0]?.path ?? ''
  await sql`insert into kept values ('at last')`.execute(database.db)
  const isLocked = (path: string) => /\/(lock|alive-\w+)$/.test(path)
  cpSync(closed, crashed, { recursive: true, filter: (path) => !isLocked(path) })
  await database.close()
})
afterAll(() => rm(top, { recursive: true }))
beforeEach(() => {
  dataDir = join(top, 'one')
})

const at = (name: string) => join(dataDir, 'database', name)

async function firstSegment(): Promise<string> {
  const names = await readdir(at('pg_wal'))
  return names.filter((name) => /^[0-9A-F]{24}$/.test(name)).sort()[0] ?? ''
}

async function overwrite(path: string, position: number, text: string): Promise<void> {
  const file = await open(path, 'r+')
  await file.write(text, position)
  await file.close()
}

/** Every file with what is in it. */
async function fingerprint(directory: string): Promise<string> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const hash = createHash('sha256')
  for (const path of entries.map((entry) => join(entry.parentPath, entry.name)).sort()) {
    hash.update(path)
    if ((await stat(path)).isFile()) hash.update(await readFile(path))
  }
  return hash.digest('hex')
}

const damages: [string, RegExp, () => Promise<void>][] = [
  ['the version is missing', /PG_VERSION is missing/, () => rm(at('PG_VERSION'))],
  ['the version is another', /PG_VERSION says "17"/, () => writeFile(at('PG_VERSION'), '17\n')],
  ['the version is nonsense', /PG_VERSION says/, () => writeFile(at('PG_VERSION'), 'half a v')],
  ['the control file is missing', /pg_control is missing/, () => rm(at('global/pg_control'))],
  ['the control file is cut off', /pg_control is/, () => truncate(at('global/pg_control'), 4096)],
  ['the control file is empty', /pg_control is/, () => truncate(at('global/pg_control'), 0)],
  [
    'the control file is altered',
    /pg_control is .* altered/,
    () => overwrite(at('global/pg_control'), 32, 'no position'),
  ],
  [
    'an empty folder was not copied along',
    /the folder pg_notify is missing/,
    () => rm(at('pg_notify'), { recursive: true }),
  ],
  ['all data is gone', /the folder base is missing/, () => rm(at('base'), { recursive: true })],
  [
    'the log is gone',
    /pg_wal\/[0-9A-F]+ is missing/,
    async () => rm(at(`pg_wal/${await firstSegment()}`)),
  ],
  [
    'the log is cut off',
    /pg_wal\/[0-9A-F]+ is cut off/,
    async () => truncate(at(`pg_wal/${await firstSegment()}`), 8192),
  ],
  [
    'the log is that of another database',
    /belongs to another database/,
    async () => overwrite(at(`pg_wal/${await firstSegment()}`), 24, 'another'),
  ],
  ['a file of the catalog is missing', /base\/5\/1255 is missing/, () => rm(at('base/5/1255'))],
  [
    'the folder of the database is gone',
    /the folder database is gone/,
    async () => {
      await rm(at(''), { recursive: true })
      await mkdir(join(dataDir, 'backups'))
      await writeFile(join(dataDir, 'backups', 'a.sekisho'), '')
    },
  ],
]

async function refusal(): Promise<DamagedDirectory> {
  const error = await openDatabase({ dataDir }).then(
    (database) => database.close(),
    (error) => error,
  )
  expect(isDamagedDirectory(error), String(error)).toBe(true)
  return error
}

test.each(damages)('%s: the start says so and changes nothing', async (_, sentence, damage) => {
  for (const origin of [closed, crashed]) {
    await rm(dataDir, { recursive: true, force: true })
    cpSync(origin, dataDir, { recursive: true })
    await damage()
    const before = await fingerprint(dataDir)
    const error = await refusal()
    expect(error.message).toMatch(sentence)
    expect(await fingerprint(dataDir)).toBe(before)
  }
})

test.each([8192, 0, 12_000])(
  'a file of %i bytes that had more when it was closed is found',
  async (size) => {
    await rm(dataDir, { recursive: true, force: true })
    cpSync(closed, dataDir, { recursive: true })
    await truncate(at(relation), size)
    const before = await fingerprint(dataDir)
    expect((await refusal()).message).toMatch(
      new RegExp(`${relation} has ${size} bytes instead of`),
    )
    expect(await fingerprint(dataDir)).toBe(before)
  },
)

test("a table's file that was there at the last close is missed", async () => {
  await rm(dataDir, { recursive: true, force: true })
  cpSync(closed, dataDir, { recursive: true })
  await rm(at(relation))
  expect((await refusal()).message).toContain(`${relation} is missing`)
})

test('what Postgres itself cannot open is told with its words', async () => {
  await rm(dataDir, { recursive: true, force: true })
  cpSync(crashed, dataDir, { recursive: true })
  const control = await readFile(at('global/pg_control'))
  const place = Number(control.readBigUInt64LE(32) % BigInt(16 * 1024 * 1024))
  await overwrite(at(`pg_wal/${await firstSegment()}`), place, 'no record begins like this')
  expect((await refusal()).message).toMatch(/Postgres cannot open it \(.*checkpoint record/)
})

test('what is whole is opened, after a crash and after a close, and has everything', async () => {
  for (const origin of [closed, crashed]) {
    await rm(dataDir, { recursive: true, force: true })
    cpSync(origin, dataDir, { recursive: true })
    const database = await openDatabase({ dataDir })
    const { rows } = await sql`select count(*) as count from kept`.execute(database.db)
    expect(rows).toEqual([{ count: 51 }])
    await database.close()
  }
})

test('the newest backup is named first', async () => {
  await rm(dataDir, { recursive: true, force: true })
  cpSync(closed, dataDir, { recursive: true })
  await mkdir(join(dataDir, 'backups'))
  for (const name of ['2026-11-21T00-00-00', '2026-11-22T00-00-00', 'half'])
    await writeFile(join(dataDir, 'backups', `${name}${name === 'half' ? '' : '.sekisho'}`), '')
  await rename(at('PG_VERSION'), at('GONE'))
  expect((await refusal()).backups).toEqual([
    join(dataDir, 'backups/2026-11-22T00-00-00.sekisho'),
    join(dataDir, 'backups/2026-11-21T00-00-00.sekisho'),
  ])
})
