import {
  accountOf,
  assert,
  equal,
  fresh,
  freshEmail,
  future,
  isNothing,
  isNull,
  passkeyOf,
  past,
  type Rule,
  refuses,
  type Subject,
  sessionOf,
  tokenFor,
  userBy,
} from './rule.ts'

export const methods = [
  'createUser',
  'getUser',
  'getUserByEmail',
  'getUserByAccount',
  'updateUser',
  'deleteUser',
  'linkAccount',
  'unlinkAccount',
  'getAccount',
  'createSession',
  'getSessionAndUser',
  'updateSession',
  'deleteSession',
  'createVerificationToken',
  'useVerificationToken',
  'createAuthenticator',
  'getAuthenticator',
  'listAuthenticatorsByUserId',
  'updateAuthenticatorCounter',
] as const

/** What holds for every method, and whole flows as Auth.js walks them. */
export const shapeRules: readonly Rule[] = [
  {
    name: 'It is an object with nineteen methods of its own',
    about: ['1.1.1', '1.4', '8.20', ...methods],
    async check(adapter) {
      const own = Object.keys(adapter)
      for (const method of methods) {
        assert(own.includes(method), `${method} is no own, enumerable property`)
        assert(typeof Reflect.get(adapter, method) === 'function', `${method} is no function`)
      }
    },
  },
  {
    name: 'Its methods need no `this`: Auth.js calls copies of them',
    about: ['1.1.1', '8.20'],
    async check(adapter) {
      const call = (method: keyof Subject, ...args: unknown[]) =>
        Reflect.apply(adapter[method] as (...args: unknown[]) => unknown, undefined, args)
      const user = (await call('createUser', { id: fresh(), email: freshEmail() })) as {
        id: string
        email: string
      }
      equal(((await call('getUser', user.id)) as { id: string }).id, user.id, 'getUser')
      equal(
        ((await call('getUserByEmail', user.email)) as { id: string }).id,
        user.id,
        'getUserByEmail',
      )
      const session = { sessionToken: fresh(), userId: user.id, expires: future() }
      await call('createSession', session)
      assert((await call('getSessionAndUser', session.sessionToken)) !== null, 'getSessionAndUser')
      isNull(await call('useVerificationToken', tokenFor()), 'useVerificationToken')
    },
  },
  {
    name: 'What is not there is null, and a list of nothing is empty',
    about: [
      '1.1.3',
      'getUser',
      'getUserByEmail',
      'getUserByAccount',
      'getSessionAndUser',
      'getAccount',
      'getAuthenticator',
    ],
    async check(adapter) {
      isNull(await adapter.getUser(fresh()), 'getUser')
      isNull(await adapter.getUserByEmail(freshEmail()), 'getUserByEmail')
      isNull(
        await adapter.getUserByAccount({ provider: 'github', providerAccountId: fresh() }),
        'getUserByAccount',
      )
      isNull(await adapter.getSessionAndUser(fresh()), 'getSessionAndUser')
      isNull(await adapter.useVerificationToken(tokenFor()), 'useVerificationToken')
      isNull(await adapter.getAccount(fresh(), 'github'), 'getAccount')
      isNull(await adapter.getAuthenticator(passkeyOf('').credentialID), 'getAuthenticator')
      equal(await adapter.listAuthenticatorsByUserId(fresh()), [], 'listAuthenticatorsByUserId')
    },
  },
  {
    name: 'Dates are dates, in and out, to the millisecond',
    about: ['1.1.6', '1.5', '8.4', '8.20'],
    async check(adapter) {
      const proved = new Date('2026-03-04T05:06:07.089Z')
      const user = await userBy(adapter, { emailVerified: proved })
      equal(user.emailVerified, proved, 'createUser')
      equal((await adapter.getUser(user.id))?.emailVerified, proved, 'getUser')
      const session = await sessionOf(adapter, user.id, future(123))
      equal(session.expires, future(123), 'createSession')
      const found = await adapter.getSessionAndUser(session.sessionToken)
      equal(found?.session.expires, future(123), 'getSessionAndUser')
      equal(found?.user.emailVerified, proved, 'getSessionAndUser: user')
      const token = tokenFor()
      await adapter.createVerificationToken(token)
      equal((await adapter.useVerificationToken(token))?.expires, token.expires, 'the token')
    },
  },
  {
    name: 'What is returned belongs to the caller: no later call sees what is done to it',
    about: ['1.6'],
    async check(adapter) {
      const user = await userBy(adapter)
      const { email } = user
      Object.assign(user, { name: 'changed', email: 'changed' })
      equal((await adapter.getUser(user.id))?.name, 'Ann', 'getUser')
      const again = await adapter.getUserByEmail(email)
      if (again !== null) Object.assign(again, { name: 'changed' })
      equal((await adapter.getUserByEmail(email))?.name, 'Ann', 'getUserByEmail')
    },
  },
  {
    name: 'An error names no address and no token',
    about: ['1.1.4', '9.4'],
    async check(adapter) {
      const user = await userBy(adapter)
      const session = await sessionOf(adapter, user.id)
      const token = tokenFor(user.email)
      await adapter.createVerificationToken(token)
      const errors = [
        await refuses(() => adapter.createUser({ id: fresh(), email: user.email }), 'createUser'),
        await refuses(() => adapter.createSession(session), 'createSession'),
        await refuses(() => adapter.createVerificationToken(token), 'createVerificationToken'),
      ]
      for (const error of errors) {
        const text = wholeText(error)
        for (const value of [user.email, session.sessionToken, token.token]) {
          assert(!text.includes(value), 'the error holds a value from a row')
        }
        assert(!/\b(insert into|values \(|select )/i.test(text), 'the error holds SQL')
      }
    },
  },
  {
    name: 'OAuth: a first sign-in, and the next ones, as Auth.js calls it',
    about: ['1.3', '4.1'],
    async check(adapter) {
      const key = { provider: 'google', providerAccountId: fresh() }
      isNull(await adapter.getUserByAccount(key), 'the first look')
      const email = freshEmail()
      isNull(await adapter.getUserByEmail(email), 'the address')
      const user = await adapter.createUser({
        id: fresh(),
        name: 'Ann',
        email,
        image: undefined,
        emailVerified: null,
      })
      await adapter.linkAccount(accountOf(user.id, { ...key, type: 'oidc', token_type: 'bearer' }))
      const { sessionToken } = await sessionOf(adapter, user.id)
      equal((await adapter.getUserByAccount(key))?.id, user.id, 'the next sign-in')
      equal((await adapter.getSessionAndUser(sessionToken))?.user.id, user.id, 'the session')
    },
  },
  {
    name: 'Magic link: a stale cookie does not stop a sign-in, and the address is proved',
    about: ['1.3', '1.6', '4.2', 'deleteSession', 'updateUser'],
    async check(adapter) {
      const user = await userBy(adapter)
      const token = tokenFor(user.email)
      await adapter.createVerificationToken(token)
      equal((await adapter.useVerificationToken(token))?.identifier, user.email, 'the click')
      isNull(await adapter.getSessionAndUser('of a session that is no more'), 'the stale cookie')
      isNothing(await adapter.deleteSession('of a session that is no more'), 'deleteSession')
      const proved = past()
      const after = await adapter.updateUser({ id: user.id, emailVerified: proved })
      equal(after.emailVerified, proved, 'updateUser')
      equal(after.email, user.email, 'updateUser: email')
      const { sessionToken } = await sessionOf(adapter, user.id)
      equal((await adapter.getSessionAndUser(sessionToken))?.user.emailVerified, proved, 'session')
    },
  },
  {
    name: 'Passkey: registered and used, as Auth.js calls it',
    about: ['1.3', '4.3', 'getAccount'],
    async check(adapter) {
      const user = await adapter.createUser({ email: freshEmail() })
      const passkey = passkeyOf(user.id)
      const { credentialID } = passkey
      const account = { provider: 'passkey', providerAccountId: credentialID, type: 'webauthn' }
      await adapter.linkAccount(accountOf(user.id, account))
      await sessionOf(adapter, user.id)
      await adapter.createAuthenticator(passkey)
      const found = await adapter.getAuthenticator(credentialID)
      assert(found !== null, 'the passkey is not found')
      await adapter.updateAuthenticatorCounter(credentialID, 1)
      const linked = await adapter.getAccount(String(found?.providerAccountId), 'passkey')
      equal(linked?.userId, user.id, 'getAccount')
      equal((await adapter.getUser(String(linked?.userId)))?.id, user.id, 'getUser')
    },
  },
]

/** All of an error that a log may show: its texts, its own properties, its causes. */
function wholeText(error: unknown, depth = 0): string {
  if (typeof error !== 'object' || error === null || depth > 5) return String(error)
  const own = Object.getOwnPropertyNames(error).map((key) => {
    const value: unknown = Reflect.get(error, key)
    return `${key}: ${typeof value === 'object' ? wholeText(value, depth + 1) : String(value)}`
  })
  return own.join('\n')
}
