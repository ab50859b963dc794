import type { PGlite } from '@electric-sql/pglite'
import { PGliteDialect, sql } from 'kysely'
import {
  listeners,
  type Notice,
  type OpenDatabase,
  type Query,
  untroubled,
  withoutValues,
} from './driver.ts'
import { observable } from './observe.ts'
import { toParameter, valueReaders } from './values.ts'

/** From a packed data directory. */
export async function openPGliteMemory(snapshot: Blob): Promise<OpenDatabase> {
  const { PGlite } = await loadEngine()
  return connectPGlite(await PGlite.create({ loadDataDir: snapshot }), async () => {})
}

/** Loaded when it is wanted: who keeps users in a Postgres need not have it. Bundlers look for the `try`. */
export async function loadEngine() {
  try {
    return await import('@electric-sql/pglite')
  } catch (cause) {
    throw new Error('The embedded database needs the package @electric-sql/pglite.', { cause })
  }
}

/** `death` rejects when the engine has stopped in the midst of something: what waits for it then would wait for ever. */
export function connectPGlite(
  engine: PGlite,
  afterClose: () => Promise<void>,
  death: Promise<never> = new Promise(() => {}),
): OpenDatabase {
  let dead: Error | null = null
  death.catch((error: Error) => {
    dead = error
  })
  const refuseWhenDead = () => {
    if (dead !== null) throw dead
  }
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

  // An engine that has stopped cannot be closed; the next start mends what it left.
  const close = async () => {
    if (dead === null) await Promise.race([engine.close(), death])
  }

  const sender = (runner: Pick<PGlite, 'query' | 'exec'>) => {
    return async <T>(text: string, parameters: unknown[] = []) => {
      queries.tell({ sql: text })
      refuseWhenDead()
      try {
        if (parameters.length > 0) {
          return await Promise.race([
            runner.query<T>(text, parameters.map(toParameter), options),
            death,
          ])
        }
        const results = await Promise.race([runner.exec(text, options), death])
        return (results.at(-1) ?? { rows: [], fields: [] }) as Awaited<
          ReturnType<typeof runner.query<T>>
        >
      } catch (error) {
        throw withoutValues(error)
      }
    }
  }

  const { db, observed } = observable(
    new PGliteDialect({
      pglite: {
        waitReady: engine.waitReady,
        get ready() {
          return engine.ready
        },
        get closed() {
          return engine.closed
        },
        close,
        query: sender(engine),
        async transaction(work) {
          // Kysely waits until the work begins: it is to fail at its first statement.
          if (dead !== null) return work({ query: sender(engine), rollback: async () => {} })
          queries.tell({ sql: 'begin' })
          try {
            const result = await Promise.race([
              engine.transaction((tx) =>
                work({ query: sender(tx), rollback: () => tx.rollback() }),
              ),
              death,
            ])
            queries.tell({ sql: 'commit' })
            return result
          } catch (error) {
            queries.tell({ sql: 'rollback' })
            throw error
          }
        },
      },
    }),
  )

  return {
    db,
    kind: 'pglite',
    observed,
    pool: () => null,
    async execute(text) {
      await sql.raw(text).execute(db)
    },
    onQuery: queries.add,
    onNotice: notices.add,
    guard: untroubled,
    async close() {
      await db.destroy()
      if (!engine.closed) await close()
      await afterClose()
    },
  }
}
