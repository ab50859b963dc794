import { Auth } from '@auth/core'
import { createAdaptorServer } from '@hono/node-server'
import pg from 'pg'
import { peer } from '../peers.ts'

// A process: @auth/core over @auth/pg-adapter, with sessions in the database.

const port = Number(process.env.PORT)
const url = `http://127.0.0.1:${port}`
const { default: PostgresAdapter } = await peer('@auth/pg-adapter/index.js')
const pool = new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 })
const config = {
  adapter: PostgresAdapter(pool),
  providers: [],
  secret: 'the secret of a benchmark, long enough',
  session: { strategy: 'database' as const },
  basePath: '/api/auth',
  trustHost: true,
}
createAdaptorServer({ fetch: (request: Request) => Auth(request, config) }).listen(
  port,
  '127.0.0.1',
  () => console.log(JSON.stringify({ url })),
)
