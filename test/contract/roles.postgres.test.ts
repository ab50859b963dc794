import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/open.ts'
import { onServer, withName } from '../setup/names.ts'
import { type PostgresServer, startPostgres } from '../setup/postgres-server.ts'
import { authColumns } from './auth-catalog.ts'
import { readCatalog } from './catalog.ts'
import { gotrueSchema } from './gotrue-schema.ts'

/** A server where nobody has made a role yet: roles are the whole server's. */
let server: PostgresServer
const opened: OpenDatabase[] = []

beforeAll(async () => {
  server = await startPostgres('forgetful')
})
afterAll(async () => {
  for (const database of opened) await database.close()
  await server.stop()
})

test('a role that may do nothing but own its database gets everything but the roles', async () => {
  const database = await asRole('plain', '')
  const { warnings } = await migrate(database)
  expect(warnings).toEqual(
    ['anon', 'authenticated', 'service_role'].map(
      (role) => `The database role ${role} is missing, and plain may not create roles`,
    ),
  )
  expect((await readCatalog(database)).columns).toEqual(authColumns)
  await writesAndReads(database)
})

test('a role that may create roles makes them, but cannot let one pass row-level security', async () => {
  const database = await asRole('maker', 'createrole')
  const { warnings } = await migrate(database)
  expect(warnings).toEqual([
    'The database role service_role does not bypass row-level security: maker may not grant that',
  ])
  await writesAndReads(database)
  const { rows } = await sql`
    select has_schema_privilege('anon', 'auth', 'usage') as usage,
      has_function_privilege('authenticated', 'auth.uid()', 'execute') as execute`.execute(
    database.db,
  )
  expect(rows).toEqual([{ usage: true, execute: true }])
})

test('a role that may only read a finished auth schema adds idp beside it', async () => {
  await onServer(server.url, 'create database supabase')
  const url = withName(server.url, 'supabase')
  await onServer(url, gotrueSchema())
  await onServer(
    url,
    `create role guest login; grant create on database supabase to guest;
     grant usage on schema auth to guest; grant select, references on all tables in schema auth to guest`,
  )
  const database = await openAs(url, 'guest')
  const { applied, warnings } = await migrate(database)
  expect(applied[0]).toBe('0001_auth.sql')
  expect(warnings).toEqual([])
})

async function asRole(role: string, rights: string) {
  await onServer(server.url, `create role ${role} login ${rights}`)
  await onServer(server.url, `create database ${role}s owner ${role}`)
  return openAs(withName(server.url, `${role}s`), role)
}

async function openAs(url: string, role: string) {
  const database = await openDatabase({ url: url.replace('//postgres@', `//${role}@`) })
  opened.push(database)
  return database
}

/** As the owner it passes row-level security. */
async function writesAndReads(database: OpenDatabase) {
  const id = '5f3f2c1e-0000-4000-8000-000000000002'
  await database.db.insertInto('auth.users').values({ id, email: 'own@example.com' }).execute()
  const found = await database.db.selectFrom('auth.users').select('email').execute()
  expect(found).toEqual([{ email: 'own@example.com' }])
}
