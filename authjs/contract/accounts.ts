import {
  accountOf,
  assert,
  atOnce,
  equal,
  fresh,
  isNothing,
  isNull,
  type Rule,
  refuses,
  userBy,
} from './rule.ts'

export const accountRules: readonly Rule[] = [
  {
    name: 'A user is found by both keys of an account',
    about: ['getUserByAccount', '8.5'],
    async check(adapter) {
      const [ann, bob] = [await userBy(adapter), await userBy(adapter)]
      const providerAccountId = fresh()
      const { provider } = accountOf(ann.id)
      await adapter.linkAccount(accountOf(ann.id, { providerAccountId }))
      const other = { provider: 'gitlab', providerAccountId }
      isNull(await adapter.getUserByAccount(other), 'another provider’s account')
      await adapter.linkAccount(accountOf(bob.id, other))
      equal((await adapter.getUserByAccount(other))?.id, bob.id, 'the second provider')
      equal(await adapter.getUserByAccount({ provider, providerAccountId }), ann, 'the first')
    },
  },
  {
    name: 'The keys of an account are matched exactly',
    about: ['getUserByAccount', 'getAccount', '1.5', '8.5'],
    async check(adapter) {
      const user = await userBy(adapter)
      const providerAccountId = `Ab_${fresh()}`
      await adapter.linkAccount(accountOf(user.id, { providerAccountId }))
      const strangers = [
        { provider: 'GitHub', providerAccountId },
        { provider: 'github', providerAccountId: providerAccountId.toLowerCase() },
        { provider: 'github', providerAccountId: providerAccountId.replace('_', '%') },
        { provider: 'github', providerAccountId: '' },
      ]
      for (const stranger of strangers) {
        isNull(await adapter.getUserByAccount(stranger), JSON.stringify(stranger))
        isNull(await adapter.getAccount(stranger.providerAccountId, stranger.provider), 'account')
      }
    },
  },
  {
    name: 'An account that somebody has is never taken over',
    about: ['linkAccount', '8.6', '6.2'],
    async check(adapter) {
      const [ann, bob] = [await userBy(adapter), await userBy(adapter)]
      const account = accountOf(ann.id)
      await adapter.linkAccount(account)
      await refuses(() => adapter.linkAccount({ ...account, userId: bob.id }), 'by another user')
      equal((await adapter.getUserByAccount(account))?.id, ann.id, 'the owner')
    },
  },
  {
    name: 'An account is linked once, also by its owner',
    about: ['linkAccount', '8.6'],
    async check(adapter) {
      const user = await userBy(adapter)
      const account = accountOf(user.id)
      await adapter.linkAccount(account)
      await refuses(() => adapter.linkAccount(account), 'a second time')
    },
  },
  {
    name: 'Of many who link one account at once, one has it',
    about: ['linkAccount', '8.6', '6.2'],
    async check(adapter) {
      const users = await Promise.all(Array.from({ length: 8 }, () => userBy(adapter)))
      const key = { provider: 'google', providerAccountId: fresh() }
      const { errors } = await atOnce(8, (index) =>
        adapter.linkAccount(accountOf(users[index]?.id ?? '', key)),
      )
      equal(errors.length, 7, 'how many were refused')
      const owner = await adapter.getUserByAccount(key)
      assert(
        users.some(({ id }) => id === owner?.id),
        'nobody has the account',
      )
    },
  },
  {
    name: 'An account needs a user',
    about: ['linkAccount', '1.5'],
    async check(adapter) {
      const account = accountOf(fresh())
      await refuses(() => adapter.linkAccount(account), 'an unknown user')
      isNull(await adapter.getAccount(account.providerAccountId, account.provider), 'getAccount')
    },
  },
  {
    name: 'The tokens of an account come back as they were, long ones too',
    about: ['linkAccount', 'getAccount', '8.18', '1.5'],
    async check(adapter) {
      const user = await userBy(adapter)
      const account = accountOf(user.id, {
        type: 'oidc',
        access_token: `access-${'a'.repeat(4000)}`,
        refresh_token: 'refresh',
        id_token: `e30.${'b'.repeat(3000)}.c`,
        token_type: 'bearer',
        scope: 'openid email',
        session_state: 'state',
      })
      await adapter.linkAccount(account)
      const found = await adapter.getAccount(account.providerAccountId, account.provider)
      equal(given(found), account, 'getAccount')
    },
  },
  {
    name: 'An account may end after 2038, and its end is a number',
    about: ['linkAccount', 'getAccount', '8.18', '1.5'],
    async check(adapter) {
      const user = await userBy(adapter)
      const account = accountOf(user.id, { expires_at: 4_102_444_800 })
      await adapter.linkAccount(account)
      const found = await adapter.getAccount(account.providerAccountId, account.provider)
      equal(found?.expires_at, 4_102_444_800, 'expires_at')
    },
  },
  {
    name: 'What else a provider answers does not stop a sign-in, and is kept',
    about: ['linkAccount', '8.18', '1.3'],
    async check(adapter) {
      const user = await userBy(adapter)
      const more = { 'not-before-policy': 0, ext_expires_in: 3599, refresh_expires_in: 1800 }
      const account = accountOf(user.id, more)
      await adapter.linkAccount(account)
      const found = await adapter.getAccount(account.providerAccountId, account.provider)
      for (const [key, value] of Object.entries(more)) equal(found?.[key], value, key)
    },
  },
  {
    name: 'An account without tokens has its four keys, and undefined ones are none',
    about: ['linkAccount', 'getAccount', '1.6'],
    async check(adapter) {
      const user = await userBy(adapter)
      const account = accountOf(user.id, { type: 'webauthn' })
      const given = { ...account, access_token: undefined, scope: undefined }
      await adapter.linkAccount(given)
      const found = await adapter.getAccount(account.providerAccountId, account.provider)
      for (const [key, value] of Object.entries(account)) equal(found?.[key], value, key)
    },
  },
  {
    name: 'getAccount is asked for the id first, and the provider after it',
    about: ['getAccount'],
    async check(adapter) {
      const user = await userBy(adapter)
      const account = accountOf(user.id)
      await adapter.linkAccount(account)
      const { provider, providerAccountId } = account
      equal((await adapter.getAccount(providerAccountId, provider))?.userId, user.id, 'id first')
      isNull(await adapter.getAccount(provider, providerAccountId), 'the other way round')
    },
  },
  {
    name: 'An unlinked account is gone, and no other with it',
    about: ['unlinkAccount'],
    async check(adapter) {
      const user = await userBy(adapter)
      const [one, two] = [accountOf(user.id), accountOf(user.id)]
      const three = { ...one, provider: 'gitlab' }
      for (const account of [one, two, three]) await adapter.linkAccount(account)
      await adapter.unlinkAccount({
        provider: one.provider,
        providerAccountId: one.providerAccountId,
      })
      isNull(await adapter.getUserByAccount(one), 'the unlinked one')
      equal((await adapter.getUserByAccount(two))?.id, user.id, 'another of the same provider')
      equal((await adapter.getUserByAccount(three))?.id, user.id, 'the same id elsewhere')
      equal((await adapter.getUser(user.id))?.id, user.id, 'the user')
    },
  },
  {
    name: 'What is not linked is unlinked quietly',
    about: ['unlinkAccount', '8.16'],
    async check(adapter) {
      const key = { provider: 'github', providerAccountId: fresh() }
      isNothing(await adapter.unlinkAccount(key), 'unlinkAccount')
    },
  },
]

/** What is in an account beside an id of its own: a column that is null was not given. */
function given(account: object | null): object | null {
  if (account === null) return null
  const entries = Object.entries(account)
  return Object.fromEntries(entries.filter(([key, value]) => key !== 'id' && value !== null))
}
