import { sql } from 'kysely'
import { describe, expect, onTestFinished, test } from 'vitest'
import { sekishoAdapter } from '../../authjs/index.ts'
import { hashPassword } from '../../src/base/password.ts'
import { importAll } from '../../src/cli/import-authjs.ts'
import { openSource } from '../../src/cli/import-source.ts'
import type { Reach } from '../../src/cli/reach.ts'
import { runCommand } from '../../src/flows/administer.ts'
import { signInWithPassword } from '../../src/flows/sign-in.ts'
import { withBareDatabases } from '../database.ts'
import { world } from '../world.ts'
import { folder, jsonLines, sekisho, serve } from './cli-runner.ts'
import { makeSource, type Shape, shapes } from './import-sources.ts'

const bare = withBareDatabases()
const slow = 60_000
const later = new Date('2099-12-24T12:00:00.123Z')
const verified = new Date('2026-03-04T05:06:07.089Z')
const idToken = `e30.${Buffer.from('{"iss":"https://accounts.example.com"}').toString('base64url')}.x`

async function source(shape: Shape = shapes['kysely-adapter']!) {
  const { url } = await bare()
  if (url === null) throw new Error('The other database is a Postgres.')
  const made = await makeSource(url, shape)
  onTestFinished(() => made.client.end())
  return { ...made, url, shape }
}

/** Ann came by a provider and has a passkey, Ben by a link, Cem has no address. */
async function people({ put, shape }: Awaited<ReturnType<typeof source>>) {
  const [ann, ben, cem] = [shape.id(1), shape.id(2), shape.id(3)]
  await put('users', {
    id: ann,
    name: 'Ann',
    email: 'Ann@Example.com',
    image: 'a.png',
    role: 'boss',
  })
  await put('users', { id: ben, email: 'ben@example.com', email_verified: verified })
  await put('users', { id: cem, name: 'Cem' })
  await put('accounts', {
    user_id: ann,
    type: 'oidc',
    provider: 'google',
    provider_account_id: '123',
    access_token: 'an access token',
    id_token: idToken,
    expires_at: 1_900_000_000,
    scope: 'openid email',
    tenant: 'acme',
  })
  await put('sessions', { user_id: ann, session_token: 'session of Ann', expires: later })
  await put('sessions', { user_id: ben, session_token: 'session of Ben', expires: later })
  await put('sessions', { user_id: ben, session_token: 'old', expires: verified })
  await put('tokens', { identifier: 'new@example.com', token: 'hashed by Auth.js', expires: later })
  if (shape.tables.authenticators) {
    await put('authenticators', {
      user_id: ann,
      credential_id: 'q83vEg==',
      provider_account_id: 'q83vEg==',
      credential_public_key: 'AQIDBA==',
      counter: 7,
      credential_device_type: 'multiDevice',
      credential_backed_up: true,
      transports: 'internal,hybrid',
    })
  }
  return { ann, ben, cem }
}

async function target() {
  const made = await world()
  const { ctx, database } = made
  const secret = ctx.config.secret
  const adapter = sekishoAdapter({ database, secret })
  async function take(
    url: string,
    options: { dryRun?: boolean; schema?: string; name?: string } = {},
  ) {
    const from = await openSource(url, options)
    try {
      const way: Reach = {
        call: (name, input) => runCommand(ctx, name, JSON.parse(JSON.stringify(input))),
        close: async () => {},
      }
      const report = await importAll({ from: url, ...options }, from, way)
      return { ...report, notices: from.notices }
    } finally {
      await from.close()
    }
  }
  async function count() {
    const { rows } = await sql<Record<string, number>>`
      select (select count(*)::int from auth.users) as users, (select count(*)::int from auth.identities) as identities,
        (select count(*)::int from auth.sessions) as sessions, (select count(*)::int from idp.events) as events,
        (select count(*)::int from idp.verifications) as links`.execute(database.db)
    return rows[0]
  }
  return { ...made, adapter, take, count }
}

describe.each(Object.entries(shapes))('a database of %s', (_, shape) => {
  test('comes over whole, and nobody is signed out', async () => {
    const from = await source(shape)
    const { ann, ben, cem } = await people(from)
    const { adapter, take, count, events } = await target()
    const dry = await take(from.url, { dryRun: true })
    expect(await count()).toMatchObject({ users: 0, sessions: 0, events: 0, links: 0 })
    const report = await take(from.url)
    expect(report).toEqual(dry)
    const keys = from.shape.tables.authenticators ? 1 : 0
    expect(report.counts).toEqual({
      users: { imported: 3, unchanged: 0, skipped: 0 },
      accounts: { imported: 1, unchanged: 0, skipped: 0 },
      sessions: { imported: 2, unchanged: 0, skipped: 1 },
      authenticators: { imported: keys, unchanged: 0, skipped: 0 },
      verificationTokens: { imported: 1, unchanged: 0, skipped: 0 },
    })
    expect(report.problems).toEqual([])
    expect(report.notices).toEqual({})

    const isKept = shape.id(1).length === 36
    const newId = (id: string) => (isKept ? id : report.mapped.find((one) => one.from === id)?.to)
    expect(report.mapped.map((one) => one.from).sort()).toEqual(
      isKept ? [] : [ann, ben, cem].sort(),
    )
    const signedIn = await adapter.getSessionAndUser('session of Ann')
    expect(signedIn).toEqual({
      session: { sessionToken: 'session of Ann', userId: newId(ann), expires: later },
      user: {
        id: newId(ann),
        name: 'Ann',
        email: 'ann@example.com',
        emailVerified: null,
        image: 'a.png',
        role: 'boss',
      },
    })
    expect((await adapter.getSessionAndUser('session of Ben'))?.user).toMatchObject({
      id: newId(ben),
      emailVerified: verified,
    })
    expect(await adapter.getSessionAndUser('old')).toBeNull()
    expect(await adapter.getUser(newId(cem)!)).toMatchObject({ name: 'Cem', email: null })
    expect(
      await adapter.getUserByAccount({ provider: 'google', providerAccountId: '123' }),
    ).toEqual(signedIn?.user)
    expect(await adapter.getAccount('123', 'google')).toEqual({
      userId: newId(ann),
      type: 'oidc',
      provider: 'google',
      providerAccountId: '123',
      access_token: 'an access token',
      id_token: idToken,
      expires_at: 1_900_000_000,
      scope: 'openid email',
      tenant: 'acme',
    })
    if (keys === 1) {
      expect(await adapter.getAuthenticator('q83vEg==')).toEqual({
        userId: newId(ann),
        credentialID: 'q83vEg==',
        providerAccountId: 'q83vEg==',
        credentialPublicKey: 'AQIDBA==',
        counter: 7,
        credentialDeviceType: 'multiDevice',
        credentialBackedUp: true,
        transports: 'internal,hybrid',
      })
    }
    expect((await events()).sort()).toEqual(
      [
        ...Array(3).fill('user.created'),
        ...Array(2).fill('identity.linked'),
        ...Array(2).fill('session.created'),
        ...Array(keys).fill('factor.created'),
        'verification.sent',
      ].sort(),
    )
    expect(
      await adapter.useVerificationToken({
        identifier: 'new@example.com',
        token: 'hashed by Auth.js',
      }),
    ).toEqual({ identifier: 'new@example.com', token: 'hashed by Auth.js', expires: later })
  })

  test('changes nothing the second time, and brings nothing back', async () => {
    const from = await source(shape)
    const { cem } = await people(from)
    const { adapter, take, count } = await target()
    const first = await take(from.url)
    await adapter.deleteSession('session of Ann')
    await adapter.unlinkAccount({ provider: 'google', providerAccountId: '123' })
    await adapter.useVerificationToken({
      identifier: 'new@example.com',
      token: 'hashed by Auth.js',
    })
    const gone = first.mapped.find((one) => one.from === cem)?.to ?? cem
    await adapter.deleteUser(gone)
    const before = await count()
    const second = await take(from.url)
    expect(await count()).toEqual(before)
    expect(second.counts.users).toEqual({ imported: 0, unchanged: 2, skipped: 1 })
    expect(second.problems).toEqual([{ what: 'user', id: cem, reason: 'deleted_here' }])
    expect(await adapter.getSessionAndUser('session of Ann')).toBeNull()
    expect(await adapter.getAccount('123', 'google')).toBeNull()

    await from.put('sessions', {
      user_id: from.shape.id(2),
      session_token: 'begun meanwhile',
      expires: later,
    })
    expect((await take(from.url)).counts.sessions).toMatchObject({ imported: 1, unchanged: 2 })
    expect(await adapter.getSessionAndUser('begun meanwhile')).not.toBeNull()
  })
})

test('nothing of an account is in clear', async () => {
  const from = await source()
  await people(from)
  const { take, database } = await target()
  await take(from.url)
  const { rows } = await sql<{ text: string }>`
    select row_to_json(t)::text as text from idp.identity_tokens t
    union all select row_to_json(t)::text from idp.session_tokens t
    union all select row_to_json(t)::text from idp.events t`.execute(database.db)
  const all = rows.map(({ text }) => text).join('\n')
  for (const secret of ['an access token', idToken, 'session of Ann', 'hashed by Auth.js']) {
    expect(all).not.toContain(secret)
  }
  expect(all).toContain('https://accounts.example.com')
})

test('of one address in two spellings, the one that was proved comes over, whichever is first', async () => {
  const from = await source()
  const [first, second] = [from.shape.id(1), from.shape.id(2)]
  await from.put('users', { id: first, email: 'ANN@example.com' })
  await from.put('users', { id: second, email: 'ann@example.com', email_verified: verified })
  await from.put('sessions', { user_id: first, session_token: 'of the first', expires: later })
  const { adapter, take } = await target()
  for (const dryRun of [true, false]) {
    const report = await take(from.url, { dryRun })
    expect(report.problems).toEqual([{ what: 'user', id: first, reason: 'email_twice' }])
    expect(report.counts.sessions.skipped).toBe(1)
  }
  expect((await adapter.getUserByEmail('ann@example.com'))?.id).toBe(second)
  expect(await adapter.getSessionAndUser('of the first')).toBeNull()
})

test('who is here already is not touched, and who would take their place stays out whole', async () => {
  const from = await source()
  const { ann, ben } = await people(from)
  const { adapter, take, count } = await target()
  const here = await adapter.createUser({ email: 'ann@example.com', name: 'Another Ann' })
  const owner = await adapter.createUser({ email: 'owner@example.com' })
  await from.put('accounts', {
    user_id: ben,
    type: 'oauth',
    provider: 'github',
    provider_account_id: '7',
  })
  await adapter.linkAccount({
    userId: owner.id,
    type: 'oauth',
    provider: 'github',
    providerAccountId: '7',
  })
  const before = await count()
  const report = await take(from.url)
  expect(report.problems).toEqual([
    { what: 'user', id: ann, reason: 'email_exists', owner: here.id },
    { what: 'user', id: ben, reason: 'account_exists', owner: owner.id },
  ])
  expect(report.counts).toMatchObject({
    users: { imported: 1, skipped: 2 },
    accounts: { imported: 0, skipped: 2 },
    sessions: { imported: 0, skipped: 3 },
  })
  expect(await count()).toMatchObject({ users: before!.users! + 1, sessions: 0 })
  expect(await adapter.getUser(ann)).toBeNull()
  expect(await adapter.getUser(here.id)).toEqual(here)
})

test('an account of two users has no owner, so that neither comes over', async () => {
  const from = await source()
  for (const number of [1, 2]) {
    const id = from.shape.id(number)
    await from.put('users', { id, email: `${number}@example.com` })
    await from.put('accounts', {
      user_id: id,
      type: 'oauth',
      provider: 'github',
      provider_account_id: '7',
    })
  }
  const { adapter, take } = await target()
  const report = await take(from.url)
  expect(report.problems.map(({ reason }) => reason)).toEqual(['account_twice', 'account_twice'])
  expect(await adapter.getUserByAccount({ provider: 'github', providerAccountId: '7' })).toBeNull()
})

test('what belongs to nobody, and what cannot be read, is counted and left out', async () => {
  const from = await source(shapes['typeorm-adapter']!)
  const { put, shape } = from
  const [ann, nobody] = [shape.id(1), shape.id(9)]
  await put('users', { id: ann, email: '', email_verified: 'some day', password: 'in clear' })
  await put('accounts', {
    user_id: nobody,
    type: 'oauth',
    provider: 'github',
    provider_account_id: '7',
  })
  await put('accounts', { user_id: ann, type: 'oauth', provider: null, provider_account_id: '8' })
  await put('accounts', {
    user_id: ann,
    type: 'email',
    provider: 'email',
    provider_account_id: 'x',
  })
  await put('sessions', { user_id: nobody, session_token: 'dangling', expires: later })
  await put('sessions', { user_id: ann, session_token: 'no time', expires: 'tomorrow' })
  await put('sessions', { user_id: ann, session_token: 'for ever', expires: 'infinity' })
  await put('sessions', {
    user_id: ann,
    session_token: 'spaced',
    expires: '2099-12-24 12:00:00.123+00',
  })
  await put('sessions', { user_id: ann, session_token: 'number', expires: String(later.getTime()) })
  const { adapter, take } = await target()
  const report = await take(from.url)
  expect(report.notices).toEqual({
    accounts_without_user: 1,
    sessions_without_user: 1,
    accounts_not_readable: 1,
    sessions_not_readable: 2,
    passwords_not_readable: 1,
    verification_dates_not_readable: 1,
  })
  expect(report.problems).toEqual([
    { what: 'account', id: ann, reason: 'reserved_provider', provider: 'email' },
  ])
  expect(await adapter.getUser(ann)).toEqual({
    id: ann,
    email: null,
    emailVerified: null,
    name: null,
    image: null,
  })
  for (const token of ['spaced', 'number']) {
    expect((await adapter.getSessionAndUser(token))?.session.expires).toEqual(later)
  }
})

test('the same number of two databases is two users', async () => {
  const shape = shapes['pg-adapter']!
  const { adapter, take } = await target()
  const ids: string[] = []
  for (const name of ['shop', 'forum']) {
    const from = await source(shape)
    await from.put('users', { id: 1, email: `${name}@example.com` })
    const report = await take(from.url, { name })
    ids.push(report.mapped[0]!.to)
    expect((await adapter.getUserByEmail(`${name}@example.com`))?.id).toBe(ids.at(-1))
  }
  expect(ids[0]).not.toBe(ids[1])
  // Under a name that was used before, it is noticed that this is somebody else.
  const third = await source(shape)
  await third.put('users', { id: 1, email: 'third@example.com' })
  const report = await take(third.url, { name: 'shop' })
  expect(report.problems).toEqual([{ what: 'user', id: '1', reason: 'id_taken', owner: ids[0] }])
})

test('a password that was kept beside the user signs in at the other doors', async () => {
  const from = await source()
  await from.put('users', {
    id: from.shape.id(1),
    email: 'ann@example.com',
    email_verified: verified,
    password: await hashPassword('correct horse battery'),
  })
  const { ctx, adapter, take } = await target()
  await take(from.url)
  expect(await adapter.getUser(from.shape.id(1))).not.toHaveProperty('password')
  const signedIn = await signInWithPassword(ctx, {
    email: 'ann@example.com',
    password: 'correct horse battery',
  } as never)
  expect(JSON.stringify(signedIn)).toContain(from.shape.id(1))
})

test('two sets of tables are told apart by schema, and a stranger is told what is missing', async () => {
  const from = await source(shapes['kysely-adapter']!)
  const again = await makeSource(from.url, shapes['snake case in a schema of its own']!)
  onTestFinished(() => again.client.end())
  await people(from)
  await again.put('users', { id: from.shape.id(5), email: 'eve@example.com' })
  const { take } = await target()
  await expect(take(from.url)).rejects.toThrow(
    /several sets[\s\S]*next_auth\.users[\s\S]*public\.User/,
  )
  expect((await take(from.url, { schema: 'next_auth' })).counts.users.imported).toBe(1)
  await expect(take(from.url, { schema: 'elsewhere' })).rejects.toThrow('No tables of Auth.js')
})

test(
  'thousands come over in short transactions',
  async () => {
    const from = await source()
    await from.client.query(`
    insert into "User" (id, email, name)
    select ('6f1f0000-0000-4000-9000-' || lpad(n::text, 12, '0'))::uuid, n || '@example.com', repeat('x', 100)
    from generate_series(1, 2050) n`)
    await from.client.query(`
    insert into "Account" ("userId", type, provider, "providerAccountId", id_token)
    select id, 'oidc', 'google', email, repeat('t', 2000) from "User"`)
    await from.client.query(`
    insert into "Session" ("userId", "sessionToken", expires) select id, 'session ' || email, '2099-01-01' from "User"`)
    const { adapter, take, queries, database } = await target()
    queries()
    const began = performance.now()
    const report = await take(from.url)
    expect(report.counts.users.imported).toBe(2050)
    expect(performance.now() - began).toBeLessThan(20_000)
    expect(queries().filter((text) => text === 'commit')).toHaveLength(21)
    expect(await adapter.getSessionAndUser('session 2050@example.com')).not.toBeNull()
    const { rows } = await sql<{
      count: number
    }>`select count(*)::int as count from idp.events`.execute(database.db)
    expect(rows[0]?.count).toBe(3 * 2050)
  },
  slow,
)

test(
  'the command takes them into the embedded database, through its server and without',
  async () => {
    const from = await source(shapes['prisma-adapter']!)
    const { ann } = await people(from)
    const cwd = folder()
    const command = ['import', 'authjs', '--from', from.url, '--json']
    const server = await serve(['dev', '--json', '--port', '0'], { cwd })
    const dry = await sekisho([...command, '--dry-run'], { cwd })
    expect(dry.stderr).toContain('sessions: public.Session')
    expect(jsonLines(dry).at(-1)).toMatchObject({
      kind: 'report',
      dryRun: true,
      users: { imported: 3 },
    })
    const ended = await sekisho(command, { cwd })
    expect(ended.code).toBe(0)
    expect(jsonLines(ended).at(-1)).toMatchObject({
      kind: 'report',
      dryRun: false,
      users: { imported: 3 },
      sessions: { imported: 2, skipped: 1 },
    })
    await server.stop()
    const again = await sekisho(['import', 'authjs', '--from', from.url], { cwd })
    expect(again.stdout).toContain(`${ann}\t`)
    expect(again.stderr).toMatch(/users +0 +3 +0/)
    const adapter = sekishoAdapter({ database: { dataDir: `${cwd}/.sekisho` } })
    expect((await adapter.getSessionAndUser('session of Ann'))?.user.email).toBe('ann@example.com')
    await adapter.close()
  },
  slow,
)

test(
  'an address that is none, and a database that does not answer, are said in a sentence',
  async () => {
    const cwd = folder()
    const wrong = await sekisho(['import', 'authjs', '--from', 'mysql://root:hunter2@host/x'], {
      cwd,
    })
    expect(wrong.code).toBe(2)
    const none = await sekisho(
      ['import', 'authjs', '--from', 'postgres://a:hunter2@127.0.0.1:9/x'],
      { cwd },
    )
    expect(none.code).toBe(1)
    expect(wrong.stderr + none.stderr).not.toMatch(/hunter2|\n {4}at /)
  },
  slow,
)
