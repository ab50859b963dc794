import { open, readFile, readlink, rm, stat } from 'node:fs/promises'
import { hostname } from 'node:os'
import { setTimeout as pause } from 'node:timers/promises'

export interface DirectoryLock {
  release(): Promise<void>
}

/** Somebody else has the data directory open. */
export interface DataDirectoryInUse extends Error {
  name: 'DataDirectoryInUse'
  pid: number
  since: Date
}

export function isDataDirectoryInUse(error: unknown): error is DataDirectoryInUse {
  return error instanceof Error && error.name === 'DataDirectoryInUse'
}

interface Holder {
  pid: number
  /** When that process started, in the kernel's ticks: a number that is used again belongs to another process. */
  started: string | null
  /** Machine, boot and process namespace: only inside one place does a process number say anything. */
  place: string
  since: string
}

const second = 1000

/** Takes the directory for this process, or throws `DataDirectoryInUse`. What a dead process left is put aside. */
export async function lockDirectory(directory: string): Promise<DirectoryLock> {
  const path = `${directory}/lock`
  for (;;) {
    const lock = await take(path)
    if (lock) return lock
    const text = await textOf(path)
    if (text === null) continue
    const holder = holderOf(text)
    if (holder && (await isAlive(holder, path))) throw inUse(directory, holder)
    await removeDead(path, text)
  }
}

async function take(path: string): Promise<DirectoryLock | null> {
  const file = await open(path, 'wx', 0o600).catch((error) => {
    if (error.code === 'EEXIST') return null
    throw error
  })
  if (!file) return null
  const holder: Holder = {
    pid: process.pid,
    started: await startOf(process.pid),
    place: await place(),
    since: (await file.stat()).mtime.toISOString(),
  }
  const text = JSON.stringify(holder)
  await file.write(text, 0)
  // Writing the same again moves the file's time, by the clock of the file system.
  const pulse = setInterval(() => void file.write(text, 0).catch(() => {}), second)
  pulse.unref()
  let held = true
  return {
    async release() {
      if (!held) return
      held = false
      clearInterval(pulse)
      await file.close()
      await rm(path, { force: true })
    },
  }
}

async function isAlive(holder: Holder, path: string): Promise<boolean> {
  if (holder.place === (await place())) {
    return processExists(holder.pid) && (await startOf(holder.pid)) === holder.started
  }
  // In another container, or before a reboot: a holder that lives gives a sign every second.
  const before = await changedAt(path)
  await pause(3 * second)
  return (await changedAt(path)) !== before
}

/** Two may find the same dead lock, and the slower one must not remove the lock of the faster: only one at a time looks. */
async function removeDead(path: string, deadText: string): Promise<void> {
  const guard = `${path}.takeover`
  const file = await open(guard, 'wx', 0o600).catch(() => null)
  if (!file) {
    // It is held for an instant, unless its holder died in that very instant.
    await pause(50)
    if (await isLeft(guard)) await rm(guard, { force: true })
    return
  }
  try {
    if ((await textOf(path)) === deadText) await rm(path, { force: true })
  } finally {
    await file.close()
    await rm(guard, { force: true })
  }
}

async function isLeft(path: string): Promise<boolean> {
  const before = await inodeOf(path)
  for (let attempt = 0; attempt < 40; attempt++) {
    await pause(50)
    if (before === null || (await inodeOf(path)) !== before) return false
  }
  return true
}

/** The file's text; between creation and writing it is empty for a moment. */
async function textOf(path: string): Promise<string | null> {
  let text: string | null = null
  for (let attempt = 0; attempt < 20; attempt++) {
    text = await readFile(path, 'utf8').catch(() => null)
    if (text !== '') return text
    await pause(25)
  }
  return text
}

function holderOf(text: string): Holder | null {
  try {
    const holder: Holder = JSON.parse(text)
    return Number.isInteger(holder.pid) && typeof holder.place === 'string' ? holder : null
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

function processExists(pid: number): boolean {
  try {
    process.kill(pid, 0)
    return true
  } catch (error) {
    // Of another user, but there.
    return error instanceof Error && 'code' in error && error.code === 'EPERM'
  }
}

/** Field 22 of proc(5)'s stat; the command's name before it may hold blanks and brackets. Null where there is no /proc. */
async function startOf(pid: number): Promise<string | null> {
  const text = await readFile(`/proc/${pid}/stat`, 'utf8').catch(() => null)
  return text?.slice(text.lastIndexOf(')') + 2).split(' ')[19] ?? null
}

async function place(): Promise<string> {
  const boot = await readFile('/proc/sys/kernel/random/boot_id', 'utf8').catch(() => '')
  const namespace = await readlink('/proc/self/ns/pid').catch(() => '')
  return `${hostname()} ${boot.trim()} ${namespace}`
}

async function changedAt(path: string): Promise<number | null> {
  return (await stat(path).catch(() => null))?.mtimeMs ?? null
}

async function inodeOf(path: string): Promise<number | null> {
  return (await stat(path).catch(() => null))?.ino ?? null
}
