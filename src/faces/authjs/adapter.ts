import type { Tx } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import {
  createAccount,
  deleteAccount,
  findAccount,
  isReservedProvider,
  listAccounts,
} from '../../model/account.ts'
import {
  createAuthenticator,
  findAuthenticator,
  listAuthenticators,
  updateAuthenticatorCounter,
} from '../../model/authenticator.ts'
import {
  createAuthjsSession,
  endAuthjsSession,
  endAuthjsSessionsOf,
  findAuthjsSession,
  updateAuthjsSession,
} from '../../model/authjs-session.ts'
import { createAuthjsToken, spendAuthjsToken } from '../../model/authjs-token.ts'
import {
  createAuthjsUser,
  deleteAuthjsUser,
  findAuthjsUser,
  findAuthjsUserByAccount,
  findAuthjsUserByEmail,
  updateAuthjsUser,
} from '../../model/authjs-user.ts'
import { deleteExpired } from '../../model/expired.ts'
import { listSessions } from '../../model/session.ts'
import { isUuid } from '../../model/uuid.ts'
import {
  adapterAccount,
  adapterAuthenticator,
  adapterSession,
  adapterUser,
  listedAccount,
  listedSession,
  newAccount,
  newUser,
  readAuthenticator,
  readTime,
  storable,
  subjectOf,
  userChange,
} from './present.ts'
import { told } from './told.ts'
import type { SekishoAdapter } from './types.ts'

/** The contract over a context, which is asked for at each call. Absent is `null`, and refused is thrown. */
export function adapterOver(open: () => Promise<Tx>): SekishoAdapter {
  function method<Args extends unknown[], Result>(
    work: (ctx: Tx, ...args: Args) => Promise<Result>,
  ): (...args: Args) => Promise<Result> {
    return async (...args) => {
      try {
        return await work(await open(), ...args)
      } catch (error) {
        throw told(error)
      }
    }
  }

  return {
    createUser: method(async (ctx, user) => {
      const input = newUser(user)
      return adapterUser(await createAuthjsUser(ctx, input))
    }),

    getUser: method(async (ctx, id) => orNull(await findAuthjsUser(ctx, String(id)), adapterUser)),

    getUserByEmail: method(async (ctx, email) =>
      storable(email) ? orNull(await findAuthjsUserByEmail(ctx, email), adapterUser) : null,
    ),

    getUserByAccount: method(async (ctx, account) => {
      const key = subjectOf(account)
      if (key === null || isReservedProvider(key.provider)) return null
      return orNull(await findAuthjsUserByAccount(ctx, key), adapterUser)
    }),

    updateUser: method(async (ctx, user) => {
      const change = userChange(user)
      const after = await inTransaction(ctx, (ctx) =>
        updateAuthjsUser(ctx, String(user.id), change),
      )
      if (after === null) throw new Fault('user_not_found')
      return adapterUser(after)
    }),

    deleteUser: method(async (ctx, id) =>
      orNull(await inTransaction(ctx, (ctx) => deleteAuthjsUser(ctx, String(id))), adapterUser),
    ),

    linkAccount: method(async (ctx, account) => {
      const input = newAccount(account)
      if (isReservedProvider(input.provider))
        throw new Fault('input_invalid', { field: 'provider' })
      if (!isUuid(input.userId)) throw new Fault('user_not_found')
      return adapterAccount(await createAccount(ctx, input))
    }),

    unlinkAccount: method(async (ctx, account) => {
      const key = subjectOf(account)
      if (key === null) return undefined
      const unlinked = await inTransaction(ctx, (ctx) => deleteAccount(ctx, key))
      return unlinked === null ? undefined : adapterAccount(unlinked)
    }),

    getAccount: method(async (ctx, providerAccountId, provider) => {
      const key = subjectOf({ provider, providerAccountId })
      return key === null ? null : orNull(await findAccount(ctx, key), adapterAccount)
    }),

    createSession: method(async (ctx, { sessionToken, userId, expires }) => {
      if (typeof sessionToken !== 'string' || sessionToken === '') {
        throw new Fault('input_invalid', { field: 'sessionToken' })
      }
      const expiresAt = readTime(expires, 'expires')
      const session = await createAuthjsSession(ctx, { token: sessionToken, userId, expiresAt })
      return adapterSession(sessionToken, session)
    }),

    getSessionAndUser: method(async (ctx, sessionToken) => {
      const found = await findAuthjsSession(ctx, String(sessionToken))
      if (found === null) return null
      return { session: adapterSession(sessionToken, found), user: adapterUser(found.user) }
    }),

    updateSession: method(async (ctx, { sessionToken, userId, expires }) => {
      const found = await findAuthjsSession(ctx, String(sessionToken))
      if (found === null) return null
      // A session is one sign-in of one user: it is ended, not handed over.
      if (userId !== undefined && userId !== found.user.id) {
        throw new Fault('input_invalid', { field: 'userId' })
      }
      if (expires === undefined) return adapterSession(sessionToken, found)
      const moved = await updateAuthjsSession(
        ctx,
        found,
        sessionToken,
        readTime(expires, 'expires'),
      )
      return orNull(moved, (session) => adapterSession(sessionToken, session))
    }),

    deleteSession: method(async (ctx, sessionToken) =>
      orNull(await endAuthjsSession(ctx, String(sessionToken)), (session) =>
        adapterSession(sessionToken, session),
      ),
    ),

    createVerificationToken: method(async (ctx, { identifier, token, expires }) => {
      const expiresAt = readTime(expires, 'expires')
      await createAuthjsToken(ctx, { recipient: identifier, token, expiresAt })
      return { identifier, token, expires: expiresAt }
    }),

    useVerificationToken: method(async (ctx, { identifier, token }) => {
      if (typeof token !== 'string') return null
      const isAnyone = identifier === undefined || identifier === null
      if (!isAnyone && !storable(identifier)) return null
      const spent = await spendAuthjsToken(ctx, token, isAnyone ? null : identifier)
      return orNull(spent, ({ recipient, expiresAt }) => ({
        identifier: recipient,
        token,
        expires: expiresAt,
      }))
    }),

    createAuthenticator: method(async (ctx, input) => {
      const authenticator = readAuthenticator(input)
      if (!isUuid(authenticator.userId)) throw new Fault('user_not_found')
      return adapterAuthenticator(
        await inTransaction(ctx, (ctx) => createAuthenticator(ctx, authenticator)),
      )
    }),

    getAuthenticator: method(async (ctx, credentialID) => {
      if (typeof credentialID !== 'string' || credentialID === '') return null
      return orNull(await findAuthenticator(ctx, credentialID), adapterAuthenticator)
    }),

    listAuthenticatorsByUserId: method(async (ctx, userId) =>
      (await listAuthenticators(ctx, String(userId))).map(adapterAuthenticator),
    ),

    updateAuthenticatorCounter: method(async (ctx, credentialID, counter) => {
      if (!Number.isSafeInteger(counter) || counter < 0) {
        throw new Fault('input_invalid', { field: 'counter' })
      }
      const updated = await updateAuthenticatorCounter(ctx, String(credentialID), counter)
      if (updated === null) throw new Fault('not_found', { what: 'authenticator' })
      return adapterAuthenticator(updated)
    }),

    listSessions: method(async (ctx, userId) =>
      (await listSessions(ctx, String(userId))).map(listedSession),
    ),

    deleteSessions: method((ctx, userId, except) =>
      inTransaction(ctx, (ctx) =>
        endAuthjsSessionsOf(ctx, String(userId), except === undefined ? null : String(except)),
      ),
    ),

    listAccounts: method(async (ctx, userId) =>
      (await listAccounts(ctx, String(userId))).map(listedAccount),
    ),

    collectGarbage: method(async (ctx) => {
      const tidied = await deleteExpired(ctx, (work) => inTransaction(ctx, work))
      return Object.values(tidied).reduce((sum, count) => sum + count, 0)
    }),
  }
}

/** Runs `work` in one transaction; the inner parameter is named `ctx`, and so hides the outer one. */
function inTransaction<T>(ctx: Tx, work: (ctx: Tx) => Promise<T>): Promise<T> {
  return ctx.db.transaction().execute((db) => work({ ...ctx, db }))
}

function orNull<From, To>(value: From | null, present: (value: From) => To): To | null {
  return value === null ? null : present(value)
}
