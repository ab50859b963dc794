import { createHash, randomUUID } from 'node:crypto'
import { sql } from 'kysely'
import { describe, expect, test } from 'vitest'
import { atOnce, authjsWorld, tomorrow, yesterday } from './authjs-world.ts'

const { adapter, database, one, rows, events, audit, newUser, newGuest } = authjsWorld()

async function signedIn(expires = tomorrow()) {
  const user = await newGuest({ role: 'member' })
  const sessionToken = randomUUID()
  const session = await adapter.createSession({ sessionToken, userId: user.id, expires })
  return { user, session, sessionToken }
}

describe('createSession', () => {
  test('the token and the date that go into the cookie come back as they were', async () => {
    const user = await newUser()
    const given = {
      sessionToken: randomUUID(),
      userId: user.id,
      expires: new Date('2031-02-03T04:05:06.789Z'),
    }
    expect(await adapter.createSession(given)).toStrictEqual(given)
    expect(await adapter.getSessionAndUser(given.sessionToken)).toStrictEqual({
      session: given,
      user,
    })
    expect(await events(user.id)).toEqual(['user.signed-up', 'user.signed-in'])
    expect((await audit(user.id)).map(({ action }) => action)).toEqual(['user_signedup', 'login'])
  })

  test('only the hash of a token rests (N2)', async () => {
    const { user, sessionToken, session } = await signedIn()
    const row = await one(
      sql<{ hash: Uint8Array; text: string; not_after: Date; last_sign_in_at: Date }>`
        select t.hash, t::text || s::text as text, s.not_after, u.last_sign_in_at
        from idp.session_tokens t join auth.sessions s on s.id = t.session_id join auth.users u on u.id = s.user_id
        where s.user_id = ${user.id} and t.carrier = 'authjs'`,
    )
    expect(Buffer.from(row!.hash)).toEqual(createHash('sha256').update(sessionToken).digest())
    expect(row!.text).not.toContain(sessionToken)
    expect(row!.not_after).toEqual(session.expires)
    expect(row!.last_sign_in_at).toBeInstanceOf(Date)
  })

  test('a token carries one session', async () => {
    const { sessionToken, user } = await signedIn()
    const other = await newUser()
    await expect(
      adapter.createSession({ sessionToken, userId: other.id, expires: tomorrow() }),
    ).rejects.toMatchObject({ code: 'conflict' })
    expect((await adapter.getSessionAndUser(sessionToken))?.user).toEqual(user)
    expect(await rows(sql`select 1 from auth.sessions where user_id = ${other.id}`)).toEqual([])
    expect(await events(other.id)).toEqual(['user.signed-up'])
  })

  test('of twenty who begin one session at once, one does', async () => {
    const user = await newUser()
    const session = { sessionToken: randomUUID(), userId: user.id, expires: tomorrow() }
    const { values, errors } = await atOnce(20, () => adapter.createSession(session))
    expect(values).toEqual([session])
    expect(errors.map((error) => error.code)).toEqual(Array(19).fill('conflict'))
    expect(await rows(sql`select 1 from auth.sessions where user_id = ${user.id}`)).toHaveLength(1)
  })

  test('a session needs a user, a token and a date', async () => {
    const { id } = await newUser()
    const good = { sessionToken: randomUUID(), userId: id, expires: tomorrow() }
    for (const userId of [randomUUID(), 'invalid']) {
      await expect(adapter.createSession({ ...good, userId })).rejects.toMatchObject({
        code: 'user_not_found',
      })
    }
    const bad = [{ sessionToken: '' }, { expires: new Date('never') }, { expires: undefined }]
    for (const more of bad) {
      await expect(adapter.createSession({ ...good, ...more } as never)).rejects.toMatchObject({
        code: 'input_invalid',
      })
    }
  })

  test('a date that came as text is a date', async () => {
    const { id } = await newUser()
    const expires = tomorrow()
    const session = await adapter.createSession({
      sessionToken: randomUUID(),
      userId: id,
      expires: expires.toISOString() as never,
    })
    expect(session.expires).toEqual(expires)
  })
})

describe('getSessionAndUser', () => {
  test('is one query', async () => {
    const { sessionToken } = await signedIn()
    database.queries()
    await adapter.getSessionAndUser(sessionToken)
    expect(database.queries()).toHaveLength(1)
  })

  test('gives three keys of a session and no more', async () => {
    const { sessionToken } = await signedIn()
    const found = await adapter.getSessionAndUser(sessionToken)
    expect(Object.keys(found!.session).sort()).toEqual(['expires', 'sessionToken', 'userId'])
    expect(found!.session.expires).toBeInstanceOf(Date)
    expect(found!.user).toMatchObject({ role: 'member', emailVerified: null })
  })

  test('any cookie may come, and is nobody', async () => {
    const { sessionToken } = await signedIn()
    const hash = createHash('sha256').update(sessionToken).digest()
    const cookies = ['', 'garbage', 'a\0b', 'x'.repeat(5000), hash.toString('hex'), undefined]
    for (const cookie of cookies) {
      expect(await adapter.getSessionAndUser(cookie as string)).toBeNull()
    }
  })

  test('a session past its end is none (C13)', async () => {
    const { sessionToken } = await signedIn(yesterday())
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
  })

  test("another carrier's secret is no session token", async () => {
    const { sessionToken, user } = await signedIn()
    await rows(sql`
      update idp.session_tokens set carrier = 'browser'
      where session_id in (select id from auth.sessions where user_id = ${user.id})`)
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
  })

  test('a banned user neither stays nor comes in, until the ban ends (D10)', async () => {
    const { sessionToken, user } = await signedIn()
    await rows(sql`update auth.users set banned_until = 'infinity' where id = ${user.id}`)
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
    const again = { sessionToken: randomUUID(), userId: user.id, expires: tomorrow() }
    await expect(adapter.createSession(again)).rejects.toMatchObject({ code: 'user_banned' })
    await rows(sql`
      update auth.users set banned_until = now() - interval '1 second' where id = ${user.id}`)
    expect(await adapter.getSessionAndUser(sessionToken)).not.toBeNull()
    expect(await adapter.createSession(again)).toEqual(again)
  })

  test('who is signed out everywhere at another door is signed out here', async () => {
    const { sessionToken, user } = await signedIn()
    await rows(sql`delete from auth.sessions where user_id = ${user.id}`)
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
  })
})

describe('updateSession', () => {
  test('moves the end of the session, wherever it is read', async () => {
    const { sessionToken, user } = await signedIn()
    const expires = new Date('2032-01-01T00:00:00.001Z')
    const moved = { sessionToken, userId: user.id, expires }
    expect(await adapter.updateSession({ sessionToken, expires })).toStrictEqual(moved)
    expect((await adapter.getSessionAndUser(sessionToken))?.session).toStrictEqual(moved)
    const row = await one(
      sql<{ not_after: Date }>`select not_after from auth.sessions where user_id = ${user.id}`,
    )
    expect(row?.not_after).toEqual(expires)
    expect((await events(user.id)).at(-1)).toBe('session.refreshed')
  })

  test('without a key it changes nothing', async () => {
    const { sessionToken, session } = await signedIn()
    expect(await adapter.updateSession({ sessionToken })).toStrictEqual(session)
    expect(await adapter.updateSession({ ...session, expires: undefined })).toStrictEqual(session)
  })

  test('a session that has ended stays ended', async () => {
    const { sessionToken } = await signedIn()
    const past = await signedIn(yesterday())
    await adapter.deleteSession(sessionToken)
    for (const token of [sessionToken, past.sessionToken, randomUUID(), 'a\0b']) {
      expect(await adapter.updateSession({ sessionToken: token, expires: tomorrow() })).toBeNull()
      expect(await adapter.getSessionAndUser(token)).toBeNull()
    }
  })

  test('a sign-out among twenty extensions wins (D17)', async () => {
    const { sessionToken } = await signedIn()
    const { errors } = await atOnce(20, (index) =>
      index === 7
        ? adapter.deleteSession(sessionToken)
        : adapter.updateSession({ sessionToken, expires: new Date(Date.now() + index * 1e6) }),
    )
    expect(errors).toEqual([])
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
  })

  test('a session is not handed over to somebody else (D11)', async () => {
    const { sessionToken, session, user } = await signedIn()
    const other = await newUser()
    await expect(
      adapter.updateSession({ sessionToken, userId: other.id, expires: tomorrow() }),
    ).rejects.toMatchObject({ code: 'input_invalid' })
    expect(await adapter.updateSession({ sessionToken, userId: user.id })).toStrictEqual(session)
  })
})

describe('deleteSession', () => {
  test('returns what it ended', async () => {
    const { sessionToken, session, user } = await signedIn()
    expect(await adapter.deleteSession(sessionToken)).toStrictEqual(session)
    expect(await adapter.getSessionAndUser(sessionToken)).toBeNull()
    expect(await rows(sql`select 1 from auth.sessions where user_id = ${user.id}`)).toEqual([])
    expect((await events(user.id)).at(-1)).toBe('session.ended')
    expect((await audit(user.id)).map(({ action }) => action)).toContain('logout')
  })

  test('a stale cookie is deleted quietly', async () => {
    for (const token of [randomUUID(), '', 'a\0b', 'x'.repeat(5000)]) {
      expect(await adapter.deleteSession(token)).toBeNull()
    }
  })

  test('of twenty who sign out at once, one is told of the session', async () => {
    const { sessionToken, session, user } = await signedIn()
    const { values, errors } = await atOnce(20, () => adapter.deleteSession(sessionToken))
    expect(errors).toEqual([])
    expect(values.filter((value) => value !== null)).toEqual([session])
    expect((await events(user.id)).filter((type) => type === 'session.ended')).toHaveLength(1)
  })

  test('ends this session, and no other of the user', async () => {
    const { sessionToken, user } = await signedIn()
    const other = { sessionToken: randomUUID(), userId: user.id, expires: tomorrow() }
    await adapter.createSession(other)
    await adapter.deleteSession(sessionToken)
    expect((await adapter.getSessionAndUser(other.sessionToken))?.session).toEqual(other)
  })
})
