import { sql } from 'kysely'
import { afterAll, beforeAll, beforeEach, describe, expect, test } from 'vitest'
import { createCache } from '../../src/base/cache.ts'
import type { Log } from '../../src/base/log.ts'
import { isUnavailable } from '../../src/base/sql-error.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/open.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { openRelay, type Relay } from '../setup/relay.ts'
import { type World, world } from '../world.ts'
import { freshEmail } from './authjs-world.ts'
import { gotrueIn } from './gotrue-world.ts'
import { basic } from './oidc-client.ts'

let relay: Relay
let database: OpenDatabase
let scene: World
let app: ReturnType<typeof createApp>
let bearer: string
let machineToken: string
const logged: Record<string, unknown>[] = []

const form = { 'content-type': 'application/x-www-form-urlencoded' }
const json = { 'content-type': 'application/json' }
const machine = basic('machine', 'the-secret-of-the-machine')
const credentials = JSON.stringify({ email: 'ann@example.com', password: 'correct horse battery' })

interface Door {
  door: string
  path: string
  init?: RequestInit | (() => RequestInit)
  body: unknown
}

const away = 'The service cannot answer right now. Try again in a moment.'
const gotrueBody = {
  code: 503,
  error_code: 'unexpected_failure',
  msg: 'The service is not available',
  error_id: expect.any(String),
}
const oauthBody = {
  error: 'temporarily_unavailable',
  error_description: away,
  code: 'oidc.temporarily_unavailable',
  message: away,
}
const adapterBody = { code: 'unavailable', message: away }
const english = expect.stringContaining('Sign-in cannot answer right now. Try again in a moment.')
const japanese = expect.stringContaining('ただいまサインインをご利用いただけません。')
const post = (headers: Record<string, string>, body: string): RequestInit => ({
  method: 'POST',
  headers,
  body,
})

const doors: Door[] = [
  {
    door: "GoTrue's sign-in",
    path: '/auth/v1/token?grant_type=password',
    init: post(json, credentials),
    body: gotrueBody,
  },
  {
    door: "GoTrue's sign-up",
    path: '/auth/v1/signup',
    init: post(json, credentials.replace('ann', 'bob')),
    body: gotrueBody,
  },
  {
    door: "GoTrue's user",
    path: '/auth/v1/user',
    init: () => ({ headers: { authorization: `Bearer ${bearer}` } }),
    body: gotrueBody,
  },
  {
    door: "GoTrue's newer format",
    path: '/auth/v1/otp',
    init: post({ ...json, 'x-supabase-api-version': '2024-01-01' }, '{"email":"ann@example.com"}'),
    body: { code: 'unexpected_failure', message: 'The service is not available' },
  },
  {
    door: 'the token endpoint',
    path: '/oidc/token',
    init: post({ ...form, ...machine }, 'grant_type=client_credentials'),
    body: oauthBody,
  },
  {
    door: 'an authorization asked for by a program',
    path: '/oidc/auth?client_id=machine&response_type=code',
    body: oauthBody,
  },
  {
    door: 'an authorization asked for by a browser',
    path: '/oidc/auth?client_id=machine&response_type=code',
    init: { headers: { accept: 'text/html', 'accept-language': 'ja' } },
    body: japanese,
  },
  { door: 'a page', path: '/sign-in', body: english },
  {
    door: 'a page in Japanese',
    path: '/sign-in',
    init: { headers: { 'accept-language': 'ja' } },
    body: japanese,
  },
  {
    door: 'a form',
    path: '/sign-in',
    // Somebody new each time: nobody is sent one mail after the other.
    init: () => post({ ...form, origin: 'http://localhost:3001' }, `identifier=${freshEmail()}`),
    body: english,
  },
  {
    door: "a passkey's script",
    path: '/sign-in/passkey/options',
    init: post({ ...form, origin: 'http://localhost:3001' }, ''),
    body: { code: 'unavailable' },
  },
  {
    door: 'the adapter',
    path: '/api/authjs/getUser',
    init: post({ ...json, ...machine }, '{"id":"x"}'),
    body: adapterBody,
  },
  {
    door: 'subject tokens',
    path: '/api/subject-tokens',
    init: () => post({ ...json, authorization: `Bearer ${machineToken}` }, '{"userId":"x"}'),
    body: oauthBody,
  },
]

beforeAll(async () => {
  scene = await world()
  relay = await openRelay(scene.database.url ?? '')
  database = await openDatabase({
    ...{ url: relay.url, poolSize: 2 },
    ...{ acquireTimeout: 1000, statementTimeout: 1500, lockTimeout: 300 },
  })
  const gotrue = await gotrueIn(scene)
  await gotrue.createAccount()
  bearer = (await gotrue.signIn()).access_token
  await createApplication(scene.ctx, {
    ...{ id: 'machine', secret: 'the-secret-of-the-machine', name: 'M', type: 'MachineToMachine' },
    oidcClientMetadata: { redirectUris: [] },
  })
  const answer = await createApp(scene.ctx).request(
    '/oidc/token',
    post({ ...form, ...machine }, 'grant_type=client_credentials'),
  )
  machineToken = ((await answer.json()) as { access_token: string }).access_token
})
afterAll(async () => {
  await relay?.mend()
  await database?.close()
  await relay?.close()
})
beforeEach(async () => {
  await relay.mend()
  logged.length = 0
  // Nothing is remembered, so that every door has to ask.
  app = createApp({ ...scene.ctx, db: database.db, cache: createCache(), log: remembering() })
})

function remembering(): Log {
  const note = (fields: unknown, text?: string) => {
    logged.push(typeof fields === 'object' ? { ...fields, text } : { text: fields })
  }
  const quiet = () => {}
  return {
    ...scene.ctx.log,
    debug: quiet,
    info: quiet,
    warn: note,
    error: note,
    child: remembering,
  } as Log
}

/** What nobody outside may read: the database's words, its address, and ours for its errors. */
const inside = /database|postgres|sqlstate|ECONN|127\.0\.0\.1|relation|deadlock|lock/i

async function expectAway(door: Door) {
  const { body } = door
  const answer = await ask(door)
  const text = await answer.text()
  expect(answer.status, text).toBe(503)
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0)
  const isJson = answer.headers.get('content-type')?.startsWith('application/json')
  expect(isJson ? JSON.parse(text) : text).toEqual(body)
  expect(text.replace(/<style>.*?<\/style>/s, '')).not.toMatch(inside)
  const errors = logged.flatMap(({ err }) => (err instanceof Error ? [err] : []))
  expect(errors.map((error) => isUnavailable(error.cause ?? error))).toEqual([true])
}

/** Connections that are open already are the ones that break, but not those of the trouble before. */
async function connected(): Promise<void> {
  await expect
    .poll(() =>
      sql`select 1`.execute(database.db).then(
        () => true,
        () => false,
      ),
    )
    .toBe(true)
}

/** The world itself has a line of its own to the database. */
async function counted(): Promise<number[]> {
  const { rows } = await sql<{ counts: number[] }>`
    select array[(select count(*) from auth.users), (select count(*) from auth.sessions),
      (select count(*) from auth.refresh_tokens), (select count(*) from idp.grants),
      (select count(*) from idp.events), (select count(*) from auth.audit_log_entries)] as counts`.execute(
    scene.database.db,
  )
  return rows[0]?.counts ?? []
}

describe.each([
  ['is not there', () => relay.refuse()],
  ['goes down', () => relay.greet('57P01')],
  ['starts', () => relay.greet('57P03')],
  ['has no connection left', () => relay.greet('53300')],
])('a database that %s', (_, trouble) => {
  test.each(doors)('is said by $door', async (door) => {
    await connected()
    const before = await counted()
    await trouble()
    await expectAway(door)
    expect(await counted()).toEqual(before)
  })
})

const writing = doors.filter(({ door }) => /sign-in|sign-up|token endpoint|a form/.test(door))

describe.each([
  ['is full', '53100'],
  ['found two that wait for each other', '40P01'],
  ['cannot put two in a row', '40001'],
  ['is told to give up', '57014'],
  ['may only read', '25006'],
  ['cannot read its disk', '58030'],
])('a database that %s in the midst of writing (%s)', (_, state) => {
  test.each(writing)('is said by $door', async (door) => {
    const before = await counted()
    await failingWith(state, async () => {
      await expectAway(door)
      expect(await counted()).toEqual(before)
    })
    // Nobody was left with a connection that cannot be used.
    expect((await ask(door)).status).toBeLessThan(500)
  })
})

test('who waits for a locked row is turned away, and others are not held up', async () => {
  await scene.database.db.transaction().execute(async (db) => {
    await sql`lock table idp.events in access exclusive mode`.execute(db)
    for (const door of writing) {
      logged.length = 0
      await expectAway(door)
    }
    expect((await app.request('/auth/v1/user', bearing())).status).toBe(200)
  })
})

test('a statement that takes too long is given up', async () => {
  await failingWith('sleep', async () => {
    for (const door of writing.slice(0, 1)) await expectAway(door)
  })
})

test('a line that fell silent ends with the deadline, and is not used again', async () => {
  await sql`select 1`.execute(database.db)
  relay.silence()
  for (const door of doors.slice(0, 2)) {
    logged.length = 0
    await expectAway(door)
  }
  await relay.mend()
  expect((await app.request('/auth/v1/user', bearing())).status).toBe(200)
})

test('a commit whose answer is lost is not made twice: whoever asks again finds what it did', async () => {
  const body = (email: string) => JSON.stringify({ email, password: 'correct horse battery' })
  relay.loseNextCommit()
  const lost = await app.request('/auth/v1/signup', post(json, body('eve@example.com')))
  expect(lost.status).toBe(503)
  const { rows } = await sql<{ id: string }>`
    select id from auth.users where email = 'eve@example.com'`.execute(scene.database.db)
  expect(rows).toHaveLength(1)
  const again = await app.request('/auth/v1/signup', post(json, body('eve@example.com')))
  expect(again.status).toBeLessThan(500)
})

test('after all connections were cut, no more requests fail than there were connections', async () => {
  await Promise.all([sql`select 1`, sql`select 2`].map((one) => one.execute(database.db)))
  relay.cut()
  const answers: number[] = []
  for (const _ of ['one', 'two', 'three']) {
    answers.push((await app.request('/auth/v1/user', bearing())).status)
  }
  expect([200, 503]).toContain(answers[0])
  expect(answers.at(-1)).toBe(200)
})

test('a database that was made to only read is written to again as soon as it may be', async () => {
  const name = new URL(scene.database.url ?? '').pathname.slice(1)
  const set = (value: string) =>
    scene.database.execute(`alter database "${name}" set default_transaction_read_only = ${value}`)
  const [signIn] = writing
  if (signIn === undefined) throw new Error('There is no door')
  await set('on')
  relay.cut()
  await sql`select 1`.execute(database.db).catch(() => {})
  try {
    await expectAway(signIn)
    expect((await app.request('/auth/v1/user', bearing())).status).toBe(200)
  } finally {
    await set('off')
  }
  // The connections that were refused are gone, and with them what they were told at their beginning.
  relay.cut()
  await expect.poll(async () => (await ask(signIn)).status).toBe(200)
})

test('when too many wait for a connection, the rest is refused at once', async () => {
  await scene.database.db.transaction().execute(async (db) => {
    await sql`lock table auth.users in access exclusive mode`.execute(db)
    const all = Array.from({ length: 260 }, () => app.request('/auth/v1/user', bearing()))
    const answers = await Promise.all(all)
    expect(answers.map(({ status }) => status).filter((status) => status !== 503)).toEqual([])
    const causes = logged.flatMap(({ err }) => (err instanceof Error ? [err.message] : []))
    expect(causes.some((text) => text.includes('Too many wait'))).toBe(true)
  })
  expect((await app.request('/auth/v1/user', bearing())).status).toBe(200)
})

function bearing(): RequestInit {
  return { headers: { authorization: `Bearer ${bearer}` } }
}

function ask({ path, init = {} }: Door) {
  return app.request(path, typeof init === 'function' ? init() : init)
}

/** While it lasts, every event that is written fails so, as whatever is written comes with one. */
async function failingWith(state: string, work: () => Promise<void>): Promise<void> {
  const deed =
    state === 'sleep'
      ? 'perform pg_sleep(20)'
      : `raise exception 'the database''s own words' using errcode = '${state}'`
  await scene.database.execute(`
    create function public.fail() returns trigger language plpgsql as $$ begin ${deed}; return null; end $$;
    create trigger fail before insert on idp.events execute function public.fail()`)
  try {
    await work()
  } finally {
    await scene.database.execute('drop function public.fail() cascade')
  }
}
