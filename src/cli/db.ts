import { existsSync, rmSync } from 'node:fs'
import { mkdir, mkdtemp, readdir, rename, rm } from 'node:fs/promises'
import { join, resolve } from 'node:path'
import type { Config } from '../base/config.ts'
import { packInto, readBackup, verifyBackup, writeBackup } from '../db/backup.ts'
import { listBackups } from '../db/damage.ts'
import { lockDirectory } from '../db/lock.ts'
import { type OpenDatabase, openDatabase } from '../db/open.ts'
import { copyDirectory } from '../db/snapshot.ts'
import { readAll } from '../db/transfer.ts'
import { writeAll } from '../db/transfer-in.ts'
import type { CommonOptions } from './ask.ts'
import { open, readForDatabase, whereabouts } from './configuration.ts'
import { ending } from './ending.ts'
import { printJson, say } from './print.ts'

export interface BackupOptions extends CommonOptions {
  /** Of the backups in the data directory, so many stay. */
  keep?: number
}

/** `sekisho db backup` */
export async function backupDatabase(
  file: string | undefined,
  options: BackupOptions,
): Promise<void> {
  const config = readForDatabase(options)
  await withSource(config, async (source) => {
    if (file === '-') {
      await packInto(process.stdout, readAll(source.db))
      return
    }
    const path = file === undefined ? await ownPath(config) : resolve(file)
    if (file !== undefined && existsSync(path)) throw ending('usage', `${file} is there already.`)
    const written = await writeBackup(path, readAll(source.db))
    if (options.json) printJson({ file: path, ...written })
    else say(`${path}: ${written.rows} rows of ${written.tables} tables.`)
  })
  if (file === undefined && options.keep !== undefined) {
    const old = (await listBackups(config.dataDir)).slice(options.keep)
    for (const path of old) await rm(path, { force: true })
  }
}

async function ownPath({ dataDir }: Config): Promise<string> {
  const folder = join(resolve(dataDir), 'backups')
  await mkdir(folder, { recursive: true, mode: 0o700 })
  return join(folder, `${stamp()}.sekisho`)
}

/** `sekisho db verify` */
export async function verifyFile(file: string, options: CommonOptions): Promise<void> {
  const found = await verifyBackup(present(file))
  if (options.json) printJson({ file: resolve(file), ...found })
  else say(`${file} is whole: ${found.rows} rows of ${found.tables} tables.`)
}

/** `sekisho db restore` */
export async function restoreDatabase(file: string, options: CommonOptions): Promise<void> {
  const config = readForDatabase(options)
  const path = present(file)
  await verifyBackup(path)
  const { databaseUrl } = config
  if (databaseUrl === null) return restoreDirectory(path, resolve(config.dataDir), options)
  say(`Restoring into the database ${whereabouts(databaseUrl)}.`)
  const target = await open(config)
  try {
    const done = await writeAll(target, readBackup(path))
    if (options.json) printJson(done)
    else say(`Restored: ${done.rows} rows of ${done.tables} tables, each compared.`)
  } finally {
    await target.close()
  }
}

function present(file: string): string {
  if (!existsSync(file)) throw ending('usage', `There is no file ${file}.`)
  return resolve(file)
}

/** The new database is made beside the old one, which stays. */
async function restoreDirectory(
  path: string,
  dataDir: string,
  options: CommonOptions,
): Promise<void> {
  await mkdir(dataDir, { recursive: true, mode: 0o700 })
  const lock = await lockDirectory(dataDir)
  const making = join(dataDir, 'restoring')
  try {
    await rm(making, { recursive: true, force: true })
    const target = await openDatabase({ dataDir: making })
    const done = await writeAll(target, readBackup(path)).finally(() => target.close())
    const database = join(dataDir, 'database')
    const aside = existsSync(database) ? `${database}.before-${stamp()}` : null
    if (aside !== null) await rename(database, aside)
    await rename(join(making, 'database'), database)
    await rename(join(making, 'database.files'), `${database}.files`)
    if (options.json) printJson({ ...done, keptAside: aside })
    else {
      say(`Restored: ${done.rows} rows of ${done.tables} tables, each compared.`)
      if (aside !== null) say(`What was there before is in ${aside}: delete it when all is well.`)
      say('It opens with the secret of the server that it came from: the file secret beside it.')
    }
  } finally {
    await rm(making, { recursive: true, force: true })
    await lock.release()
  }
}

export interface CopyOptions extends CommonOptions {
  to: string
}

/** `sekisho db copy` */
export async function copyDatabase(options: CopyOptions): Promise<void> {
  const { to } = options
  if (!/^postgres(ql)?:\/\//.test(to)) {
    throw ending('usage', 'The address begins with postgres://.')
  }
  const config = readForDatabase(options)
  if (config.databaseUrl === to) throw ending('usage', 'That is the database itself.')
  await withSource(config, async (source) => {
    const target = await open({ ...config, databaseUrl: to, databasePoolSize: 2 })
    try {
      say(`Copying to the database ${whereabouts(to)}.`)
      const done = await writeAll(target, readAll(source.db))
      if (options.json) return printJson(done)
      say(`Copied: ${done.rows} rows of ${done.tables} tables, each compared.`)
      const secret =
        config.databaseUrl === null && config.origins.secret === 'default'
          ? `the text in ${join(resolve(config.dataDir), 'secret')}`
          : 'the one that the server has now'
      say(`Go on with DATABASE_URL at that address, and as SEKISHO_SECRET ${secret}.`)
      say('What was written since the copying began is not in it: end the old server first.')
    } finally {
      await target.close()
    }
  })
}

/**
 * The database as it is now. Of the embedded one that is a copy, made file by file: a server that runs on it goes on, and
 * need not be asked.
 */
export async function withSource<T>(
  config: Config,
  work: (source: OpenDatabase) => Promise<T>,
): Promise<T> {
  const { databaseUrl } = config
  const dataDir = resolve(config.dataDir)
  if (databaseUrl !== null) {
    say(`Reading the database ${whereabouts(databaseUrl)}.`)
    const source = await open(config)
    return work(source).finally(() => source.close())
  }
  if (!existsSync(join(dataDir, 'database'))) {
    throw ending('actionNeeded', `There is no database in ${dataDir}.`)
  }
  say(`Reading the data directory ${dataDir}.`)
  await removeLeft(dataDir)
  const copy = await mkdtemp(join(dataDir, 'copy-'))
  const remove = () => rmSync(copy, { recursive: true, force: true })
  const interrupted = () => {
    remove()
    process.exit(1)
  }
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, interrupted)
  try {
    await copyDirectory(dataDir, copy)
    const source = await openDatabase({ dataDir: copy, isThrowaway: true })
    return await work(source).finally(() => source.close())
  } finally {
    for (const signal of ['SIGINT', 'SIGTERM'] as const) process.off(signal, interrupted)
    remove()
  }
}

/** Copies whose makers were killed: nobody holds them. */
async function removeLeft(dataDir: string): Promise<void> {
  for (const name of await readdir(dataDir)) {
    if (!name.startsWith('copy-')) continue
    const path = join(dataDir, name)
    if (!existsSync(join(path, 'lock'))) continue
    const lock = await lockDirectory(path).catch(() => null)
    if (lock === null) continue
    await rm(path, { recursive: true, force: true })
    await lock.release()
  }
}

function stamp(): string {
  return new Date().toISOString().slice(0, 19).replaceAll(':', '-')
}
