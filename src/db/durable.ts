import { close, closeSync, fsync, fsyncSync, open, openSync } from 'node:fs'
import { readdir } from 'node:fs/promises'
import { promisify } from 'node:util'
import type { NodeFS } from '@electric-sql/pglite/nodefs'

/**
 * PGlite runs Postgres without fsync, and its file system has none. Here it gets one. Postgres then writes in the order that
 * survives a power failure: log, data, control file. Only the log's own fsync at each commit may wait, for a moment, and is
 * then done beside the work; nothing else reaches a file before the log is on the disk.
 */
export interface Durability {
  filesystem: NodeFS
  startParams: string[]
  /** After opening. What a first start laid out goes to the disk beside the work. */
  begin(): void
  /** When it resolves, what was committed before is on the disk. */
  sync(): Promise<void>
  /** After the engine is closed. */
  end(): Promise<void>
}

export interface DurabilityOptions {
  /** How long a commit may wait for the disk, in milliseconds; 0: it is answered when it is there. */
  delay: number
  /** Nothing of value is in the directory yet. */
  isFresh: boolean
  /** Files that are on the disk as they are; Postgres would sync each of them after a crash, one by one. */
  synced?: ReadonlySet<string>
  /** What makes files durable; tests look at it. */
  disk?: Disk
}

export interface Disk {
  syncNow(path: string, file: number): void
  sync(path: string): Promise<void>
}

const isLog = (path: string) => /\/pg_wal\/[0-9A-F]{24}$/.test(path)

export async function durable(
  directory: string,
  { delay, isFresh, synced = new Set(), disk = realDisk }: DurabilityOptions,
): Promise<Durability> {
  const { NodeFS } = await import('@electric-sql/pglite/nodefs')
  const { PGlite } = await import('@electric-sql/pglite')
  const filesystem = new NodeFS(directory)
  const waiting = new Set<string>()
  const underWay = new Set<string>()
  const untouched = new Set(synced)
  let isOpening = true
  let failed = false
  let laidOut: Promise<unknown> = Promise.resolve()
  let timer: NodeJS.Timeout | undefined
  let last: Promise<void> = Promise.resolve()

  function logFirst(): void {
    if (waiting.size === 0 && underWay.size === 0) return
    for (const path of new Set([...waiting, ...underWay])) syncFile(path, disk)
    waiting.clear()
    underWay.clear()
  }

  function onSync(path: string, file: number): number {
    // Postgres goes on only if it believes that the disk has everything; after this it stops.
    if (failed) return inputOutputError
    if (isOpening && (isFresh || untouched.has(path))) return 0
    if (delay > 0 && !isOpening && isLog(path)) {
      waiting.add(path)
      return 0
    }
    try {
      if (!isLog(path)) logFirst()
      disk.syncNow(path, file)
      return 0
    } catch (error) {
      if (isUnsupported(error)) return 0
      failed = true
      return inputOutputError
    }
  }

  async function syncWaiting(): Promise<void> {
    await laidOut
    if (waiting.size === 0) return
    for (const path of waiting) underWay.add(path)
    waiting.clear()
    const paths = [...underWay]
    try {
      await Promise.all(paths.map((path) => disk.sync(path)))
    } catch (error) {
      if (!isUnsupported(error)) failed = true
    }
    underWay.clear()
    if (failed) throw new Error('The disk does not take the write-ahead log.')
  }

  const init = filesystem.init.bind(filesystem)
  filesystem.init = async (engine, given) => {
    const made = await init(engine, given)
    const touch = (path: string) => untouched.delete(path)
    const hook = (module: object) => hookInto(module, { onSync, logFirst, touch })
    return {
      emscriptenOpts: {
        ...made.emscriptenOpts,
        preRun: [...(made.emscriptenOpts.preRun ?? []), hook],
      },
    }
  }

  const sync = () => {
    last = last.then(syncWaiting, syncWaiting)
    return last
  }
  return {
    filesystem,
    startParams: [
      ...PGlite.defaultStartParams.filter((parameter) => parameter !== '-F'),
      ...['-c', 'fsync=on', '-c', 'wal_sync_method=fsync'],
    ],
    begin() {
      isOpening = false
      untouched.clear()
      if (isFresh) laidOut = syncTree(directory, disk).catch(() => {})
      if (delay === 0) return
      timer = setInterval(() => void sync().catch(() => {}), delay)
      timer.unref()
    },
    sync,
    async end() {
      clearInterval(timer)
      await sync()
    },
  }
}

const realDisk: Disk = {
  syncNow: (_, file) => fsyncSync(file),
  async sync(path) {
    const file = await promisify(open)(path, 'r')
    try {
      await promisify(fsync)(file)
    } finally {
      await promisify(close)(file)
    }
  },
}

function syncFile(path: string, disk: Disk): void {
  const file = openSync(path, 'r')
  try {
    disk.syncNow(path, file)
  } finally {
    closeSync(file)
  }
}

/** Everything in a directory, and the names too. Returns the files. */
export async function syncTree(
  directory: string,
  disk: Disk = realDisk,
): Promise<ReadonlySet<string>> {
  const entries = await readdir(directory, { recursive: true, withFileTypes: true })
  const paths = entries
    .filter((entry) => entry.isFile() || entry.isDirectory())
    .map((entry) => `${entry.parentPath}/${entry.name}`)
  const next = [...paths, directory].values()
  const work = async () => {
    for (const path of next) {
      await disk.sync(path).catch((error) => {
        if (!isUnsupported(error) && error.code !== 'ENOENT') throw error
      })
    }
  }
  await Promise.all(Array.from({ length: 4 }, work))
  return new Set(
    entries.filter((entry) => entry.isFile()).map((entry) => `${entry.parentPath}/${entry.name}`),
  )
}

// The parts of Emscripten's file system that are used here; they are no part of PGlite's types.
interface Stream {
  node: object
  nfd: number
}

interface Operations {
  [name: string]: (this: unknown, ...parameters: never[]) => unknown
}

interface NodeFileSystem {
  stream_ops: Operations
  node_ops: Operations
  realPath(node: object): string
}

/** WASI's number for EIO. */
const inputOutputError = 29

interface Hooks {
  onSync(path: string, file: number): number
  logFirst(): void
  touch(path: string): void
}

function hookInto(module: object, { onSync, logFirst, touch }: Hooks): void {
  const { NODEFS } = module as { NODEFS?: NodeFileSystem }
  if (NODEFS === undefined) throw new Error('This version of PGlite has another file system')
  const { stream_ops: streams, node_ops: nodes, realPath } = NODEFS
  const onStream = { fsync: (stream: Stream) => onSync(realPath(stream.node), stream.nfd) }
  Object.assign(streams, onStream)
  for (const name of ['write', 'setattr']) {
    before(streams, name, (stream: Stream) => {
      const path = realPath(stream.node)
      touch(path)
      if (!isLog(path)) logFirst()
    })
  }
  for (const name of ['setattr', 'rename']) before(nodes, name, (node) => touch(realPath(node)))
  before(nodes, 'rename', (_, folder: object, name: string) => touch(`${realPath(folder)}/${name}`))
  for (const name of ['setattr', 'unlink', 'rename', 'rmdir']) before(nodes, name, logFirst)
}

function before<Parameters extends never[]>(
  operations: Operations,
  name: string,
  first: (...parameters: Parameters) => void,
): void {
  const then = operations[name]
  if (then === undefined) throw new Error(`This version of PGlite has no ${name}`)
  operations[name] = (...parameters) => {
    first(...(parameters as Parameters))
    return then.apply(operations, parameters)
  }
}

/** Some file systems know no fsync, and Windows none of directories. */
function isUnsupported(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return code === 'EINVAL' || code === 'ENOTSUP' || code === 'ENOSYS' || code === 'EPERM'
}
