import { open, readdir, readFile, stat } from 'node:fs/promises'
import {
  type ControlFile,
  controlVersion,
  readControlFile,
  segmentName,
  segmentSize,
} from './control-file.ts'

/** The embedded database cannot be opened as it is, and was not changed. */
export interface DamagedDirectory extends Error {
  name: 'DamagedDirectory'
  directory: string
  findings: readonly string[]
  /** The newest first. */
  backups: readonly string[]
}

export function isDamagedDirectory(error: unknown): error is DamagedDirectory {
  return error instanceof Error && error.name === 'DamagedDirectory'
}

export async function damaged(
  directory: string,
  findings: readonly string[],
  options?: ErrorOptions,
): Promise<DamagedDirectory> {
  const message = `The database in ${directory} is damaged: ${findings.join('; ')}.`
  return Object.assign(new Error(message, options), {
    name: 'DamagedDirectory' as const,
    directory,
    findings,
    backups: await listBackups(directory),
  })
}

/** The backups that lie in the directory itself, the newest first. */
export async function listBackups(directory: string): Promise<string[]> {
  const names = await readdir(`${directory}/backups`).catch(() => [])
  const backups = names.filter((name) => name.endsWith('.sekisho')).sort()
  return backups.reverse().map((name) => `${directory}/backups/${name}`)
}

/** What a database consists of, whatever is in it; Postgres wants the empty directories too. */
const folders =
  `base global pg_commit_ts pg_dynshmem pg_logical pg_multixact pg_notify pg_replslot pg_serial pg_snapshots
  pg_stat pg_stat_tmp pg_subtrans pg_tblspc pg_twophase pg_wal pg_xact`.split(/\s+/)

const filesKept = 'database.files'

/** Looks at the directory and changes nothing. `new` where there never was a database; throws `DamagedDirectory`. */
export async function examine(directory: string): Promise<'new' | 'closed' | 'crashed'> {
  const names = await readdir(directory)
  if (!names.includes('database')) {
    const backups = await listBackups(directory)
    if (!names.includes(filesKept) && backups.length === 0) return 'new'
    throw await damaged(directory, ['the folder database is gone'])
  }
  const findings = await findingsIn(`${directory}/database`, directory)
  if (findings.length > 0) throw await damaged(directory, findings)
  const control = await readControlFile(`${directory}/database`)
  return control?.wasShutDown ? 'closed' : 'crashed'
}

async function findingsIn(database: string, directory: string): Promise<string[]> {
  const version = await readFile(`${database}/PG_VERSION`, 'utf8').catch(() => null)
  if (version === null) return ['PG_VERSION is missing or cannot be read']
  if (version.trim() !== '18') {
    return [`PG_VERSION says ${JSON.stringify(version.trim().slice(0, 20))}, where 18 is expected`]
  }
  const findings: string[] = []
  for (const folder of folders) {
    const found = await stat(`${database}/${folder}`).catch(() => null)
    if (!found?.isDirectory()) findings.push(`the folder ${folder} is missing`)
  }
  const control = await readControlFile(database)
  if (control === null) return [...findings, 'global/pg_control is missing, cut off or altered']
  if (control.version !== controlVersion) {
    return [...findings, `global/pg_control is of another version (${control.version})`]
  }
  findings.push(...(await logFindings(database, control)))
  if (findings.length === 0) findings.push(...(await fileFindings(database, directory, control)))
  return findings
}

/** The log must be there from where Postgres begins to read it, and belong to this database. */
async function logFindings(database: string, control: ControlFile): Promise<string[]> {
  const names = new Set([
    segmentName(control, control.redo),
    segmentName(control, control.checkpoint),
  ])
  const findings: string[] = []
  for (const name of names) {
    const path = `${database}/pg_wal/${name}`
    const file = await open(path, 'r').catch(() => null)
    if (file === null) {
      findings.push(`pg_wal/${name} is missing`)
      continue
    }
    try {
      const head = Buffer.alloc(40)
      await file.read(head, 0, 40, 0)
      if ((await file.stat()).size !== segmentSize) findings.push(`pg_wal/${name} is cut off`)
      else if (head.readBigUInt64LE(24) !== control.systemId) {
        findings.push(`pg_wal/${name} belongs to another database, or is overwritten`)
      }
    } finally {
      await file.close()
    }
  }
  return findings
}

/**
 * Where the database was closed, every file is as it was then. Where it was not, the log says what is in a file; but none of
 * those that the last checkpoint knew is gone: Postgres keeps even the dropped ones until the next.
 */
async function fileFindings(
  database: string,
  directory: string,
  control: ControlFile,
): Promise<string[]> {
  const kept = await readKept(directory, control)
  if (kept === null) return []
  const sizes = await sizesOf(database)
  return Object.entries(kept.files).flatMap(([name, size]) => {
    const now = sizes[name]
    if (now === undefined) return kept.isClosed || isRelation(name) ? [`${name} is missing`] : []
    if (now === size || !kept.isClosed) return []
    return [`${name} has ${now} bytes instead of ${size}`]
  })
}

const isRelation = (name: string) => /^(base\/\d+|global)\/\d+$/.test(name)

interface Kept {
  checkpoint: string
  isClosed: boolean
  files: Record<string, number>
}

async function readKept(directory: string, control: ControlFile): Promise<Kept | null> {
  try {
    const kept: Kept = JSON.parse(await readFile(`${directory}/${filesKept}`, 'utf8'))
    const isOfNow =
      kept.checkpoint === String(control.checkpoint) && kept.isClosed === control.wasShutDown
    return isOfNow ? kept : null
  } catch {
    return null
  }
}

/** Notes which files the database consists of, after a checkpoint or after its end. */
export async function keepFiles(
  directory: string,
  write: (path: string, text: string) => Promise<void>,
): Promise<void> {
  const database = `${directory}/database`
  const control = await readControlFile(database)
  if (control === null || (await readKept(directory, control)) !== null) return
  const files = await sizesOf(database)
  const after = await readControlFile(database)
  if (after?.checkpoint !== control.checkpoint) return
  const kept: Kept = {
    checkpoint: String(control.checkpoint),
    isClosed: control.wasShutDown,
    files,
  }
  await write(`${directory}/${filesKept}`, JSON.stringify(kept))
}

async function sizesOf(database: string): Promise<Record<string, number>> {
  const entries = await readdir(database, { recursive: true, withFileTypes: true })
  const sizes: Record<string, number> = {}
  for (const entry of entries) {
    if (!entry.isFile()) continue
    const path = `${entry.parentPath}/${entry.name}`
    const name = path.slice(database.length + 1)
    if (/^(pg_wal|pg_stat|pg_stat_tmp)\/|^postmaster\.|pgsql_tmp/.test(name)) continue
    sizes[name] = (await stat(path)).size
  }
  return sizes
}

/** What the open database's catalog names, and the directory has not. */
export async function missingFiles(database: string, paths: readonly string[]): Promise<string[]> {
  const sizes = await sizesOf(database)
  return paths.filter((path) => sizes[path] === undefined).map((path) => `${path} is missing`)
}
