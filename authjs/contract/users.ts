import {
  accountOf,
  assert,
  atOnce,
  equal,
  fresh,
  freshEmail,
  holds,
  isNothing,
  isNull,
  passkeyOf,
  type Rule,
  refuses,
  sessionOf,
  userBy,
} from './rule.ts'

const proved = new Date('2026-03-04T05:06:07.089Z')

export const userRules: readonly Rule[] = [
  {
    name: 'A new user comes back as it is stored, and is found again',
    about: ['createUser', 'getUser', 'getUserByEmail', '8.10', '1.5'],
    async check(adapter) {
      const given = {
        name: 'Fay',
        email: freshEmail(),
        image: 'https://example.com/fay.png',
        emailVerified: proved,
      }
      const user = await adapter.createUser({ id: fresh(), ...given })
      holds(user, given, 'createUser')
      equal(await adapter.getUser(user.id), user, 'getUser')
      equal(await adapter.getUserByEmail(given.email), user, 'getUserByEmail')
    },
  },
  {
    name: 'An id is a text, made where none is given',
    about: ['createUser', '1.6', '1.5'],
    async check(adapter) {
      for (const input of [{ email: freshEmail() }, { id: undefined, email: freshEmail() }]) {
        const { id } = await adapter.createUser(input)
        assert(typeof id === 'string' && id !== '', 'the id is no text')
      }
    },
  },
  {
    name: 'An address alone makes a user, and proves nothing',
    about: ['createUser', '8.9', '8.10', '1.5'],
    async check(adapter) {
      const email = freshEmail()
      const user = await adapter.createUser({ email })
      const expected = { email, emailVerified: null, name: null, image: null }
      holds(user, expected, 'createUser')
      holds(await adapter.getUser(user.id), expected, 'getUser')
    },
  },
  {
    name: 'Keys that are there and undefined are as good as absent',
    about: ['createUser', '1.6'],
    async check(adapter) {
      const user = await adapter.createUser({
        id: fresh(),
        email: freshEmail(),
        name: undefined,
        image: undefined,
        emailVerified: undefined,
      })
      holds(await adapter.getUser(user.id), { name: null, image: null, emailVerified: null }, 'it')
    },
  },
  {
    name: 'Many users may have no address',
    about: ['createUser', '8.7', '1.5'],
    async check(adapter) {
      const one = await adapter.createUser({ id: fresh(), name: 'One', emailVerified: null })
      const two = await adapter.createUser({ id: fresh(), name: 'Two', emailVerified: null })
      assert(one.id !== two.id, 'two users are one')
      equal((await adapter.getUser(two.id))?.name, 'Two', 'getUser')
    },
  },
  {
    name: 'An address is taken once',
    about: ['createUser', '8.7'],
    async check(adapter) {
      const { id, email } = await userBy(adapter)
      await refuses(() => adapter.createUser({ id: fresh(), email }), 'the second user')
      equal((await adapter.getUserByEmail(email))?.id, id, 'the owner of the address')
    },
  },
  {
    name: 'An address is taken in any case',
    about: ['createUser', '8.7', '8.8', '1.6'],
    async check(adapter) {
      const { email } = await userBy(adapter)
      await refuses(
        () => adapter.createUser({ id: fresh(), email: email.toUpperCase() }),
        'the address in capitals',
      )
    },
  },
  {
    name: 'Of many first sign-ins at once with one address, one makes the user',
    about: ['createUser', '8.7', '6.2'],
    async check(adapter) {
      const email = freshEmail()
      const { values } = await atOnce(10, () =>
        adapter.createUser({ id: fresh(), email, emailVerified: proved }),
      )
      equal(values.length, 1, 'how many users were made')
      equal((await adapter.getUserByEmail(email))?.id, values[0]?.id, 'who has the address')
    },
  },
  {
    name: 'An address is found in any case',
    about: ['getUserByEmail', '8.8', '1.6'],
    async check(adapter) {
      const email = freshEmail()
      const { id } = await adapter.createUser({ email: email.toUpperCase() })
      equal((await adapter.getUserByEmail(email))?.id, id, 'in small letters')
      equal((await adapter.getUserByEmail(email.toUpperCase()))?.id, id, 'in capitals')
    },
  },
  {
    name: 'An address is no pattern',
    about: ['getUserByEmail', '8.8'],
    async check(adapter) {
      const { email } = await userBy(adapter)
      const asked = ['%', '%@example.com', '*', '.*', email.replace('-', '_'), `${email}%`]
      for (const pattern of asked) isNull(await adapter.getUserByEmail(pattern), pattern)
    },
  },
  {
    name: 'Nothing is nobody’s address',
    about: ['getUserByEmail', '8.8'],
    async check(adapter) {
      await adapter.createUser({ id: fresh(), name: 'No address', emailVerified: null })
      isNull(await adapter.getUserByEmail(''), 'the empty address')
      isNull(await adapter.getUserByEmail(undefined as unknown as string), 'no address')
    },
  },
  {
    name: 'An id that cannot be one is nobody',
    about: ['getUser', '8.17'],
    async check(adapter) {
      const ids = ['invalid', '', '1e9', 'x'.repeat(3000), `${fresh()}x`, "'; --"]
      for (const id of ids) isNull(await adapter.getUser(id), id.slice(0, 40))
    },
  },
  {
    name: 'What else a profile holds is kept, and comes back',
    about: ['createUser', '8.18', '1.5'],
    async check(adapter) {
      const more = { role: 'admin', tags: ['a', 'b'], nested: { deep: true } }
      const user = await userBy(adapter, more)
      holds(user, more, 'createUser')
      holds(await adapter.getUser(user.id), more, 'getUser')
      const { sessionToken } = await sessionOf(adapter, user.id)
      holds((await adapter.getSessionAndUser(sessionToken))?.user, more, 'getSessionAndUser')
    },
  },
  {
    name: 'Names and pictures may be long',
    about: ['createUser', '8.18', '1.5'],
    async check(adapter) {
      const image = `data:image/png;base64,${'A'.repeat(20_000)}`
      const user = await userBy(adapter, { image })
      equal((await adapter.getUser(user.id))?.image, image, 'the picture')
    },
  },
  {
    name: 'A change leaves what it does not name',
    about: ['updateUser', '8.11'],
    async check(adapter) {
      const user = await userBy(adapter, { emailVerified: proved })
      await adapter.updateUser({ id: user.id, name: 'Bob' })
      equal(await adapter.getUser(user.id), { ...user, name: 'Bob' }, 'getUser')
    },
  },
  {
    name: 'A change leaves what it names as undefined',
    about: ['updateUser', '8.11', '1.6'],
    async check(adapter) {
      const user = await userBy(adapter, { emailVerified: proved })
      await adapter.updateUser({
        id: user.id,
        name: 'Bob',
        email: undefined,
        image: undefined,
        emailVerified: undefined,
      })
      equal(await adapter.getUser(user.id), { ...user, name: 'Bob' }, 'getUser')
    },
  },
  {
    name: 'A change to null clears',
    about: ['updateUser', '8.11'],
    async check(adapter) {
      const user = await userBy(adapter, { emailVerified: proved })
      await adapter.updateUser({ id: user.id, name: null, image: null, emailVerified: null })
      const expected = { email: user.email, name: null, image: null, emailVerified: null }
      holds(await adapter.getUser(user.id), expected, 'getUser')
    },
  },
  {
    name: 'A change gives the whole user back',
    about: ['updateUser', '8.12'],
    async check(adapter) {
      const user = await userBy(adapter)
      const after = await adapter.updateUser({ id: user.id, emailVerified: proved })
      equal(after, { ...user, emailVerified: proved }, 'updateUser')
    },
  },
  {
    name: 'Who is not there cannot be changed: that is thrown',
    about: ['updateUser', '8.12'],
    async check(adapter) {
      for (const id of [fresh(), 'invalid']) {
        await refuses(() => adapter.updateUser({ id, name: 'Nobody' }), id)
        isNull(await adapter.getUser(id), 'getUser')
      }
    },
  },
  {
    name: 'A change to an address that somebody has is refused, and changes nothing',
    about: ['updateUser', '8.7', '8.8'],
    async check(adapter) {
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const email = other.email.toUpperCase()
      await refuses(() => adapter.updateUser({ id: user.id, name: 'New', email }), 'updateUser')
      equal(await adapter.getUser(user.id), user, 'getUser')
    },
  },
  {
    name: 'A deleted user is gone, and the address is free',
    about: ['deleteUser'],
    async check(adapter) {
      const user = await userBy(adapter)
      await adapter.deleteUser(user.id)
      isNull(await adapter.getUser(user.id), 'getUser')
      isNull(await adapter.getUserByEmail(user.email), 'getUserByEmail')
      await adapter.createUser({ id: fresh(), email: user.email })
    },
  },
  {
    name: 'With a user go the sessions',
    about: ['deleteUser', '8.19'],
    async check(adapter) {
      const user = await userBy(adapter)
      const { sessionToken } = await sessionOf(adapter, user.id)
      await adapter.deleteUser(user.id)
      isNull(await adapter.getSessionAndUser(sessionToken), 'getSessionAndUser')
      isNothing(await adapter.deleteSession(sessionToken), 'deleteSession')
    },
  },
  {
    name: 'With a user go the accounts',
    about: ['deleteUser', 'getUserByAccount', '8.19', '1.6'],
    async check(adapter) {
      const user = await userBy(adapter)
      const account = accountOf(user.id)
      await adapter.linkAccount(account)
      await adapter.deleteUser(user.id)
      isNull(await adapter.getUserByAccount(account), 'getUserByAccount')
      isNull(await adapter.getAccount(account.providerAccountId, 'github'), 'getAccount')
      const next = await userBy(adapter)
      await adapter.linkAccount({ ...account, userId: next.id })
    },
  },
  {
    name: 'With a user go the passkeys',
    about: ['deleteUser', '8.19', '1.6'],
    async check(adapter) {
      const user = await userBy(adapter)
      const passkey = passkeyOf(user.id)
      await adapter.createAuthenticator(passkey)
      await adapter.deleteUser(user.id)
      isNull(await adapter.getAuthenticator(passkey.credentialID), 'getAuthenticator')
      equal(await adapter.listAuthenticatorsByUserId(user.id), [], 'listAuthenticatorsByUserId')
    },
  },
  {
    name: 'Who is not there is deleted quietly',
    about: ['deleteUser', '8.16', '8.17'],
    async check(adapter) {
      for (const id of [fresh(), 'invalid']) isNothing(await adapter.deleteUser(id), id)
    },
  },
]
