import type { Duplex } from 'node:stream'
import type pg from 'pg'
import { unavailable } from './driver.ts'

/** What is known of one connection; its client changes it with every statement, and so it is a plain record. */
export interface Connection {
  /** When the statement under way was sent, by the process's own clock; null when there is none. */
  sentAt: number | null
  /** Within a transaction that may last. */
  isPatient: boolean
  /** How often the server was heard. */
  answers: number
  /** The server's history at that time; null where it does not tell. */
  timeline: string | null
}

export interface Connections {
  /** Asks a server who it is before anybody uses the connection. */
  admit(client: pg.ClientBase): Promise<void>
  of(client: pg.ClientBase): Connection
  /** Throws where the server is not the one to write to; what it says counts for all other connections. */
  judge(server: Server): void
  count(): number
  /** Grows with every answer on any of them. */
  answers(): number
  /** Ends all: nothing will come from them. */
  cut(): void
  stop(): void
}

export interface Server {
  isStandby: boolean
  timeline: string | null
}

/** Null for a timeline where there is none to be had, as with a service that is no Postgres within. */
export const whoIsIt = `select pg_is_in_recovery() as "isStandby",
  case when pg_is_in_recovery() then null
    else substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) end as timeline`

/** How often it is looked whether a server has fallen silent. */
const round = 250

/**
 * All connections of a pool. A statement that is not answered within `deadline` milliseconds takes its connection with it:
 * behind a cut cable nobody says that the other side is gone, and keeping alive takes minutes to notice.
 */
export function connectionsOf(deadline: number): Connections {
  const all = new Map<pg.ClientBase, Connection>()
  const known = new WeakMap<pg.ClientBase, Connection>()
  let newest: string | null = null
  let answers = 0
  let tellsTimeline = true

  function cut(client: pg.ClientBase): void {
    streamOf(client).destroy()
  }

  const rounds = setInterval(() => {
    const now = performance.now()
    for (const [client, { sentAt, isPatient }] of all) {
      if (sentAt !== null && !isPatient && now - sentAt > deadline) cut(client)
    }
  }, round).unref()

  async function ask(client: pg.ClientBase): Promise<Server> {
    if (tellsTimeline) {
      try {
        return (await client.query<Server>(whoIsIt)).rows[0] ?? unknown
      } catch (error) {
        if (!isMissing(error)) throw error
        tellsTimeline = false
      }
    }
    const { rows } = await client.query<Server>(
      'select pg_is_in_recovery() as "isStandby", null as timeline',
    )
    return rows[0] ?? unknown
  }

  function judge({ isStandby, timeline }: Server): void {
    if (isStandby) throw unavailable('The database is in recovery, and may only be read')
    if (timeline === null) return
    if (newest !== null && timeline < newest) {
      throw unavailable(
        `The database is of the timeline ${timeline}, and the newest one seen is ${newest}`,
      )
    }
    if (timeline === newest) return
    newest = timeline
    // A server was promoted: what leads to the one before it must not be used again.
    for (const [client, connection] of all) {
      if (connection.timeline !== null && connection.timeline < timeline) cut(client)
    }
  }

  return {
    async admit(client) {
      const connection: Connection = {
        sentAt: performance.now(),
        isPatient: false,
        answers: 0,
        timeline: null,
      }
      all.set(client, connection)
      known.set(client, connection)
      // While it is lent, its death is told by the statement under way.
      client.on('error', () => {})
      client.once('end', () => {
        answers += connection.answers
        all.delete(client)
      })
      try {
        const server = await ask(client)
        judge(server)
        connection.timeline = server.timeline
      } catch (error) {
        cut(client)
        throw error
      } finally {
        connection.sentAt = null
      }
    },
    of(client) {
      const connection = known.get(client)
      if (connection === undefined) throw new Error('The connection was never admitted')
      return connection
    },
    judge,
    count: () => all.size,
    answers: () => [...all.values()].reduce((sum, one) => sum + one.answers, answers),
    cut() {
      for (const client of all.keys()) cut(client)
    },
    stop: () => clearInterval(rounds),
  }
}

const unknown: Server = { isStandby: false, timeline: null }

/** A function that this server does not have, or that this role may not call. */
function isMissing(error: unknown): boolean {
  const code = error instanceof Error && 'code' in error ? error.code : null
  return code === '42883' || code === '42501' || code === '0A000'
}

/** The driver keeps it to itself, and has no other way to end a connection that does not answer. */
export function streamOf(client: pg.ClientBase): Duplex {
  return (client as unknown as { connection: { stream: Duplex } }).connection.stream
}
