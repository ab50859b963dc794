import { sql } from 'kysely'
import { afterAll, beforeAll, expect, test } from 'vitest'
import {
  emailOf,
  password,
  callback as seededCallback,
  userIdOf,
} from '../../bench/growth/names.ts'
import { seed } from '../../bench/growth/seed.ts'
import { transaction } from '../../src/base/context.ts'
import { hashPassword } from '../../src/base/password.ts'
import { systemRandom } from '../../src/base/random.ts'
import { day } from '../../src/base/time.ts'
import { type OpenDatabase, openDatabase } from '../../src/db/open.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { turnKeys } from '../../src/flows/keys.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { findUserByEmail } from '../../src/model/user.ts'
import { createDatabase, type TestDatabase } from '../database.ts'
import { everything } from '../walks/nonsense.ts'
import { type World, worldOn } from '../world.ts'
import { callback, shopSecret } from './oidc-client.ts'
import { wireTo } from './oidc-wire.ts'
import { type Stage, type Story, stageOn } from './plans-stage.ts'
import { stories } from './plans-stories.ts'
import { faultsOf, type Ran, small, tablesOf, type Watched, watch } from './plans-watch.ts'

// At a hundred thousand users a plan that reads a whole table is one that Postgres would really take.

const users = 100_000
let place: { url: string; drop(): Promise<void> }
/** The tables that any plan touched, and the exceptions that were made. */
const touched = new Set<string>()
const used = new Set<string>()

beforeAll(async () => {
  place = await createDatabase()
  const { url } = place
  const database = await openDatabase({ url })
  const { ctx } = worldOf(database)
  await createApplication(ctx, {
    ...{ id: 'shop', secret: shopSecret, name: 'The Shop', type: 'Traditional' },
    oidcClientMetadata: { redirectUris: [callback, seededCallback] },
  })
  await createApplication(ctx, {
    ...{ id: 'machine', secret: 'the-secret-of-the-machine', name: 'M', type: 'MachineToMachine' },
  })
  await database.close()
  await seed({
    ...{ url, users, now: ctx.now(), passwordHash: await hashPassword(ctx, password) },
    shape: { eventsPerUser: 1, auditPerUser: 1 },
  })
}, 300_000)

afterAll(() => place.drop())

function worldOf(database: OpenDatabase): World {
  const asTest: TestDatabase = {
    ...database,
    ...{ url: place.url, queries: () => [], clear: async () => {} },
  }
  const scene = worldOn(asTest, {
    ...{ ...everything, GOTRUE_SAML_ENABLED: 'false' },
    ...{ SEKISHO_EVENTS_RETENTION_DAYS: '60', SEKISHO_AUDIT_LOG_RETENTION_DAYS: '60' },
  })
  // Two worlds on one database must not draw the same ids.
  return { ...scene, ctx: { ...scene.ctx, random: systemRandom } }
}

/**
 * What GoTrue's tables leave nobody a choice in, as its own server does it too: they have no index for it, and are not
 * ours to change. Each with what keeps it small.
 */
const forced: { statement: RegExp; fault: RegExp; because: string }[] = [
  {
    statement: /DELETE FROM ONLY "auth"."mfa_challenges" WHERE .*"factor_id"/,
    fault: /auth\.mfa_challenges/,
    because: 'the reference has no index; challenges are a day’s, for housekeeping takes the rest',
  },
  {
    statement: /DELETE FROM ONLY "auth"."saml_relay_states" WHERE .*"flow_state_id"/,
    fault: /auth\.saml_relay_states/,
    because: 'the reference has no index; relay states are a day’s',
  },
  {
    statement: /DELETE FROM ONLY "auth"."oauth_authorizations" WHERE .*"user_id"/,
    fault: /auth\.oauth_authorizations/,
    because: 'the reference has no index; authorizations are a day’s',
  },
  {
    statement: /from auth\.users u where u\.instance_id = \$1 .*order by u\.created_at/s,
    fault: /auth\.users|idp\.profiles/,
    because: 'a page of all users, by an index that GoTrue makes where it is asked to',
  },
  {
    statement: /select count\(\*\)::int as total from auth\.users/,
    fault: /auth\.users/,
    because: 'the number of all users is part of the answer; ten seconds at most',
  },
  {
    statement: /from auth\.audit_log_entries where instance_id/,
    fault: /auth\.audit_log_entries/,
    because: 'GoTrue’s audit log has no index by time; ten seconds at most',
  },
]

function findings(story: string, ran: readonly Ran[]): string[] {
  const found = new Map<string, string>()
  for (const one of ran) {
    for (const table of tablesOf(one.plan)) touched.add(table)
    for (const fault of faultsOf(one)) {
      const exception = forced.find((it) => it.statement.test(one.text) && it.fault.test(fault))
      const text = one.text.replace(/\s+/g, ' ').trim()
      if (exception) used.add(exception.because)
      else found.set(`${fault.replace(/\d+/g, '')}${text}`, `${story}: ${fault}\n  ${text}`)
    }
  }
  return [...found.values()]
}

async function tell({ ran }: Watched, told: readonly Story[], stage: Stage) {
  const found: string[] = []
  for (const story of told) {
    ran()
    await story.tell(stage)
    const all = ran()
    expect(all, story.name).not.toEqual([])
    found.push(...findings(story.name, all))
  }
  return found
}

test('what is seeded holds every reference', async () => {
  const database = await openDatabase({ url: place.url })
  const { rows: references } = await sql<{ name: string; orphans: string }>`
    select conrelid::regclass || '.' || conname as name, format(
      'select count(*)::int as count from %s t where %s and not exists (select from %s o where %s)',
      conrelid::regclass, string_agg(format('t.%I is not null', a.attname), ' and '), confrelid::regclass,
      string_agg(format('o.%I = t.%I', b.attname, a.attname), ' and ')) as orphans
    from pg_constraint c, unnest(c.conkey, c.confkey) as k(one, other)
      join pg_attribute a on true join pg_attribute b on true
    where c.contype = 'f' and c.connamespace in ('auth'::regnamespace, 'idp'::regnamespace)
      and a.attrelid = c.conrelid and a.attnum = k.one and b.attrelid = c.confrelid and b.attnum = k.other
    group by c.oid, conrelid, conname, confrelid`.execute(database.db)
  const broken: string[] = []
  for (const { name, orphans } of references) {
    const { rows } = await sql.raw<{ count: number }>(orphans).execute(database.db)
    if (rows[0]?.count !== 0) broken.push(`${name}: ${rows[0]?.count}`)
  }
  await database.close()
  expect(references.length).toBeGreaterThan(40)
  expect(broken).toEqual([])
}, 60_000)

test.each([
  ['custom', 20_000],
  ['generic', 40_000],
] as const)(
  'no request reads a whole table, by %s plans',
  async (plans, first) => {
    const watched = await watch(place.url, plans)
    try {
      const scene = worldOf(watched.database)
      const stage = await stageOn(scene, await wireTo(createApp(scene.ctx)), first)
      expect(await tell(watched, stories, stage)).toEqual([])
    } finally {
      await watched.database.close()
    }
  },
  120_000,
)

test('housekeeping reads no whole table, with much to do and with little', async () => {
  const watched = await watch(place.url, 'custom')
  try {
    const scene = worldOf(watched.database)
    const tidied = await tidy(scene.ctx)
    // Until the next vacuum, each batch passes over what the one before deleted: its blocks say nothing.
    const atFirst = findings('tidying at first', watched.ran())
    expect(atFirst.filter((fault) => !/: reads \d+ blocks/.test(fault))).toEqual([])
    const idle = Object.keys(tidied).filter(
      (table) => tidied[table] === 0 && !small.includes(table),
    )
    expect(idle).toEqual([])
    await sql`vacuum analyze`.execute(scene.ctx.db)
    scene.pass(1 * day)
    watched.ran()
    await tidy(scene.ctx)
    await turnKeys(scene.ctx)
    expect(findings('tidying', watched.ran())).toEqual([])
  } finally {
    await watched.database.close()
  }
}, 120_000)

test('every table that grows is in some plan, and every exception is needed', async () => {
  const database = await openDatabase({ url: place.url })
  const { rows } = await sql<{ name: string }>`
    select format('%s.%s', schemaname, tablename) as name from pg_tables where schemaname in ('auth', 'idp')`.execute(
    database.db,
  )
  await database.close()
  const growing = rows.map(({ name }) => name).filter((name) => !small.includes(name))
  expect(growing.filter((name) => !touched.has(name))).toEqual([])
  expect(small.filter((name) => !rows.some((row) => row.name === name))).toEqual([])
  expect([...used].sort()).toEqual(forced.map(({ because }) => because).sort())
})

test('an index that is missing is found', async () => {
  const watched = await watch(place.url, 'generic')
  try {
    const { ctx } = worldOf(watched.database)
    const back = new Error('undone')
    const undone = transaction(ctx, async (ctx) => {
      await findUserByEmail(ctx, emailOf(7))
      expect(findings('before', watched.ran())).toEqual([])
      await sql`drop index auth.users_email_partial_key`.execute(ctx.db)
      await sql`drop index idp.interactions_session_id_idx`.execute(ctx.db)
      await findUserByEmail(ctx, emailOf(7))
      await sql`delete from auth.sessions where user_id = ${userIdOf(8)}`.execute(ctx.db)
      const found = findings('after', watched.ran()).join('\n')
      expect(found).toContain('after: reads all of auth.users')
      // Nobody wrote that statement: the reference of another table did it.
      expect(found).toContain('after: reads all of idp.interactions')
      throw back
    })
    await expect(undone).rejects.toBe(back)
  } finally {
    await watched.database.close()
  }
})
