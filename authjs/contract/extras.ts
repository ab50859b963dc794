import type { AdapterExtras } from '../../src/faces/authjs/types.ts'
import {
  accountOf,
  assert,
  equal,
  fresh,
  freshEmail,
  future,
  isNull,
  past,
  type Rule,
  type Subject,
  sessionOf,
  tokenFor,
  userBy,
} from './rule.ts'

type Full = Subject & AdapterExtras

/** What an adapter may have beside Auth.js' methods. One that has not is not asked. */
export const extraRules: readonly Rule[] = [
  {
    name: 'The sessions of a user are listed, those that have not ended, and no token with them',
    about: ['listSessions'],
    needs: ['listSessions'],
    async check(subject) {
      const adapter = subject as Full
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const sessions = [await sessionOf(adapter, user.id), await sessionOf(adapter, user.id)]
      await sessionOf(adapter, user.id, past())
      await sessionOf(adapter, other.id)
      const listed = await adapter.listSessions(user.id)
      equal(listed.length, 2, 'how many')
      for (const one of listed) {
        equal(one.userId, user.id, 'userId')
        equal(one.expires, future(), 'expires')
        assert(one.createdAt instanceof Date, 'createdAt is no date')
      }
      const text = JSON.stringify(listed)
      for (const { sessionToken } of sessions) assert(!text.includes(sessionToken), 'a token')
      equal(await adapter.listSessions('invalid'), [], 'nobody')
    },
  },
  {
    name: 'All sessions of a user can be ended, and nobody else’s',
    about: ['deleteSessions'],
    needs: ['deleteSessions'],
    async check(subject) {
      const adapter = subject as Full
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const mine = [await sessionOf(adapter, user.id), await sessionOf(adapter, user.id)]
      const theirs = await sessionOf(adapter, other.id)
      equal(await adapter.deleteSessions(user.id), 2, 'how many')
      for (const { sessionToken } of mine) {
        isNull(await adapter.getSessionAndUser(sessionToken), 'mine')
      }
      assert((await adapter.getSessionAndUser(theirs.sessionToken)) !== null, 'theirs is gone')
      equal(await adapter.deleteSessions(user.id), 0, 'a second time')
      equal(await adapter.deleteSessions('invalid'), 0, 'nobody')
    },
  },
  {
    name: 'All sessions but this one can be ended; another’s token spares none',
    about: ['deleteSessions'],
    needs: ['deleteSessions'],
    async check(subject) {
      const adapter = subject as Full
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const kept = await sessionOf(adapter, user.id)
      const ended = await sessionOf(adapter, user.id)
      const theirs = await sessionOf(adapter, other.id)
      equal(await adapter.deleteSessions(user.id, kept.sessionToken), 1, 'how many')
      assert((await adapter.getSessionAndUser(kept.sessionToken)) !== null, 'this one is gone')
      isNull(await adapter.getSessionAndUser(ended.sessionToken), 'the other one')
      equal(await adapter.deleteSessions(user.id, theirs.sessionToken), 1, 'by another’s token')
      assert((await adapter.getSessionAndUser(theirs.sessionToken)) !== null, 'theirs is gone')
    },
  },
  {
    name: 'The accounts of a user are listed, without their tokens',
    about: ['listAccounts'],
    needs: ['listAccounts'],
    async check(subject) {
      const adapter = subject as Full
      const [user, other] = [await userBy(adapter), await userBy(adapter)]
      const account = accountOf(user.id, { scope: 'openid', access_token: `secret-${fresh()}` })
      const { userId, type, provider, providerAccountId } = account
      await adapter.linkAccount(account)
      await adapter.linkAccount(accountOf(other.id))
      equal(
        await adapter.listAccounts(user.id),
        [{ userId, type, provider, providerAccountId, scope: 'openid' }],
        'the list',
      )
      equal(await adapter.listAccounts('invalid'), [], 'nobody')
    },
  },
  {
    name: 'Garbage is what has ended, and nothing else',
    about: ['collectGarbage'],
    needs: ['collectGarbage'],
    async check(subject) {
      const adapter = subject as Full
      const user = await userBy(adapter)
      const [open, dead] = [tokenFor(), tokenFor(freshEmail(), past())]
      await adapter.createVerificationToken(open)
      await adapter.createVerificationToken(dead)
      const live = await sessionOf(adapter, user.id)
      await sessionOf(adapter, user.id, past())
      assert((await adapter.collectGarbage()) >= 2, 'too few rows went')
      isNull(await adapter.useVerificationToken(dead), 'the dead link')
      equal(await adapter.useVerificationToken(open), open, 'the open link')
      assert((await adapter.getSessionAndUser(live.sessionToken)) !== null, 'the live session')
      assert((await adapter.getUser(user.id)) !== null, 'the user')
    },
  },
]
