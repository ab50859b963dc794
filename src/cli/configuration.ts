import { readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { type Config, ConfigError, type ConfigSources, readConfig } from '../base/config.ts'
import { systemRandom } from '../base/random.ts'
import { isConnectionError } from '../base/sql-error.ts'
import { second } from '../base/time.ts'
import { type OpenDatabase, openDatabase } from '../db/open.ts'
import { prepareDataDirectory, storedSecret } from './data-directory.ts'
import { ending, isEnding } from './ending.ts'

export interface ServerFlags {
  port?: number
  host?: string
  dataDir?: string
}

function read(sources: Pick<ConfigSources, 'mode' | 'flags' | 'storedSecret'>): Config {
  return readConfig({
    ...sources,
    environment: process.env,
    readFile: (path) => readFileSync(path, 'utf8'),
  })
}

/** For `sekisho dev`: the data directory is made where it is missing, and holds the secret. */
export function readDevelopment(flags: ServerFlags): Config {
  const first = read({ mode: 'dev', flags })
  const dataDir = resolve(first.dataDir)
  return read({
    mode: 'dev',
    flags: { ...flags, dataDir },
    storedSecret: prepareDataDirectory(dataDir),
  })
}

/** For `sekisho start`; a `ConfigError` lists all that is missing. */
export function readProduction(flags: ServerFlags): Config {
  return read({ mode: 'start', flags })
}

/** For the commands: a database by its address needs the secret that its server has. */
export function readForCommand(flags: ServerFlags): Config {
  const first = read({ mode: 'dev', flags })
  const dataDir = resolve(first.dataDir)
  if (first.databaseUrl === null) return readDevelopment({ ...flags, dataDir })
  const stored = storedSecret(dataDir)
  const config = read({
    mode: 'dev',
    flags: { ...flags, dataDir },
    ...(stored === null ? {} : { storedSecret: stored }),
  })
  if (config.secret !== '') return config
  throw new ConfigError([
    'SEKISHO_SECRET is missing: the secret with which the server of this database was started.',
  ])
}

/** For what only moves rows: nothing is made, and no secret is needed. */
export function readForDatabase({ dataDir }: ServerFlags): Config {
  return read({ mode: 'dev', flags: dataDir === undefined ? {} : { dataDir } })
}

/** As a server would read it, with what is wrong beside it; null where nothing can be made of it. */
export function readForDoctor(flags: ServerFlags): {
  config: Config | null
  problems: readonly string[]
} {
  const guess = attempt(() => read({ mode: 'dev', flags }))
  if (guess.config === null) return guess
  const dataDir = resolve(guess.config.dataDir)
  const stored = storedSecret(dataDir)
  const isProduction = guess.config.databaseUrl !== null
  const asServer = attempt(() =>
    read({
      mode: isProduction ? 'start' : 'dev',
      flags: { ...flags, dataDir },
      ...(stored === null || isProduction ? {} : { storedSecret: stored }),
    }),
  )
  return { config: asServer.config ?? guess.config, problems: asServer.problems }
}

function attempt(work: () => Config): { config: Config | null; problems: readonly string[] } {
  try {
    return { config: work(), problems: [] }
  } catch (error) {
    if (error instanceof ConfigError) return { config: null, problems: error.problems }
    throw error
  }
}

/** The database of a configuration. A host that cannot be reached is no bug of ours. */
export async function open(config: Config): Promise<OpenDatabase> {
  if (config.databaseUrl === null) {
    return openDatabase({ dataDir: config.dataDir, syncDelay: config.syncDelay })
  }
  const { databaseUrl: url, databasePoolSize: poolSize } = config
  try {
    return await openDatabase({ url, poolSize })
  } catch (error) {
    throw ending(
      'failed',
      `The database at ${whereabouts(url)} cannot be opened: ${reason(error)}`,
      {
        cause: error,
      },
    )
  }
}

/** The same for a server, which may come up before its database does. `tell` is told once that it waits. */
export async function openPatiently(
  config: Config,
  tell: (waiting: { seconds: number; why: string }) => void,
): Promise<OpenDatabase> {
  const seconds = config.databaseWaitSeconds
  const began = performance.now()
  for (let isFirst = true; ; isFirst = false) {
    try {
      return await open(config)
    } catch (error) {
      const isOver = performance.now() - began > seconds * second
      if (isOver || !isEnding(error) || !isConnectionError(error.cause)) throw error
      if (isFirst) tell({ seconds, why: error.message })
      // Not all at once, where many nodes wait for one database.
      await pause((0.5 + (systemRandom.bytes(1)[0] ?? 0) / 512) * second)
    }
  }
}

/** A database's address without its password. */
export function whereabouts(url: string): string {
  if (!URL.canParse(url)) return 'DATABASE_URL'
  const { hostname, port, pathname } = new URL(url)
  return `${hostname || 'the local socket'}${port && `:${port}`}${pathname}`
}

function reason(error: unknown): string {
  if (error instanceof AggregateError) return error.errors.map(reason).join('; ')
  return error instanceof Error ? error.message : String(error)
}
