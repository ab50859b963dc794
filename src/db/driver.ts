import type { Kysely } from 'kysely'
import type { Database } from './tables.ts'

/** A database that is open, whichever kind it is. */
export interface OpenDatabase {
  readonly db: Kysely<Database>
  readonly kind: 'postgres' | 'pglite'
  /** Several statements at once, without parameters. */
  execute(sql: string): Promise<void>
  /** Tells of every statement that goes to the database, `begin` and `commit` too. Returns how to stop. */
  onQuery(listener: (query: Query) => void): () => void
  /** Tells of the warnings and notices that the database sends. Returns how to stop. */
  onNotice(listener: (notice: Notice) => void): () => void
  close(): Promise<void>
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
