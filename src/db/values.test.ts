import { type RawBuilder, sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { withDatabase } from '../../test/database.ts'

const database = withDatabase()

async function value(expression: RawBuilder<unknown>): Promise<unknown> {
  const { rows } = await sql<{ value: unknown }>`select ${expression} as value`.execute(database.db)
  return rows[0]?.value
}

describe('what comes out', () => {
  const moment = new Date('2024-02-29T23:59:59.123Z')
  const cases: [string, unknown][] = [
    [`'2024-03-01 05:29:59.123456+05:30'::timestamptz`, moment],
    [`'2024-02-29 23:59:59.123999'::timestamp`, moment],
    [`'2024-02-29 23:59:59.123999+00'::timestamptz`, moment],
    [`'0001-01-01 00:00:00+00'::timestamptz`, new Date('0001-01-01T00:00:00Z')],
    [`'infinity'::timestamptz`, new Date(8.64e15)],
    [`'-infinity'::timestamp`, new Date(-8.64e15)],
    [`'0044-03-15 BC'::timestamp`, new Date('-000043-03-15T00:00:00Z')],
    [`'12345-01-01'::timestamp`, new Date('+012345-01-01T00:00:00Z')],
    [`'2024-02-29'::date`, '2024-02-29'],
    ['9007199254740991::bigint', 2 ** 53 - 1],
    ['count(*)', 1],
    ['7::smallint', 7],
    ['0.1::float8', 0.1],
    ['1.50::numeric', '1.50'],
    ['null::text', null],
    ['false', false],
    [`'10.1.2.3/8'::inet`, '10.1.2.3/8'],
    [`'\\x00ff'::bytea`, Buffer.from([0, 255])],
    [`'{"a":[1,null]}'::jsonb`, { a: [1, null] }],
    [`'{"a":1}'::json`, { a: 1 }],
    ['array[]::text[]', []],
    [
      `array['', 'a,b', 'a"b', 'a\\b', '{', 'NULL', null, 'ünï']`,
      ['', 'a,b', 'a"b', 'a\\b', '{', 'NULL', null, 'ünï'],
    ],
    [
      'array[array[1, 2], array[3, null]]',
      [
        [1, 2],
        [3, null],
      ],
    ],
    [`array['2024-02-29 23:59:59.123'::timestamp]`, [moment]],
    [`array['{"a":"\\"}"}'::jsonb]`, [{ a: '"}' }]],
    [`array['\\x00'::bytea]`, [Buffer.from([0])]],
    ['array[1.5::numeric]', ['1.5']],
    [`'aal2'::auth.aal_level`, 'aal2'],
  ]
  test.each(cases)('%s is read alike from both kinds', async (text, expected) => {
    expect(await value(sql.raw(text))).toEqual(expected)
  })
})

describe('what goes in', () => {
  const moment = new Date('2024-07-01T12:00:00.001Z')
  const cases: [string, RawBuilder<unknown>, unknown][] = [
    ['a date', sql`${moment}::timestamptz`, moment],
    ['a date for a column without a zone', sql`${moment}::timestamp`, moment],
    ['the end of time', sql`${new Date(8.64e15)}::timestamptz::text`, 'infinity'],
    ['an object', sql`${{ a: ["'", '"'] }}::jsonb`, { a: ["'", '"'] }],
    ['a list as JSON text', sql`${JSON.stringify([1, 'b'])}::jsonb`, [1, 'b']],
    ['bytes', sql`${new Uint8Array([0, 1, 255])}::bytea`, Buffer.from([0, 1, 255])],
    [
      'texts',
      sql`${['a,b', '"', '\\', '', null, 'NULL']}::text[]`,
      ['a,b', '"', '\\', '', null, 'NULL'],
    ],
    ['numbers', sql`${[1, -2]}::bigint[]`, [1, -2]],
    ['dates', sql`${[moment]}::timestamptz[]`, [moment]],
    ['lists in a list', sql`${[['a'], ['b']]}::text[]`, [['a'], ['b']]],
    ['a number as text', sql`${5}::text`, '5'],
    ['a bigint', sql`${2n ** 53n - 1n}::bigint`, 2 ** 53 - 1],
    ['a boolean', sql`${true}::boolean`, true],
    ['nothing', sql`${undefined}::text`, null],
  ]
  test.each(cases)('%s arrives on both kinds', async (_, expression, expected) => {
    expect(await value(expression)).toEqual(expected)
  })
})

test('a symbol is not sent as text', async () => {
  await expect(value(sql`${Symbol('x')}::text`)).rejects.toThrow('cannot be sent')
})

test('a time without a zone that the database makes itself is UTC', async () => {
  const difference = await value(
    sql`extract(epoch from now()::timestamp - (now() at time zone 'UTC'))`,
  )
  expect(Number(difference)).toBe(0)
})
