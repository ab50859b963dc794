import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { adapterConfig, adapterContext } from '../../authjs/context.ts'
import { isAdapterConflict, isAdapterUnavailable, sekishoAdapter } from '../../authjs/index.ts'
import { createSession } from '../../src/model/session.ts'
import { authjsWorld, freshEmail, secret, tomorrow, yesterday } from './authjs-world.ts'

const { adapter, database, rows, events, audit, newUser } = authjsWorld()
const house = () => adapterContext(database, adapterConfig({ secret }))

async function cookieOf(userId: string, expires = tomorrow()): Promise<string> {
  const sessionToken = randomUUID()
  await adapter.createSession({ sessionToken, userId, expires })
  return sessionToken
}

test('the sessions of other doors are listed beside those of Auth.js, and end with them', async () => {
  const user = await newUser()
  const token = await cookieOf(user.id)
  const other = await createSession(house(), { userId: user.id, method: 'password' })
  const listed = await adapter.listSessions(user.id)
  expect(listed).toHaveLength(2)
  expect(listed).toContainEqual({
    id: other.id,
    userId: user.id,
    createdAt: other.createdAt,
    expires: null,
    ip: null,
    userAgent: null,
  })
  expect(await adapter.deleteSessions(user.id, token)).toBe(1)
  expect(await adapter.listSessions(user.id)).toHaveLength(1)
  expect(await adapter.getSessionAndUser(token)).not.toBeNull()
})

test('every session that ends is an event, and a sign-out is one entry of the audit log', async () => {
  const user = await newUser()
  for (let index = 0; index < 3; index += 1) await cookieOf(user.id)
  expect(await adapter.deleteSessions(user.id)).toBe(3)
  const types = await events(user.id)
  expect(types.filter((type) => type === 'session.ended')).toHaveLength(3)
  const actions = (await audit(user.id)).map(({ action }) => action)
  expect(actions.filter((action) => action === 'logout')).toHaveLength(1)
})

test("the house's own identities are no accounts, and an identity of another door is one", async () => {
  const user = await newUser()
  const providerAccountId = randomUUID()
  await rows(sql`
    insert into auth.identities (user_id, provider, provider_id, identity_data)
    values (${user.id}, 'github', ${providerAccountId}, ${JSON.stringify({ sub: providerAccountId })}::jsonb)`)
  expect(await adapter.listAccounts(user.id)).toStrictEqual([
    { userId: user.id, type: 'oauth', provider: 'github', providerAccountId },
  ])
})

test('garbage is collected from every door’s tables, and counted', async () => {
  const user = await newUser()
  await cookieOf(user.id, yesterday())
  await rows(sql`
    insert into idp.limits (key, count, resets_at) values (${randomUUID()}, 1, now() - interval '1 hour')`)
  expect(await adapter.collectGarbage()).toBeGreaterThanOrEqual(2)
  expect(await adapter.collectGarbage()).toBe(0)
})

test('what is taken is a conflict, and a lost database is unavailable: told apart without codes', async () => {
  const user = await newUser()
  const account = {
    userId: user.id,
    type: 'oauth',
    provider: 'github',
    providerAccountId: randomUUID(),
  }
  const token = { identifier: user.email, token: randomUUID(), expires: tomorrow() }
  const sessionToken = await cookieOf(user.id)
  await adapter.linkAccount(account)
  await adapter.createVerificationToken(token)
  for (const [code, work] of [
    ['email_exists', () => adapter.createUser({ email: user.email })],
    ['identity_exists', () => adapter.linkAccount(account)],
    ['conflict', () => adapter.createVerificationToken(token)],
    [
      'conflict',
      () => adapter.createSession({ sessionToken, userId: user.id, expires: tomorrow() }),
    ],
  ] as const) {
    const error = await work().catch((error: unknown) => error)
    expect(isAdapterConflict(error)).toBe(true)
    expect(error).toMatchObject({ name: 'AdapterConflict', message: code, code })
  }
  const lost = sekishoAdapter({ database: 'postgres://nobody@127.0.0.1:1/nothing' })
  const error = await lost.createUser({ email: freshEmail() }).catch((error: unknown) => error)
  expect(isAdapterUnavailable(error)).toBe(true)
  expect(isAdapterConflict(error)).toBe(false)
  await lost.close()
})

test('an error that nobody foresaw names its SQLSTATE, and neither SQL nor a value', async () => {
  const user = await newUser()
  await rows(sql`alter table idp.profiles add constraint odd check (name <> 'Mallory') not valid`)
  try {
    const error = await adapter
      .updateUser({ id: user.id, name: 'Mallory' })
      .catch((error: unknown) => error)
    expect(String(error)).toBe('Error: The database refused (SQLSTATE 23514).')
    expect(JSON.stringify(error, Object.getOwnPropertyNames(error))).not.toMatch(/Mallory|update /)
  } finally {
    await rows(sql`alter table idp.profiles drop constraint odd`)
  }
})
