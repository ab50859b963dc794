import { sql as kysely, type RawBuilder } from 'kysely'
import { expect, test } from 'vitest'
import { sql } from './sql.ts'

// What ours writes is compared with what Kysely writes of the same words.

const { Kysely, PostgresAdapter, DummyDriver, PostgresIntrospector, PostgresQueryCompiler } =
  await import('kysely')
const db = new Kysely<{ users: { id: string; name: string } }>({
  dialect: {
    createAdapter: () => new PostgresAdapter(),
    createDriver: () => new DummyDriver(),
    createIntrospector: (of) => new PostgresIntrospector(of),
    createQueryCompiler: () => new PostgresQueryCompiler(),
  },
})

const statements: Record<string, (sql: typeof kysely) => RawBuilder<unknown>> = {
  'a text alone': (sql) => sql`select 1`,
  values: (sql) =>
    sql`select ${1}, ${'two'}, ${null}, ${new Date(0)}, ${Buffer.from('x')}, ${undefined}`,
  'fragments in fragments': (sql) => {
    const inner = sql`x = ${1} and ${sql`y = ${2}`}`
    return sql`select from t where ${inner} or ${inner} limit ${3}`
  },
  names: (sql) =>
    sql`select ${sql.ref('t.a')}, ${sql.ref('a"b')}, ${sql.id('s', 't')} from ${sql.table('idp.tokens')}`,
  literals: (sql) =>
    sql`select ${sql.lit(1)}, ${sql.lit("it's")}, ${sql.lit(null)}, ${sql.lit(true)}`,
  lists: (sql) =>
    sql`(${sql.join([1, sql`now()`, 'x'])}) (${sql.join(['a', 'b'], sql` or `)}) (${sql.join([])})`,
  'raw words': (sql) => sql`select ${sql.raw('now()')}, ${sql.val(5)}`,
}

test.each(Object.entries(statements))('it writes as Kysely does: %s', (_, statement) => {
  const [ours, theirs] = [statement(sql), statement(kysely)].map((one) => one.compile(db))
  expect(ours?.sql).toBe(theirs?.sql)
  expect(ours?.parameters).toEqual(theirs?.parameters)
})

test('what was written before is found, with values of its own', () => {
  const find = (id: string, rest: RawBuilder<unknown>) => sql`select ${id}, ${rest}`.compile(db)
  const [first, other, second] = [
    find('a', sql`${1} + ${2}`),
    find('a', sql`now()`),
    find('b', sql`${3} + ${4}`),
  ]
  expect(first.sql).toBe('select $1, $2 + $3')
  expect(other.sql).toBe('select $1, now()')
  expect(second.sql).toBe(first.sql)
  expect(second.parameters).toEqual(['b', 3, 4])
  expect(first.parameters).toEqual(['a', 1, 2])
})

test('words that are made at run time are written as well when there is no room for more', () => {
  for (let at = 0; at < 25_000; at += 1) {
    const query = sql`select ${sql.raw(`word_${at}`)}, ${at}`.compile(db)
    expect([query.sql, query.parameters]).toEqual([`select word_${at}, $1`, [at]])
  }
})

test('it may stand in a query that Kysely builds', () => {
  const query = (by: typeof kysely) =>
    db
      .selectFrom('users')
      .select(by<string>`upper(${by.ref('name')})`.as('loud'))
      .where(by<boolean>`id = ${'x'}`)
      .compile()
  expect(query(sql).sql).toBe(query(kysely).sql)
  expect(query(sql).parameters).toEqual(query(kysely).parameters)
})

test('a query of Kysely does not stand in it unseen', () => {
  expect(() => sql`select (${db.selectFrom('users').select('id')})`.compile(db)).toThrow(TypeError)
})

test('plugins see what is asked, as they do of Kysely’s own', async () => {
  const seen: string[] = []
  const watched = db.withPlugin({
    transformQuery({ node }) {
      seen.push(JSON.stringify(node))
      return node
    },
    transformResult: async ({ result }) => result,
  })
  await sql`select ${sql`deep ${1}`}`.execute(watched)
  expect(seen.join()).toContain('deep')
})
