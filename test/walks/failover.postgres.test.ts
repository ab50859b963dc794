import { chmodSync } from 'node:fs'
import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { isConnectionError, isUnavailable } from '../../src/base/sql-error.ts'
import { type Guard, type OpenDatabase, openDatabase, type Trouble } from '../../src/db/open.ts'
import { describePostgres, makePostgres, type Postgres } from '../faults/lab/postgres.ts'
import { openYard, type Yard } from '../faults/lab/yard.ts'
import { openRelay, type Relay } from '../setup/relay.ts'

/** A machine ten times slower gets there too; nothing here waits longer than it has to. */
const patience = { timeout: 60_000, interval: 50 }

let yard: Yard
let primary: Postgres
let standby: Postgres
let line: Relay
let database: OpenDatabase
let guard: Guard
const told: (Trouble | null)[] = []

beforeAll(async () => {
  yard = openYard()
  // Postgres runs as a user of its own, and has to get in.
  chmodSync(yard.folder, 0o755)
  primary = await makePostgres({ yard, name: 'primary', below: yard.folder }, null)
  await primary.start()
  standby = await describePostgres({ yard, name: 'standby', below: yard.folder })
  await standby.follow(primary, primary.port)
  line = await openRelay(primary.url)
  database = await openDatabase({ url: line.url, poolSize: 2 })
  guard = database.guard({
    now: () => new Date(),
    hear: () => {},
    chance: Math.random,
    tell: (trouble) => told.push(trouble),
  })
}, 120_000)
afterAll(async () => {
  await database?.close()
  await line?.close()
  await yard?.close()
})

/** Which of the two histories the server is of. */
const timeline = async () => {
  const { rows } = await sql<{ timeline: string }>`
    select substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline`.execute(database.db)
  return rows[0]?.timeline
}

test('a node follows a failover, writes to no standby, and never goes back to the primary that was', async () => {
  expect(await timeline()).toBe('00000001')

  // The address leads to the standby before it is promoted.
  line.turnTo(standby.url)
  line.cut()
  await expect.poll(guard.trouble, patience).toBe('database-in-recovery')
  const refused: unknown = await timeline().catch((error) => error)
  expect(isUnavailable(refused)).toBe(true)

  await standby.promote()
  await expect.poll(guard.trouble, patience).toBe(null)
  expect(await timeline()).toBe('00000002')

  // The old one is alive, and thinks that it is the primary: no row is written there any more.
  line.turnTo(primary.url)
  line.cut()
  await expect.poll(guard.trouble, patience).toBe('database-outdated')
  const old: unknown = await timeline().catch((error) => error)
  expect(isConnectionError(old)).toBe(true)

  line.turnTo(standby.url)
  await expect.poll(guard.trouble, patience).toBe(null)
  expect(await timeline()).toBe('00000002')
  expect(told.filter((trouble) => trouble !== 'database-away')).toEqual([
    'database-in-recovery',
    null,
    'database-outdated',
    null,
  ])
}, 120_000)

test('without anybody who looks, a new connection to the right one ends those to the one before it', async () => {
  line.turnTo(primary.url)
  line.cut()
  const late = await openDatabase({ url: line.url, poolSize: 2 })
  try {
    await late.db.connection().execute(async (old) => {
      await sql`select 1`.execute(old)
      line.turnTo(standby.url)
      // A second connection is needed while the first is lent.
      await sql`select 1`.execute(late.db)
      const error: unknown = await sql`select 1`.execute(old).catch((error) => error)
      expect(isConnectionError(error)).toBe(true)
    })
  } finally {
    await late.close()
  }
}, 120_000)
