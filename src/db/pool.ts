import { PostgresDialect, type PostgresPoolClient, sql } from 'kysely'
import {
  listeners,
  type Notice,
  type OpenDatabase,
  type Query,
  untroubled,
  withoutValues,
} from './driver.ts'
import { observable } from './observe.ts'
import { readerOf, toParameter } from './values.ts'

/** The part of `pg`'s Pool that is needed, so that any version of it fits. */
export interface ForeignPool {
  connect(): Promise<ForeignClient>
}

export interface ForeignClient {
  query(statement: {
    text: string
    values: unknown[]
    types: { getTypeParser(typeId: number): (text: string) => unknown }
  }): Promise<{ rows: unknown[]; rowCount: number | null; command: string }>
  release(destroy?: boolean): void
}

/**
 * A database over a pool that belongs to somebody else: it is never closed here, and what its owner set for reading values
 * changes nothing.
 */
export function databaseOver(pool: ForeignPool): OpenDatabase {
  const queries = listeners<Query>()
  const notices = listeners<Notice>()
  const { db, observed } = observable(
    new PostgresDialect({
      pool: {
        connect: async () => readingAlike(await pool.connect(), queries.tell),
        end: async () => {},
        options: {},
      },
    }),
  )
  return {
    db,
    kind: 'postgres',
    observed,
    pool: () => null,
    async execute(text) {
      await sql.raw(text).execute(db)
    },
    onQuery: queries.add,
    onNotice: notices.add,
    guard: untroubled,
    close: async () => {},
  }
}

function readingAlike(client: ForeignClient, tell: (query: Query) => void): PostgresPoolClient {
  async function query(text: string, parameters: readonly unknown[] = []): Promise<unknown> {
    tell({ sql: text })
    try {
      return await client.query({
        text,
        values: parameters.map(toParameter),
        types: { getTypeParser: readerOf },
      })
    } catch (error) {
      throw withoutValues(error)
    }
  }

  return {
    // Kysely's type also knows cursors, which we have none of.
    query: query as PostgresPoolClient['query'],
    release: (destroy?: boolean) => client.release(destroy),
  }
}
