import { createServer } from 'node:net'
import { sql } from 'kysely'
import { expect, onTestFinished, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { examineAll } from '../../src/cli/doctor.ts'
import type { Patient, Reached } from '../../src/cli/doctor-check.ts'
import { openDatabase } from '../../src/db/open.ts'
import { type Survey, surveyDatabase } from '../../src/db/survey.ts'
import { createDatabase, withBareDatabases } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { listenOnLoopback } from '../setup/listen.ts'
import { type Ended, folder, jsonLines, sekisho, serve } from './cli-runner.ts'

const slow = 60_000
const secret = 'pB7vZ0m3Qe9Lr5Ty1Xw8Kc2Nd6Hs4Gf0JuA'
const bare = withBareDatabases()

const levels = (ended: Ended) =>
  Object.fromEntries(jsonLines(ended).map(({ check, level }) => [check, level]))
const said = (ended: Ended, name: string) =>
  jsonLines(ended).find(({ check }) => check === name)?.says

async function listener(): Promise<number> {
  const server = createServer((socket) => socket.end())
  const port = await listenOnLoopback(server)
  onTestFinished(() => {
    server.close()
  })
  return port
}

test(
  'a set-up that is well has nothing but good to hear, and no secret is told',
  async () => {
    const { url, drop } = await createDatabase()
    onTestFinished(drop)
    const cwd = folder()
    const port = String(await freePort())
    const env = {
      DATABASE_URL: url,
      SEKISHO_SECRET: secret,
      SEKISHO_PUBLIC_URL: `http://localhost:${port}`,
      GOTRUE_SMTP_HOST: '127.0.0.1',
      GOTRUE_SMTP_PORT: String(await listener()),
      GOTRUE_SMTP_PASS: 'a password of SMTP',
      GOTRUE_DB_MAX_POOL_SIZE: '2',
    }
    await serve(['start', '--json', '--port', port, '--host', '127.0.0.1'], { cwd, env })
    const ended = await sekisho(['doctor', '--json'], { cwd, env })
    const { hashing, ...rest } = levels(ended)
    expect(hashing).toMatch(/ok|warning/)
    expect(rest).toEqual(
      Object.fromEntries(
        `node configuration variables secret public-url reachable mail database postgres-version rights schema clock
         connections supabase-roles keys`
          .split(/\s+/)
          .map((name) => [name, 'ok']),
      ),
    )
    expect(ended.code).toBe(0)
    const forPeople = await sekisho(['doctor'], { cwd, env })
    expect(forPeople.stdout).toContain('ok       database')
    const all = ended.stdout + ended.stderr + forPeople.stdout + forPeople.stderr
    for (const hidden of [secret, 'a password of SMTP', url]) expect(all).not.toContain(hidden)
  },
  slow,
)

test(
  'what is missing or wrong is said, each with what to do, and the exit code is 1',
  async () => {
    const { url, drop } = await createDatabase()
    onTestFinished(drop)
    const cwd = folder()
    const closed = String(await freePort())
    const env = {
      DATABASE_URL: url,
      SEKISHO_PUBLIC_URL: `http://id.example.invalid:${closed}`,
      SEKISHO_SECRET: 'please-change-this-secret-in-production',
      GOTRUE_MAILER_AUTOCONFRIM: 'true',
      GOTRUE_SMTP_HOST: '127.0.0.1',
      GOTRUE_SMTP_PORT: closed,
    }
    const ended = await sekisho(['doctor', '--json'], { cwd, env })
    expect(ended.code).toBe(1)
    expect(levels(ended)).toMatchObject({
      variables: 'warning',
      secret: 'warning',
      'public-url': 'problem',
      reachable: 'warning',
      mail: 'problem',
      database: 'ok',
    })
    expect(said(ended, 'variables')).toContain('GOTRUE_MAILER_AUTOCONFRIM')
    for (const { level, todo } of jsonLines(ended)) {
      if (level !== 'ok') expect(todo).toMatch(/\w/)
    }
    expect(ended.stdout).not.toContain('please-change')

    const incomplete = await sekisho(['doctor', '--json'], { cwd, env: { DATABASE_URL: url } })
    expect(incomplete.code).toBe(1)
    expect(said(incomplete, 'configuration')).toMatch(/SEKISHO_PUBLIC_URL.*SEKISHO_SECRET/)

    const away = { ...env, DATABASE_URL: `postgres://ann:hidden-word@127.0.0.1:${closed}/none` }
    const unreachable = await sekisho(['doctor', '--json'], { cwd, env: away })
    expect(levels(unreachable)).toMatchObject({ database: 'problem' })
    expect(said(unreachable, 'database')).toContain('ECONNREFUSED')
    expect(unreachable.stdout + unreachable.stderr).not.toContain('hidden-word')
  },
  slow,
)

test(
  'keys that were made with another secret are noticed',
  async () => {
    const { url, drop } = await createDatabase()
    onTestFinished(drop)
    const cwd = folder()
    const env = { DATABASE_URL: url, SEKISHO_SECRET: secret }
    expect((await sekisho(['keys'], { cwd, env })).code).toBe(0)
    const other = { ...env, SEKISHO_SECRET: `${secret}x`, SEKISHO_PUBLIC_URL: 'http://localhost:1' }
    const ended = await sekisho(['doctor', '--json'], { cwd, env: other })
    expect(levels(ended)).toMatchObject({ keys: 'problem' })
    expect(ended.code).toBe(1)
  },
  slow,
)

test('a database that is empty, or whose role may little, is known as such', async () => {
  const { database } = await bare()
  const empty = await surveyDatabase(database.db)
  expect(empty.pending[0]).toBe('0001_auth.sql')
  expect(empty.lacking).toEqual([])
  expect(Math.abs(empty.now.getTime() - Date.now())).toBeLessThan(60_000)

  const { url, drop } = await createDatabase()
  onTestFinished(drop)
  const migrated = await openDatabase({ url })
  onTestFinished(migrated.close)
  const role = `doctor_${crypto.randomUUID().slice(0, 8)}`
  const found = await migrated.db.transaction().execute(async (db) => {
    await sql`create role ${sql.id(role)}`.execute(db)
    await sql`grant usage on schema auth, idp to ${sql.id(role)}`.execute(db)
    await sql`grant select on all tables in schema auth, idp to ${sql.id(role)}`.execute(db)
    await sql`set local role ${sql.id(role)}`.execute(db)
    const survey = await surveyDatabase(db)
    await sql`reset role`.execute(db)
    await sql`drop owned by ${sql.id(role)}`.execute(db)
    await sql`drop role ${sql.id(role)}`.execute(db)
    return survey
  })
  expect(found.pending).toEqual([])
  expect(found.lacking).toContain('delete auth.audit_log_entries')
})

const healthy: Survey = {
  version: 160_003,
  versionText: '16.3',
  now: new Date('2025-11-22T12:00:00Z'),
  lacking: [],
  pending: [],
  unknown: [],
  connections: { limit: 97, used: 4 },
  missingRoles: [],
  isReadOnly: false,
}

function patient(
  change: Partial<Survey>,
  rest: { off?: number; env?: Record<string, string> } = {},
): Patient {
  const database: Reached = {
    survey: { ...healthy, ...change },
    secondsOff: rest.off ?? 0,
    ctx: null,
    kind: 'postgres',
  }
  return {
    nodeVersion: '24.1.0',
    config: readConfig({
      mode: 'start',
      environment: {
        DATABASE_URL: 'postgres://db.example.com/sekisho',
        SEKISHO_PUBLIC_URL: 'https://id.example.com',
        SEKISHO_SECRET: secret,
        SEKISHO_TRUST_PROXY: '1',
        ...rest.env,
      },
    }),
    problems: [],
    database,
    fetch: async () => Response.json({ issuer: 'https://id.example.com/oidc' }),
    now: () => healthy.now,
  }
}

const cases: [string, Patient, Record<string, string>][] = [
  [
    'all is well',
    patient({}),
    {
      'postgres-version': 'ok',
      connections: 'ok',
      clock: 'ok',
      reachable: 'ok',
      proxies: 'absent',
      mail: 'warning',
    },
  ],
  ['Postgres 14', patient({ version: 140_011 }), { 'postgres-version': 'problem' }],
  ['a replica', patient({ isReadOnly: true }), { database: 'problem' }],
  ['a migration to come', patient({ pending: ['0012_x.sql'] }), { schema: 'warning' }],
  ['a newer schema', patient({ unknown: ['9999_x.sql'] }), { schema: 'problem' }],
  ['no roles of Supabase', patient({ missingRoles: ['anon'] }), { 'supabase-roles': 'warning' }],
  ['a clock that is 3 s late', patient({}, { off: -3 }), { clock: 'warning' }],
  [
    'few connections left',
    patient({ connections: { limit: 97, used: 90 } }),
    { connections: 'warning' },
  ],
  [
    'a pool that is too large',
    patient({}, { env: { GOTRUE_DB_MAX_POOL_SIZE: '200' } }),
    { connections: 'problem' },
  ],
  ['nobody believed', patient({}, { env: { SEKISHO_TRUST_PROXY: '0' } }), { proxies: 'warning' }],
  ['an old Node', { ...patient({}), nodeVersion: '20.11.0' }, { node: 'problem' }],
  [
    'another server at the address',
    { ...patient({}), fetch: async () => new Response('<html>', { status: 200 }) },
    { reachable: 'problem' },
  ],
  [
    'a server that has another name',
    { ...patient({}), fetch: async () => Response.json({ issuer: 'http://localhost:3001/oidc' }) },
    { reachable: 'problem' },
  ],
]

test.each(cases)('the doctor sees: %s', async (_, one, expected) => {
  const found = await examineAll(one)
  const seen = Object.fromEntries(
    Object.keys(expected).map((name) => [
      name,
      found.find(({ check }) => check === name)?.level ?? 'absent',
    ]),
  )
  expect(seen).toEqual(expected)
})
