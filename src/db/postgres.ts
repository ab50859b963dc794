import { PostgresDialect, type PostgresPool, sql } from 'kysely'
import pg from 'pg'
import {
  type Guard,
  listeners,
  type Notice,
  type OpenDatabase,
  type Query,
  type Trouble,
  unavailable,
} from './driver.ts'
import { observable } from './observe.ts'
import { preparingClient, statementNames } from './postgres-client.ts'
import { guardPostgres } from './postgres-guard.ts'
import { connectionsOf } from './postgres-server.ts'
import { readerOf } from './values.ts'

export interface PostgresOptions {
  url: string
  /** Connections at most; ten unless told. */
  poolSize?: number
  /** Milliseconds until a statement is given up; ten seconds unless told. */
  statementTimeout?: number
  /** Milliseconds until who waits for somebody else's row is turned away. */
  lockTimeout?: number
  /** Milliseconds until who waits for a connection, old or new, is turned away. */
  acquireTimeout?: number
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

/** The server gives a statement up first, and says so; a second later its silence is enough. */
const grace = 1000

/** While these last nobody tries: the guard alone does, and knows first when it is over. */
const sayings: Partial<Record<Trouble | 'none', string>> = {
  'database-away': 'The database is away',
  'database-in-recovery': 'The database is in recovery, and may only be read',
  'database-outdated': 'The database is an older one than was seen before',
}

/** So many may wait for each connection: whoever comes after them would wait longer than it is worth. */
const mostWaiting = 100

async function connectPostgres(options: PostgresOptions, way: Way): Promise<OpenDatabase> {
  const { poolSize = 10, statementTimeout = 10_000 } = options
  const { lockTimeout = 1500, acquireTimeout = 2500 } = options
  const queries = listeners<Query>()
  const notices = listeners<Notice>()
  const connections = connectionsOf(statementTimeout + grace)
  const settings = {
    connectionString: options.url,
    keepAlive: true,
    application_name: 'sekisho',
    types: { getTypeParser: readerOf },
  }
  const pool = new pg.Pool({
    ...settings,
    max: poolSize,
    connectionTimeoutMillis: acquireTimeout,
    idleTimeoutMillis: 30_000,
    onConnect: connections.admit,
    ...(way === 'direct' && {
      statement_timeout: statementTimeout,
      lock_timeout: lockTimeout,
      // A node that stands still in the midst of a transaction must not hold its rows for long.
      idle_in_transaction_session_timeout: statementTimeout + grace,
      options: '-c timezone=UTC',
    }),
  })
  // An idle connection may die with the server; the pool makes a new one, and the process lives on.
  pool.on('error', () => {})
  pool.on('connect', (client) => {
    client.on('notice', (notice) =>
      notices.tell({ severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }),
    )
  })
  let guard: Guard | null = null
  const nameOf = way === 'direct' ? statementNames(500) : () => null
  const lending = lendingPool(pool, {
    wrap: (client) =>
      preparingClient(client, connections.of(client), { nameOf, tell: queries.tell }),
    check() {
      const hopeless = sayings[guard?.trouble() ?? 'none']
      if (hopeless !== undefined) throw unavailable(hopeless)
      if (pool.waitingCount >= mostWaiting * poolSize) {
        throw unavailable('Too many wait for a connection to the database')
      }
    },
  })
  const { db, observed } = observable(new PostgresDialect({ pool: lending }))
  shortenWay(db, lending)
  try {
    await db.connection().execute(async () => {})
  } catch (error) {
    connections.stop()
    await db.destroy()
    throw error
  }
  return {
    db,
    kind: 'postgres',
    observed,
    pool: () => ({
      size: pool.totalCount,
      idle: pool.idleCount,
      limit: poolSize,
      waiting: pool.waitingCount,
    }),
    async execute(text) {
      await sql.raw(text).execute(db)
    },
    onQuery: queries.add,
    onNotice: notices.add,
    guard(options) {
      guard = guardPostgres(settings, connections, options)
      return guard
    },
    async close() {
      await guard?.stop()
      await db.destroy()
      connections.stop()
    },
  }
}

function refusesSettings(error: unknown): boolean {
  return error instanceof Error && /unsupported startup parameter/.test(error.message)
}

/**
 * A statement outside of transactions goes to a connection by itself: Kysely's own way is a dozen promises long, and takes
 * a quarter of what this process spends on a small statement.
 */
function shortenWay(db: OpenDatabase['db'], pool: PostgresPool): void {
  const executor = db.getExecutor()
  const usual = executor.executeQuery.bind(executor)
  executor.executeQuery = async (query, options) => {
    if (options?.signal !== undefined) return usual(query, options)
    const client = await pool.connect()
    try {
      const { command, rowCount, rows } = await client.query<never>(query.sql, query.parameters)
      return isChange(command) ? { rows, numAffectedRows: BigInt(rowCount) } : { rows }
    } catch (error) {
      throw withCallers(error)
    } finally {
      client.release()
    }
  }
}

/** What comes from the server was made in a socket's event, and knows nothing of who asked. */
function withCallers(error: unknown): unknown {
  const [, , ...callers] = new Error().stack?.split('\n') ?? []
  if (error instanceof Error) error.stack = [error.stack, ...callers].join('\n')
  return error
}

const changes: readonly string[] = ['INSERT', 'UPDATE', 'DELETE', 'MERGE']
const isChange = (command: string) => changes.includes(command)

type Lent = ReturnType<typeof preparingClient>

/** The pool as Kysely sees it: whoever cannot be served soon is refused at once. */
function lendingPool(
  pool: pg.Pool,
  { wrap, check }: { wrap(client: pg.PoolClient): Lent; check(): void },
): PostgresPool {
  const clients = new WeakMap<pg.PoolClient, Lent>()
  return {
    options: pool.options,
    async connect() {
      check()
      const client = await pool.connect()
      let wrapped = clients.get(client)
      if (!wrapped) {
        wrapped = wrap(client)
        clients.set(client, wrapped)
      }
      return wrapped
    },
    end: () => pool.end(),
  }
}
