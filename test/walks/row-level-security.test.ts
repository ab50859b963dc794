import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { createLocalJWKSet, jwtVerify } from 'jose'
import { sql } from 'kysely'
import { beforeAll, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { issueApiKeys } from '../../src/flows/api-keys.ts'
import { createApp, createContext } from '../../src/main.ts'
import { withDatabase } from '../database.ts'
import { top } from './machine.ts'

// In one process, since the embedded database has room for one; the client is the real one, and so are the tokens.
const database = withDatabase()
const url = 'http://localhost:3001'
const password = 'correct horse battery'
let ask: typeof fetch
let serviceRoleKey: string

beforeAll(async () => {
  const config = readConfig({
    mode: 'dev',
    environment: {
      SEKISHO_SECRET: 'a walk needs no secret that nobody can read',
      GOTRUE_MAILER_AUTOCONFIRM: 'true',
    },
  })
  const ctx = createContext({ config, database })
  const app = createApp(ctx)
  ask = async (input, init) => app.request(new Request(input, init))
  serviceRoleKey = (await issueApiKeys(ctx)).serviceRoleKey
  await database.execute(await readFile(join(top, 'examples/supabase/policies.sql'), 'utf8'))
  await database.execute(
    `insert into public.notices (domain, body)
     values ('acme.example', 'The lift is broken.'), ('other.example', 'Tea at four.')`,
  )
})

function client(key: string): SupabaseClient {
  return createClient(url, key, {
    global: { fetch: ask },
    auth: { persistSession: false, autoRefreshToken: false },
  })
}

async function signUp(email: string): Promise<{ id: string; token: string }> {
  const { data, error } = await client('anon').auth.signUp({ email, password })
  expect(error).toBeNull()
  return { id: data.user?.id ?? '', token: data.session?.access_token ?? '' }
}

/** One request to PostgREST: the token is checked, then its role and claims hold for one transaction. */
async function query(token: string | null, text: string): Promise<unknown[]> {
  const claims = token === null ? { role: 'anon' } : await verified(token)
  return database.db.transaction().execute(async (db) => {
    await sql`select set_config('request.jwt.claims', ${JSON.stringify(claims)}, true),
      set_config('role', ${String(claims.role)}, true)`.execute(db)
    return (await sql.raw(text).execute(db)).rows
  })
}

async function verified(token: string) {
  const keys = await (await ask(`${url}/auth/v1/.well-known/jwks.json`)).json()
  return (await jwtVerify(token, createLocalJWKSet(keys))).payload
}

test('each user sees only what the policies allow, and anon sees nothing', async () => {
  const ann = await signUp('ann@acme.example')
  const bob = await signUp('bob@other.example')
  await query(ann.token, `insert into public.notes (body) values ('Buy ink.')`)
  await query(bob.token, `insert into public.notes (body) values ('Sell ink.')`)

  const notes = 'select owner_id, body from public.notes'
  expect(await query(ann.token, notes)).toEqual([{ owner_id: ann.id, body: 'Buy ink.' }])
  expect(await query(bob.token, notes)).toEqual([{ owner_id: bob.id, body: 'Sell ink.' }])
  expect(await query(null, notes)).toEqual([])
  const notices = 'select body from public.notices'
  expect(await query(ann.token, notices)).toEqual([{ body: 'The lift is broken.' }])
  expect(await query(bob.token, notices)).toEqual([{ body: 'Tea at four.' }])
  expect(await query(null, notices)).toEqual([])
  expect(await query(ann.token, 'select auth.uid(), auth.role(), auth.email()')).toEqual([
    { uid: ann.id, role: 'authenticated', email: 'ann@acme.example' },
  ])
})

test('nobody writes in the name of another, and nobody reads accounts', async () => {
  const cat = await signUp('cat@acme.example')
  const dan = await signUp('dan@acme.example')
  const forged = `insert into public.notes (owner_id, body) values ('${dan.id}', 'I owe cat 10.')`
  await expect(query(cat.token, forged)).rejects.toThrow(/row-level security/)
  const nobodys = `insert into public.notes (body) values ('Nobody was here.')`
  await expect(query(null, nobodys)).rejects.toThrow(/permission denied/)
  for (const table of ['auth.users', 'auth.sessions', 'auth.refresh_tokens', 'idp.keys']) {
    await expect(query(cat.token, `select * from ${table}`)).rejects.toThrow(/permission denied/)
  }
})

test('a domain that only looks like another one is another one', async () => {
  const notices = 'select body from public.notices'
  const eve = await signUp('eve@acme.example.evil.example')
  expect(await query(eve.token, notices)).toEqual([])
  const fox = await signUp('acme.example@evil.example')
  expect(await query(fox.token, notices)).toEqual([])
})

test('the role holds for one transaction, and no longer', async () => {
  const ivy = await signUp('ivy@acme.example')
  await query(ivy.token, 'select 1')
  const { rows } = await sql<{ user: string; claims: string | null }>`
    select current_user as user, nullif(current_setting('request.jwt.claims', true), '') as claims
  `.execute(database.db)
  expect(rows[0]?.claims).toBeNull()
  expect(rows[0]?.user).not.toBe('authenticated')
})

test('a user who is deleted takes their notes along', async () => {
  const gil = await signUp('gil@acme.example')
  await query(gil.token, `insert into public.notes (body) values ('Soon gone.')`)
  expect((await client(serviceRoleKey).auth.admin.deleteUser(gil.id)).error).toBeNull()
  const { rows } = await sql`select 1 from public.notes where owner_id = ${gil.id}`.execute(
    database.db,
  )
  expect(rows).toEqual([])
})
