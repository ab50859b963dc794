import type { Subject } from '../../../authjs/contract.ts'
import { type Mutant, quietly, tick } from './mutant.ts'

/** Links and accounts. */
export const tokenAndAccountMutants: readonly Mutant[] = [
  {
    fault: 'a token is read, and then deleted',
    noticedBy: 'Of many clicks at once, one wins',
    of(adapter) {
      const open = new Map<string, object>()
      return {
        ...adapter,
        async createVerificationToken(given) {
          open.set(given.token, given)
          return given
        },
        async useVerificationToken({ token }) {
          const found = open.get(token) ?? null
          await tick()
          open.delete(token)
          return found as never
        },
      } satisfies Subject
    },
  },
  {
    fault: 'a token without address is read, and then deleted',
    noticedBy: 'Of many clicks at once on a link that does not say whose it is, one wins',
    of(adapter) {
      const open = new Map<string, object>()
      return {
        ...adapter,
        async createVerificationToken(given) {
          open.set(given.token, given)
          return adapter.createVerificationToken(given)
        },
        async useVerificationToken(used) {
          if (used.identifier !== undefined) return adapter.useVerificationToken(used)
          const found = open.get(used.token) ?? null
          await tick()
          open.delete(used.token)
          return found as never
        },
      } satisfies Subject
    },
  },
  {
    fault: 'the second click throws',
    noticedBy: 'Who comes second among many clicks is told null, and nothing is thrown',
    of: (adapter) => ({
      ...adapter,
      async useVerificationToken(used: { identifier?: string; token: string }) {
        const found = await adapter.useVerificationToken(used)
        if (found === null) throw new Error('Record to delete does not exist.')
        return found
      },
    }),
  },
  {
    fault: 'a wrong token voids the links of its address',
    noticedBy: 'A wrong token is nobody, and voids nothing',
    of(adapter) {
      const open = new Map<string, string>()
      return {
        ...adapter,
        async createVerificationToken(given) {
          open.set(given.identifier, given.token)
          return adapter.createVerificationToken(given)
        },
        async useVerificationToken(used) {
          const { identifier = '' } = used
          const known = open.get(identifier)
          const found = await adapter.useVerificationToken(used)
          if (found === null && known !== undefined) {
            await adapter.useVerificationToken({ identifier, token: known })
          }
          return found
        },
      } satisfies Subject
    },
  },
  {
    fault: 'the address of a link is not looked at',
    noticedBy: 'A wrong address is nobody, and voids nothing',
    of: (adapter) => ({
      ...adapter,
      useVerificationToken: ({ token }: { token: string }) =>
        adapter.useVerificationToken({ token }),
    }),
  },
  {
    fault: 'a link without address is nobody’s',
    noticedBy: 'Where a link does not say whose it is, the token alone decides',
    of: (adapter) => ({
      ...adapter,
      useVerificationToken: async (used: { identifier?: string; token: string }) =>
        used.identifier === undefined ? null : adapter.useVerificationToken(used),
    }),
  },
  {
    fault: 'a new link voids the older ones of its address',
    noticedBy: 'One address may have many open links, and a click takes its own',
    of(adapter) {
      const open = new Map<string, string>()
      return {
        ...adapter,
        async createVerificationToken(given) {
          const { identifier } = given
          const older = open.get(identifier)
          if (older !== undefined) await adapter.useVerificationToken({ identifier, token: older })
          open.set(identifier, given.token)
          return adapter.createVerificationToken(given)
        },
      } satisfies Subject
    },
  },
  {
    fault: 'a link past its end is null',
    noticedBy: 'A link past its end comes back too: Auth.js says so itself',
    of: (adapter) => ({
      ...adapter,
      async useVerificationToken(used: { identifier?: string; token: string }) {
        const found = await adapter.useVerificationToken(used)
        return found !== null && found.expires > new Date() ? found : null
      },
    }),
  },
  {
    fault: 'a link can be used again',
    noticedBy: 'A link is good once, and comes back as it was given',
    of: (adapter) => ({
      ...adapter,
      async useVerificationToken(used: { identifier?: string; token: string }) {
        const found = await adapter.useVerificationToken(used)
        if (found !== null) await adapter.createVerificationToken(found)
        return found
      },
    }),
  },
  {
    fault: 'dates come back as text',
    noticedBy: 'Dates are dates, in and out, to the millisecond',
    of: (adapter) => ({
      ...adapter,
      async getUser(id: string) {
        const user = await adapter.getUser(id)
        return user && { ...user, emailVerified: user.emailVerified?.toISOString() ?? null }
      },
    }),
  },
  {
    fault: 'dates lose their milliseconds',
    noticedBy: 'Dates are dates, in and out, to the millisecond',
    of: (adapter) => ({
      ...adapter,
      async getSessionAndUser(token: string) {
        const found = await adapter.getSessionAndUser(token)
        found?.session.expires.setMilliseconds(0)
        return found
      },
    }),
  },
  {
    fault: 'an account is found by its id alone',
    noticedBy: 'A user is found by both keys of an account',
    of(adapter) {
      const owners = new Map<string, string>()
      return {
        ...adapter,
        async linkAccount(account) {
          owners.set(account.providerAccountId, account.userId)
          return adapter.linkAccount(account)
        },
        async getUserByAccount({ providerAccountId }) {
          return adapter.getUser(owners.get(providerAccountId) ?? '')
        },
      } satisfies Subject
    },
  },
  {
    fault: 'an account is matched in any case',
    noticedBy: 'The keys of an account are matched exactly',
    of: (adapter) => ({
      ...adapter,
      getUserByAccount: (account: { provider: string; providerAccountId: string }) =>
        adapter.getUserByAccount({ ...account, provider: account.provider.toLowerCase() }),
    }),
  },
  {
    fault: 'an account is upserted, and so taken over',
    noticedBy: 'An account that somebody has is never taken over',
    of: (adapter) => ({
      ...adapter,
      async linkAccount(account: Parameters<Subject['linkAccount']>[0]) {
        const linked = await quietly(adapter.linkAccount(account))
        if (linked !== null) return linked
        await adapter.unlinkAccount(account)
        return adapter.linkAccount(account)
      },
    }),
  },
  {
    fault: 'linking a second time is passed over in silence',
    noticedBy: 'An account is linked once, also by its owner',
    of: (adapter) => ({
      ...adapter,
      linkAccount: (account: Parameters<Subject['linkAccount']>[0]) =>
        quietly(adapter.linkAccount(account)),
    }),
  },
  {
    fault: 'an account keeps only the columns that the adapter knows',
    noticedBy: 'What else a provider answers does not stop a sign-in, and is kept',
    of: (adapter) => ({
      ...adapter,
      linkAccount: ({
        userId,
        type,
        provider,
        providerAccountId,
      }: Parameters<Subject['linkAccount']>[0]) =>
        adapter.linkAccount({ userId, type, provider, providerAccountId }),
    }),
  },
  {
    fault: 'the end of an account is a text, as drivers give bigints',
    noticedBy: 'An account may end after 2038, and its end is a number',
    of: (adapter) => ({
      ...adapter,
      async getAccount(id: string, provider: string) {
        const found = await adapter.getAccount(id, provider)
        return found && { ...found, expires_at: String(found.expires_at) }
      },
    }),
  },
  {
    fault: 'getAccount takes the provider first',
    noticedBy: 'getAccount is asked for the id first, and the provider after it',
    of: (adapter) => ({
      ...adapter,
      getAccount: (provider: string, id: string) => adapter.getAccount(id, provider),
    }),
  },
]
