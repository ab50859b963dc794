import { createHash } from 'node:crypto'
import type { PostgresPoolClient } from 'kysely'
import pg from 'pg'
import { type Query, withoutDeadline, withoutValues } from './driver.ts'
import type { Connection } from './postgres-server.ts'
import { type Prepared, runPrepared } from './statement.ts'
import { toParameter } from './values.ts'

export type NameOf = (text: string) => string | null

/** Names for the first so many texts. A text beyond (lists of every length) is not worth a plan on the server. */
export function statementNames(room: number): NameOf {
  const names = new Map<string, string>()
  return (text) => {
    const known = names.get(text)
    if (known !== undefined) return known
    if (names.size >= room) return null
    const name = `s${createHash('sha256').update(text).digest('base64url').slice(0, 22)}`
    names.set(text, name)
    return name
  }
}

/** A connection as Kysely sees it: every statement with parameters is prepared once per connection, under a name. */
export function preparingClient(
  client: pg.PoolClient,
  connection: Connection,
  { nameOf, tell }: { nameOf: NameOf; tell(query: Query): void },
): PostgresPoolClient {
  const prepared = new Map<string, Prepared>()
  let stale = false
  let death: unknown = null

  function preparedAs(name: string, text: string): Prepared {
    const known = prepared.get(name) ?? { name, text, columns: null }
    prepared.set(name, known)
    return known
  }

  async function send(text: string, parameters: readonly unknown[]) {
    tell({ sql: text })
    if (parameters.length === 0) {
      noteDeadline(text, connection)
      return lastOf(await client.query(text))
    }
    const values = parameters.map(toParameter)
    const name = stale ? null : nameOf(text)
    try {
      return await (name === null
        ? client.query({ text, values })
        : runPrepared(client, preparedAs(name, text), values))
    } catch (error) {
      if (name === null || !planIsStale(error)) throw error
      // Another version has added a column. This connection's plans are of no more use, and it goes when it is given back.
      stale = true
      if (client.getTransactionStatus() !== 'I') throw error
      return await client.query({ text, values })
    }
  }

  async function query(text: string, parameters: readonly unknown[] = []): Promise<unknown> {
    // What follows, the rollback above all, fails for the same reason and not for one that hides it.
    if (death !== null) throw death
    connection.sentAt = performance.now()
    try {
      const result = await send(text, parameters)
      connection.answers += 1
      return result
    } catch (error) {
      if (endsConnection(error)) death = error
      else connection.answers += 1
      throw withoutValues(error)
    } finally {
      connection.sentAt = null
    }
  }

  return {
    // Kysely's type also knows cursors, which we have none of.
    query: query as PostgresPoolClient['query'],
    release(destroy) {
      connection.isPatient = false
      client.release(stale || death !== null || destroy)
    },
  }
}

function noteDeadline(text: string, connection: Connection): void {
  if (text === withoutDeadline) connection.isPatient = true
  else if (text === 'commit' || text === 'rollback') connection.isPatient = false
}

/** Several statements in one text give several results; the last one counts. */
function lastOf<T>(result: T | T[]): T | undefined {
  return Array.isArray(result) ? result.at(-1) : result
}

/**
 * What does not come from the server, or says goodbye: the next one in line must not get this connection. Nor one that may
 * only read: it led to a primary that is none any more.
 */
function endsConnection(error: unknown): boolean {
  if (!(error instanceof pg.DatabaseError)) return true
  return error.severity === 'FATAL' || error.severity === 'PANIC' || error.code === '25006'
}

function planIsStale(error: unknown): boolean {
  return error instanceof Error && error.message === 'cached plan must not change result type'
}
