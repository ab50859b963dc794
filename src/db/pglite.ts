import { mkdir, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { promisify } from 'node:util'
import { brotliDecompress } from 'node:zlib'
import { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { listeners, type Notice, type OpenDatabase, type Query, withoutValues } from './driver.ts'
import { lockDirectory } from './lock.ts'
import type { Database } from './tables.ts'
import { toParameter, valueReaders } from './values.ts'

/** A database directory as `initdb` leaves it, packed by scripts/prepared-database.ts. */
const prepared = new URL('../../assets/database.tar.br', import.meta.url)

export interface PGliteDirectoryOptions {
  dataDir: string
}

export interface PGliteMemoryOptions {
  memory: true
  /** A packed data directory to start from. */
  snapshot?: Blob
}

/** Only one process may have the directory open: the second is told which one has it (`DataDirectoryInUse`). */
export async function openPGliteDirectory(options: PGliteDirectoryOptions): Promise<OpenDatabase> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const lock = await lockDirectory(options.dataDir)
  try {
    return connectPGlite(await openDirectory(options.dataDir), lock.release)
  } catch (error) {
    await lock.release()
    throw error
  }
}

export async function openPGliteMemory(options: PGliteMemoryOptions): Promise<OpenDatabase> {
  const engine = await PGlite.create({
    loadDataDir: options.snapshot ?? (await preparedDatabase()),
  })
  return connectPGlite(engine, async () => {})
}

/** Unpacking takes half a second, where initdb takes several and 450 MB. */
export async function preparedDatabase(): Promise<Blob> {
  return new Blob([await promisify(brotliDecompress)(await readFile(prepared))])
}

async function openDirectory(directory: string): Promise<PGlite> {
  const dataDir = `${directory}/database`
  const names = await readdir(directory)
  if (names.includes('database') && !names.includes('unpacking')) return PGlite.create({ dataDir })

  // A process that dies while it unpacks leaves the mark, and the next one begins anew.
  await writeFile(`${directory}/unpacking`, '')
  await rm(dataDir, { recursive: true, force: true })
  const engine = await PGlite.create({ dataDir, loadDataDir: await preparedDatabase() })
  await rm(`${directory}/unpacking`)
  return engine
}

export function connectPGlite(engine: PGlite, afterClose: () => Promise<void>): OpenDatabase {
  const queries = listeners<Query>()
  const notices = listeners<Notice>()
  const options = {
    rowMode: 'object' as const,
    parsers: { ...valueReaders },
    // Parameters are text already.
    serializers: { 17: (text: string) => text },
    onNotice: (notice: { severity: string | undefined; message: string | undefined }) =>
      notices.tell({ severity: notice.severity ?? 'NOTICE', message: notice.message ?? '' }),
  }

  const sender = (runner: Pick<PGlite, 'query' | 'exec'>) => {
    return async <T>(text: string, parameters: unknown[] = []) => {
      queries.tell({ sql: text })
      try {
        if (parameters.length > 0) {
          return await runner.query<T>(text, parameters.map(toParameter), options)
        }
        const results = await runner.exec(text, options)
        return (results.at(-1) ?? { rows: [], fields: [] }) as Awaited<
          ReturnType<typeof runner.query<T>>
        >
      } catch (error) {
        throw withoutValues(error)
      }
    }
  }

  const db = new Kysely<Database>({
    dialect: new PGliteDialect({
      pglite: {
        waitReady: engine.waitReady,
        get ready() {
          return engine.ready
        },
        get closed() {
          return engine.closed
        },
        close: () => engine.close(),
        query: sender(engine),
        async transaction(work) {
          queries.tell({ sql: 'begin' })
          try {
            const result = await engine.transaction((tx) =>
              work({ query: sender(tx), rollback: () => tx.rollback() }),
            )
            queries.tell({ sql: 'commit' })
            return result
          } catch (error) {
            queries.tell({ sql: 'rollback' })
            throw error
          }
        },
      },
    }),
  })

  return {
    db,
    kind: 'pglite',
    async execute(text) {
      await sql.raw(text).execute(db)
    },
    onQuery: queries.add,
    onNotice: notices.add,
    async close() {
      await db.destroy()
      if (!engine.closed) await engine.close()
      await afterClose()
    },
  }
}
