import { createHash } from 'node:crypto'
import { Kysely, PostgresDialect, type PostgresPool, type PostgresPoolClient, sql } from 'kysely'
import pg from 'pg'
import { listeners, type Notice, type OpenDatabase, type Query, withoutValues } from './driver.ts'
import type { Database } from './tables.ts'
import { readerOf, toParameter } from './values.ts'

export interface PostgresOptions {
  url: string
  /** Connections at most; ten unless told. */
  poolSize?: number
  /** Milliseconds until a statement is given up; ten seconds unless told. */
  statementTimeout?: number
}

export async function openPostgres(options: PostgresOptions): Promise<OpenDatabase> {
  // The custom of other clients to say that a pooler answers at this address.
  if (/[?&]pgbouncer=true(&|$)/.test(options.url)) return connectPostgres(options, 'pooler')
  try {
    return await connectPostgres(options, 'direct')
  } catch (error) {
    // PgBouncer refuses settings at connection, and in transaction mode a named statement may meet another server.
    if (!refusesSettings(error)) throw error
    return await connectPostgres(options, 'pooler')
  }
}

type Way = 'direct' | 'pooler'

async function connectPostgres(options: PostgresOptions, way: Way): Promise<OpenDatabase> {
  const queries = listeners<Query>()
  const notices = listeners<Notice>()
  const pool = new pg.Pool({
    connectionString: options.url,
    max: options.poolSize ?? 10,
    connectionTimeoutMillis: 5000,
    idleTimeoutMillis: 30_000,
    keepAlive: true,
    application_name: 'sekisho',
    types: { getTypeParser: readerOf },
    ...(way === 'direct' && {
      statement_timeout: options.statementTimeout ?? 10_000,
      options: '-c timezone=UTC',
    }),
  })
  // An idle connection may die with the server; the pool makes a new one, and the process lives on.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    // While it is lent, its death is told by the statement under way.
    client.on('error', () => {})
    client.on('notice', (notice) =>
      notices.tell({ severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }),
    )
  })
  const nameOf = way === 'direct' ? statementNames(500) : () => null
  const db = new Kysely<Database>({
    dialect: new PostgresDialect({ pool: preparingPool(pool, nameOf, queries.tell) }),
  })
  try {
    await sql`select 1`.execute(db)
  } catch (error) {
    await db.destroy()
    throw error
  }
  return {
    db,
    kind: 'postgres',
    async execute(text) {
      await sql.raw(text).execute(db)
    },
    onQuery: queries.add,
    onNotice: notices.add,
    close: () => db.destroy(),
  }
}

function refusesSettings(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter/.test(error.message)
}

/** Names for the first so many texts. A text beyond (lists of every length) is not worth a plan on the server. */
function statementNames(room: number): (text: string) => string | null {
  const names = new Map<string, string>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size >= room) return null
    const name = `s${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`
    names.set(text, name)
    return name
  }
}

type NameOf = (text: string) => string | null
type Tell = (query: Query) => void

/** The pool as Kysely sees it: every statement with parameters is prepared once per connection, under a name. */
function preparingPool(pool: pg.Pool, nameOf: NameOf, tell: Tell): PostgresPool {
  const clients = new WeakMap<pg.PoolClient, PostgresPoolClient>()
  return {
    options: pool.options,
    async connect() {
      const client = await pool.connect()
      let wrapped = clients.get(client)
      if (!wrapped) {
        wrapped = preparingClient(client, nameOf, tell)
        clients.set(client, wrapped)
      }
      return wrapped
    },
    end: () => pool.end(),
  }
}

function preparingClient(client: pg.PoolClient, nameOf: NameOf, tell: Tell): PostgresPoolClient {
  let stale = false
  let dead = false

  async function send(text: string, parameters: readonly unknown[]) {
    tell({ sql: text })
    if (parameters.length === 0) return lastOf(await client.query(text))
    const values = parameters.map(toParameter)
    const name = stale ? null : nameOf(text)
    try {
      return await client.query(name === null ? { text, values } : { name, text, values })
    } catch (error) {
      if (name === null || !planIsStale(error)) throw error
      // Another version has added a column. This connection's plans are of no more use, and it goes when it is given back.
      stale = true
      if (client.getTransactionStatus() !== 'I') throw error
      return await client.query({ text, values })
    }
  }

  async function query(text: string, parameters: readonly unknown[] = []): Promise<unknown> {
    try {
      return await send(text, parameters)
    } catch (error) {
      dead ||= endsConnection(error)
      throw withoutValues(error)
    }
  }

  return {
    // Kysely's type also knows cursors, which we have none of.
    query: query as PostgresPoolClient['query'],
    release: (destroy) => client.release(stale || dead || destroy),
  }
}

/** Several statements in one text give several results; the last one counts. */
function lastOf<T>(result: T | T[]): T | undefined {
  return Array.isArray(result) ? result.at(-1) : result
}

/** What does not come from the server, or says goodbye: the next one in line must not get this connection. */
function endsConnection(error: unknown): boolean {
  return !(error instanceof pg.DatabaseError) || error.severity === 'FATAL'
}

function planIsStale(error: unknown): boolean {
  return error instanceof Error && error.message === 'cached plan must not change result type'
}
