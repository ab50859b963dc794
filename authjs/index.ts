import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Config } from '../src/base/config.ts'
import type { Tx } from '../src/base/context.ts'
// Not db/open.ts: it would bring the prepared database along, which an adapter never lays out.
import type { OpenDatabase } from '../src/db/driver.ts'
import { openPGliteDirectory } from '../src/db/embedded.ts'
import { isDataDirectoryInUse } from '../src/db/lock.ts'
import { databaseOver, type ForeignPool } from '../src/db/pool.ts'
import { openPostgres } from '../src/db/postgres.ts'
import { adapterOver } from '../src/faces/authjs/adapter.ts'
import type { SekishoAdapter } from '../src/faces/authjs/types.ts'
import { adapterConfig, adapterContext } from './context.ts'

export { ConfigError } from '../src/base/config.ts'
export { Fault, type FaultCode, isFault } from '../src/base/fault.ts'
export {
  AdapterConflict,
  AdapterUnavailable,
  isAdapterConflict,
  isAdapterUnavailable,
} from '../src/faces/authjs/faults.ts'
export type * from '../src/faces/authjs/types.ts'

export interface SekishoAdapterOptions {
  /**
   * Where Sekisho keeps its users: a Postgres by its address, a `Pool` of `pg`, or a database that is open in this process.
   * `{ dataDir }` is the embedded database, which one process can have: not beside a server that runs on it.
   */
  database: string | ForeignPool | { dataDir: string } | OpenDatabase
  /**
   * The server's `SEKISHO_SECRET`; the tokens of an account are encrypted with it. Without it they are not kept. On
   * `{ dataDir }` it is the one that the server left there.
   */
  secret?: string | undefined
  /** The server's variables, where it does not run with the defaults: `GOTRUE_JWT_AUD` and its kin. */
  environment?: Readonly<Record<string, string | undefined>> | undefined
}

/**
 * The adapter: Auth.js' users, accounts, sessions and links are rows of Sekisho. The database is opened at the first call;
 * `close` ends it, unless it was given open. Throws a `ConfigError` when an option is wrong.
 */
export function sekishoAdapter(
  options: SekishoAdapterOptions,
): SekishoAdapter & { close(): Promise<void> } {
  const { database } = options
  if (typeof database !== 'string' && (typeof database !== 'object' || database === null)) {
    throw new TypeError("sekishoAdapter: `database` is missing, e.g. 'postgres://…'.")
  }
  const config = adapterConfig({ ...options, ...storedIn(database) })
  let opening: Promise<{ ctx: Tx; close(): Promise<void> }> | null = null
  let isClosed = false

  function open() {
    if (isClosed) throw new Error('The adapter was closed.')
    opening ??= openFor(database, config).catch((error: unknown) => {
      // The next call tries again: a database may come back.
      opening = null
      if (!isDataDirectoryInUse(error)) throw error
      throw new Error(
        `${error.message}. The embedded database has room for one process: stop that one, or let both use ` +
          'a Postgres (database: process.env.DATABASE_URL), or ask the server over HTTP (@sekisho/authjs/http).',
        { cause: error },
      )
    })
    return opening
  }

  return {
    ...adapterOver(async () => (await open()).ctx),
    async close() {
      isClosed = true
      const opened = await opening?.catch(() => null)
      await opened?.close()
    },
  }
}

type DatabaseOption = SekishoAdapterOptions['database']

function storedIn(database: DatabaseOption): { storedSecret?: string } {
  if (!isDirectory(database)) return {}
  const path = join(database.dataDir, 'secret')
  return existsSync(path) ? { storedSecret: readFileSync(path, 'utf8').trim() } : {}
}

async function openFor(database: DatabaseOption, config: Config) {
  const isOurs = typeof database === 'string' || isDirectory(database)
  const opened = await openOption(database)
  return {
    ctx: adapterContext(opened, config),
    close: async () => {
      if (isOurs) await opened.close()
    },
  }
}

function openOption(database: DatabaseOption): Promise<OpenDatabase> | OpenDatabase {
  if (typeof database === 'string') return openPostgres({ url: database })
  if ('db' in database) return database
  if (!isDirectory(database)) return databaseOver(database)
  return openDirectory(database.dataDir)
}

async function openDirectory(dataDir: string): Promise<OpenDatabase> {
  const refuse = () => {
    throw new Error(`There is no database of Sekisho in ${dataDir}. Start the server there once.`)
  }
  if (!existsSync(join(dataDir, 'database'))) refuse()
  return openPGliteDirectory({ dataDir }, async () => refuse())
}

function isDirectory(database: DatabaseOption): database is { dataDir: string } {
  return typeof database === 'object' && 'dataDir' in database
}
