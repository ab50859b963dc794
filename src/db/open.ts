import type { OpenDatabase } from './driver.ts'
import { openPGliteDirectory, type PGliteDirectoryOptions } from './embedded.ts'
import { openPGliteMemory } from './pglite.ts'
import { openPostgres, type PostgresOptions } from './postgres.ts'
import { preparedDatabase, unpackDatabase } from './unpack.ts'

export { type DamagedDirectory, isDamagedDirectory } from './damage.ts'
export type { Guard, Notice, OpenDatabase, Query, Trouble } from './driver.ts'
export { type DataDirectoryInUse, isDataDirectoryInUse } from './lock.ts'
export { databaseOver, type ForeignPool } from './pool.ts'

export interface PGliteMemoryOptions {
  memory: true
  /** A packed data directory to start from. */
  snapshot?: Blob
}

export type OpenOptions = PostgresOptions | PGliteDirectoryOptions | PGliteMemoryOptions

/** A Postgres by its address, or the embedded one in a directory or in memory. It is not migrated yet. */
export async function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  if ('url' in options) return openPostgres(options)
  if ('dataDir' in options) return openPGliteDirectory(options, unpackDatabase)
  return openPGliteMemory(options.snapshot ?? new Blob([await preparedDatabase()]))
}
