import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createClient } from '@supabase/supabase-js'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { migrate } from '../../src/db/migrate.ts'
import { openDatabase } from '../../src/db/open.ts'
import { readAll } from '../../src/db/transfer.ts'
import { writeAll } from '../../src/db/transfer-in.ts'
import { withBareDatabases } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { folder, jsonLines, sekisho, serve } from './cli-runner.ts'

const bare = withBareDatabases()

setFlagsFromString('--expose-gc')
const collect: () => void = runInNewContext('gc')

/** What is in use, without what only waits to be collected. */
function memory(): number {
  collect()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}

const client = (url: unknown, key: unknown) =>
  createClient(String(url), String(key), {
    auth: { persistSession: false, autoRefreshToken: false },
  }).auth

test('who is signed in stays signed in when the embedded database becomes a Postgres', async () => {
  const cwd = folder()
  const port = String(await freePort())
  const env = { GOTRUE_MAILER_AUTOCONFIRM: 'true' }
  const embedded = await serve(['dev', '--port', port, '--json'], { cwd, env })
  const auth = client(embedded.ready.url, embedded.ready.anonKey)
  const account = { email: 'ann@example.com', password: 'a long password' }
  const { data: before } = await auth.signUp(account)
  const session = before.session
  const target = await bare()
  await target.database.close()

  // The server goes on meanwhile.
  const copied = await sekisho(['db', 'copy', '--to', String(target.url), '--json'], { cwd })
  expect(copied).toMatchObject({ code: 0 })
  expect(jsonLines(copied)).toEqual([{ tables: expect.any(Number), rows: expect.any(Number) }])
  expect((await auth.signInWithPassword(account)).error).toBeNull()
  const twice = await sekisho(['db', 'copy', '--to', String(target.url)], { cwd })
  expect(twice.code).toBe(3)
  expect(twice.stderr).toContain('not empty')
  await embedded.stop()

  const secret = readFileSync(join(cwd, '.sekisho/secret'), 'utf8').trim()
  const server = await serve(['start', '--port', port, '--host', '127.0.0.1', '--json'], {
    cwd,
    env: {
      ...env,
      DATABASE_URL: String(target.url),
      SEKISHO_SECRET: secret,
      SEKISHO_PUBLIC_URL: `http://localhost:${port}`,
    },
  })
  const again = client(server.ready.url, embedded.ready.anonKey)
  const known = await again.getUser(session?.access_token)
  expect(known.data.user?.id).toBe(before.user?.id)
  const refreshed = await again.refreshSession({ refresh_token: session?.refresh_token ?? '' })
  expect(refreshed.error).toBeNull()
  expect(refreshed.data.user?.email).toBe(account.email)
  expect((await again.signInWithPassword(account)).error).toBeNull()
}, 120_000)

test('a hundred thousand users are copied in memory that does not grow with them', async () => {
  const { database: source } = await bare()
  await migrate(source)
  await sql`insert into auth.users (id, email, raw_user_meta_data)
    select gen_random_uuid(), 'user' || n || '@example.com', jsonb_build_object('about', repeat(md5(n::text), 20))
    from generate_series(1, 100000) n`.execute(source.db)
  const { database: target } = await bare()
  let most = 0
  let biggest = 0
  async function* watched() {
    let count = 0
    for await (const part of readAll(source.db)) {
      if (part.kind === 'rows') {
        count += 1
        biggest = Math.max(biggest, part.lines.length)
        if (count % 100 === 0) {
          most = Math.max(most, memory())
        }
      }
      yield part
    }
  }
  const before = memory()
  expect(await writeAll(target, watched())).toMatchObject({ rows: expect.any(Number) })
  // The rows have 90 MB of text.
  expect(biggest).toBeLessThanOrEqual(200)
  expect(most - before).toBeLessThan(30_000_000)
  const { rows } = await sql`select count(*) as count from auth.users`.execute(target.db)
  expect(rows).toEqual([{ count: 100_000 }])
}, 120_000)

test('triggers that somebody has put on our tables stay silent for what is copied, and stay', async () => {
  const { database: source } = await bare()
  await migrate(source)
  await sql`insert into auth.users (id) values (gen_random_uuid())`.execute(source.db)
  const { database: target } = await bare()
  await migrate(target)
  await target.execute(`
    create table public.told (id uuid);
    create function public.tell() returns trigger language plpgsql as
      'begin insert into public.told values (new.id); return new; end';
    create trigger on_auth_user_created after insert on auth.users for each row execute function public.tell()`)
  await writeAll(target, readAll(source.db))
  const told = sql`select from public.told`
  expect((await told.execute(target.db)).rows).toHaveLength(0)
  await sql`insert into auth.users (id) values (gen_random_uuid())`.execute(target.db)
  expect((await told.execute(target.db)).rows).toHaveLength(1)
})

test('a Postgres is backed up and restored by the same commands', async () => {
  const cwd = folder()
  const { database: source, url } = await bare()
  await migrate(source)
  await sql`insert into auth.users (id, email) values (gen_random_uuid(), 'ann@example.com')`.execute(
    source.db,
  )
  const made = await sekisho(['db', 'backup', 'all.sekisho'], {
    cwd,
    env: { DATABASE_URL: String(url) },
  })
  expect(made).toMatchObject({ code: 0, stdout: '' })
  expect(await sekisho(['db', 'backup', 'all.sekisho'], { cwd })).not.toMatchObject({ code: 0 })
  expect((await sekisho(['db', 'verify', 'all.sekisho'], { cwd })).code).toBe(0)
  const target = await bare()
  const env = { DATABASE_URL: String(target.url) }
  expect((await sekisho(['db', 'restore', 'all.sekisho'], { cwd, env })).code).toBe(0)
  const email = sql`select email from auth.users`
  expect((await email.execute(target.database.db)).rows).toEqual([{ email: 'ann@example.com' }])
  const again = await sekisho(['db', 'restore', 'all.sekisho'], { cwd, env })
  expect(again.code).toBe(3)
  expect(again.stderr).toContain('Nothing was written.')

  // And into an embedded one, that was not there.
  expect((await sekisho(['db', 'restore', 'all.sekisho'], { cwd })).code).toBe(0)
  const embedded = await openDatabase({ dataDir: join(cwd, '.sekisho') })
  onTestFinished(embedded.close)
  expect((await email.execute(embedded.db)).rows).toEqual([{ email: 'ann@example.com' }])
}, 60_000)
