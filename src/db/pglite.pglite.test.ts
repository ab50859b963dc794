import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import { PGlite } from '@electric-sql/pglite'
import { sql } from 'kysely'
import { afterEach, beforeEach, expect, test } from 'vitest'
import { migrate } from './migrate.ts'
import { isDataDirectoryInUse, openDatabase } from './open.ts'
import { connectPGlite } from './pglite.ts'

let dataDir: string
let child: ChildProcess | undefined

beforeEach(async () => {
  dataDir = await mkdtemp(join(tmpdir(), 'sekisho-data-'))
})
afterEach(async () => {
  child?.kill('SIGKILL')
  await rm(dataDir, { recursive: true })
})

const here = (file: string) => new URL(file, import.meta.url).href

test('the prepared directory was packed by the version of PGlite that reads it', async () => {
  const manifest = new URL('../../node_modules/@electric-sql/pglite/package.json', import.meta.url)
  const packed = await readFile(new URL('../../assets/database.version', import.meta.url), 'utf8')
  expect(packed.trim()).toBe(JSON.parse(await readFile(manifest, 'utf8')).version)
})

test('a new directory is laid out, and an old one is read again', async () => {
  const first = await openDatabase({ dataDir })
  expect((await migrate(first)).applied).toContain('0001_auth.sql')
  await first.db.insertInto('auth.users').values({ id: crypto.randomUUID() }).execute()
  await first.close()

  const second = await openDatabase({ dataDir })
  expect((await migrate(second)).applied).toEqual([])
  const { rows } = await sql`select count(*) as users from auth.users`.execute(second.db)
  expect(rows).toEqual([{ users: 1 }])
  await second.close()
})

test('a directory that was left half unpacked is laid out anew', async () => {
  await mkdir(join(dataDir, 'database.new', 'base'), { recursive: true })
  await writeFile(join(dataDir, 'database.new', 'PG_VERSION'), 'half a vers')
  for (const time of ['first', 'second']) {
    const database = await openDatabase({ dataDir })
    const { rows } = await sql`select ${time}::text as time`.execute(database.db)
    expect(rows).toEqual([{ time }])
    await database.close()
  }
  expect((await readdir(dataDir)).sort()).toEqual(['database', 'database.files'])
})

test('a second process is refused while the first has it open', async () => {
  const database = await openDatabase({ dataDir })
  const refused = await openDatabase({ dataDir }).catch((error) => error)
  expect(isDataDirectoryInUse(refused)).toBe(true)
  expect(refused.pid).toBe(process.pid)
  await database.close()
  await (await openDatabase({ dataDir })).close()
})

test('a directory that cannot be opened is let go', async () => {
  await mkdir(join(dataDir, 'database'))
  await writeFile(join(dataDir, 'database', 'PG_VERSION'), 'of another time\n')
  const failed = await openDatabase({ dataDir }).catch((error) => error)
  expect(failed).toBeInstanceOf(Error)
  expect(isDataDirectoryInUse(failed)).toBe(false)
  expect(await openDatabase({ dataDir }).catch((error) => error)).not.toSatisfy(
    isDataDirectoryInUse,
  )
})

test('an engine that has stopped keeps nobody waiting, and the end neither', async () => {
  const engine = await PGlite.create()
  let die = (_: Error) => {}
  const death = new Promise<never>((_, reject) => {
    die = reject
  })
  const ended: string[] = []
  const database = connectPGlite(engine, async () => void ended.push('released'), death)
  const long = sql`select pg_sleep(1)`.execute(database.db)
  die(new Error('stopped: no space left'))
  await expect(long).rejects.toThrow('no space left')
  const after = sql`select 1`.execute(database.db)
  await expect(after).rejects.toThrow('no space left')
  const transaction = database.db.transaction().execute((db) => sql`select 1`.execute(db))
  await expect(transaction).rejects.toThrow('no space left')
  await database.close()
  expect(ended).toEqual(['released'])
  await engine.close()
})

const kills = Number(process.env.SEKISHO_TEST_KILLS ?? 6)

test(
  'what was acknowledged before kill -9 is there afterwards, however often',
  async () => {
    const script = `
    const { sql } = await import('kysely')
    const { openDatabase } = await import('${here('./open.ts')}')
    const { migrate } = await import('${here('./migrate.ts')}')
    const database = await openDatabase({ dataDir: ${JSON.stringify(dataDir)} })
    await migrate(database)
    for (let count = 0; ; count++) {
      const id = crypto.randomUUID()
      await database.db.transaction().execute(async (db) => {
        await db.insertInto('auth.users').values({ id }).execute()
        await db.insertInto('idp.profiles').values({ user_id: id, details: { filler: 'x'.repeat(3000) } }).execute()
      })
      console.log(id)
      if (count % 25 === 24) sql\`checkpoint\`.execute(database.db).then(() => {}, () => {})
    }`
    const acknowledged: string[] = []
    for (let round = 1; round <= kills; round++) {
      child = spawn(process.execPath, ['--input-type=module', '-e', script], {
        stdio: ['ignore', 'pipe', 'inherit'],
        cwd: fileURLToPath(new URL('../..', import.meta.url)),
      })
      const wanted = acknowledged.length + 20 + ((round * 7) % 19)
      const lines = createInterface({ input: child.stdout ?? process.stdin })
      for await (const line of lines) {
        acknowledged.push(line)
        if (acknowledged.length === wanted) child.kill('SIGKILL')
      }
      if (child.signalCode === null) await once(child, 'exit')
    }
    expect(acknowledged.length).toBeGreaterThanOrEqual(20 * kills)

    const database = await openDatabase({ dataDir })
    const found = await database.db
      .selectFrom('auth.users')
      .innerJoin('idp.profiles', 'idp.profiles.user_id', 'auth.users.id')
      .select('auth.users.id')
      .execute()
    const ids = new Set(found.map((user) => user.id))
    expect(acknowledged.filter((id) => !ids.has(id))).toEqual([])
    await database.close()
  },
  30_000 + 15_000 * kills,
)
