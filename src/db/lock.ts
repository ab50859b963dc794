import { createHash, randomBytes } from 'node:crypto'
import { link, open, readFile, readlink, rm } from 'node:fs/promises'
import { connect, createServer, type Server } from 'node:net'
import { hostname } from 'node:os'

export interface DirectoryLock {
  release(): Promise<void>
}

/** Somebody else has the data directory open, or it cannot be told whether somebody has. */
export interface DataDirectoryInUse extends Error {
  name: 'DataDirectoryInUse'
  pid: number | null
  since: Date | null
}

export function isDataDirectoryInUse(error: unknown): error is DataDirectoryInUse {
  return error instanceof Error && error.name === 'DataDirectoryInUse'
}

interface Holder {
  /** Tells this lock from every other one there ever was. */
  token: string
  pid: number
  /** When that process started, in the kernel's ticks: a number that is used again belongs to another process. */
  started: string | null
  /** Process numbers mean something only within one of these. */
  namespace: string
  boot: string
  machine: string
  host: string
  /** A socket in the directory that listens for as long as the process lives; null where there can be none. */
  socket: string | null
  since: string
}

/**
 * Takes the directory for this process, or throws `DataDirectoryInUse`. What a process left that is known to be dead is put
 * aside; a holder of whom nothing can be known keeps the directory, however long it is silent.
 */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = `${directory}/lock`
  const own = await introduce(directory)
  try {
    for (;;) {
      if (await put(directory, 'lock', own.text)) return held(path, own)
      const text = await textOf(path)
      if (text === null) continue
      const state = await stateOf(directory, text)
      if (state.is === 'unknown') throw unknown(directory, path, state.holder)
      if (state.is === 'alive') throw inUse(directory, state.holder)
      await bury(directory, text, own)
    }
  } catch (error) {
    await own.leave()
    throw error
  }
}

interface Introduced {
  text: string
  leave(): Promise<void>
}

function held(path: string, own: Introduced): DirectoryLock {
  let isHeld = true
  return {
    async release() {
      if (!isHeld) return
      isHeld = false
      // Somebody may have deleted the file by hand, and another process may have its own there.
      if ((await textOf(path)) === own.text) await rm(path, { force: true })
      await own.leave()
    },
  }
}

async function introduce(directory: string): Promise<Introduced> {
  const token = randomBytes(8).toString('hex')
  const socket = await listenIn(directory, `alive-${token}`)
  const holder: Holder = {
    token,
    pid: process.pid,
    started: await startOf(process.pid),
    ...(await here()),
    socket: socket === null ? null : `alive-${token}`,
    since: new Date().toISOString(),
  }
  return {
    text: JSON.stringify(holder),
    async leave() {
      if (socket === null) return
      await new Promise((resolve) => socket.close(resolve))
      await rm(`${directory}/alive-${token}`, { force: true })
    },
  }
}

/** The name appears with its whole text, on the disk, or not at all. */
async function put(directory: string, name: string, text: string): Promise<boolean> {
  const aside = `${directory}/${name}.${randomBytes(4).toString('hex')}`
  const file = await open(aside, 'wx', 0o600)
  try {
    await file.writeFile(text)
    await file.sync()
    await link(aside, `${directory}/${name}`)
    return true
  } catch (error) {
    if (hasCode(error, 'EEXIST')) return false
    throw error
  } finally {
    await file.close()
    await rm(aside, { force: true })
  }
}

type State = { is: 'alive' | 'dead'; holder: Holder } | { is: 'unknown'; holder: Holder | null }

async function stateOf(directory: string, text: string): Promise<State> {
  const holder = holderOf(text)
  if (holder === null) return { is: 'unknown', holder }
  const place = await here()
  const isSameBoot = holder.boot !== '' && holder.boot === place.boot
  if (isSameBoot || isThisMachine(holder, place)) {
    // Within one kernel the socket answers across containers too, even for a process that is stopped.
    if (holder.socket !== null && place.boot === holder.boot) {
      const answer = await knock(directory, holder.socket)
      if (answer !== 'unknown') return { is: answer, holder }
    }
    if (place.boot !== holder.boot) return { is: 'dead', holder }
    if (place.namespace === holder.namespace) {
      const lives = processExists(holder.pid) && (await startOf(holder.pid)) === holder.started
      return { is: lives ? 'alive' : 'dead', holder }
    }
  }
  return { is: 'unknown', holder }
}

type Place = Pick<Holder, 'namespace' | 'boot' | 'machine' | 'host'>

/** A container that is started again has its name still, and a machine its id. */
function isThisMachine(holder: Holder, place: Place): boolean {
  if (holder.machine !== '' && place.machine !== '') return holder.machine === place.machine
  return holder.host === place.host
}

/**
 * Takes a dead lock away. Only one process may ever do that to this very lock: the one whose note is the last of the chain
 * `over-<token>`, each of which takes up what a taker left that died over it.
 */
async function bury(directory: string, deadText: string, own: Introduced): Promise<void> {
  const notes: string[] = []
  for (let token = tokenOf(deadText); ; ) {
    const note = `over-${token}`
    notes.push(note)
    if (await put(directory, note, own.text)) break
    const text = await textOf(`${directory}/${note}`)
    // It did its work and has tidied up.
    if (text === null) return
    const state = await stateOf(directory, text)
    if (state.is !== 'dead') return
    token = tokenOf(text)
  }
  const path = `${directory}/lock`
  if ((await textOf(path)) === deadText) await rm(path, { force: true })
  const left = [deadText, ...(await Promise.all(notes.map((one) => textOf(`${directory}/${one}`))))]
  for (const text of left) {
    const socket = text === null || text === own.text ? null : holderOf(text)?.socket
    if (socket) await rm(`${directory}/${socket}`, { force: true })
  }
  for (const note of notes) await rm(`${directory}/${note}`, { force: true })
}

function tokenOf(text: string): string {
  return createHash('sha256').update(text).digest('hex').slice(0, 16)
}

async function textOf(path: string): Promise<string | null> {
  return readFile(path, 'utf8').catch((error) => {
    if (hasCode(error, 'ENOENT')) return null
    throw error
  })
}

function holderOf(text: string): Holder | null {
  try {
    const holder: Holder = JSON.parse(text)
    const texts = [holder.namespace, holder.boot, holder.machine, holder.host, holder.since]
    const isWhole =
      Number.isInteger(holder.pid) &&
      texts.every((one) => typeof one === 'string') &&
      (holder.socket === null || /^alive-[0-9a-f]{16}$/.test(holder.socket))
    return isWhole ? holder : null
  } catch {
    return null
  }
}

function inUse(directory: string, holder: Holder): DataDirectoryInUse {
  const message = `The data directory ${directory} is in use by process ${holder.pid} since ${holder.since}`
  return Object.assign(new Error(message), {
    name: 'DataDirectoryInUse' as const,
    pid: holder.pid,
    since: new Date(holder.since),
  })
}

function unknown(directory: string, path: string, holder: Holder | null): DataDirectoryInUse {
  const who =
    holder === null
      ? 'by whom its lock does not say'
      : `by process ${holder.pid} of ${holder.host} since ${holder.since}, which cannot be seen from here`
  const message = `The data directory ${directory} may be in use, ${who}. Only if you know that no Sekisho runs on it, delete ${path}`
  return Object.assign(new Error(message), {
    name: 'DataDirectoryInUse' as const,
    pid: holder?.pid ?? null,
    since: holder === null ? null : new Date(holder.since),
  })
}

/** Null where the file system or the system has no sockets. */
async function listenIn(directory: string, name: string): Promise<Server | null> {
  const server = createServer((connection) => connection.destroy())
  const way = await short(directory, name)
  if (way === null) return null
  try {
    return await new Promise((resolve) => {
      server.once('error', () => resolve(null))
      server.listen(way.path, () => {
        server.unref()
        resolve(server)
      })
    })
  } finally {
    await way.done()
  }
}

async function knock(directory: string, name: string): Promise<'alive' | 'dead' | 'unknown'> {
  const way = await short(directory, name)
  if (way === null) return 'unknown'
  try {
    return await new Promise((resolve) => {
      const socket = connect(way.path)
      socket.once('connect', () => {
        socket.destroy()
        resolve('alive')
      })
      socket.once('error', (error) => {
        // Nobody listens. A full queue says EAGAIN: somebody does.
        if (hasCode(error, 'ECONNREFUSED')) resolve('dead')
        else resolve(hasCode(error, 'EAGAIN') ? 'alive' : 'unknown')
      })
    })
  } finally {
    await way.done()
  }
}

/** A socket's address has 104 bytes at most; Linux has a short name for every open directory. */
async function short(
  directory: string,
  name: string,
): Promise<{ path: string; done(): Promise<void> } | null> {
  if (process.platform === 'win32') return null
  const path = `${directory}/${name}`
  if (Buffer.byteLength(path) < 100) return { path, async done() {} }
  if (process.platform !== 'linux') return null
  const opened = await open(directory, 'r')
  return { path: `/proc/self/fd/${opened.fd}/${name}`, done: () => opened.close() }
}

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Of another user, but there.
    return hasCode(error, 'EPERM')
  }
}

/** Field 22 of proc(5)'s stat; the command's name before it may hold blanks and brackets. Null where there is no /proc. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

async function here(): Promise<Place> {
  const read = (path: string) => readFile(path, 'utf8').catch(() => '')
  return {
    boot: (await read('/proc/sys/kernel/random/boot_id')).trim(),
    namespace: await readlink('/proc/self/ns/pid').catch(() => ''),
    machine: (await read('/etc/machine-id')).trim(),
    host: hostname(),
  }
}

function hasCode(error: unknown, code: string): boolean {
  return error instanceof Error && 'code' in error && error.code === code
}
