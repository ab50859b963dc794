import { mkdir, readdir } from 'node:fs/promises'
import type { PGlite } from '@electric-sql/pglite'
import { Kysely, PGliteDialect, sql } from 'kysely'
import { listeners, type Notice, type OpenDatabase, type Query, withoutValues } from './driver.ts'
import { lockDirectory } from './lock.ts'
import type { Database } from './tables.ts'
import { toParameter, valueReaders } from './values.ts'

export interface PGliteDirectoryOptions {
  dataDir: string
}

export type LayOut = (dataDir: string) => Promise<void>

/**
 * Only one process may have the directory open: the second is told which one has it (`DataDirectoryInUse`). Where nothing is
 * in it, `layOut` makes the database.
 */
export async function openPGliteDirectory(
  options: PGliteDirectoryOptions,
  layOut: LayOut,
): Promise<OpenDatabase> {
  await mkdir(options.dataDir, { recursive: true, mode: 0o700 })
  const lock = await lockDirectory(options.dataDir)
  try {
    return connectPGlite(await openDirectory(options.dataDir, layOut), lock.release)
  } catch (error) {
    await lock.release()
    throw error
  }
}

/** From a packed data directory. */
export async function openPGliteMemory(snapshot: Blob): Promise<OpenDatabase> {
  const { PGlite } = await loadEngine()
  return connectPGlite(await PGlite.create({ loadDataDir: snapshot }), async () => {})
}

async function openDirectory(directory: string, layOut: LayOut): Promise<PGlite> {
  const { PGlite } = await loadEngine()
  const dataDir = `${directory}/database`
  const names = await readdir(directory)
  if (!names.includes('database')) await layOut(dataDir)
  return PGlite.create({ dataDir })
}

/** Loaded when it is wanted: who keeps users in a Postgres need not have it. Bundlers look for the `try`. */
async function loadEngine() {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    throw new Error('The embedded database needs the package @electric-sql/pglite.', { cause })
  }
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
