import { spawn } from 'node:child_process'
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import pg from 'pg'
import { onServer, withName } from '../../test/setup/names.ts'
import { postgresPrograms } from '../../test/setup/postgres-server.ts'
import { isPinned } from '../machine/processes.ts'
import type { Statement } from './record.ts'

/**
 * `pgbench` says what requests were recorded to say, each with its own values and in its own order, to a copy of the database that was
 * made before they were recorded. It reads the values of a request by a statement of its own, whose cost is measured too and taken off.
 */
export interface Replay {
  name: string
  /** The database that is copied for each run; it holds the values. */
  source: string
  /** The script, and the one that only reads the values; null where each client reads them once. */
  script: string
  fetching: string | null
  constants: string[]
  clients: number
  perClient: number
  /** What the recording wrote, and a replay must write too: else it was told that its tokens are no good. */
  rows: number
}

export interface ReplayOptions {
  /** The server's address, and the database that was copied before the recording. */
  server: string
  source: string
  name: string
  recorded: readonly Statement[][]
  clients: number
  rows: number
  /** Whether the same values may be used again and again: nothing is used up by reading. */
  isReading: boolean
}

/** Null where the requests said nothing to the database. */
export async function prepareReplay(options: ReplayOptions): Promise<Replay | null> {
  const { server, source, name, recorded, clients, rows, isReading } = options
  const perClient = Math.floor(recorded.length / clients)
  const [first = []] = recorded
  if (first.length === 0) return null
  const table = `replay_${name.replaceAll('-', '_')}`
  const varying: Column[] = []
  const constants: string[] = []
  const commands = first.map(({ text }, at) => {
    return text.replaceAll(/\$(\d+)/g, (_, digits: string) => {
      const place = { at, index: Number(digits) - 1 }
      const values = recorded.map((statements) => valueAt(statements, place))
      const [value = null] = values
      const variable = `v${at}_${place.index}`
      if (values.some((one) => one !== value)) {
        if (values.includes(null)) throw new Error(`${name}: a value is null now and then.`)
        if (!varying.some((one) => one.variable === variable)) varying.push({ ...place, variable })
        return `:${variable}`
      }
      if (value === null) return 'null'
      // pgbench takes no empty value by -D.
      if (value === '') return "''"
      const constant = `${variable}=${value}`
      if (!constants.includes(constant)) constants.push(constant)
      return `:${variable}`
    })
  })
  if (varying.length > 0) await store(withName(server, source), table, varying, options)
  const fetch = `select ${varying.map(({ variable }) => variable).join(', ')} from ${table} where client = :client_id and turn = :turn \\gset`
  const counted = `\\set turn :turn + 1\n${fetch}\n`
  const once = `\\if :turn < 0\n${counted}\\endif\n`
  const fetching = varying.length === 0 || isReading ? null : counted
  const begin = varying.length === 0 ? '' : (fetching ?? once)
  // An empty line would end a statement nowhere: only the semicolon does.
  const script = `${begin}${commands.map((one) => `${one.trim()};\n`).join('')}`
  return { name, source, script, fetching, constants, clients, perClient, rows }
}

interface Place {
  at: number
  index: number
}

interface Column extends Place {
  variable: string
}

function valueAt(statements: readonly Statement[], { at, index }: Place): string | null {
  return statements[at]?.values[index] ?? null
}

async function store(url: string, table: string, columns: Column[], options: ReplayOptions) {
  const { recorded, clients } = options
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const names = columns.map(({ variable }) => variable)
    await client.query(
      `create table ${table} (client int, turn int, ${names.map((one) => `${one} text`).join(', ')}, primary key (client, turn))`,
    )
    const rows = recorded.map((statements, at) => ({
      // Who comes after whom in a chain of tokens goes to the same client, after it.
      ...{ client: at % clients, turn: Math.floor(at / clients) },
      ...Object.fromEntries(columns.map((one) => [one.variable, valueAt(statements, one)])),
    }))
    await client.query(
      `insert into ${table} select * from jsonb_populate_recordset(null::${table}, $1::text::jsonb)`,
      [JSON.stringify(rows)],
    )
    await client.query(`vacuum analyze ${table}`)
  } finally {
    await client.end()
  }
}

/** How many requests' worth of statements go in a second, reading the values not counted. */
export async function replay(
  server: string,
  replayed: Replay,
): Promise<{ perSecond: number; complaint: string | null }> {
  const { source, script, fetching, rows } = replayed
  const name = `${source}_run`
  await onServer(server, `drop database if exists ${name} with (force)`)
  await onServer(server, `create database ${name} template ${source}`)
  try {
    const url = withName(server, name)
    const before = await countRows(url)
    const whole = await run(url, replayed, script)
    const written = (await countRows(url)) - before
    const complaint = written === rows ? null : `pgbench wrote ${written} rows, not ${rows}`
    if (fetching === null) return { perSecond: whole, complaint }
    const reading = await run(url, replayed, fetching)
    return { perSecond: 1 / (1 / whole - 1 / reading), complaint }
  } finally {
    await onServer(server, `drop database if exists ${name} with (force)`)
  }
}

/** Of the tables to which nearly all that is measured adds something. */
export async function countRows(url: string): Promise<number> {
  const client = new pg.Client({ connectionString: url })
  await client.connect()
  try {
    const { rows } = await client.query(`select (select count(*) from idp.events)
      + (select count(*) from idp.grants) + (select count(*) from auth.sessions)
      + (select count(*) from auth.audit_log_entries) as count`)
    return Number(rows[0]?.count)
  } finally {
    await client.end()
  }
}

async function run(url: string, replayed: Replay, script: string): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'sekisho-pgbench-'))
  try {
    const file = join(directory, 'script.sql')
    await writeFile(file, script)
    const constants = ['turn=-1', ...replayed.constants].flatMap((one) => ['-D', one])
    const perClient = replayed.perClient
    await pgbench([
      ...[
        '-n',
        '-M',
        'prepared',
        '-c',
        String(replayed.clients),
        '-j',
        '1',
        '-t',
        String(perClient),
      ],
      ...['-f', file, '-l', `--log-prefix=${join(directory, 'log')}`, ...constants, url],
    ])
    const logs = (await readdir(directory)).filter((one) => one.startsWith('log'))
    const text = await Promise.all(logs.map((one) => readFile(join(directory, one), 'utf8')))
    return paceOf(text.join('\n'))
  } finally {
    await rm(directory, { recursive: true })
  }
}

/**
 * From pgbench's log (`client transaction µs script seconds µs`): how many went in a second after the first quarter, in which
 * connections and plans get warm, and before clients had nothing left to do.
 */
export function paceOf(log: string): number {
  const lastOf = new Map<number, number>()
  const ends: number[] = []
  for (const line of log.split('\n').filter(Boolean)) {
    const [client = 0, , , , seconds = 0, micros = 0] = line.split(' ').map(Number)
    ends.push(seconds + micros / 1e6)
    lastOf.set(client, Math.max(lastOf.get(client) ?? 0, seconds + micros / 1e6))
  }
  ends.sort((a, b) => a - b)
  const from = ends[Math.floor(ends.length / 4)] ?? 0
  // Clients do not get on evenly: where the first ends early, the others still keep Postgres busy.
  const until = Math.max(Math.min(...lastOf.values()), ends[Math.floor(ends.length * 0.75)] ?? 0)
  if (ends.length === 0 || until <= from) throw new Error('pgbench did too little to be measured.')
  return ends.filter((time) => time > from && time <= until).length / (until - from)
}

function pgbench(args: string[]): Promise<void> {
  const programs = postgresPrograms()
  if (programs === null) throw new Error('This machine has no pgbench.')
  // It has the core that our server has otherwise.
  const pinned = isPinned ? ['taskset', '-c', '0'] : []
  const [command = '', ...rest] = [...pinned, join(programs, 'pgbench'), ...args]
  return new Promise((resolve, reject) => {
    const child = spawn(command, rest, { stdio: ['ignore', 'ignore', 'pipe'] })
    let said = ''
    child.stderr.on('data', (chunk) => {
      said = (said + chunk).slice(-2000)
    })
    child.on('error', reject)
    child.on('exit', (code) => {
      if (code === 0) resolve()
      else reject(new Error(`pgbench failed: ${said}`))
    })
  })
}
