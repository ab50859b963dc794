import { sql } from 'kysely'
import { afterEach, describe, expect, test } from 'vitest'
import { withDatabase } from '../../test/database.ts'
import {
  isConnectionError,
  isForeignKeyViolation,
  isUniqueViolation,
  isUnstorableText,
  sqlState,
} from '../base/sql-error.ts'

const database = withDatabase()
afterEach(() => database.clear())

const ann = { id: '5f3f2c1e-0000-4000-8000-000000000001', email: 'ann@example.com' }
const addAnn = () => database.db.insertInto('auth.users').values(ann).execute()
const count = () =>
  database.db
    .selectFrom('auth.users')
    .select((eb) => eb.fn.countAll<number>().as('users'))
    .executeTakeFirstOrThrow()

function failureOf(work: Promise<unknown>): Promise<unknown> {
  return work.then(
    () => null,
    (error) => error,
  )
}

describe('what went wrong is told alike', () => {
  test('a key that is taken, by the name of its index', async () => {
    await addAnn()
    const taken = { ...ann, id: '5f3f2c1e-0000-4000-8000-000000000002' }
    const error = await failureOf(database.db.insertInto('auth.users').values(taken).execute())
    expect(sqlState(error)).toBe('23505')
    expect(isUniqueViolation(error)).toBe(true)
    expect(isUniqueViolation(error, 'users_email_partial_key')).toBe(true)
    expect(isUniqueViolation(error, 'users_pkey')).toBe(false)
    expect(isConnectionError(error)).toBe(false)
  })

  test('a row that points to nobody', async () => {
    const error = await failureOf(
      database.db.insertInto('idp.profiles').values({ user_id: ann.id }).execute(),
    )
    expect(isForeignKeyViolation(error, 'profiles_user_id_fkey')).toBe(true)
    expect(isUniqueViolation(error)).toBe(false)
  })

  test('text that cannot be kept', async () => {
    const nul = 'a\0b'
    expect(isUnstorableText(await failureOf(sql`select ${nul}::text`.execute(database.db)))).toBe(
      true,
    )
    const json = JSON.stringify({ nul })
    expect(isUnstorableText(await failureOf(sql`select ${json}::jsonb`.execute(database.db)))).toBe(
      true,
    )
  })

  test('without the values, which may be secret (N4)', async () => {
    await addAnn()
    const failures = [
      failureOf(addAnn()),
      failureOf(
        database.db
          .updateTable('auth.users')
          .set({ email_change_confirm_status: 7, encrypted_password: 'the hash' })
          .execute(),
      ),
      failureOf(sql`select ${'the hash'}::int`.execute(database.db)),
    ]
    const [taken, broken] = await Promise.all(failures)
    expect(sqlState(taken)).toBe('23505')
    expect(sqlState(broken)).toBe('23514')
    for (const error of [taken, broken]) {
      const all = Object.getOwnPropertyNames(error).map((name) => Reflect.get(Object(error), name))
      expect(all.join(' ')).not.toMatch(/the hash|ann@example/)
    }
  })
})

describe('a transaction', () => {
  test('is told from begin to commit, a round trip each', async () => {
    database.queries()
    await database.db.transaction().execute(async (db) => {
      await db.insertInto('auth.users').values(ann).execute()
    })
    const insert = expect.stringMatching(/^insert into "auth"."users"/)
    expect(database.queries().map((query) => query.sql)).toEqual(['begin', insert, 'commit'])
  })

  test('that throws leaves nothing, and says rollback', async () => {
    database.queries()
    const failing = database.db.transaction().execute(async (db) => {
      await db.insertInto('auth.users').values(ann).execute()
      throw new Error('changed my mind')
    })
    await expect(failing).rejects.toThrow('changed my mind')
    expect(database.queries().at(-1)?.sql).toBe('rollback')
    expect(await count()).toEqual({ users: 0 })
  })

  test('is alone with its rows when twenty run at once', async () => {
    await addAnn()
    await Promise.all(
      Array.from({ length: 20 }, () =>
        database.db.transaction().execute(async (db) => {
          const { n } = await db
            .selectFrom('auth.users')
            .select('email_change_confirm_status as n')
            .forUpdate()
            .executeTakeFirstOrThrow()
          // Text, because the counter's own check allows two only.
          await db
            .updateTable('auth.users')
            .set((eb) => ({
              phone_change: sql`(${eb.fn.coalesce('phone_change', sql<string>`''`)} || ${'x'})`,
              email_change_confirm_status: n,
            }))
            .execute()
        }),
      ),
    )
    const user = await database.db
      .selectFrom('auth.users')
      .select('phone_change')
      .executeTakeFirstOrThrow()
    expect(user.phone_change).toBe('x'.repeat(20))
  })
})

test('several statements go at once, and the last one answers', async () => {
  await database.execute(`
    insert into auth.users (id) values ('${ann.id}');
    update auth.users set email = 'two@example.com'`)
  expect(await count()).toEqual({ users: 1 })
})

test('how many rows were touched is known', async () => {
  await addAnn()
  const updated = await database.db
    .updateTable('auth.users')
    .set({ aud: 'authenticated' })
    .executeTakeFirst()
  expect(updated.numUpdatedRows).toBe(1n)
  const none = await database.db
    .deleteFrom('auth.users')
    .where('email', '=', '-')
    .executeTakeFirst()
  expect(none.numDeletedRows).toBe(0n)
})

test('an object is a JSON value, and text of a list is a list', async () => {
  await addAnn()
  await database.db
    .updateTable('auth.users')
    .set({ raw_app_meta_data: { a: 1 }, raw_user_meta_data: JSON.stringify(['b']) })
    .execute()
  const row = await database.db
    .selectFrom('auth.users')
    .select(['raw_app_meta_data', 'raw_user_meta_data'])
    .executeTakeFirst()
  expect(row).toEqual({ raw_app_meta_data: { a: 1 }, raw_user_meta_data: ['b'] })
})
