import { createServer, type IncomingMessage, type ServerResponse } from 'node:http'
import { text } from 'node:stream/consumers'
import { readConfig } from '../../src/base/config.ts'
import type { Context } from '../../src/base/context.ts'
import { createLog } from '../../src/base/log.ts'
import { openDatabase } from '../../src/db/open.ts'
import { createContext } from '../../src/main.ts'
import { listenOnLoopback } from '../setup/listen.ts'
import type { Place } from './server.ts'

export interface LocalServer {
  url: string
  /** What it was sent, bodies and all. */
  received: { path: string; body: string }[]
  close(): Promise<void>
}

type Answer = (asked: { path: string; body: string; headers: IncomingMessage['headers'] }) => {
  status?: number
  body: unknown
}

/** A server on loopback that answers in JSON. */
export async function serve(answer: Answer): Promise<LocalServer> {
  const received: LocalServer['received'] = []
  const respond = async (request: IncomingMessage, response: ServerResponse) => {
    const asked = { path: request.url ?? '', body: await text(request), headers: request.headers }
    received.push(asked)
    const { status = 200, body } = answer(asked)
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  }
  const server = createServer((request, response) => {
    respond(request, response).catch((error) => response.destroy(error))
  })
  const port = await listenOnLoopback(server)
  return {
    url: `http://127.0.0.1:${port}`,
    received,
    async close() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

/** The place's database from within this process: what only the command line or the console does. */
export async function within<T>(place: Place, work: (ctx: Context) => Promise<T>): Promise<T> {
  const database = await openDatabase({ url: place.databaseUrl ?? '' })
  try {
    const environment = { SEKISHO_SECRET: place.secret, SEKISHO_PUBLIC_URL: 'http://localhost:1' }
    const config = readConfig({ mode: 'dev', environment })
    return await work(createContext({ config, database, log: createLog('silent') }))
  } finally {
    await database.close()
  }
}

/** Every row of every table as text, by column: `schema.table.column`. */
export async function dump(place: Place): Promise<Map<string, string>> {
  const database = await openDatabase({ url: place.databaseUrl ?? '' })
  const columns = new Map<string, string>()
  try {
    const { sql } = await import('kysely')
    const { rows: tables } = await sql<{ schema: string; name: string }>`
      select schemaname as schema, tablename as name from pg_tables
      where schemaname not in ('pg_catalog', 'information_schema') order by 1, 2`.execute(
      database.db,
    )
    for (const { schema, name } of tables) {
      const { rows } = await sql<{ row: Record<string, unknown> }>`
        select to_jsonb(one) as row from ${sql.table(`${schema}.${name}`)} one`.execute(database.db)
      for (const { row } of rows) {
        for (const [column, value] of Object.entries(row)) {
          if (value === null) continue
          const key = `${schema}.${name}.${column}`
          const said = typeof value === 'string' ? bytesAsText(value) : JSON.stringify(value)
          columns.set(key, `${columns.get(key) ?? ''}\n${said}`)
        }
      }
    }
    return columns
  } finally {
    await database.close()
  }
}

/** `bytea` comes in hex: what it holds is looked at too. */
function bytesAsText(value: string): string {
  if (!/^\\x(?:[0-9a-f]{2})+$/.test(value)) return value
  return `${value}\n${Buffer.from(value.slice(2), 'hex').toString('latin1')}`
}
