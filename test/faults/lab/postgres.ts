import { execFile, execFileSync } from 'node:child_process'
import { appendFileSync, chownSync, existsSync, mkdirSync } from 'node:fs'
import { rm } from 'node:fs/promises'
import { join } from 'node:path'
import { setTimeout as pause } from 'node:timers/promises'
import { promisify } from 'node:util'
import pg from 'pg'
import { freePort } from '../../setup/free-port.ts'
import { postgresPrograms } from '../../setup/postgres-server.ts'
import { childrenOf, type Program, until, type Yard } from './yard.ts'

/** A Postgres whose processes the lab may stop, kill and promote. It may be a standby of another. */
export interface Postgres {
  name: string
  port: number
  directory: string
  /** The superuser's address. */
  url: string
  start(): Promise<void>
  /** `fast` ends the sessions, `immediate` leaves all to recovery. */
  stop(how: 'fast' | 'immediate'): Promise<void>
  /** The postmaster and all that it made, at once. */
  kill(): Promise<void>
  /** Starts it again if it has given up; waits until it answers. */
  revive(): Promise<void>
  /** Makes a primary of a standby. */
  promote(): Promise<void>
  /** From its next start on it waits for no standby. */
  standAlone(): void
  /** From now on it waits for no standby; the one that follows it has everything up to here. */
  waitForNobody(): Promise<void>
  /** Makes a standby of this one: a copy of `primary`, which it follows by way of `relayPort`. */
  follow(primary: Postgres, relayPort: number): Promise<void>
  query<Row extends object>(text: string, values?: unknown[]): Promise<Row[]>
}

const settings = `
listen_addresses = '127.0.0.1'
unix_socket_directories = ''
max_connections = 60
superuser_reserved_connections = 5
shared_buffers = 64MB
wal_level = replica
max_wal_senders = 5
wal_keep_size = 128MB
min_wal_size = 64MB
max_wal_size = 256MB
hot_standby = on
wal_receiver_status_interval = 1s
wal_retrieve_retry_interval = 200ms
restart_after_crash = on
log_min_messages = fatal
`

export interface PostgresPlace {
  yard: Yard
  name: string
  /** Below which folder its data rest; another disk, for one that is to be full. */
  below: string
}

/** An empty one; it does not run yet. Its log may rest elsewhere than its data. */
export async function makePostgres(place: PostgresPlace, log: string | null): Promise<Postgres> {
  const postgres = await describePostgres(place)
  const options = ['-A', 'trust', '-U', 'postgres', '-E', 'UTF8', '--locale=C', '--no-sync']
  if (log !== null) ownFolder(log)
  await postgres.run('initdb', log === null ? options : [...options, '-X', log])
  appendFileSync(join(postgres.directory, 'postgresql.conf'), settings)
  return postgres
}

/** A place for one; `follow` fills it. */
export async function describePostgres({ yard, name, below }: PostgresPlace) {
  const programs = postgresPrograms()
  if (programs === null) throw new Error('This machine has no Postgres programs.')
  const user = postgresUser()
  const directory = join(below, name)
  ownFolder(directory)
  const port = await freePort()
  const url = `postgres://postgres@127.0.0.1:${port}/postgres`
  let program: Program | null = null

  async function run(command: string, args: readonly string[]): Promise<void> {
    const options = { cwd: '/', ...user }
    await promisify(execFile)(join(programs ?? '', command), ['-D', directory, ...args], options)
  }

  async function query<Row extends object>(text: string, values: unknown[] = []): Promise<Row[]> {
    const client = new pg.Client({ connectionString: url, connectionTimeoutMillis: 5000 })
    client.on('error', () => {})
    await client.connect()
    try {
      return (await client.query<Row>(text, values)).rows
    } finally {
      await client.end()
    }
  }

  async function end(signal: NodeJS.Signals): Promise<void> {
    const ending = program
    if (ending === null) return
    const children = childrenOf(ending.pid)
    ending.signal(signal)
    if (signal === 'SIGKILL') for (const pid of children) killIfThere(pid)
    await ending.ended
    program = null
    // A child that ends a moment later still holds the memory that the next postmaster asks for.
    await until(() => (children.some((pid) => existsSync(`/proc/${pid}`)) ? null : true), {
      why: () => `Postgres ${name} left processes behind.`,
    })
  }

  return {
    name,
    port,
    directory,
    url,
    run,
    query,
    async start() {
      const command = [join(programs, 'postgres'), '-D', directory, '-p', String(port)]
      const starting = yard.start(name, command, { user })
      program = starting
      await until(
        async () => {
          if (starting.ending() !== null)
            throw new Error(`Postgres ${name} ended: ${starting.printed()}`)
          return query('select 1').then(
            () => true,
            () => null,
          )
        },
        { why: () => `Postgres ${name} does not answer:\n${starting.printed()}` },
      )
    },
    stop: (how) => end(how === 'fast' ? 'SIGINT' : 'SIGQUIT'),
    kill: () => end('SIGKILL'),
    async revive() {
      const answers = () =>
        query('select 1').then(
          () => true,
          () => false,
        )
      for (let tries = 0; tries < 100; tries += 1) {
        if (await answers()) return
        if (program?.ending() !== null) return this.start()
        await pause(100)
      }
      throw new Error(`Postgres ${name} does not come back:\n${program?.printed()}`)
    },
    async promote() {
      await query('select pg_promote(true, 60)')
      await query(`alter system set synchronous_standby_names = ''`)
      await query('select pg_reload_conf()')
    },
    async waitForNobody() {
      await query(`alter system set synchronous_standby_names = ''`)
      await query('select pg_reload_conf()')
      const [now] = await query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn')
      const caughtUp = `
        select from pg_stat_replication where sync_state = 'async' and flush_lsn >= $1::pg_lsn`
      await until(async () => ((await query(caughtUp, [now?.lsn])).length > 0 ? true : null), {
        why: () => `The standby of ${name} does not follow asynchronously.`,
      })
    },
    standAlone() {
      const file = join(directory, 'postgresql.auto.conf')
      appendFileSync(file, `synchronous_standby_names = ''\n`)
    },
    async follow(primary, relayPort) {
      await rm(directory, { recursive: true, force: true })
      ownFolder(directory)
      const source = `host=127.0.0.1 port=${relayPort} user=postgres application_name=${name}`
      await run('pg_basebackup', ['-d', source, '-R', '-X', 'stream', '-c', 'fast', '--no-sync'])
      await this.start()
      await primary.query(`alter system set synchronous_standby_names = '*'`)
      await primary.query('select pg_reload_conf()')
      await until(
        async () => {
          const rows = await primary.query<{ sync_state: string }>(
            'select sync_state from pg_stat_replication',
          )
          return rows.some(({ sync_state }) => sync_state === 'sync') ? true : null
        },
        { why: () => `${name} does not follow ${primary.name} synchronously.` },
      )
    },
  } satisfies Postgres & { run: typeof run }
}

function ownFolder(path: string): void {
  const user = postgresUser()
  mkdirSync(path, { recursive: true, mode: 0o700 })
  if (user !== undefined) chownSync(path, user.uid, user.gid)
}

function killIfThere(pid: number): void {
  try {
    process.kill(pid, 'SIGKILL')
  } catch {
    // It has ended with its parent.
  }
}

/** Whom Postgres runs as: itself where we are root, else whoever we are. */
function postgresUser(): { uid: number; gid: number } | undefined {
  if (process.getuid?.() !== 0) return undefined
  const ask = (flag: string) => Number(execFileSync('id', [flag, 'postgres'], { encoding: 'utf8' }))
  return { uid: ask('-u'), gid: ask('-g') }
}
