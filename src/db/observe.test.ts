import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { withDatabase } from '../../test/database.ts'
import type { Statement } from './observe.ts'

const database = withDatabase()

test('who looks on is told of each statement of its own, a transaction beginning and end too, and of no other', async () => {
  const told: Statement[] = []
  const mine = database.observed((statement) => told.push(statement))

  await sql`select 1`.execute(mine)
  await sql`select 2`.execute(database.db)
  await mine.transaction().execute(async (tx) => {
    await sql`select ${3}::int`.execute(tx)
  })

  expect(told.map((one) => one.sql)).toEqual(['select 1', 'begin', 'select $1::int', 'commit'])
  expect(told.every((one) => !one.failed && one.milliseconds >= 0)).toBe(true)
})

test('a statement that fails is told of as failed, and the transaction is rolled back', async () => {
  const told: Statement[] = []
  const mine = database.observed((statement) => told.push(statement))

  const attempt = mine.transaction().execute((tx) => sql`select 1 / ${0}::int`.execute(tx))
  await expect(attempt).rejects.toThrow('division by zero')

  expect(told.map(({ sql, failed }) => [sql, failed])).toEqual([
    ['begin', false],
    ['select 1 / $1::int', true],
    ['rollback', false],
  ])
  expect((await sql`select 1 as one`.execute(mine)).rows).toEqual([{ one: 1 }])
})
