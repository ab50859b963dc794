import { mkdir, open, rename } from 'node:fs/promises'
import type { PGlite } from '@electric-sql/pglite'
import { damaged, examine, keepFiles, missingFiles } from './damage.ts'
import { type OpenDatabase, unavailable } from './driver.ts'
import { type Disk, type Durability, durable, syncTree } from './durable.ts'
import { lockDirectory } from './lock.ts'
import { connectPGlite, loadEngine } from './pglite.ts'

export interface PGliteDirectoryOptions {
  dataDir: string
  /** How long a commit may wait for the disk, in milliseconds; one second unless told, 0: not at all. */
  syncDelay?: number
  /** A copy that is read once: it need not reach the disk. */
  isThrowaway?: boolean
  disk?: Disk
}

export type LayOut = (dataDir: string) => Promise<void>

/**
 * Only one process may have the directory open: the second is told which one has it (`DataDirectoryInUse`). Where there
 * never was anything, `layOut` makes the database; what is damaged is left as it is (`DamagedDirectory`).
 */
export async function openPGliteDirectory(
  options: PGliteDirectoryOptions,
  layOut: LayOut,
): Promise<OpenDatabase> {
  const { dataDir, syncDelay = 1000, isThrowaway = false } = options
  const disk = isThrowaway ? noDisk : options.disk
  // Whoever lacks the engine hears of that first, and nothing is made.
  await loadEngine()
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const lock = await lockDirectory(dataDir)
  try {
    const database = `${dataDir}/database`
    const state = await examine(dataDir)
    const isFresh = state === 'new'
    if (isFresh) await layOut(database)
    const durability = await durable(database, {
      delay: syncDelay,
      isFresh,
      // What the process before wrote may be in the system's memory only, and is about to be taken for written.
      ...(state === 'crashed' ? { synced: await syncTree(database, disk) } : {}),
      ...(disk === undefined ? {} : { disk }),
    })
    const { engine, death } = await start(dataDir, durability)
    durability.begin()
    const keep = () => keepFiles(dataDir, writeWhole)
    if (!isThrowaway) await keep()
    const stop = keepCheckpoints(engine, keep)
    const release = async () => {
      await stop()
      try {
        await durability.end()
        await keep()
      } finally {
        await lock.release()
      }
    }
    return connectPGlite(engine, release, death)
  } catch (error) {
    await lock.release()
    throw error
  }
}

const noDisk: Disk = { syncNow() {}, async sync() {} }

async function start(
  dataDir: string,
  { filesystem, startParams }: Durability,
): Promise<{ engine: PGlite; death: Promise<never> }> {
  const { PGlite } = await loadEngine()
  const said: string[] = []
  let die = (_: Error) => {}
  const death = new Promise<never>((_, reject) => {
    die = reject
  })
  death.catch(() => {})
  const onStderr = (text: string) => {
    // What the log does not take, Postgres may not go on without: it stops, and the next start mends it.
    const [, why] = /PANIC:\s*(.*)/.exec(text) ?? []
    if (why !== undefined) die(unavailable(`The embedded database has stopped: ${why}`))
    if (said.length < 100) said.push(text)
    return true
  }
  let engine: PGlite
  try {
    engine = await PGlite.create({ fs: filesystem, startParams, onStderr })
  } catch (cause) {
    throw await unopened(dataDir, said, cause)
  }
  try {
    const { rows } = await engine.query<{ path: string }>(storedRelations)
    const paths = rows.map(({ path }) => path)
    const missing = await missingFiles(`${dataDir}/database`, paths)
    said.length = 0
    if (missing.length === 0) return { engine, death }
    throw await damaged(dataDir, missing)
  } catch (error) {
    await engine.close().catch(() => {})
    throw error
  }
}

const storedRelations = `
  select pg_relation_filepath(oid) as path from pg_class
  where relkind in ('r', 'i', 'S', 't', 'm') and pg_relation_filepath(oid) is not null`

async function unopened(dataDir: string, said: string[], cause: unknown): Promise<Error> {
  const lines = said.join('\n').split('\n')
  const reason =
    lines.findLast((line) => /PANIC|FATAL|ERROR/.test(line)) ??
    lines.findLast((line) => line !== '')
  if (/No space left/.test(reason ?? '')) {
    return new Error(`The disk of ${dataDir} is full: the database cannot be opened.`, { cause })
  }
  const what = reason?.replace(/^.*?(PANIC|FATAL|ERROR):\s*/, '') ?? String(cause)
  return damaged(dataDir, [`Postgres cannot open it (${what})`], { cause })
}

/** Nothing makes checkpoints by itself here, and without them the log would grow for as long as the process lives. */
function keepCheckpoints(engine: PGlite, after: () => Promise<void>): () => Promise<void> {
  let minutes = 0
  let underWay: Promise<void> = Promise.resolve()
  const timer = setInterval(() => {
    minutes += 1
    // What fails now is tried again the next minute; the log has everything meanwhile.
    underWay = checkpoint(engine, minutes % 5 === 0 ? 65_536 : 32 * 1024 * 1024)
      .then(after)
      .catch(() => {})
  }, 60_000)
  timer.unref()
  return () => {
    clearInterval(timer)
    return underWay
  }
}

async function checkpoint(engine: PGlite, mostBytes: number): Promise<void> {
  if (engine.closed) return
  const { rows } = await engine.query<{ bytes: number }>(`
    select (pg_current_wal_insert_lsn() - redo_lsn)::float8 as bytes from pg_control_checkpoint()`)
  if ((rows[0]?.bytes ?? 0) > mostBytes) await engine.exec('checkpoint')
}

/** Whole and on the disk, or as it was. */
async function writeWhole(path: string, text: string): Promise<void> {
  const file = await open(`${path}.new`, 'w', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(`${path}.new`, path)
}
