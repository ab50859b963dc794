import type { Subject } from '../../../authjs/contract.ts'
import { type Mutant, quietly, tick } from './mutant.ts'

/** Users. */
export const userMutants: readonly Mutant[] = [
  {
    fault: 'two users may have one address',
    noticedBy: 'An address is taken once',
    of: (adapter) => ({
      ...adapter,
      async createUser(user: Parameters<Subject['createUser']>[0]) {
        const made = await quietly(adapter.createUser(user))
        return made ?? { ...(await adapter.createUser({ ...user, email: null })), ...user }
      },
    }),
  },
  {
    fault: 'who has the address is looked up before, and not held by the database',
    noticedBy: 'Of many first sign-ins at once with one address, one makes the user',
    of(adapter) {
      const taken = new Set<string>()
      return {
        ...adapter,
        async createUser(user) {
          const email = String(user.email)
          if (taken.has(email)) throw new Error('The address is taken.')
          await tick()
          taken.add(email)
          return adapter.createUser({ ...user, email: null }) as never
        },
      } satisfies Subject
    },
  },
  {
    fault: 'an address is looked up as it is written',
    noticedBy: 'An address is found in any case',
    of: (adapter) => ({
      ...adapter,
      async getUserByEmail(email: string) {
        const found = await adapter.getUserByEmail(email)
        return found?.email === email ? found : null
      },
    }),
  },
  {
    fault: 'an address is looked up by ILIKE',
    noticedBy: 'An address is no pattern',
    of(adapter) {
      const emails: string[] = []
      return {
        ...adapter,
        async createUser(user) {
          const made = await adapter.createUser(user)
          emails.push(made.email)
          return made
        },
        async getUserByEmail(email) {
          const pattern = String(email).replace(/[.*+?^${}()|[\]\\]/g, '\\$&')
          const like = new RegExp(`^${pattern.replaceAll('%', '.*').replaceAll('_', '.')}$`, 'i')
          return adapter.getUserByEmail(emails.find((one) => like.test(one)) ?? '')
        },
      } satisfies Subject
    },
  },
  {
    fault: 'no address finds somebody without one',
    noticedBy: 'Nothing is nobody’s address',
    of(adapter) {
      let someone = ''
      return {
        ...adapter,
        async createUser(user) {
          const made = await adapter.createUser(user)
          if (!user.email) someone = made.id
          return made
        },
        async getUserByEmail(email) {
          return email ? adapter.getUserByEmail(email) : adapter.getUser(someone)
        },
      } satisfies Subject
    },
  },
  {
    fault: 'createUser needs an id',
    noticedBy: 'An address alone makes a user, and proves nothing',
    of: (adapter) => ({
      ...adapter,
      async createUser(user: Parameters<Subject['createUser']>[0]) {
        if (user.id === undefined) throw new Error('null value in column "id"')
        return adapter.createUser(user)
      },
    }),
  },
  {
    fault: 'a user is verified by a default of now()',
    noticedBy: 'An address alone makes a user, and proves nothing',
    of: (adapter) => ({
      ...adapter,
      createUser: (user: Parameters<Subject['createUser']>[0]) =>
        adapter.createUser({ ...user, emailVerified: user.emailVerified ?? new Date() }),
    }),
  },
  {
    fault: 'createUser returns what it was given',
    noticedBy: 'A new user comes back as it is stored, and is found again',
    of: (adapter) => ({
      ...adapter,
      async createUser(user: Parameters<Subject['createUser']>[0]) {
        const { id } = await adapter.createUser({ ...user, name: `${user.name} stored` })
        return { ...user, id }
      },
    }),
  },
  {
    fault: 'what else a profile holds is dropped',
    noticedBy: 'What else a profile holds is kept, and comes back',
    of: (adapter) => ({
      ...adapter,
      createUser: ({
        id,
        email,
        emailVerified,
        name,
        image,
      }: Parameters<Subject['createUser']>[0]) =>
        adapter.createUser({ id, email, emailVerified, name, image }),
    }),
  },
  {
    fault: 'a picture is cut at 255 characters',
    noticedBy: 'Names and pictures may be long',
    of: (adapter) => ({
      ...adapter,
      createUser: (user: Parameters<Subject['createUser']>[0]) =>
        adapter.createUser({ ...user, image: user.image?.slice(0, 255) }),
    }),
  },
  {
    fault: 'a change clears what it does not name',
    noticedBy: 'A change leaves what it does not name',
    of: (adapter) => ({
      ...adapter,
      updateUser: (user: Parameters<Subject['updateUser']>[0]) =>
        adapter.updateUser({ image: null, ...user }),
    }),
  },
  {
    fault: 'a change writes undefined as null',
    noticedBy: 'A change leaves what it names as undefined',
    of: (adapter) => ({
      ...adapter,
      updateUser: (user: Parameters<Subject['updateUser']>[0]) =>
        adapter.updateUser(
          Object.fromEntries(
            Object.entries(user).map(([key, value]) => [key, value ?? null]),
          ) as never,
        ),
    }),
  },
  {
    fault: 'a change passes null over',
    noticedBy: 'A change to null clears',
    of: (adapter) => ({
      ...adapter,
      updateUser: (user: Parameters<Subject['updateUser']>[0]) =>
        adapter.updateUser(
          Object.fromEntries(Object.entries(user).filter(([, value]) => value !== null)) as never,
        ),
    }),
  },
  {
    fault: 'a change gives itself back',
    noticedBy: 'A change gives the whole user back',
    of: (adapter) => ({
      ...adapter,
      async updateUser(user: Parameters<Subject['updateUser']>[0]) {
        await adapter.updateUser(user)
        return user
      },
    }),
  },
  {
    fault: 'a change of nobody is passed over in silence',
    noticedBy: 'Who is not there cannot be changed: that is thrown',
    of: (adapter) => ({
      ...adapter,
      updateUser: (user: Parameters<Subject['updateUser']>[0]) => quietly(adapter.updateUser(user)),
    }),
  },
  {
    fault: 'an id that is no uuid is a cast error',
    noticedBy: 'An id that cannot be one is nobody',
    of: (adapter) => ({
      ...adapter,
      async getUser(id: string) {
        if (!/^[0-9a-f-]{36}$/.test(id)) throw new Error('invalid input syntax for type uuid')
        return adapter.getUser(id)
      },
    }),
  },
  {
    fault: 'deleting nobody throws',
    noticedBy: 'Who is not there is deleted quietly',
    of: (adapter) => ({
      ...adapter,
      async deleteUser(id: string) {
        const gone = await adapter.deleteUser(id)
        if (gone === null) throw new Error('Record to delete does not exist.')
        return gone
      },
    }),
  },
  {
    fault: 'a deleted user leaves the passkeys',
    noticedBy: 'With a user go the passkeys',
    of(adapter) {
      const kept = new Map<string, object>()
      return {
        ...adapter,
        async createAuthenticator(one) {
          kept.set(one.credentialID, one)
          return adapter.createAuthenticator(one)
        },
        async getAuthenticator(id) {
          return (await adapter.getAuthenticator(id)) ?? ((kept.get(id) ?? null) as never)
        },
      } satisfies Subject
    },
  },
  {
    fault: 'a deleted user leaves the accounts',
    noticedBy: 'With a user go the accounts',
    of(adapter) {
      const kept = new Map<string, object>()
      return {
        ...adapter,
        async linkAccount(account) {
          kept.set(account.providerAccountId, account)
          return adapter.linkAccount(account)
        },
        async getAccount(id, provider) {
          return (await adapter.getAccount(id, provider)) ?? ((kept.get(id) ?? null) as never)
        },
      } satisfies Subject
    },
  },
]
