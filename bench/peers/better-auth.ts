import { createServer } from 'node:http'
import pg from 'pg'
import { peer } from '../peers.ts'

// A process: Better Auth over Postgres, as its documentation sets it up; its limits by address are off, as ours are by address.

const port = Number(process.env.PORT)
const url = `http://127.0.0.1:${port}`
const { betterAuth } = await peer('better-auth/dist/index.mjs')
const { toNodeHandler } = await peer('better-auth/dist/integrations/node.mjs')
const { getMigrations } = await peer('better-auth/dist/db/get-migration.mjs')

const options = {
  baseURL: url,
  secret: 'the secret of a benchmark, long enough',
  database: new pg.Pool({ connectionString: process.env.DATABASE_URL, max: 10 }),
  emailAndPassword: { enabled: true },
  rateLimit: { enabled: false },
  telemetry: { enabled: false },
}
const { runMigrations } = await getMigrations(options)
await runMigrations()
createServer(toNodeHandler(betterAuth(options))).listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url }))
})
