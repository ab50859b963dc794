import {
  type ConnectionProvider,
  type DatabaseConnection,
  type Dialect,
  type Driver,
  Kysely,
} from 'kysely'
import type { Database } from './tables.ts'

/** A statement that has ended, one way or the other. */
export interface Statement {
  sql: string
  /** From when it was sent to when the answer was there; the wait for a connection is not in it. */
  milliseconds: number
  failed: boolean
}

/** The same database, which tells of each statement that went through this Kysely, `begin` and `commit` too. */
export type Observed = (tell: (statement: Statement) => void) => Kysely<Database>

/**
 * A database and how to look on: whoever does not look pays nothing. Who looks is a Kysely of its own, so that the
 * statements of one request are told apart without anything that follows it in secret.
 */
export function observable(dialect: Dialect): { db: Kysely<Database>; observed: Observed } {
  const driver = dialect.createDriver()
  const shared: Dialect = {
    createDriver: () => driver,
    createQueryCompiler: () => dialect.createQueryCompiler(),
    createAdapter: () => dialect.createAdapter(),
    createIntrospector: (db) => dialect.createIntrospector(db),
  }
  const db = new Kysely<Database>({ dialect: shared })
  const executor = db.getExecutor()
  return {
    db,
    observed(tell) {
      const connections: ConnectionProvider = {
        provideConnection: (consumer, options) =>
          executor.provideConnection((bare) => consumer(observing(bare, tell)), options),
      }
      return new Kysely<Database>({
        config: { dialect: shared },
        dialect: shared,
        driver: observedDriver(driver, tell),
        executor: executor.withConnectionProvider(connections),
      })
    },
  }
}

type Tell = (statement: Statement) => void

interface ObservedConnection extends DatabaseConnection {
  readonly bare: DatabaseConnection
}

function observing(bare: DatabaseConnection, tell: Tell): ObservedConnection {
  return {
    bare,
    executeQuery: (query, options) =>
      timed(query.sql, tell, () => bare.executeQuery(query, options)),
    streamQuery: (query, size, options) => bare.streamQuery(query, size, options),
  }
}

/** Some drivers keep secrets on their connections, and begin and end a transaction on those only. */
function observedDriver(driver: Driver, tell: Tell): Driver {
  return {
    init: async () => {},
    destroy: async () => {},
    acquireConnection: (options) => driver.acquireConnection(options),
    releaseConnection: (connection) => driver.releaseConnection(bareOf(connection)),
    beginTransaction: (connection, settings) =>
      timed('begin', tell, () => driver.beginTransaction(bareOf(connection), settings)),
    commitTransaction: (connection) =>
      timed('commit', tell, () => driver.commitTransaction(bareOf(connection))),
    rollbackTransaction: (connection) =>
      timed('rollback', tell, () => driver.rollbackTransaction(bareOf(connection))),
  }
}

function bareOf(connection: DatabaseConnection): DatabaseConnection {
  return 'bare' in connection ? (connection as ObservedConnection).bare : connection
}

async function timed<T>(sql: string, tell: Tell, work: () => Promise<T>): Promise<T> {
  const began = performance.now()
  let failed = true
  try {
    const result = await work()
    failed = false
    return result
  } finally {
    tell({ sql, milliseconds: performance.now() - began, failed })
  }
}
