import { randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { adapterConfig, adapterContext } from '../../authjs/context.ts'
import { createSession, endSessionsOf, listSessions } from '../../src/model/session.ts'
import { createUser, deleteUser, findUserByEmail, updateUser } from '../../src/model/user.ts'
import { authjsWorld, freshEmail, secret, tomorrow } from './authjs-world.ts'

const { adapter, database, rows, newUser, newGuest } = authjsWorld()
const house = () => adapterContext(database, adapterConfig({ secret }))

async function cookieOf(userId: string): Promise<string> {
  const sessionToken = randomUUID()
  await adapter.createSession({ sessionToken, userId, expires: tomorrow() })
  return sessionToken
}

test('whom Auth.js made, the other doors know: id, address, name and picture', async () => {
  const made = await newUser({ name: 'Ann', image: 'https://example.com/ann.png', role: 'admin' })
  expect(await findUserByEmail(house(), made.email)).toMatchObject({
    id: made.id,
    emailVerifiedAt: made.emailVerified,
    audience: 'authenticated',
    databaseRole: 'authenticated',
    name: 'Ann',
    avatar: 'https://example.com/ann.png',
    customData: { authjs: { role: 'admin' } },
    metadata: { app: { provider: 'email', providers: ['email'] } },
    identities: [{ provider: 'email', subject: made.id, email: made.email }],
  })
})

test('whom another door made, Auth.js knows, and shows nothing else of what is kept', async () => {
  const email = freshEmail()
  const made = await createUser(house(), {
    email,
    emailVerified: true,
    name: 'Bob',
    passwordHash: 'secret',
    customData: { plan: 'gold' },
    metadata: { own: { shoe: 42 } },
  })
  expect(await adapter.getUserByEmail(email)).toStrictEqual({
    id: made.id,
    email,
    emailVerified: made.emailVerifiedAt,
    name: 'Bob',
    image: null,
  })
})

test('a change at one door is seen at the other', async () => {
  const user = await newGuest()
  await updateUser(house(), user.id, { name: 'Cy', emailVerified: true })
  expect(await adapter.getUser(user.id)).toMatchObject({
    name: 'Cy',
    emailVerified: expect.any(Date),
  })
  await adapter.updateUser({ id: user.id, name: 'Di' })
  expect((await findUserByEmail(house(), user.email))?.name).toBe('Di')
})

test('signing out everywhere ends the sessions of Auth.js, and those alone that are of this user', async () => {
  const [user, other] = [await newUser(), await newUser()]
  const [mine, theirs] = [await cookieOf(user.id), await cookieOf(other.id)]
  await createSession(house(), { userId: user.id, method: 'password' })
  expect(await listSessions(house(), user.id)).toHaveLength(2)
  await endSessionsOf(house(), user.id)
  expect(await adapter.getSessionAndUser(mine)).toBeNull()
  expect(await adapter.getSessionAndUser(theirs)).not.toBeNull()
})

test('signing out of Auth.js ends no session of another door', async () => {
  const user = await newUser()
  const token = await cookieOf(user.id)
  const session = await createSession(house(), { userId: user.id, method: 'password' })
  await adapter.deleteSession(token)
  expect((await listSessions(house(), user.id)).map(({ id }) => id)).toEqual([session.id])
})

test('a session that another door ends early has ended', async () => {
  const user = await newUser()
  const token = await cookieOf(user.id)
  await rows(sql`
    update auth.sessions set not_after = now() - interval '1 second' where user_id = ${user.id}`)
  expect(await adapter.getSessionAndUser(token)).toBeNull()
  expect(await adapter.updateSession({ sessionToken: token, expires: tomorrow() })).toBeNull()
})

test('deleting a user at one door ends it at all', async () => {
  const [ann, bob] = [await newUser(), await newUser()]
  const token = await cookieOf(ann.id)
  await createSession(house(), { userId: bob.id, method: 'password' })
  await deleteUser(house(), ann.id)
  await adapter.deleteUser(bob.id)
  expect(await adapter.getSessionAndUser(token)).toBeNull()
  expect(await adapter.getUser(ann.id)).toBeNull()
  expect(await findUserByEmail(house(), bob.email)).toBeNull()
  expect(await listSessions(house(), bob.id)).toEqual([])
})
