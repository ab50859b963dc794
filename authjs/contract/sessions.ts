import {
  assert,
  atOnce,
  equal,
  fresh,
  future,
  isNothing,
  isNull,
  past,
  type Rule,
  refuses,
  type Subject,
  sessionOf,
  userBy,
} from './rule.ts'

async function signedIn(adapter: Subject, expires = future()) {
  const user = await userBy(adapter)
  return { user, session: await sessionOf(adapter, user.id, expires) }
}

export const sessionRules: readonly Rule[] = [
  {
    name: 'The token and the date that go into the cookie come back as they were',
    about: ['createSession', '8.15', '1.2'],
    async check(adapter) {
      const user = await userBy(adapter)
      const given = { sessionToken: fresh(), userId: user.id, expires: future(1) }
      const session = await adapter.createSession({ ...given })
      equal(session?.sessionToken, given.sessionToken, 'sessionToken')
      equal(session?.userId, given.userId, 'userId')
      equal(session?.expires, given.expires, 'expires')
    },
  },
  {
    name: 'A token gives its session and its user',
    about: ['getSessionAndUser'],
    async check(adapter) {
      const { user, session } = await signedIn(adapter)
      await signedIn(adapter)
      const found = await adapter.getSessionAndUser(session.sessionToken)
      equal(found?.user, user, 'user')
      equal(found?.session.userId, user.id, 'userId')
      equal(found?.session.sessionToken, session.sessionToken, 'sessionToken')
    },
  },
  {
    name: 'A session has three keys and no more: an app may send them all to the browser',
    about: ['getSessionAndUser', '8.14', '1.6'],
    async check(adapter) {
      const { session } = await signedIn(adapter)
      const found = await adapter.getSessionAndUser(session.sessionToken)
      const keys = Object.keys(found?.session ?? {}).filter((key) => key !== 'id')
      equal(keys.sort(), ['expires', 'sessionToken', 'userId'], 'the keys')
    },
  },
  {
    name: 'A session past its end is none',
    about: ['getSessionAndUser', '8.13'],
    async check(adapter) {
      const { session } = await signedIn(adapter, past())
      isNull(await adapter.getSessionAndUser(session.sessionToken), 'getSessionAndUser')
    },
  },
  {
    name: 'Any cookie may come, and is nobody',
    about: ['getSessionAndUser', '8.17'],
    async check(adapter) {
      await signedIn(adapter)
      const cookies = ['garbage', "'; --", '%', `eyJhbGciOiJkaXIi.${'x'.repeat(5000)}`, '-1']
      for (const cookie of cookies) {
        isNull(await adapter.getSessionAndUser(cookie), cookie.slice(0, 40))
      }
    },
  },
  {
    name: 'A token carries one session',
    about: ['createSession', '1.5'],
    async check(adapter) {
      const { user, session } = await signedIn(adapter)
      const other = await userBy(adapter)
      await refuses(
        () => adapter.createSession({ ...session, userId: other.id }),
        'a second session',
      )
      const found = await adapter.getSessionAndUser(session.sessionToken)
      equal(found?.user.id, user.id, 'whose session it is')
    },
  },
  {
    name: 'A session needs a user',
    about: ['createSession', '1.5'],
    async check(adapter) {
      const session = { sessionToken: fresh(), userId: fresh(), expires: future() }
      await refuses(() => adapter.createSession(session), 'an unknown user')
      isNull(await adapter.getSessionAndUser(session.sessionToken), 'getSessionAndUser')
    },
  },
  {
    name: 'The end of a session can be moved',
    about: ['updateSession'],
    async check(adapter) {
      const { user, session } = await signedIn(adapter)
      const { sessionToken } = session
      await adapter.updateSession({ sessionToken, expires: future(5001) })
      const found = await adapter.getSessionAndUser(sessionToken)
      equal(found?.session.expires, future(5001), 'expires')
      equal(found?.user.id, user.id, 'the user')
    },
  },
  {
    name: 'A change of a session leaves what it does not name',
    about: ['updateSession', '1.6'],
    async check(adapter) {
      const { user, session } = await signedIn(adapter)
      const { sessionToken } = session
      await adapter.updateSession({ sessionToken, userId: user.id, expires: undefined })
      const found = await adapter.getSessionAndUser(sessionToken)
      equal(found?.session.expires, session.expires, 'expires')
    },
  },
  {
    name: 'A session that has ended stays ended, quietly',
    about: ['updateSession', '8.16'],
    async check(adapter) {
      const { session } = await signedIn(adapter)
      const { sessionToken } = session
      await adapter.deleteSession(sessionToken)
      for (const token of [sessionToken, fresh()]) {
        isNothing(
          await adapter.updateSession({ sessionToken: token, expires: future() }),
          'updateSession',
        )
        isNull(await adapter.getSessionAndUser(token), 'getSessionAndUser')
      }
    },
  },
  {
    name: 'A sign-out among many extensions wins',
    about: ['updateSession', 'deleteSession', '1.2'],
    async check(adapter) {
      const { session } = await signedIn(adapter)
      const { sessionToken } = session
      const { errors } = await atOnce(10, (index) =>
        index === 4
          ? adapter.deleteSession(sessionToken)
          : adapter.updateSession({ sessionToken, expires: future(index) }),
      )
      equal(errors.map(String), [], 'errors')
      isNull(await adapter.getSessionAndUser(sessionToken), 'getSessionAndUser')
    },
  },
  {
    name: 'A sign-out ends this session, and no other of the user',
    about: ['deleteSession'],
    async check(adapter) {
      const { user, session } = await signedIn(adapter)
      const other = await sessionOf(adapter, user.id)
      await adapter.deleteSession(session.sessionToken)
      isNull(await adapter.getSessionAndUser(session.sessionToken), 'this one')
      assert((await adapter.getSessionAndUser(other.sessionToken)) !== null, 'the other is gone')
    },
  },
  {
    name: 'A stale cookie is signed out quietly, as often as it comes',
    about: ['deleteSession', '8.16'],
    async check(adapter) {
      const { session } = await signedIn(adapter)
      await adapter.deleteSession(session.sessionToken)
      const stale = [session.sessionToken, fresh(), 'x'.repeat(5000)]
      for (const token of stale) isNothing(await adapter.deleteSession(token), 'deleteSession')
    },
  },
  {
    name: 'Many may sign out at once',
    about: ['deleteSession', '1.2'],
    async check(adapter) {
      const { session } = await signedIn(adapter)
      const { errors } = await atOnce(8, () => adapter.deleteSession(session.sessionToken))
      equal(errors.map(String), [], 'errors')
    },
  },
]
