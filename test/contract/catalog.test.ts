import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { withDatabase } from '../database.ts'
import { authColumns, authEnums, authFunctions, authSecured } from './auth-catalog.ts'
import { authConstraints, authIndexes } from './auth-keys.ts'
import { readCatalog } from './catalog.ts'

const database = withDatabase()

describe('the schema auth is as GoTrue leaves it', () => {
  test('in its tables and their columns, in their order', async () => {
    expect((await readCatalog(database)).columns).toEqual(authColumns)
  })

  test('in its indexes', async () => {
    expect((await readCatalog(database)).indexes).toEqual(authIndexes)
  })

  test('in its constraints', async () => {
    expect((await readCatalog(database)).constraints).toEqual(authConstraints)
  })

  test('in its enums and functions', async () => {
    const catalog = await readCatalog(database)
    expect(catalog.enums).toEqual(authEnums)
    expect(catalog.functions).toEqual(authFunctions)
  })

  test('in what hides its rows, and there is nothing beside', async () => {
    const catalog = await readCatalog(database)
    expect(catalog.secured).toEqual(authSecured)
    expect(catalog.others).toEqual(['S refresh_tokens_id_seq'])
  })

  test('and its list of migrations is full, so that GoTrue would run none of its own', async () => {
    const { rows } = await sql`
      select count(*)::int, min(version), max(version) from auth.schema_migrations`.execute(
      database.db,
    )
    expect(rows).toEqual([{ count: 70, min: '00', max: '20260625000000' }])
  })
})

test('a second migration finds nothing to do', async () => {
  const before = await readCatalog(database)
  const history = await database.db.selectFrom('idp.migrations').selectAll().execute()
  expect(await migrate(database)).toEqual({ applied: [], warnings: [] })
  expect(await readCatalog(database)).toEqual(before)
  expect(await database.db.selectFrom('idp.migrations').selectAll().execute()).toEqual(history)
})

describe('the functions that policies call', () => {
  const id = '5f3f2c1e-0000-4000-8000-000000000001'

  async function claims(variables: Record<string, string>) {
    return database.db.transaction().execute(async (db) => {
      for (const [name, value] of Object.entries(variables)) {
        await sql`select set_config(${name}, ${value}, true)`.execute(db)
      }
      await sql`set local role authenticated`.execute(db)
      const { rows } = await sql`
        select auth.uid() as uid, auth.role() as role, auth.email() as email, auth.jwt() as jwt`.execute(
        db,
      )
      return rows[0]
    })
  }

  test('read the claims that PostgREST sets', async () => {
    const jwt = { sub: id, role: 'authenticated', email: 'ann@example.com', extra: [1] }
    expect(await claims({ 'request.jwt.claims': JSON.stringify(jwt) })).toEqual({
      uid: id,
      role: 'authenticated',
      email: 'ann@example.com',
      jwt,
    })
  })

  test('read the variables of an older PostgREST first', async () => {
    const older = {
      'request.jwt.claim.sub': id,
      'request.jwt.claim.role': 'older',
      'request.jwt.claim.email': '',
      'request.jwt.claims': '{"role":"newer","email":"ann@example.com"}',
    }
    expect(await claims(older)).toMatchObject({ uid: id, role: 'older', email: 'ann@example.com' })
  })

  test('say null where nobody is signed in', async () => {
    const nobody = { uid: null, role: null, email: null, jwt: null }
    expect(await claims({})).toEqual(nobody)
    expect(await claims({ 'request.jwt.claims': '' })).toEqual(nobody)
  })
})

test('the roles of the applications see no row of auth', async () => {
  for (const role of ['anon', 'authenticated', 'service_role']) {
    const reading = database.db.transaction().execute(async (db) => {
      await sql`set local role ${sql.id(role)}`.execute(db)
      await db.selectFrom('auth.users').select('id').execute()
    })
    await expect(reading).rejects.toMatchObject({ code: '42501' })
  }
})

test('only service_role passes row-level security, and none of the three signs in', async () => {
  const { rows } = await sql`
    select rolname, rolbypassrls, rolcanlogin, rolinherit from pg_roles
    where rolname in ('anon', 'authenticated', 'service_role') order by rolname`.execute(
    database.db,
  )
  expect(rows).toEqual([
    { rolname: 'anon', rolbypassrls: false, rolcanlogin: false, rolinherit: false },
    { rolname: 'authenticated', rolbypassrls: false, rolcanlogin: false, rolinherit: false },
    { rolname: 'service_role', rolbypassrls: true, rolcanlogin: false, rolinherit: false },
  ])
})
