import type { OpenDatabase } from './driver.ts'
import {
  openPGliteDirectory,
  openPGliteMemory,
  type PGliteDirectoryOptions,
  type PGliteMemoryOptions,
} from './pglite.ts'
import { openPostgres, type PostgresOptions } from './postgres.ts'

export type { Notice, OpenDatabase, Query } from './driver.ts'
export { type DataDirectoryInUse, isDataDirectoryInUse } from './lock.ts'
export { databaseOver, type ForeignPool } from './pool.ts'

export type OpenOptions = PostgresOptions | PGliteDirectoryOptions | PGliteMemoryOptions

/** A Postgres by its address, or the embedded one in a directory or in memory. It is not migrated yet. */
export function openDatabase(options: OpenOptions): Promise<OpenDatabase> {
  if ('url' in options) return openPostgres(options)
  if ('dataDir' in options) return openPGliteDirectory(options)
  return openPGliteMemory(options)
}
