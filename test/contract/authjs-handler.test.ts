import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { authApp, home } from './authjs-auth.ts'
import { atOnce, authjsWorld, freshEmail } from './authjs-world.ts'

const { adapter, database, rows, one, events, newUser, newGuest } = authjsWorld()

const app = () => authApp(adapter)

test('a magic link makes a user, signs in, and signs out again', async () => {
  const { browser, errors, sent } = app()
  const guest = browser()
  const email = freshEmail()
  const link = await guest.askForLink(email.toUpperCase())
  expect(sent.at(-1)?.to).toBe(email)
  expect(await adapter.getUserByEmail(email)).toBeNull()

  const answer = await guest.open(link)
  expect(answer.headers.get('location')).toBe(`${home}/in`)
  const user = await adapter.getUserByEmail(email)
  expect(user?.emailVerified).toBeInstanceOf(Date)
  expect(await guest.session()).toMatchObject({ user: { id: user!.id } })

  await guest.post('/auth/signout', {})
  expect(await guest.session()).toBeNull()
  expect(await rows(sql`select 1 from auth.sessions where user_id = ${user!.id}`)).toEqual([])
  expect(await events(user!.id)).toEqual(['user.signed-up', 'user.signed-in', 'session.ended'])
  expect(errors).toEqual([])
})

test('of twenty who click one link at once, one comes in', async () => {
  const { browser } = app()
  const email = freshEmail()
  const link = await browser().askForLink(email)
  const visitors = Array.from({ length: 20 }, browser)
  const { values, errors } = await atOnce(20, (index) => visitors[index]!.open(link))
  expect(errors).toEqual([])
  const ways = values.map((answer) => new URL(answer.headers.get('location')!))
  expect(ways.filter(({ pathname }) => pathname === '/in')).toHaveLength(1)
  expect(ways.filter(({ search }) => search === '?error=Verification')).toHaveLength(19)
  const sessions = await Promise.all(visitors.map((visitor) => visitor.session()))
  expect(sessions.filter((session) => session !== null)).toHaveLength(1)
  const user = await adapter.getUserByEmail(email)
  expect(
    await one(sql`select count(*)::int as count from auth.sessions where user_id = ${user!.id}`),
  ).toEqual({ count: 1 })
})

test('a link comes for the user whom another door knows', async () => {
  const { browser } = app()
  const known = await newGuest()
  const guest = browser()
  await guest.open(await guest.askForLink(known.email))
  expect(await guest.session()).toMatchObject({ user: { id: known.id } })
  expect((await adapter.getUser(known.id))?.emailVerified).toBeInstanceOf(Date)
  expect(await events(known.id)).toEqual(['user.signed-up', 'user.updated', 'user.signed-in'])
})

test('a stale cookie does not stop a sign-in', async () => {
  const { browser, errors } = app()
  const guest = browser()
  const user = await newUser()
  guest.cookies.set('authjs.session-token', 'of a session that is no more')
  await guest.open(await guest.askForLink(user.email))
  expect(await guest.session()).toMatchObject({ user: { id: user.id } })
  expect(errors).toEqual([])
})

test('a read of the session is one query', async () => {
  const { browser } = app()
  const guest = browser()
  await guest.open(await guest.askForLink(freshEmail()))
  database.queries()
  await guest.session()
  expect(database.queries()).toHaveLength(1)
})

test('a banned user is shown the error page, and gets no session', async () => {
  const { browser, errors } = app()
  const user = await newUser()
  await rows(sql`update auth.users set banned_until = 'infinity' where id = ${user.id}`)
  const guest = browser()
  const answer = await guest.open(await guest.askForLink(user.email))
  expect(answer.headers.get('location')).toContain('/auth/error')
  expect(await guest.session()).toBeNull()
  expect(String((errors[0] as { cause?: { err?: unknown } }).cause?.err)).toContain('user_banned')
})
