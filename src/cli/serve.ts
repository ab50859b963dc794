import { createServer } from 'node:net'
import { setTimeout as pause } from 'node:timers/promises'
import { type Clock, createClock } from '../base/clock.ts'
import { type Config, goesInClear } from '../base/config.ts'
import { actingAs, type Context, systemNow } from '../base/context.ts'
import { createLog } from '../base/log.ts'
import { systemRandom } from '../base/random.ts'
import { createReadiness, type Readiness } from '../base/readiness.ts'
import { second } from '../base/time.ts'
import { migrate } from '../db/migrate.ts'
import type { OpenDatabase } from '../db/open.ts'
import { type ApiKeys, issueApiKeys } from '../flows/api-keys.ts'
import { keepHouse } from '../flows/housekeeping.ts'
import {
  type AppOptions,
  askDatabase,
  createApp,
  createContext,
  createGotrueApp,
  type Listening,
  listen,
} from '../main.ts'
import { applyFile } from './apply.ts'
import { keepBackups } from './backups.ts'
import { banner } from './banner.ts'
import { open, openPatiently, readDevelopment, readProduction } from './configuration.ts'
import { removeDoor, writeDoor } from './data-directory.ts'
import { ending } from './ending.ts'
import { openInstruments, showInstruments } from './instruments.ts'
import { giveMemoryBack } from './memory.ts'
import { printJson, say } from './print.ts'

export interface ServeOptions {
  port?: number
  host?: string
  dataDir?: string
  apply?: string
  json?: boolean
}

/** What `--json` prints when the server is ready: one line, for scripts and tests. */
export interface Ready extends ApiKeys {
  url: string
  mailboxUrl: string | null
  setupUrl: string | null
  dataDir: string | null
  pid: number
}

/** `sekisho dev`: everything on this machine, made at the first start. */
export async function dev(options: ServeOptions): Promise<void> {
  const { json = false, apply, ...given } = options
  const flags = { ...given, ...(given.port === 0 ? { port: await freePort() } : {}) }
  const config = readDevelopment(flags)
  const database = await open(config)
  await closingOnFailure(database, async () => {
    const migrated = await migrate(database)
    const log = createLog(config.logLevel)
    const instruments = await openInstruments(config, log)
    const clock = createClock()
    const ctx = { ...createContext({ config, database, log, instruments }), now: clock.now }
    for (const warning of migrated.warnings) say(`Warning: ${warning}.`)
    if (apply !== undefined) await applyFile(asCommandLine(ctx), apply)
    const keys = await issueApiKeys(ctx)
    const token = systemRandom.token()
    const readiness = readinessOf(ctx, database, clock)
    const hideInstruments = await showInstruments(ctx, { database, log })
    const listening = await listenOrSay(ctx, { localToken: token, readiness })
    writeDoor(config.dataDir, { pid: process.pid, url: loopbackUrl(config), token })
    endWith({
      database,
      drain: draining(readiness, config),
      stops: [
        listening.close,
        keepHouse(ctx),
        () => mailsOut(ctx),
        hideInstruments,
        keepBackups(config, log),
      ],
      last: () => removeDoor(config.dataDir),
    })
    giveMemoryBack()
    const ready: Ready = {
      url: config.publicUrl,
      ...keys,
      mailboxUrl: `${config.publicUrl}/console/mailbox`,
      setupUrl: `${config.publicUrl}/console`,
      dataDir: config.dataDir,
      pid: process.pid,
    }
    if (json) printJson(ready)
    else say(banner(config, ready))
  })
}

/** `sekisho start`: production. Any number of these may run on one database. */
export async function start(options: ServeOptions): Promise<void> {
  const { json = false, ...flags } = options
  const config = readProduction(flags)
  const log = createLog(config.logLevel)
  // Node prints it and ends the process; whoever reads the log reads lines of JSON.
  process.on('uncaughtExceptionMonitor', (error) => {
    log.error({ err: error }, 'An error that nobody caught ends the process.')
  })
  const database = await openPatiently(config, (waiting) => {
    log.warn(waiting, 'waiting for the database')
  })
  await closingOnFailure(database, async () => {
    const migrated = await migrate(database)
    for (const warning of migrated.warnings) log.warn(warning)
    if (migrated.applied.length > 0) log.info({ applied: migrated.applied }, 'migrated')
    if (config.ignored.length > 0) log.warn({ names: config.ignored }, 'variables without effect')
    if (goesInClear(config.publicUrl)) {
      log.warn(
        { publicUrl: config.publicUrl },
        'no https: tokens and passwords can be read on the way',
      )
    }
    const instruments = await openInstruments(config, log)
    const clock = createClock()
    const ctx = { ...createContext({ config, database, log, instruments }), now: clock.now }
    const keys = await issueApiKeys(ctx)
    const readiness = readinessOf(ctx, database, clock)
    const hideInstruments = await showInstruments(ctx, { database, log })
    const listening = await listenOrSay(ctx, { readiness })
    endWith({
      database,
      drain: draining(readiness, config),
      stops: [listening.close, keepHouse(ctx), () => mailsOut(ctx), hideInstruments],
      last: () => log.info('ended'),
    })
    giveMemoryBack()
    const { publicUrl: url, host, port } = config
    const tookMs = Math.round(performance.now())
    log.info({ url, host, port, pid: process.pid, tookMs }, 'ready')
    if (!json) return
    printJson({
      url,
      ...keys,
      mailboxUrl: null,
      setupUrl: null,
      dataDir: null,
      pid: process.pid,
    } satisfies Ready)
  })
}

function asCommandLine(ctx: Context): Context {
  return actingAs(ctx, { kind: 'system', name: 'cli' })
}

/** The server's port, and GoTrue's own where there is one. */
async function listenOrSay(ctx: Context, options: AppOptions): Promise<Listening> {
  const { port, gotruePort } = ctx.config
  const first = await listenAt(ctx.config, createApp(ctx, options), port, '--port or PORT')
  if (gotruePort === 0) return first
  try {
    const gate = createGotrueApp(ctx, options)
    const second = await listenAt(ctx.config, gate, gotruePort, 'SEKISHO_GOTRUE_PORT')
    return {
      async close() {
        await Promise.all([first.close(), second.close()])
      },
    }
  } catch (error) {
    await first.close()
    throw error
  }
}

async function listenAt(
  config: Config,
  app: ReturnType<typeof createApp>,
  port: number,
  setting: string,
): Promise<Listening> {
  const { host } = config
  try {
    return await listen(app, { hosts: hostsOf(config), port })
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? error.code : null
    if (code === 'EADDRINUSE') {
      throw ending(
        'actionNeeded',
        `Port ${port} is taken by another program. Choose another one with ${setting}${port === config.port ? ', or any free one with --port 0' : ''}.`,
        { cause: error },
      )
    }
    if (code === 'EACCES') {
      throw ending(
        'actionNeeded',
        `This user may not listen on port ${port}. Choose one above 1023.`,
      )
    }
    if (code === 'EADDRNOTAVAIL' || code === 'ENOTFOUND') {
      throw ending(
        'actionNeeded',
        `This machine has no address ${host} to listen on (--host, HOST).`,
      )
    }
    throw error
  }
}

/** `localhost` means both of its addresses. The command line comes by loopback, wherever else development listens. */
function hostsOf({ host, mode }: Config): string[] {
  if (host === 'localhost') return ['127.0.0.1', '::1']
  const isEverywhere = host === '0.0.0.0' || host === '::'
  return mode === 'start' || isEverywhere || host === '127.0.0.1' ? [host] : [host, '127.0.0.1']
}

function loopbackUrl({ port }: Config): string {
  return `http://127.0.0.1:${port}`
}

/** What the answers did not wait for, mails above all; a provider that hangs is not waited for. */
async function mailsOut(ctx: Context): Promise<void> {
  await Promise.race([ctx.background.settled(), pause(0.5 * second)])
}

/** Looks after a database that is elsewhere; one within this process is asked when somebody wants to know. */
function readinessOf(ctx: Context, database: OpenDatabase, clock: Clock): Readiness {
  if (database.kind !== 'postgres') return createReadiness(() => askDatabase(ctx))
  const guard = database.guard({
    now: systemNow,
    hear: clock.hear,
    chance: () => (ctx.random.bytes(1)[0] ?? 0) / 255,
    tell(trouble, cause) {
      if (trouble === null) ctx.log.info('The database can be used again.')
      else ctx.log.error({ trouble, err: cause }, 'This node is not ready.')
    },
  })
  return createReadiness(async () => guard.trouble())
}

/** A balancer is given time to see that we go. Somebody at a terminal is not made to wait. */
function draining(readiness: Readiness, { drainSeconds }: Config) {
  return async (signal: Signal): Promise<void> => {
    readiness.drain()
    if (signal === 'SIGTERM') await pause(drainSeconds * second)
  }
}

type Signal = 'SIGTERM' | 'SIGINT'

interface End {
  database: OpenDatabase
  drain(signal: Signal): Promise<void>
  stops: readonly (() => void | Promise<void>)[]
  last(): void
}

/** Ends cleanly at SIGTERM and SIGINT: what is under way is answered, then the database is closed. A second one hurries. */
function endWith({ database, drain, stops, last }: End): void {
  let isEnding = false
  const end = async (signal: Signal) => {
    if (isEnding) process.exit(1)
    isEnding = true
    await drain(signal)
    setTimeout(() => process.exit(1), 4.5 * second).unref()
    for (const stop of stops) await stop()
    // A statement that hangs in Postgres keeps its connection; Postgres ends it when we are gone.
    const patience = database.kind === 'postgres' ? [pause(1 * second)] : []
    await Promise.race([database.close(), ...patience])
    last()
    process.exit(0)
  }
  const begin = (signal: Signal) => {
    end(signal).catch((error: unknown) => {
      say(`The end was not clean: ${error instanceof Error ? error.message : error}`)
      process.exit(1)
    })
  }
  for (const signal of ['SIGTERM', 'SIGINT'] as const) process.on(signal, () => begin(signal))
  if (process.env.npm_lifecycle_event !== undefined) whenOrphaned(() => begin('SIGTERM'))
}

/** npm puts a shell between, which dies of a signal and passes none on: the server would outlive `npm start`. */
function whenOrphaned(begin: () => void): void {
  const parent = process.ppid
  const watch = setInterval(() => {
    if (process.ppid === parent) return
    clearInterval(watch)
    begin()
  }, 0.25 * second)
  watch.unref()
}

async function closingOnFailure(database: OpenDatabase, work: () => Promise<void>): Promise<void> {
  try {
    await work()
  } catch (error) {
    await database.close()
    throw error
  }
}

/** A port that nobody has now: the public URL must be known before the server listens. */
function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const probe = createServer()
    probe.once('error', reject)
    probe.listen(0, '127.0.0.1', () => {
      const address = probe.address()
      probe.close(() =>
        typeof address === 'object' && address !== null
          ? resolve(address.port)
          : reject(new Error('There is no free port.')),
      )
    })
  })
}
