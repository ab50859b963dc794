import {
  atOnce,
  base64,
  equal,
  fresh,
  freshEmail,
  holds,
  isNull,
  passkeyOf,
  type Rule,
  refuses,
  userBy,
} from './rule.ts'

export const authenticatorRules: readonly Rule[] = [
  {
    name: 'A passkey comes back as it was given',
    about: ['createAuthenticator', 'getAuthenticator', '1.5'],
    async check(adapter) {
      const user = await userBy(adapter)
      const given = passkeyOf(user.id)
      holds(await adapter.createAuthenticator({ ...given }), given, 'createAuthenticator')
      holds(await adapter.getAuthenticator(given.credentialID), given, 'getAuthenticator')
    },
  },
  {
    name: 'A passkey of one device, without transports, is that',
    about: ['createAuthenticator', '1.5', '1.6'],
    async check(adapter) {
      const user = await userBy(adapter)
      const given = passkeyOf(user.id, {
        credentialDeviceType: 'singleDevice',
        credentialBackedUp: false,
        transports: undefined,
      })
      await adapter.createAuthenticator(given)
      const expected = { ...given, transports: null }
      holds(await adapter.getAuthenticator(given.credentialID), expected, 'getAuthenticator')
    },
  },
  {
    name: 'The id of a passkey is Base64 as Auth.js writes it, and may be long',
    about: ['getAuthenticator', '1.5'],
    async check(adapter) {
      const user = await userBy(adapter)
      for (const credentialID of ['+/+/', '/w==']) {
        const odd = base64(`${fresh()}ûÿ${credentialID}`)
        await adapter.createAuthenticator(passkeyOf(user.id, { credentialID: odd }))
        equal((await adapter.getAuthenticator(odd))?.credentialID, odd, 'the id')
      }
      const long = base64(fresh().padEnd(1023, 'x'))
      await adapter.createAuthenticator(passkeyOf(user.id, { credentialID: long }))
      equal((await adapter.getAuthenticator(long))?.credentialID, long, 'the long id')
    },
  },
  {
    name: 'A passkey is enrolled once',
    about: ['createAuthenticator', '1.5'],
    async check(adapter) {
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const given = passkeyOf(user.id)
      await adapter.createAuthenticator(given)
      await refuses(
        () => adapter.createAuthenticator({ ...given, userId: other.id }),
        'by another user',
      )
      equal((await adapter.getAuthenticator(given.credentialID))?.userId, user.id, 'the owner')
    },
  },
  {
    name: 'A passkey needs a user',
    about: ['createAuthenticator', '1.5'],
    async check(adapter) {
      const given = passkeyOf(fresh())
      await refuses(() => adapter.createAuthenticator(given), 'an unknown user')
      isNull(await adapter.getAuthenticator(given.credentialID), 'getAuthenticator')
    },
  },
  {
    name: 'The passkeys of a user are listed, all of them and no others',
    about: ['listAuthenticatorsByUserId'],
    async check(adapter) {
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const given = [passkeyOf(user.id), passkeyOf(user.id)]
      for (const one of [...given, passkeyOf(other.id)]) await adapter.createAuthenticator(one)
      const listed = await adapter.listAuthenticatorsByUserId(user.id)
      equal(
        listed.map(({ credentialID }) => credentialID).sort(),
        given.map(({ credentialID }) => credentialID).sort(),
        'the list',
      )
    },
  },
  {
    name: 'Whose id cannot be one has no passkeys',
    about: ['listAuthenticatorsByUserId', '8.17'],
    async check(adapter) {
      for (const id of ['invalid', '', 'x'.repeat(3000)]) {
        equal(await adapter.listAuthenticatorsByUserId(id), [], id.slice(0, 40))
      }
      isNull(await adapter.getAuthenticator('no base64 at all!'), 'getAuthenticator')
    },
  },
  {
    name: 'A use of a passkey is counted',
    about: ['updateAuthenticatorCounter'],
    async check(adapter) {
      const user = await adapter.createUser({ email: freshEmail() })
      const [given, other] = [passkeyOf(user.id), passkeyOf(user.id)]
      await adapter.createAuthenticator(given)
      await adapter.createAuthenticator(other)
      const updated = await adapter.updateAuthenticatorCounter(given.credentialID, 7)
      equal(updated?.counter, 7, 'what comes back')
      equal((await adapter.getAuthenticator(given.credentialID))?.counter, 7, 'what is kept')
      equal((await adapter.getAuthenticator(other.credentialID))?.counter, 0, 'the other passkey')
    },
  },
  {
    name: 'A counter may pass 2 to the 31st, and is a number',
    about: ['createAuthenticator', 'updateAuthenticatorCounter', '8.18', '1.5'],
    async check(adapter) {
      const user = await userBy(adapter)
      const given = passkeyOf(user.id, { counter: 2_147_483_648 })
      await adapter.createAuthenticator(given)
      await adapter.updateAuthenticatorCounter(given.credentialID, 4_294_967_295)
      const found = await adapter.getAuthenticator(given.credentialID)
      equal(found?.counter, 4_294_967_295, 'the counter')
    },
  },
  {
    name: 'A counter never goes back',
    about: ['updateAuthenticatorCounter', '8.20', '6.3'],
    async check(adapter) {
      const user = await userBy(adapter)
      const given = passkeyOf(user.id, { counter: 5 })
      await adapter.createAuthenticator(given)
      // Refused or passed over: both keep a cloned key out.
      await atOnce(1, () => adapter.updateAuthenticatorCounter(given.credentialID, 3))
      equal((await adapter.getAuthenticator(given.credentialID))?.counter, 5, 'the counter')
    },
  },
  {
    name: 'Of many uses at once, the highest counts',
    about: ['updateAuthenticatorCounter', '8.20', '6.3'],
    async check(adapter) {
      const user = await userBy(adapter)
      const given = passkeyOf(user.id)
      await adapter.createAuthenticator(given)
      await atOnce(8, (index) => adapter.updateAuthenticatorCounter(given.credentialID, 8 - index))
      equal((await adapter.getAuthenticator(given.credentialID))?.counter, 8, 'the counter')
    },
  },
  {
    name: 'A passkey that nobody has cannot be counted: that is thrown',
    about: ['updateAuthenticatorCounter'],
    async check(adapter) {
      const { credentialID } = passkeyOf('')
      await refuses(() => adapter.updateAuthenticatorCounter(credentialID, 1), 'an unknown passkey')
    },
  },
]
