import { second } from './time.ts'

/**
 * What a node may keep for seconds: settings, keys, applications. One cache per database, shared by all requests.
 * Only values are shared, never a read under way: a transaction that waited for another request's read, while
 * that read waits for the transaction's connection, would hang PGlite.
 */
export interface Cache {
  get<T>(key: string, now: Date, read: () => Promise<T>): Promise<T>
  /** After a write on this node; other nodes see it when their copy is `freshFor` old. */
  forget(key: string): void
  /** How often something was found, and how often it had to be read. */
  readonly counts: { hits: number; misses: number }
}

/** How long another node's change may stay unseen. */
export const freshFor = 5 * second

export function createCache(): Cache {
  const entries = new Map<string, { readAt: number; value: unknown }>()
  const counts = { hits: 0, misses: 0 }
  return {
    counts,
    async get<T>(key: string, now: Date, read: () => Promise<T>): Promise<T> {
      const found = entries.get(key)
      const age = found === undefined ? Number.POSITIVE_INFINITY : now.getTime() - found.readAt
      if (found !== undefined && age >= 0 && age < freshFor) {
        counts.hits += 1
        return found.value as T
      }
      counts.misses += 1
      const value = await read()
      entries.set(key, { readAt: now.getTime(), value })
      return value
    },
    forget(key) {
      entries.delete(key)
    },
  }
}
