import type { Kysely } from 'kysely'
import type { Observed } from './observe.ts'
import type { Database } from './tables.ts'

/** A database that is open, whichever kind it is. */
export interface OpenDatabase {
  readonly db: Kysely<Database>
  readonly kind: 'postgres' | 'pglite'
  /** The same database, for one who looks on. */
  readonly observed: Observed
  /** Null where there is one connection, or where the pool belongs to somebody else. */
  pool(): PoolFigures | null
  /** Several statements at once, without parameters. */
  execute(sql: string): Promise<void>
  /** Tells of every statement that goes to the database, `begin` and `commit` too. Returns how to stop. */
  onQuery(listener: (query: Query) => void): () => void
  /** Tells of the warnings and notices that the database sends. Returns how to stop. */
  onNotice(listener: (notice: Notice) => void): () => void
  /** Looks after the connection from now on; until then nobody knows more than the last statement told. */
  guard(options: GuardOptions): Guard
  close(): Promise<void>
}

/** Why no request should come here now. */
export type Trouble =
  | 'database-away'
  | 'database-crowded'
  | 'database-in-recovery'
  | 'database-outdated'
  | 'database-read-only'
  | 'clock-off'

export interface GuardOptions {
  /** This machine's clock, which is compared with the database's. */
  now(): Date
  /** Told what the database's clock shows, in milliseconds, as often as it was asked. */
  hear(milliseconds: number): void
  /** A number from 0 to 1: nodes that lost the same database do not come back at the same moment. */
  chance(): number
  /** Told once when something begins, and with null when it is over. */
  tell(trouble: Trouble | null, cause: unknown): void
}

export interface Guard {
  trouble(): Trouble | null
  stop(): Promise<void>
}

/** For what runs within this process, or belongs to somebody else who looks after it. */
export const untroubled = (): Guard => ({ trouble: () => null, stop: async () => {} })

/**
 * Sent within a transaction that may last: neither the server nor this side gives its statements up. It is known by its
 * very text.
 */
export const withoutDeadline = 'set local statement_timeout = 0'

/** The database cannot be used now, and the server said nothing, or we did not ask it. */
export function unavailable(why: string, options?: ErrorOptions): Error & { code: string } {
  return Object.assign(new Error(why, options), { code: 'DATABASE_UNAVAILABLE' })
}

export interface PoolFigures {
  /** Connections that are open, those of them that nobody uses, and how many there may be. */
  size: number
  idle: number
  limit: number
  /** Requests that wait for a connection. */
  waiting: number
}

export interface Query {
  sql: string
}

export interface Notice {
  severity: string
  message: string
}

export interface Listeners<T> {
  add(listener: (value: T) => void): () => void
  tell(value: T): void
}

export function listeners<T>(): Listeners<T> {
  const all = new Set<(value: T) => void>()
  return {
    add(listener) {
      all.add(listener)
      return () => all.delete(listener)
    },
    tell(value) {
      for (const listener of all) listener(value)
    },
  }
}

/** What a driver adds to its errors may be a password's hash or somebody's address, and errors are logged. */
export function withoutValues(error: unknown): unknown {
  if (typeof error === 'object' && error !== null) {
    for (const key of ['params', 'queryOptions', 'detail', 'where', 'internalQuery']) {
      if (key in error) Reflect.deleteProperty(error, key)
    }
  }
  return error
}
