import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { createBackground } from '../src/base/background.ts'
import { createCache } from '../src/base/cache.ts'
import { readConfig } from '../src/base/config.ts'
import { type Context, systemNow } from '../src/base/context.ts'
import { createLog } from '../src/base/log.ts'
import type { Random } from '../src/base/random.ts'
import { listMessages, type MailboxMessage } from '../src/model/message.ts'
import { type TestDatabase, withDatabase } from './database.ts'

/** This file's database; every world begins with it empty. */
const database = withDatabase()

/** What went out through `ctx.fetch`. */
export interface Sent {
  url: string
  method: string
  headers: Headers
  body: string
}

export interface World {
  ctx: Context
  /** Requests that left through `ctx.fetch`, oldest first; they are answered with 200 and `{}`. */
  sent: Sent[]
  /** Lets time pass. */
  pass(milliseconds: number): void
  /** Sets the clock to the machine's, for clients that judge by that one. */
  keepTime(): void
  /** The mailbox of development, newest first. */
  mails(to?: string): Promise<MailboxMessage[]>
  /** The types of the events so far, oldest first. */
  events(): Promise<string[]>
  /** The actions in GoTrue's audit log so far, oldest first. */
  audited(): Promise<string[]>
  /** The statements since the last call. */
  queries(): string[]
  database: TestDatabase
}

/** Long over, so that what wrongly asks the machine's clock fails on every day, and not on one to come. */
const beginning = new Date('2025-11-22T12:00:00.000Z')

/**
 * A small world: an empty, migrated database, a clock that stands until it is moved, chance that repeats, a `fetch` that
 * remembers. Settings come as environment variables: `world({ GOTRUE_JWT_EXP: '60' })`.
 */
export async function world(environment: Record<string, string> = {}): Promise<World> {
  await database.clear()
  return worldOn(database, environment)
}

/** A world on a database that is there already, with whatever is in it. */
export function worldOn(database: TestDatabase, environment: Record<string, string> = {}): World {
  const sent: Sent[] = []
  let time = beginning.getTime()
  const log = createLog('silent')
  const background = createBackground(log)
  const ctx: Context = {
    db: database.db,
    config: readConfig({
      mode: 'dev',
      environment: { SEKISHO_PUBLIC_URL: 'http://localhost:3001', ...environment },
      storedSecret: 'the secret of a small world, 32+ characters',
    }),
    cache: createCache(),
    log,
    random: repeatingRandom(),
    actor: { kind: 'anonymous' },
    client: { ip: '192.0.2.1', userAgent: 'a visitor' },
    clock: 'standing',
    background,
    observer: null,
    trace: null,
    now: () => new Date(time),
    async fetch(input, init) {
      const request = new Request(input, init)
      sent.push({
        url: request.url,
        method: request.method,
        headers: request.headers,
        body: await request.text(),
      })
      return Response.json({})
    },
  }
  return {
    ctx,
    sent,
    database,
    pass(milliseconds) {
      time += milliseconds
    },
    keepTime() {
      Object.assign(ctx, { now: systemNow, clock: 'running' })
    },
    async mails(to) {
      await background.settled()
      return listMessages(ctx, { to })
    },
    async events() {
      const { rows } = await sql<{ type: string }>`select type from idp.events order by id`.execute(
        database.db,
      )
      return rows.map(({ type }) => type)
    },
    async audited() {
      const { rows } = await sql<{ action: string }>`
        select payload->>'action' as action from auth.audit_log_entries order by created_at, ctid`.execute(
        database.db,
      )
      return rows.map(({ action }) => action)
    },
    queries: () => database.queries().map((query) => query.sql),
  }
}

/** Chance that is the same in every run, and different at every call. */
function repeatingRandom(): Random {
  let calls = 0
  function bytes(length: number): Uint8Array {
    const blocks: Buffer[] = []
    while (blocks.length * 32 < length) {
      calls += 1
      blocks.push(createHash('sha256').update(`chance ${calls}`).digest())
    }
    return new Uint8Array(Buffer.concat(blocks).subarray(0, length))
  }
  const fromAlphabet = (alphabet: string, length: number) =>
    [...bytes(length)].map((byte) => alphabet[byte % alphabet.length]).join('')
  return {
    bytes,
    digits: (length) => fromAlphabet('0123456789', length),
    id: (length) => fromAlphabet('abcdefghijklmnopqrstuvwxyz0123456789', length),
    token: () => Buffer.from(bytes(32)).toString('base64url'),
    uuid() {
      const hex = Buffer.from(bytes(16)).toString('hex')
      return `${hex.slice(0, 8)}-${hex.slice(8, 12)}-4${hex.slice(13, 16)}-8${hex.slice(17, 20)}-${hex.slice(20)}`
    },
  }
}
