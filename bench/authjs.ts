import { randomBytes, randomUUID } from 'node:crypto'
import { cpus } from 'node:os'
import pg from 'pg'
import { type SekishoAdapter, sekishoAdapter } from '../authjs/index.ts'
import { migrate } from '../src/db/migrate.ts'
import { openDatabase } from '../src/db/open.ts'
import { onServer, withName } from '../test/setup/names.ts'
import { startPostgres } from '../test/setup/postgres-server.ts'
import { compare, type Pace, printTable } from './measure.ts'
import { peer } from './peers.ts'

/** The part of the contract that is measured; the peer's other methods are not called. */
type Adapter = Pick<
  SekishoAdapter,
  | 'createUser'
  | 'getUserByEmail'
  | 'getUserByAccount'
  | 'linkAccount'
  | 'createSession'
  | 'getSessionAndUser'
  | 'createVerificationToken'
  | 'useVerificationToken'
>

interface Competitor {
  name: string
  adapter: Adapter
  /** Session tokens that are open. */
  tokens: string[]
  close(): Promise<void>
}

const users = 5000
const pace: Pace = { atOnce: 8, seconds: 1.5, repeats: 5 }
const poolSize = 10

/** Our adapter against @auth/pg-adapter, each on its own database of one Postgres. */
export async function bench(): Promise<void> {
  const given = process.env.BENCH_POSTGRES
  const server = given ? { url: given, stop: async () => {} } : await startPostgres('durable')
  const names = ['ours', 'peer'].map((part) => `sekisho_bench_${part}_${process.pid}`)
  try {
    for (const name of names) await onServer(server.url, `create database ${name}`)
    const [ourUrl = '', peerUrl = ''] = names.map((name) => withName(server.url, name))
    const competitors = [await openOurs(ourUrl), await openPeer(peerUrl)]
    for (const one of competitors) await fill(one)
    for (const url of [ourUrl, peerUrl]) await onServer(url, 'analyze')
    const processor = cpus()[0]?.model ?? 'an unknown processor'
    console.log(`Node ${process.version}, ${cpus().length} × ${processor}, Postgres beside it.`)
    console.log(
      `${users} users; ${pace.atOnce} at a time; medians of ${pace.repeats} × ${pace.seconds} s, in turns.\n`,
    )
    printTable(await measureAll(competitors))
    for (const one of competitors) await one.close()
  } finally {
    for (const name of names) {
      await onServer(server.url, `drop database if exists ${name} with (force)`)
    }
    await server.stop()
  }
}

async function measureAll(competitors: Competitor[]): Promise<string[][]> {
  const rows = [['', ...competitors.flatMap(({ name }) => [`${name} /s`, 'ms']), 'ratio']]
  for (const [title, once] of Object.entries(stories)) {
    const ways = competitors.map((one) => ({ name: one.name, once: () => once(one) }))
    const figures = [...(await compare(ways, pace)).values()]
    const [ours, peers] = figures
    rows.push([
      title,
      ...figures.flatMap(({ perSecond, medianMs }) => [perSecond.toFixed(0), medianMs.toFixed(2)]),
      ((ours?.perSecond ?? 0) / (peers?.perSecond ?? 1)).toFixed(2),
    ])
  }
  return rows
}

/** The calls that @auth/core makes, in its order (reference: § 1.3 of the contract's notes). */
const stories: Record<string, (one: Competitor) => Promise<void>> = {
  async 'session read'({ adapter, tokens }) {
    const token = tokens[Math.floor(Math.random() * tokens.length)] ?? ''
    const found = await adapter.getSessionAndUser(token)
    if (found?.session.sessionToken !== token) throw new Error('The session was not found.')
  },

  async 'OAuth first sign-in'({ adapter }) {
    const email = `${randomUUID()}@example.com`
    const key = { provider: 'club', providerAccountId: randomUUID() }
    await adapter.getUserByAccount(key)
    await adapter.getUserByAccount(key)
    await adapter.getUserByEmail(email)
    const user = await adapter.createUser({
      id: randomUUID(),
      name: 'Ann Example',
      email,
      image: 'https://example.com/ann.png',
      emailVerified: null,
    })
    await adapter.linkAccount({ ...key, ...tokensOfProvider(), type: 'oidc', userId: user.id })
    await beginSession(adapter, user.id)
  },

  async 'magic link, new user'({ adapter }) {
    const identifier = `${randomUUID()}@example.com`
    const token = randomBytes(32).toString('hex')
    await adapter.getUserByEmail(identifier)
    await adapter.createVerificationToken({ identifier, token, expires: nextMonth() })
    const used = await adapter.useVerificationToken({ identifier, token })
    if (used === null) throw new Error('The link was not found.')
    await adapter.getUserByEmail(identifier)
    await adapter.getUserByEmail(identifier)
    const user = await adapter.createUser({
      id: randomUUID(),
      email: identifier,
      emailVerified: new Date(),
    })
    await beginSession(adapter, user.id)
  },
}

async function beginSession(adapter: Adapter, userId: string): Promise<string> {
  const sessionToken = randomUUID()
  await adapter.createSession({ sessionToken, userId, expires: nextMonth() })
  return sessionToken
}

function nextMonth(): Date {
  return new Date(Date.now() + 30 * 24 * 60 * 60 * 1000)
}

function tokensOfProvider() {
  const text = (length: number) => randomBytes(length).toString('base64url')
  return {
    access_token: text(600),
    id_token: `${text(30)}.${text(600)}.${text(256)}`,
    refresh_token: text(48),
    expires_at: 1_900_000_000,
    scope: 'openid profile email',
    token_type: 'bearer' as const,
  }
}

async function fill({ adapter, tokens }: Competitor): Promise<void> {
  for (let from = 0; from < users; from += 50) {
    const some = Array.from({ length: 50 }, async (_, index) => {
      const user = await adapter.createUser({
        id: randomUUID(),
        name: 'Ann Example',
        email: `user-${from + index}@example.com`,
        emailVerified: new Date(),
      })
      return beginSession(adapter, user.id)
    })
    tokens.push(...(await Promise.all(some)))
  }
}

async function openOurs(url: string): Promise<Competitor> {
  const database = await openDatabase({ url, poolSize })
  await migrate(database)
  const adapter = sekishoAdapter({ database, secret: 'the secret of a benchmark, long enough' })
  return { name: 'ours', adapter, tokens: [], close: () => database.close() }
}

/** Its documentation has the tables without an index but the primary keys; here it gets those that its queries ask for. */
async function openPeer(url: string): Promise<Competitor> {
  const { default: PostgresAdapter } = await peer('@auth/pg-adapter/index.js')
  const pool = new pg.Pool({ connectionString: url, max: poolSize })
  // Connections are cut when the database is dropped.
  pool.on('error', () => {})
  await pool.query(`
    create table users (id serial primary key, name text, email text unique, "emailVerified" timestamptz, image text);
    create table accounts (id serial primary key, "userId" integer not null references users (id) on delete cascade,
      type text not null, provider text not null, "providerAccountId" text not null, refresh_token text, access_token text,
      expires_at bigint, id_token text, scope text, session_state text, token_type text,
      unique (provider, "providerAccountId"));
    create table sessions (id serial primary key, "userId" integer not null references users (id) on delete cascade,
      expires timestamptz not null, "sessionToken" text not null unique);
    create table verification_token (identifier text not null, token text not null, expires timestamptz not null,
      primary key (identifier, token))`)
  return { name: 'pg-adapter', adapter: PostgresAdapter(pool), tokens: [], close: () => pool.end() }
}
