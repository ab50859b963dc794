import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import { createClient } from '@supabase/supabase-js'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { top } from './machine.ts'
import { findPlace, type Place, type Server, startServer } from './server.ts'

// PostgREST needs a database that two programs can open. The embedded one has this story below, in process.
describe.runIf(databaseKind() === 'postgres')('as PostgREST asks', () => {
  let place: Place
  let server: Server
  let database: Client

  beforeAll(async () => {
    place = await findPlace('postgres')
    server = await startServer(place, { env: { GOTRUE_MAILER_AUTOCONFIRM: 'true' } })
    database = new Client({ connectionString: place.databaseUrl ?? '' })
    await database.connect()
    await database.query(await readFile(join(top, 'examples/supabase/policies.sql'), 'utf8'))
    await database.query(
      `insert into public.notices (domain, body) values ('acme.example', 'The lift is broken.'), ('other.example', 'Tea at four.')`,
    )
  }, 120_000)
  afterAll(async () => {
    await database?.end()
    await server?.stop()
    await place?.leave()
  })

  async function tokenOf(email: string): Promise<{ id: string; token: string }> {
    const supabase = createClient(server.url, server.anonKey, {
      auth: { persistSession: false, autoRefreshToken: false },
    })
    const { data, error } = await supabase.auth.signUp({ email, password: 'correct horse battery' })
    expect(error).toBeNull()
    return { id: data.user?.id ?? '', token: data.session?.access_token ?? '' }
  }

  /** One request: the token is checked, then its role and claims hold for one transaction. */
  async function request<Row extends object>(
    token: string | null,
    sql: string,
    values: unknown[] = [],
  ): Promise<Row[]> {
    const keys = createRemoteJWKSet(new URL(`${server.url}/auth/v1/.well-known/jwks.json`))
    const claims = token === null ? { role: 'anon' } : (await jwtVerify(token, keys)).payload
    await database.query('begin')
    try {
      await database.query(
        `select set_config('role', $1, true), set_config('request.jwt.claims', $2, true)`,
        [claims.role, JSON.stringify(claims)],
      )
      const { rows } = await database.query<Row>(sql, values)
      await database.query('commit')
      return rows
    } catch (error) {
      await database.query('rollback')
      throw error
    }
  }

  test('each user sees only what the policies allow, and anon sees nothing', async () => {
    const ann = await tokenOf('ann@acme.example')
    const bob = await tokenOf('bob@other.example')
    await request(ann.token, `insert into public.notes (body) values ('Buy ink.')`)
    await request(bob.token, `insert into public.notes (body) values ('Sell ink.')`)

    expect(await request(ann.token, 'select owner_id, body from public.notes')).toEqual([
      { owner_id: ann.id, body: 'Buy ink.' },
    ])
    expect(await request(bob.token, 'select owner_id, body from public.notes')).toEqual([
      { owner_id: bob.id, body: 'Sell ink.' },
    ])
    expect(await request(null, 'select body from public.notes')).toEqual([])
    expect(await request(ann.token, 'select body from public.notices')).toEqual([
      { body: 'The lift is broken.' },
    ])
    expect(await request(bob.token, 'select body from public.notices')).toEqual([
      { body: 'Tea at four.' },
    ])
    expect(await request(null, 'select body from public.notices')).toEqual([])
    expect(await request(ann.token, 'select auth.uid(), auth.role(), auth.email()')).toEqual([
      { uid: ann.id, role: 'authenticated', email: 'ann@acme.example' },
    ])
  })

  test('nobody writes in another name, and nobody reads accounts', async () => {
    const cat = await tokenOf('cat@acme.example')
    const dan = await tokenOf('dan@acme.example')
    await expect(
      request(cat.token, `insert into public.notes (owner_id, body) values ($1, 'I owe cat 10.')`, [
        dan.id,
      ]),
    ).rejects.toThrow(/row-level security/)
    await expect(
      request(null, `insert into public.notes (body) values ('Nobody was here.')`),
    ).rejects.toThrow(/permission denied/)
    await expect(request(cat.token, 'select * from auth.users')).rejects.toThrow(
      /permission denied/,
    )
    await expect(request(cat.token, 'select * from auth.refresh_tokens')).rejects.toThrow(
      /permission denied/,
    )
    await expect(request(cat.token, 'select * from idp.keys')).rejects.toThrow(/permission denied/)
  })

  test('a domain that only looks like another one is another one', async () => {
    const eve = await tokenOf('eve@acme.example.evil.example')
    expect(await request(eve.token, 'select body from public.notices')).toEqual([])
  })

  test('a user who is deleted takes their notes along', async () => {
    const gil = await tokenOf('gil@acme.example')
    await request(gil.token, `insert into public.notes (body) values ('Soon gone.')`)
    const admin = createClient(server.url, server.serviceRoleKey, {
      auth: { persistSession: false, autoRefreshToken: false },
    })
    expect((await admin.auth.admin.deleteUser(gil.id)).error).toBeNull()
    const { rows } = await database.query('select 1 from public.notes where owner_id = $1', [
      gil.id,
    ])
    expect(rows).toEqual([])
  })
})
