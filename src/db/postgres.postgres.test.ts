import { connect, createServer, type Server, type Socket } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { sql } from 'kysely'
import { afterAll, expect, test } from 'vitest'
import { withDatabase } from '../../test/database.ts'
import { isConnectionError, sqlState } from '../base/sql-error.ts'
import { type OpenDatabase, openDatabase } from './open.ts'

const home = withDatabase()
const opened: { close(): Promise<void> }[] = []
afterAll(async () => {
  for (const one of opened.reverse()) await one.close()
})

async function openOne(options: { statementTimeout?: number; url?: string } = {}) {
  const database = await openDatabase({ url: home.url ?? '', poolSize: 1, ...options })
  opened.push(database)
  return database
}

async function preparedTexts(database: OpenDatabase): Promise<string[]> {
  const { rows } = await sql<{ statement: string }>`
    select statement from pg_prepared_statements`.execute(database.db)
  return rows.map((row) => row.statement)
}

test('a statement with parameters is prepared once under a name', async () => {
  const database = await openOne()
  for (const id of [1, 2, 3]) await sql`select ${id}::int as id`.execute(database.db)
  await sql`select 'no parameters'`.execute(database.db)
  expect(await preparedTexts(database)).toEqual(['select $1::int as id'])
})

test('a prepared statement that failed is good for the next values', async () => {
  const database = await openOne()
  const read = (text: string | null) => sql`select ${text}::int as number`.execute(database.db)
  for (let twice = 0; twice < 2; twice += 1) {
    await expect(read('ünï')).rejects.toMatchObject({ code: '22P02' })
    expect((await read('7')).rows).toEqual([{ number: 7 }])
    expect((await read(null)).rows).toEqual([{ number: null }])
  }
  const divide = (by: number) => sql`select 6 / ${by}::int as number`.execute(database.db)
  expect((await divide(2)).rows).toEqual([{ number: 3 }])
  await expect(divide(0)).rejects.toMatchObject({ code: '22012' })
  expect((await divide(3)).rows).toEqual([{ number: 2 }])
})

test('a prepared statement without columns tells each time how many rows it changed', async () => {
  const database = await openOne()
  await home.execute('create table public.counted (name text)')
  const add = (names: string[]) =>
    sql`insert into public.counted select unnest(${names}::text[])`.execute(database.db)
  expect((await add(['a', '字', ''])).numAffectedRows).toBe(3n)
  expect((await add([])).numAffectedRows).toBe(0n)
  const { rows } = await sql`select name from public.counted where name <> ${''}`.execute(
    database.db,
  )
  expect(rows).toEqual([{ name: 'a' }, { name: '字' }])
})

test('names run out, and statements still run', async () => {
  const database = await openOne()
  for (let length = 1; length <= 510; length++) {
    const list = sql.join(Array.from({ length }, (_, index) => index))
    await sql`select 1 where 1 in (${list})`.execute(database.db)
  }
  expect(await preparedTexts(database)).toHaveLength(500)
})

test('a column that another version adds does not break a prepared statement', async () => {
  const database = await openOne()
  await home.execute('create table public.growing (id int); insert into public.growing values (1)')
  const read = () => sql`select * from public.growing where id = ${1}`.execute(database.db)
  expect((await read()).rows).toEqual([{ id: 1 }])

  await home.execute('alter table public.growing add name text')
  expect((await read()).rows).toEqual([{ id: 1, name: null }])

  await home.execute('alter table public.growing add born date')
  const inside = database.db.transaction().execute(async (db) => {
    await sql`select * from public.growing where id = ${1}`.execute(db)
  })
  // The connection was new, and so this was the first time it saw the text.
  await inside
  await home.execute('alter table public.growing drop name')
  const again = database.db.transaction().execute(async (db) => {
    await sql`select * from public.growing where id = ${1}`.execute(db)
  })
  await expect(again).rejects.toThrow('cached plan')
  expect((await read()).rows).toEqual([{ id: 1, born: null }])
})

test('an idle connection that the server ends is replaced', async () => {
  const database = await openOne()
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)
  await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(home.db)
  await pause(100)
  const again = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)
  expect(again.rows[0]?.pid).not.toBe(rows[0]?.pid)
})

test('a connection that is ended in the midst of a statement is a connection error', async () => {
  const database = await openOne()
  const { rows } = await sql<{ pid: number }>`select pg_backend_pid() as pid`.execute(database.db)
  const sleeping = sql`select pg_sleep(5)`.execute(database.db).catch((error) => error)
  await pause(50)
  await sql`select pg_terminate_backend(${rows[0]?.pid})`.execute(home.db)
  expect(isConnectionError(await sleeping)).toBe(true)
  expect((await sql`select 1 as one`.execute(database.db)).rows).toEqual([{ one: 1 }])
})

test('a statement that takes too long is given up', async () => {
  const database = await openOne({ statementTimeout: 50 })
  const error = await sql`select pg_sleep(5)`.execute(database.db).catch((error) => error)
  expect(sqlState(error)).toBe('57014')
})

test('where nobody listens, opening fails with a connection error', async () => {
  const error = await openOne({ url: 'postgres://postgres@127.0.0.1:1/none' }).catch(
    (error) => error,
  )
  expect(isConnectionError(error)).toBe(true)
})

test('a pooler that refuses settings gets none, and unnamed statements', async () => {
  const pooler = await startPooler(new URL(home.url ?? ''))
  opened.push(pooler)
  const database = await openOne({ url: pooler.url })
  const moment = new Date('2024-01-02T03:04:05.678Z')
  const { rows } = await sql`select ${moment}::timestamptz as at`.execute(database.db)
  expect(rows).toEqual([{ at: moment }])
  expect(await preparedTexts(database)).toEqual([])
  expect(pooler.refused()).toBe(1)
})

/** Stands before Postgres and, as PgBouncer does, knows but a few of the settings that a client may begin with. */
async function startPooler(target: URL) {
  let refused = 0
  const sockets = new Set<Socket>()
  const server: Server = createServer((client) => {
    sockets.add(client)
    client.on('error', () => {})
    client.once('data', (first) => {
      if (first.includes('statement_timeout')) {
        refused += 1
        const fields = 'SFATAL\0C08P01\0Munsupported startup parameter: statement_timeout\0\0'
        const head = Buffer.from('E\0\0\0\0')
        head.writeInt32BE(4 + fields.length, 1)
        client.end(Buffer.concat([head, Buffer.from(fields)]))
        return
      }
      const upstream = connect(Number(target.port), target.hostname)
      sockets.add(upstream)
      upstream.on('error', () => client.destroy())
      upstream.write(first)
      client.pipe(upstream).pipe(client)
    })
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const address = server.address()
  const url = new URL(target)
  url.port = String(typeof address === 'object' && address ? address.port : 0)
  return {
    url: url.href,
    refused: () => refused,
    async close() {
      for (const socket of sockets) socket.destroy()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}
