import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { hashPassword } from '../../src/base/password.ts'
import { signInWithPassword } from '../../src/flows/sign-in.ts'
import { shapes } from './import-sources.ts'
import { idToken, later, people, slow, sources, target, verified } from './import-world.ts'

const source = sources()

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

test('nothing of an account is in clear (N2)', async () => {
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

test('a password that was kept beside the user signs in at the other doors', async () => {
  const from = await source()
  await from.put('users', {
    id: from.shape.id(1),
    email: 'ann@example.com',
    email_verified: verified,
    password: await hashPassword(
      { client: { ip: null, userAgent: null } },
      'correct horse battery',
    ),
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

test('two imports at once bring everybody over once', async () => {
  const from = await source()
  await people(from)
  const { take, count } = await target()
  const reports = await Promise.all([take(from.url), take(from.url), take(from.url)])
  expect(reports.flatMap(({ problems }) => problems)).toEqual([])
  const imported = reports.map(({ counts }) => counts.users.imported)
  expect(imported.reduce((sum, one) => sum + one, 0)).toBe(3)
  expect(await count()).toMatchObject({ users: 3, identities: 2, sessions: 2 })
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
