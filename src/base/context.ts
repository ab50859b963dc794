import type { Kysely } from 'kysely'
import type { Database } from '../db/tables.ts'
import type { Background } from './background.ts'
import type { Cache } from './cache.ts'
import type { Config } from './config.ts'
import type { Log } from './log.ts'
import type { Observer, Trace } from './observe.ts'
import type { Random } from './random.ts'

/** Who acts: recorded with every event. */
export type Actor =
  | { kind: 'anonymous' }
  | { kind: 'user'; userId: string; sessionId: string | null }
  | { kind: 'application'; applicationId: string }
  /** A bearer of an admin key; `name` is its role, e.g. `service_role`. */
  | { kind: 'admin'; name: string }
  /** The command line, housekeeping, the Auth.js adapter. */
  | { kind: 'system'; name: string }

/** Where the request came from. */
export interface Client {
  ip: string | null
  userAgent: string | null
  /** Whether nobody waits for the answer any more. */
  isGone?(): boolean
}

/** What the code may reach inside a transaction. It has no `fetch`: mail in a transaction does not compile. */
export interface Tx {
  readonly db: Kysely<Database>
  readonly config: Config
  readonly cache: Cache
  readonly log: Log
  readonly random: Random
  readonly actor: Actor
  readonly client: Client
  /** The application's clock. Expiry in SQL uses `sqlNow(ctx)` instead. */
  now(): Date
  /** In tests time stands until it is moved, and the database is told the time; else it uses its own clock. */
  readonly clock: 'running' | 'standing'
}

/** A `Tx` that may also use the network, and go on after the answer. */
export interface Context extends Tx {
  readonly fetch: typeof globalThis.fetch
  readonly background: Background
  /** Null where nobody looks on. */
  readonly observer: Observer | null
  /** The trace that this request belongs to. */
  readonly trace: Trace | null
}

/** The machine's clock, for a context whose time runs. */
export function systemNow(): Date {
  return new Date()
}

/** The same context, acting as somebody else. */
export function actingAs<T extends Tx>(ctx: T, actor: Actor): T {
  return { ...ctx, actor }
}

/**
 * Runs `work` in one transaction; a throw rolls back. The inner parameter is to be named `ctx`, so that it
 * hides the outer one: PGlite has one connection, and the outer context used inside would hang.
 */
export function transaction<T>(ctx: Context, work: (ctx: Tx) => Promise<T>): Promise<T> {
  const { fetch: _network, background: _later, ...rest } = ctx
  return ctx.db.transaction().execute((db) => work({ ...rest, db }))
}
