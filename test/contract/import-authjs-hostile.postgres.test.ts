import { expect, onTestFinished, test } from 'vitest'
import { makeSource, shapes } from './import-sources.ts'
import { later, people, sources, target, verified } from './import-world.ts'

const source = sources()

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

test('the tables may be in the database of Sekisho itself', async () => {
  const { adapter, take, database } = await target()
  const shape = shapes['snake case in a schema of its own']!
  const { client, put } = await makeSource(database.url!, shape)
  onTestFinished(async () => {
    await client.query('drop schema next_auth cascade')
    await client.end()
  })
  await put('users', { id: shape.id(1), email: 'ann@example.com' })
  await put('sessions', { user_id: shape.id(1), session_token: 'of Ann', expires: later })
  expect((await take(database.url!)).counts.users.imported).toBe(1)
  expect((await adapter.getSessionAndUser('of Ann'))?.user.id).toBe(shape.id(1))
})
