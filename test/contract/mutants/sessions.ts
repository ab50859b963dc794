import type { Subject } from '../../../authjs/contract.ts'
import { type Mutant, quietly } from './mutant.ts'

/** Sessions, passkeys, the whole of it, and the extras. */
export const sessionMutants: readonly Mutant[] = [
  {
    fault: 'a session past its end is still one',
    noticedBy: 'A session past its end is none',
    of: (adapter) => ({
      ...adapter,
      createSession: (session: Parameters<Subject['createSession']>[0]) =>
        adapter.createSession({ ...session, expires: new Date('2099-01-01') }),
    }),
  },
  {
    fault: 'a session shows its other columns',
    noticedBy: 'A session has three keys and no more: an app may send them all to the browser',
    of: (adapter) => ({
      ...adapter,
      async getSessionAndUser(token: string) {
        const found = await adapter.getSessionAndUser(token)
        return found && { ...found, session: { ...found.session, createdAt: new Date() } }
      },
    }),
  },
  {
    fault: 'the hash of the token goes into the cookie',
    noticedBy: 'The token and the date that go into the cookie come back as they were',
    of: (adapter) => ({
      ...adapter,
      async createSession(session: Parameters<Subject['createSession']>[0]) {
        const made = await adapter.createSession(session)
        return { ...made, sessionToken: btoa(made.sessionToken) }
      },
    }),
  },
  {
    fault: 'signing out a stale cookie throws',
    noticedBy: 'A stale cookie is signed out quietly, as often as it comes',
    of: (adapter) => ({
      ...adapter,
      async deleteSession(token: string) {
        const gone = await adapter.deleteSession(token)
        if (gone === null) throw new Error('Record to delete does not exist.')
        return gone
      },
    }),
  },
  {
    fault: 'extending a session brings it back',
    noticedBy: 'A session that has ended stays ended, quietly',
    of(adapter) {
      const known = new Map<string, Parameters<Subject['createSession']>[0]>()
      return {
        ...adapter,
        async createSession(session) {
          known.set(session.sessionToken, session)
          return adapter.createSession(session)
        },
        async updateSession(change) {
          const moved = await adapter.updateSession(change)
          const before = known.get(change.sessionToken)
          return moved ?? (before === undefined ? null : adapter.createSession(before))
        },
      } satisfies Subject
    },
  },
  {
    fault: 'the end of a session is not moved',
    noticedBy: 'The end of a session can be moved',
    of: (adapter) => ({
      ...adapter,
      updateSession: ({ sessionToken }: { sessionToken: string }) =>
        adapter.updateSession({ sessionToken }),
    }),
  },
  {
    fault: 'a counter goes back',
    noticedBy: 'A counter never goes back',
    of(adapter) {
      const counters = new Map<string, number>()
      return {
        ...adapter,
        async updateAuthenticatorCounter(id, counter) {
          counters.set(id, counter)
          return adapter.updateAuthenticatorCounter(id, counter)
        },
        async getAuthenticator(id) {
          const found = await adapter.getAuthenticator(id)
          return found && { ...found, counter: counters.get(id) ?? found.counter }
        },
      } satisfies Subject
    },
  },
  {
    fault: 'a counter is an int4',
    noticedBy: 'A counter may pass 2 to the 31st, and is a number',
    of: (adapter) => ({
      ...adapter,
      async updateAuthenticatorCounter(id: string, counter: number) {
        if (counter > 2_147_483_647) throw new Error('integer out of range')
        return adapter.updateAuthenticatorCounter(id, counter)
      },
    }),
  },
  {
    fault: 'counting an unknown passkey is passed over in silence',
    noticedBy: 'A passkey that nobody has cannot be counted: that is thrown',
    of: (adapter) => ({
      ...adapter,
      updateAuthenticatorCounter: (id: string, counter: number) =>
        quietly(adapter.updateAuthenticatorCounter(id, counter)),
    }),
  },
  {
    fault: 'the passkeys of everybody are listed',
    noticedBy: 'The passkeys of a user are listed, all of them and no others',
    of(adapter) {
      const all: object[] = []
      return {
        ...adapter,
        async createAuthenticator(one) {
          all.push(one)
          return adapter.createAuthenticator(one)
        },
        listAuthenticatorsByUserId: async () => all as never,
      } satisfies Subject
    },
  },
  {
    fault: 'the methods are those of a class',
    noticedBy: 'It is an object with nineteen methods of its own',
    of: (adapter) => Object.create(adapter),
  },
  {
    fault: 'a method needs `this`',
    noticedBy: 'Its methods need no `this`: Auth.js calls copies of them',
    of: (adapter) => ({
      ...adapter,
      store: adapter,
      getUser(this: { store: Subject }, id: string) {
        return this.store.getUser(id)
      },
    }),
  },
  {
    fault: 'absent is undefined',
    noticedBy: 'What is not there is null, and a list of nothing is empty',
    of: (adapter) => ({
      ...adapter,
      getUser: async (id: string) => (await adapter.getUser(id)) ?? undefined,
    }),
  },
  {
    fault: 'absent is an object that is true',
    noticedBy: 'What is not there is null, and a list of nothing is empty',
    of: (adapter) => ({
      ...adapter,
      getUserByAccount: async (key: { provider: string; providerAccountId: string }) =>
        (await adapter.getUserByAccount(key)) ?? {},
    }),
  },
  {
    fault: 'an error quotes the row',
    noticedBy: 'An error names no address and no token',
    of: (adapter) => ({
      ...adapter,
      async createUser(user: Parameters<Subject['createUser']>[0]) {
        const made = await quietly(adapter.createUser(user))
        if (made !== null) return made
        const detail = `Key (email)=(${user.email}) already exists.`
        throw Object.assign(new Error('duplicate key'), { cause: { detail } })
      },
    }),
  },
  {
    fault: 'all sessions end, this one too',
    noticedBy: 'All sessions but this one can be ended; another’s token spares none',
    of: (adapter) => ({
      ...adapter,
      deleteSessions: (userId: string) => adapter.deleteSessions?.(userId),
    }),
  },
  {
    fault: 'the list of accounts shows their tokens',
    noticedBy: 'The accounts of a user are listed, without their tokens',
    of: (adapter) => ({
      ...adapter,
      async listAccounts(userId: string) {
        const listed = (await adapter.listAccounts?.(userId)) ?? []
        return Promise.all(
          listed.map((one) => adapter.getAccount(one.providerAccountId, one.provider)),
        )
      },
    }),
  },
]
