import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { adapterApplication, clubSecret } from './club.ts'
import { builtShop, startExample } from './example.ts'
import { query } from './ledger.ts'
import { machineHas, top } from './machine.ts'
import { signInWithPassword } from './pages.ts'
import { type Running, run } from './process.ts'
import { variablesOf } from './server.ts'
import { application, freshEmail, type Stage, setStage } from './stage.ts'
import { type Visitor, visitor } from './visitor.ts'

const password = 'correct horse battery'

describe.runIf(machineHas('Go'))('one user, three doors', () => {
  let stage: Stage
  let shop: Running
  let club: Running
  let shopUrl: string
  let clubUrl: string

  beforeAll(async () => {
    const [shopPort, clubPort] = [await freePort(), await freePort()]
    shopUrl = `http://localhost:${shopPort}`
    clubUrl = `http://localhost:${clubPort}`
    const bookstore = application('bookstore', shopUrl, '/callback')
    const clubApp = adapterApplication('club', clubUrl)
    stage = await setStage(databaseKind(), { apply: { applications: [bookstore, clubApp] } })
    const { url } = stage.server
    shop = await run(await builtShop(), [], {
      cwd: top,
      env: {
        ENDPOINT: url,
        APP_ID: bookstore.id,
        APP_SECRET: bookstore.secret,
        PORT: String(shopPort),
        GIN_MODE: 'release',
      },
    })
    // On Postgres it asks the server's database itself, on the embedded one the server.
    club = await startExample('authjs-express', {
      ...clubSecret,
      ...(stage.place.databaseUrl === null ? {} : variablesOf(stage.place)),
      PORT: String(clubPort),
      ENDPOINT: url,
      APP_ID: clubApp.id,
      APP_SECRET: clubApp.secret,
    })
  }, 300_000)
  afterAll(async () => {
    await club?.stop()
    await shop?.kill()
    await stage?.clear()
  })

  const open = () =>
    createClient(stage.server.url, stage.server.anonKey, {
      auth: { persistSession: false, autoRefreshToken: false },
    })

  async function signUp(): Promise<{ id: string; email: string; supabase: SupabaseClient }> {
    const email = freshEmail()
    const supabase = open()
    const { data, error } = await supabase.auth.signUp({ email, password })
    expect(error).toBeNull()
    await fetch((await stage.post.next(email)).link, { redirect: 'manual' })
    expect((await supabase.auth.signInWithPassword({ email, password })).error).toBeNull()
    return { id: data.user?.id ?? '', email, supabase }
  }

  /** Through the hosted page for the shop; the club then needs no password any more. */
  async function enterAll(guest: Visitor, email: string) {
    await signInWithPassword(guest, await guest.open(`${shopUrl}/sign-in`), { email, password })
    const doors = await guest.open(
      `${clubUrl}/auth/signin?callbackUrl=${encodeURIComponent(clubUrl)}`,
    )
    await guest.submit(doors, {}, '/auth/signin/sekisho')
  }

  async function whoIsThere(guest: Visitor, supabase: SupabaseClient) {
    const atShop = await guest.open(`${shopUrl}/user-info?renew=1`)
    const atClub = JSON.parse((await guest.open(clubUrl)).body)
    const atSupabase = await supabase.auth.refreshSession()
    const atPages = await guest.open(`${shopUrl}/sign-in`)
    return {
      shop: JSON.parse(atShop.body).sub ?? null,
      club: atClub?.id ?? null,
      supabase: atSupabase.data.user?.id ?? null,
      pages: atPages.url === `${shopUrl}/` ? 'known' : new URL(atPages.url).pathname,
    }
  }

  test('who signed up through supabase-js is the same user for the shop and in Auth.js', async () => {
    const { id, email, supabase } = await signUp()
    const guest = visitor()
    await enterAll(guest, email)
    expect(await whoIsThere(guest, supabase)).toEqual({
      shop: id,
      club: id,
      supabase: id,
      pages: 'known',
    })
  }, 90_000)

  test('a global sign-out ends every session of every kind (D5)', async () => {
    const { email, supabase } = await signUp()
    const guest = visitor()
    await enterAll(guest, email)
    const elsewhere = open()
    await elsewhere.auth.signInWithPassword({ email, password })
    expect((await elsewhere.auth.signOut({ scope: 'global' })).error).toBeNull()
    expect(await whoIsThere(guest, supabase)).toEqual({
      shop: null,
      club: null,
      supabase: null,
      pages: '/sign-in',
    })
  }, 90_000)

  test('a user who is deleted is gone behind all three doors (D12)', async () => {
    const { id, email, supabase } = await signUp()
    const guest = visitor()
    await enterAll(guest, email)
    const admin = createClient(stage.server.url, stage.server.serviceRoleKey, {
      auth: { persistSession: false, autoRefreshToken: false },
    })
    expect((await admin.auth.admin.deleteUser(id)).error).toBeNull()
    expect(await whoIsThere(guest, supabase)).toEqual({
      shop: null,
      club: null,
      supabase: null,
      pages: '/sign-in',
    })
    const left = await query(
      stage.place,
      `select 'users' from auth.users where id = $1
       union all select 'identities' from auth.identities where user_id = $1
       union all select 'sessions' from auth.sessions where user_id = $1
       union all select 'profiles' from idp.profiles where user_id = $1
       union all select 'grants' from idp.grants where user_id = $1`,
      [id],
    )
    expect(left ?? []).toEqual([])
  }, 90_000)
})
