import { sql } from 'kysely'
import { afterAll, afterEach, beforeAll, describe, expect, test } from 'vitest'
import { withDatabase } from '../../test/database.ts'
import { openRelay, type Relay } from '../../test/setup/relay.ts'
import { isConnectionError, isUnavailable } from '../base/sql-error.ts'
import type { Guard, OpenDatabase, Trouble } from './open.ts'
import { openDatabase } from './open.ts'

const home = withDatabase()
let relay: Relay
let database: OpenDatabase
let guard: Guard
const told: (Trouble | null)[] = []
const heard: number[] = []
/** A machine ten times slower gets there too; nothing here waits longer than it has to. */
const patience = { timeout: 30_000, interval: 50 }

beforeAll(async () => {
  relay = await openRelay(home.url ?? '')
})
afterAll(() => relay?.close())
afterEach(async () => {
  await relay.mend()
  await database?.close()
})

async function open(now: () => Date = () => new Date()): Promise<void> {
  told.length = 0
  heard.length = 0
  database = await openDatabase({ url: relay.url, poolSize: 3, acquireTimeout: 1000 })
  guard = database.guard({
    now,
    hear: (milliseconds) => heard.push(milliseconds),
    chance: Math.random,
    tell: (trouble) => told.push(trouble),
  })
}

const ask = () => sql<{ one: number }>`select 1 as one`.execute(database.db)

describe('a database that is away', () => {
  test.each([
    ['nobody listens', () => relay.refuse()],
    ['it starts', () => relay.greet('57P03')],
    ['the line is silent', () => relay.silence()],
  ])('is known as such when %s, and comes back by itself', async (_, trouble) => {
    await open()
    await ask()
    await trouble()
    await expect.poll(guard.trouble, patience).toBe('database-away')
    // Whoever asks is refused without a try, and nobody is left with a connection to nowhere.
    const error: unknown = await ask().catch((error) => error)
    expect(isConnectionError(error)).toBe(true)
    expect((error as Error).message).toBe('The database is away')
    expect(database.pool()?.size).toBe(0)

    await relay.mend()
    await expect.poll(guard.trouble, patience).toBe(null)
    expect((await ask()).rows).toEqual([{ one: 1 }])
    expect(told).toEqual(['database-away', null])
  })

  test('ends the statements that it left without an answer', async () => {
    await open()
    const sleeping = sql`select pg_sleep(60)`.execute(database.db).catch((error) => error)
    await expect.poll(() => database.pool()?.idle, patience).toBe(0)
    relay.silence()
    expect(isUnavailable(await sleeping)).toBe(true)
    expect(guard.trouble()).toBe('database-away')
  })
})

test('one connection that is cut is no trouble', async () => {
  await open()
  await ask()
  relay.cut()
  await expect.poll(() => ask().catch(() => null), patience).toMatchObject({ rows: [{ one: 1 }] })
  expect(told).toEqual([])
})

test('where there is no room for one more, the connections that are there go on', async () => {
  await open()
  await database.db.connection().execute(async (db) => {
    await expect.poll(relay.connections, patience).toBe(2)
    await sql`select 1`.execute(db)
    relay.greetNewcomers('53300')
    const before = relay.newcomers()
    await expect.poll(endGuards, patience).toBe(1)
    await expect.poll(() => relay.newcomers() - before, patience).toBeGreaterThan(2)
    expect((await sql`select 1`.execute(db)).rows).toHaveLength(1)
    expect(guard.trouble()).toBe(null)
  })
})

/** Ends the connections with which this file's database is guarded; how many there were. */
async function endGuards(): Promise<number> {
  const { rows } = await sql`select pg_terminate_backend(pid) from pg_stat_activity
    where application_name = 'sekisho guard' and datname = current_database()`.execute(home.db)
  return rows.length
}

test('a database that was made to only read is no place for requests', async () => {
  const name = new URL(home.url ?? '').pathname.slice(1)
  await home.execute(`alter database "${name}" set default_transaction_read_only = on`)
  try {
    await open()
    await expect.poll(guard.trouble, patience).toBe('database-read-only')
    // What is only read is answered all the same.
    await ask()
  } finally {
    await home.execute(
      `begin read write; alter database "${name}" reset default_transaction_read_only; commit`,
    )
  }
  relay.cut()
  await expect.poll(guard.trouble, patience).toBe(null)
})

test.each([3_600_000, -3_600_000, 3000, -3000])(
  'a clock that is off by %i milliseconds is no clock',
  async (off) => {
    let wrong = off
    await open(() => new Date(Date.now() + wrong))
    await expect.poll(guard.trouble, patience).toBe('clock-off')
    // The server and this test have the same clock, which is told whatever the node's shows.
    expect(Math.abs((heard.at(-1) ?? 0) - Date.now())).toBeLessThan(60_000)
    wrong = 0
    await expect.poll(guard.trouble, patience).toBe(null)
  },
)
