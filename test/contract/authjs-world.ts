import { randomUUID } from 'node:crypto'
import { type RawBuilder, sql } from 'kysely'
import { type SekishoAdapter, sekishoAdapter } from '../../authjs/index.ts'
import { type TestDatabase, withDatabase } from '../database.ts'

export const secret = 'the secret of this world, long enough to seal'

/** An adapter on this file's database, and ways to look behind it. To be called outside of tests. */
export function authjsWorld() {
  const database = withDatabase()
  const adapter: SekishoAdapter = sekishoAdapter({ database, secret })
  return {
    database,
    adapter,
    rows: <T>(query: RawBuilder<T>) => rowsOf(database, query),
    one: async <T>(query: RawBuilder<T>) => (await rowsOf(database, query))[0],
    /** What was recorded of a user, in order. */
    events: async (userId: string) => {
      const rows = await rowsOf(
        database,
        sql<{ type: string; actor: string }>`
          select type, actor from idp.events where user_id = ${userId} order by id`,
      )
      return rows.map(({ type }) => type)
    },
    audit: async (userId: string) => {
      const rows = await rowsOf(
        database,
        sql<{ payload: Record<string, unknown> }>`
          select payload from auth.audit_log_entries where payload->>'actor_id' = ${userId} order by created_at, payload->>'action'`,
      )
      return rows.map(({ payload }) => payload)
    },
    /** A user by a magic link: the address is proved. */
    newUser: (more: Record<string, unknown> = {}) =>
      adapter.createUser({
        id: randomUUID(),
        email: freshEmail(),
        emailVerified: new Date('2026-03-04T05:06:07.089Z'),
        ...more,
      }),
    /** A user by a provider: nobody proved the address. */
    newGuest: (more: Record<string, unknown> = {}) =>
      adapter.createUser({
        id: randomUUID(),
        name: 'Ann',
        email: freshEmail(),
        image: 'https://example.com/ann.png',
        emailVerified: null,
        ...more,
      }),
  }
}

async function rowsOf<T>(database: TestDatabase, query: RawBuilder<T>): Promise<T[]> {
  return (await query.execute(database.db)).rows
}

export function freshEmail(): string {
  return `${randomUUID()}@example.com`
}

export const tomorrow = () => new Date(Date.now() + 24 * 60 * 60 * 1000)
export const yesterday = () => new Date(Date.now() - 24 * 60 * 60 * 1000)

/** Calls `work` so many times at once, and says how it went. */
export async function atOnce<T>(times: number, work: (index: number) => Promise<T>) {
  const all = await Promise.allSettled(Array.from({ length: times }, (_, index) => work(index)))
  return {
    values: all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    errors: all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])),
  }
}
