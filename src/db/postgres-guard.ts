import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import pg from 'pg'
import { type Guard, type GuardOptions, type Trouble, unavailable } from './driver.ts'
import { type Connections, streamOf, whoIsIt } from './postgres-server.ts'

/** Between two questions, while all is well. */
const beat = 500
/** A server that says nothing for so long, on any connection, is asked over a new one. */
const silence = 1000
/** And when that one is silent too, it is away. */
const connecting = 1000
/** Between two tries to come back. */
const shortestPause = 100
const longestPause = 1000
/** Tokens of nodes whose clocks differ by more are refused by careful readers. */
const clockTolerance = 2000

interface Answer {
  isStandby: boolean
  timeline: string | null
  isReadOnly: boolean
  /** The database's clock, in milliseconds. */
  clock: number
}

const more = `current_setting('default_transaction_read_only')::boolean as "isReadOnly",
  (extract(epoch from clock_timestamp()) * 1000)::float8 as clock`
const question = `${whoIsIt}, ${more}`
const plainQuestion = `select pg_is_in_recovery() as "isStandby", null as timeline, ${more}`

/**
 * Asks the database twice a second, on a connection of its own, whether it is there, may be written to, is not one that was
 * replaced, and tells the time that we have. While it is away requests fail at once, and this alone tries to come back.
 */
export function guardPostgres(
  settings: pg.ClientConfig,
  connections: Connections,
  { now, hear, chance, tell }: GuardOptions,
): Guard {
  let trouble: Trouble | null = null
  let client: pg.Client | null = null
  let text = question
  let failures = 0
  const over = new AbortController()

  function note(found: Trouble | null, cause: unknown = null): void {
    if (found === trouble || over.signal.aborted) return
    trouble = found
    if (found === 'database-away') connections.cut()
    tell(found, cause)
  }

  async function connect(): Promise<pg.Client> {
    const made = new pg.Client({
      ...settings,
      application_name: 'sekisho guard',
      connectionTimeoutMillis: connecting,
    })
    // Its death is told by the question under way, or by the next one.
    made.on('error', () => {})
    await made.connect()
    return made
  }

  async function ask(asked: pg.Client): Promise<Answer> {
    const { rows } = await asked.query<Answer>(text)
    if (rows[0] === undefined) throw unavailable('The database gave no answer')
    return rows[0]
  }

  async function check(): Promise<void> {
    client ??= await connect()
    const sent = now().getTime()
    const began = performance.now()
    const answer = await soon(ask(client), silence)
    if (answer === null) throw unavailable('The database does not answer')
    const received = now().getTime()
    // On its way for half of the time, by a clock that nobody sets meanwhile.
    hear(answer.clock + (performance.now() - began) / 2)
    const found = judge(answer, { sent, received })
    failures = 0
    note(found)
  }

  function judge(answer: Answer, { sent, received }: { sent: number; received: number }) {
    if (answer.isStandby) return 'database-in-recovery'
    try {
      connections.judge(answer)
    } catch {
      // A new connection may lead to the right one.
      drop()
      return 'database-outdated'
    }
    if (answer.isReadOnly) return 'database-read-only'
    // The answer was written at some moment between the two.
    const isOff = answer.clock < sent - clockTolerance || answer.clock > received + clockTolerance
    return isOff ? 'clock-off' : null
  }

  function drop(): void {
    if (client !== null) streamOf(client).destroy()
    client = null
  }

  function failed(error: unknown, heard: number): void {
    drop()
    if (isMissing(error) && text === question) {
      text = plainQuestion
      return
    }
    // It may be slow, or take no newcomers: who is there already is served.
    if (connections.answers() !== heard) return
    failures += 1
    // One connection may break alone: a new one tells.
    if (failures === 1) return
    if (isCrowded(error)) note(connections.count() > 0 ? null : 'database-crowded', error)
    else note('database-away', error)
  }

  async function run(): Promise<void> {
    while (!over.signal.aborted) {
      const heard = connections.answers()
      await check().catch((error: unknown) => failed(error, heard))
      const wait = failures === 0 ? beat : failures === 1 && trouble === null ? 0 : backoff()
      await pause(wait, undefined, { signal: over.signal, ref: false }).catch(() => {})
    }
  }

  function backoff(): number {
    const longest = Math.min(longestPause, shortestPause * 2 ** Math.min(failures, 10))
    return longest * (0.5 + chance() / 2)
  }

  const running = run()
  return {
    trouble: () => trouble,
    async stop() {
      over.abort()
      drop()
      await running
    },
  }
}

/** Null where nothing came in time. A process that stood still has read nothing, and may not conclude from that. */
async function soon<T>(work: Promise<T>, milliseconds: number): Promise<T | null> {
  const late = new AbortController()
  const options = { signal: late.signal, ref: false }
  const waiting = pause(milliseconds, null, options).then(async () => {
    await turn()
    return pause(50, null, options)
  })
  try {
    return await Promise.race([work, waiting])
  } finally {
    late.abort()
    waiting.catch(() => {})
    work.catch(() => {})
  }
}

function codeOf(error: unknown): unknown {
  return error instanceof Error && 'code' in error ? error.code : null
}

/** A function that this server does not have, or that this role may not call. */
function isMissing(error: unknown): boolean {
  return ['42883', '42501', '0A000'].includes(String(codeOf(error)))
}

/** All connections are taken: the server is there. */
function isCrowded(error: unknown): boolean {
  return codeOf(error) === '53300'
}
