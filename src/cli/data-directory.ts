import { randomBytes } from 'node:crypto'
import {
  closeSync,
  fsyncSync,
  linkSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import { z } from 'zod'

/** How the command line reaches a running development server. */
export interface Door {
  pid: number
  url: string
  token: string
}

const door = z.object({ pid: z.number().int(), url: z.url(), token: z.string() })

/** Makes the directory, closed to other users and to git, and answers the secret in it: made once, kept for good. */
export function prepareDataDirectory(directory: string): string {
  mkdirSync(directory, { recursive: true, mode: 0o700 })
  writeOnce(join(directory, '.gitignore'), '*\n')
  const path = join(directory, 'secret')
  writeOnce(path, `${randomBytes(32).toString('base64url')}\n`)
  return readFileSync(path, 'utf8').trim()
}

/** The secret of a directory that may not be there; null then. */
export function storedSecret(directory: string): string | null {
  return readOrNull(join(directory, 'secret'))?.trim() ?? null
}

export function writeDoor(directory: string, open: Door): void {
  const path = join(directory, 'server.json')
  const aside = `${path}.${process.pid}`
  writeFileSync(aside, `${JSON.stringify(open)}\n`, { mode: 0o600 })
  renameSync(aside, path)
}

/** The door of the server that wrote it last; it may have ended since. */
export function readDoor(directory: string): Door | null {
  const text = readOrNull(join(directory, 'server.json'))
  if (text === null) return null
  try {
    return door.parse(JSON.parse(text))
  } catch {
    return null
  }
}

/** Takes our own door away, not that of a server that came after. */
export function removeDoor(directory: string): void {
  if (readDoor(directory)?.pid === process.pid)
    rmSync(join(directory, 'server.json'), { force: true })
}

/** Whole and on the disk, or not at all: two first starts at once make one secret, and a crash no half of one. */
function writeOnce(path: string, text: string): void {
  if (readOrNull(path) !== null) return
  const aside = `${path}.${process.pid}.${randomBytes(4).toString('hex')}`
  const file = openSync(aside, 'wx', 0o600)
  try {
    writeFileSync(file, text)
    fsyncSync(file)
    linkSync(aside, path)
  } catch (error) {
    if (!(error instanceof Error && 'code' in error && error.code === 'EEXIST')) throw error
  } finally {
    closeSync(file)
    rmSync(aside, { force: true })
  }
}

function readOrNull(path: string): string | null {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return null
    throw error
  }
}
