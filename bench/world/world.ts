import { cpSync, rmSync } from 'node:fs'
import { mkdtemp } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { readConfig } from '../../src/base/config.ts'
import type { Context } from '../../src/base/context.ts'
import { createLog } from '../../src/base/log.ts'
import { migrate } from '../../src/db/migrate.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/open.ts'
import { createContext } from '../../src/main.ts'
import { freePort } from '../../test/setup/free-port.ts'
import { onServer, withName } from '../../test/setup/names.ts'
import { type Started, startServer } from '../machine/processes.ts'

/** A database of ours, and how a server is started on it. */
export interface World {
  kind: 'postgres' | 'embedded'
  origin: string
  name: string
  /** The Postgres that has the database of this name; null where it is embedded. */
  server: string | null
  /** Opens the database within this process; no server may run on an embedded one meanwhile. */
  within<Result>(work: (ctx: Context, database: OpenDatabase) => Promise<Result>): Promise<Result>
  start(): Promise<Started>
  /** As it is now, while nobody has it open: another database of the server, or another directory. */
  copy(): Promise<string>
  remove(): Promise<void>
}

const common = {
  HOST: '127.0.0.1',
  SEKISHO_SECRET: 'the secret of a benchmark, long enough',
  // Each request names its client, as behind a proxy.
  SEKISHO_TRUST_PROXY: '1',
  // Who signs up is signed in at once: no mail is waited for.
  GOTRUE_MAILER_AUTOCONFIRM: 'true',
}

/** As `sekisho start` runs in production, its log included. */
export async function onPostgres(server: string, name: string): Promise<World> {
  await onServer(server, `create database ${name}`)
  const url = withName(server, name)
  const copied = `${name}_before`
  const { origin, environment } = await addressed({ DATABASE_URL: url })
  return {
    ...{ kind: 'postgres', name, origin, server },
    within: (work) => within(() => openDatabase({ url }), 'start', environment, work),
    start: () => startServer(['bin/sekisho.js', 'start', '--json'], environment),
    async copy() {
      await onServer(server, `create database ${copied} template ${name}`)
      return copied
    },
    async remove() {
      for (const one of [name, copied]) {
        await onServer(server, `drop database if exists ${one} with (force)`)
      }
    },
  }
}

/** As `sekisho dev` runs on its own database. */
export async function onEmbedded(): Promise<World> {
  const directory = await mkdtemp(join(tmpdir(), 'sekisho-bench-'))
  const dataDir = join(directory, 'data')
  const remove = () => rmSync(directory, { recursive: true, force: true })
  process.once('exit', remove)
  const { origin, environment } = await addressed({ SEKISHO_DATA_DIR: dataDir })
  return {
    ...{ kind: 'embedded', name: 'embedded', origin, server: null },
    within: (work) => within(() => openDatabase({ dataDir }), 'dev', environment, work),
    start: () => startServer(['bin/sekisho.js', 'dev', '--json'], environment),
    async copy() {
      const copied = join(directory, 'before')
      cpSync(dataDir, copied, { recursive: true })
      return copied
    },
    async remove() {
      process.off('exit', remove)
      remove()
    },
  }
}

async function addressed(own: Record<string, string>) {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const environment = { ...common, ...own, PORT: String(port), SEKISHO_PUBLIC_URL: origin }
  return { origin, environment }
}

async function within<Result>(
  open: () => Promise<OpenDatabase>,
  mode: 'dev' | 'start',
  environment: Record<string, string>,
  work: (ctx: Context, database: OpenDatabase) => Promise<Result>,
): Promise<Result> {
  const database = await open()
  try {
    await migrate(database)
    const config = readConfig({ mode, environment })
    return await work(createContext({ config, database, log: createLog('silent') }), database)
  } finally {
    await database.close()
  }
}
