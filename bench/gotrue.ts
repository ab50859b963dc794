import { createHash } from 'node:crypto'
import { cpus } from 'node:os'
import pg from 'pg'
import { readConfig } from '../src/base/config.ts'
import { createLog } from '../src/base/log.ts'
import { hashPassword, passwordMatches } from '../src/base/password.ts'
import { migrate } from '../src/db/migrate.ts'
import { openDatabase } from '../src/db/open.ts'
import { createApp, createContext } from '../src/main.ts'
import { onServer, withName } from '../test/setup/names.ts'
import { startPostgres } from '../test/setup/postgres-server.ts'
import { median, printTable } from './measure.ts'

const users = 400
const password = 'correct horse battery'
const atOnce = 8
const poolSize = 10
const repeats = 5
const code = '424242'
const nobody = { client: { ip: null, userAgent: null } }

/** What is asked, once for every user. Between the turns `begin` puts the rows back. */
interface Story {
  name: string
  limit: string
  requests: Ask[]
  begin(): Promise<void>
  /** What no server could be quicker than, for the same user. */
  least(index: number): Promise<void>
}

type Ask = () => Promise<Response>
type Statement = pg.QueryConfig
type Page = ReturnType<typeof createApp>

/** The hot endpoints of `/auth/v1`, each against a limit that is measured in the same run. */
export async function bench(): Promise<void> {
  const given = process.env.BENCH_POSTGRES
  const server = given ? { url: given, stop: async () => {} } : await startPostgres('durable')
  const name = `sekisho_bench_gotrue_${process.pid}`
  await onServer(server.url, `create database ${name}`)
  try {
    await measureOn(withName(server.url, name))
  } finally {
    await onServer(server.url, `drop database if exists ${name} with (force)`)
    await server.stop()
  }
}

async function measureOn(url: string): Promise<void> {
  const database = await openDatabase({ url, poolSize })
  const pool = new pg.Pool({ connectionString: url, max: poolSize })
  await migrate(database)
  const config = readConfig({
    mode: 'dev',
    environment: { SEKISHO_PUBLIC_URL: 'http://localhost:3001', DATABASE_URL: url },
    storedSecret: 'the secret of a benchmark, 32+ characters',
  })
  const app = createApp(createContext({ config, database, log: createLog('silent') }))
  const processor = cpus()[0]?.model ?? 'an unknown processor'
  console.log(`Node ${process.version}, ${cpus().length} × ${processor}, Postgres beside it.`)
  console.log(`${users} users; ${atOnce} at a time; medians of ${repeats} turns.\n`)
  const table = [['', 'ours /s', 'ms', 'limit /s', 'ms', 'ratio', 'limit']]
  for (const story of await stories(app, pool)) table.push(await measure(story))
  printTable(table)
  await pool.end()
  await database.close()
}

async function measure(story: Story): Promise<string[]> {
  const ours: Turn[] = []
  const limits: Turn[] = []
  for (let repeat = 0; repeat < repeats; repeat += 1) {
    await story.begin()
    const asked = story.requests.map((ask) => async () => {
      const answer = await ask()
      if (answer.status !== 200) throw new Error(`${story.name}: ${await answer.text()}`)
      await answer.text()
    })
    ours.push(await turn(asked))
    await story.begin()
    limits.push(await turn(story.requests.map((_, index) => () => story.least(index))))
  }
  const figures = [ours, limits].map((turns) => ({
    perSecond: median(turns.map(({ perSecond }) => perSecond)),
    medianMs: median(turns.map(({ medianMs }) => medianMs)),
  }))
  const ratio = (figures[0]?.perSecond ?? 0) / (figures[1]?.perSecond ?? 1)
  return [
    story.name,
    ...figures.flatMap(({ perSecond, medianMs }) => [perSecond.toFixed(0), medianMs.toFixed(2)]),
    ratio.toFixed(2),
    story.limit,
  ]
}

interface Turn {
  perSecond: number
  medianMs: number
}

/** Everything once, so many at a time. */
async function turn(works: readonly (() => Promise<void>)[]): Promise<Turn> {
  const times: number[] = []
  const began = performance.now()
  let next = 0
  async function work() {
    for (let one = works[next++]; one !== undefined; one = works[next++]) {
      const start = performance.now()
      await one()
      times.push(performance.now() - start)
    }
  }
  await Promise.all(Array.from({ length: atOnce }, work))
  return {
    perSecond: works.length / ((performance.now() - began) / 1000),
    medianMs: median(times),
  }
}

async function stories(app: Page, pool: pg.Pool): Promise<Story[]> {
  const emails = Array.from({ length: users }, (_, index) => `user${index}@example.com`)
  const hash = await hashPassword(nobody, password)
  await fill(pool, emails, hash)
  const ask =
    (path: string, init: RequestInit): Ask =>
    async () =>
      app.request(`/auth/v1${path}`, init)
  const post = (path: string, body: unknown): Ask =>
    ask(path, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify(body),
    })
  const signIns = emails.map((email) => post('/token?grant_type=password', { email, password }))
  const sessions: { access_token: string; refresh_token: string }[] = []
  for (const signIn of signIns) sessions.push(await (await signIn()).json())

  const nothing = async () => {}
  const readings = sessions.map(({ access_token }) =>
    ask('/user', { headers: { authorization: `Bearer ${access_token}` } }),
  )
  const refreshes = sessions.map(({ refresh_token }) =>
    post('/token?grant_type=refresh_token', { refresh_token }),
  )
  const proofs = emails.map((email) => post('/verify', { type: 'email', email, token: code }))
  const again = async () => {
    await pool.query('update auth.sessions set refresh_token_counter = 0')
    await pool.query('truncate auth.audit_log_entries, idp.events')
  }
  const waiting = async () => {
    await pool.query('truncate auth.audit_log_entries, idp.events, idp.limits')
    await pool.query('delete from auth.sessions where created_at > $1', [began])
    await pool.query(awaitCodes, [emails, emails.map(hashOf)])
  }
  const began = new Date()
  return [
    {
      name: 'password',
      limit: 'the bare hash',
      requests: signIns,
      begin: nothing,
      async least() {
        if (!(await passwordMatches(nobody, password, hash)))
          throw new Error('The hash does not match.')
      },
    },
    { name: 'user', ...(await replayed(pool, readings, nothing)) },
    { name: 'refresh', ...(await replayed(pool, refreshes, again)) },
    { name: 'otp-verify', ...(await replayed(pool, proofs, waiting)) },
  ]
}

/** The limit of what the database does: the very statements of each request, sent by the driver alone. */
async function replayed(
  pool: pg.Pool,
  requests: Ask[],
  begin: () => Promise<void>,
): Promise<Omit<Story, 'name'>> {
  const recorded: Statement[][] = []
  await begin()
  for (const ask of requests) recorded.push(await recording(ask))
  return {
    limit: 'the same statements by the driver alone',
    requests,
    begin,
    async least(index) {
      const client = await pool.connect()
      try {
        for (const statement of recorded[index] ?? []) await client.query(statement)
      } finally {
        client.release()
      }
    },
  }
}

/** What one request says to the database. */
async function recording(ask: Ask): Promise<Statement[]> {
  const statements: Statement[] = []
  const { query } = pg.Client.prototype
  // biome-ignore lint/suspicious/noExplicitAny: the driver's method has a dozen signatures.
  pg.Client.prototype.query = function (this: pg.Client, first: any, ...rest: any[]): any {
    if (typeof (first?.text ?? first) === 'string') {
      const { text = first, values = rest[0], name } = first
      statements.push({ text, values, ...(name === undefined ? {} : { name }) })
    }
    return Reflect.apply(query, this, [first, ...rest])
  }
  try {
    const answer = await ask()
    if (answer.status !== 200) throw new Error(await answer.text())
    await answer.text()
  } finally {
    pg.Client.prototype.query = query
  }
  return statements
}

function hashOf(email: string): string {
  return createHash('sha224').update(`${email}${code}`).digest('hex')
}

const awaitCodes = `
  with codes as (select * from unnest($1::text[], $2::text[]) as c(email, hash)), asked as (
    update auth.users u set recovery_token = hash, recovery_sent_at = now() from codes c where u.email = c.email
    returning u.id, u.email, hash)
  insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
  select gen_random_uuid(), id, 'recovery_token', hash, email from asked
  on conflict (user_id, token_type) do update set token_hash = excluded.token_hash`

async function fill(pool: pg.Pool, emails: string[], hash: string): Promise<void> {
  await pool.query(
    `with made as (
      insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
        confirmation_token, recovery_token, email_change_token_new, email_change, raw_app_meta_data, raw_user_meta_data,
        created_at, updated_at)
      select '00000000-0000-0000-0000-000000000000', gen_random_uuid(), 'authenticated', 'authenticated', email, $2, now(),
        '', '', '', '', '{"provider":"email","providers":["email"]}', '{}', now(), now()
      from unnest($1::text[]) as email returning id, email)
    insert into auth.identities (provider_id, user_id, identity_data, provider, last_sign_in_at, created_at, updated_at)
    select id, id, jsonb_build_object('sub', id, 'email', email), 'email', now(), now(), now() from made`,
    [emails, hash],
  )
  await pool.query('analyze')
}
