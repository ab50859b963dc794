import { z } from 'zod'
import { Fault } from '../../base/fault.ts'
import type { SekishoAdapter } from './types.ts'

/** What each method is sent: one object. Dates are ISO 8601; an absent key leaves, `null` clears. */

const text = z.string().nullish()
const time = z.iso.datetime({ offset: true })
/** A key by which something is looked up. What cannot be one is found nowhere, and is no error. */
const key = z.string()

const user = z.looseObject({
  id: text,
  email: text,
  emailVerified: time.nullish(),
  name: text,
  image: text,
})
const accountKey = z.strictObject({ provider: key, providerAccountId: key })
const session = z.strictObject({ sessionToken: key, userId: key, expires: time })
const token = z.strictObject({ identifier: key, token: key, expires: time })
const authenticator = z.strictObject({
  userId: key,
  providerAccountId: key,
  credentialID: key,
  credentialPublicKey: key,
  credentialDeviceType: key,
  credentialBackedUp: z.boolean(),
  counter: z.number(),
  transports: text,
})
const userId = z.strictObject({ userId: key })
const byId = z.strictObject({ id: key })
const byToken = z.strictObject({ sessionToken: key })

type Run = (adapter: SekishoAdapter, input: unknown) => Promise<unknown>

const methods: Record<keyof SekishoAdapter, Run> = {
  createUser: method(user, (adapter, input) => adapter.createUser(userOf(input))),
  getUser: method(byId, (adapter, { id }) => adapter.getUser(id)),
  getUserByEmail: method(z.strictObject({ email: key }), (adapter, { email }) =>
    adapter.getUserByEmail(email),
  ),
  getUserByAccount: method(accountKey, (adapter, input) => adapter.getUserByAccount(input)),
  updateUser: method(user.extend({ id: key }), (adapter, input) =>
    adapter.updateUser({ ...userOf(input), id: input.id }),
  ),
  deleteUser: method(byId, (adapter, { id }) => adapter.deleteUser(id)),
  linkAccount: method(
    z.looseObject({ ...accountKey.shape, userId: key, type: key }),
    (adapter, input) => adapter.linkAccount(input),
  ),
  unlinkAccount: method(accountKey, (adapter, input) => adapter.unlinkAccount(input)),
  getAccount: method(accountKey, (adapter, { provider, providerAccountId }) =>
    adapter.getAccount(providerAccountId, provider),
  ),
  createSession: method(session, (adapter, input) =>
    adapter.createSession({ ...input, expires: new Date(input.expires) }),
  ),
  getSessionAndUser: method(byToken, (adapter, input) =>
    adapter.getSessionAndUser(input.sessionToken),
  ),
  updateSession: method(session.partial({ userId: true, expires: true }), (adapter, input) =>
    adapter.updateSession({
      ...input,
      expires: input.expires === undefined ? undefined : new Date(input.expires),
    }),
  ),
  deleteSession: method(byToken, (adapter, input) => adapter.deleteSession(input.sessionToken)),
  createVerificationToken: method(token, (adapter, input) =>
    adapter.createVerificationToken({ ...input, expires: new Date(input.expires) }),
  ),
  useVerificationToken: method(z.strictObject({ identifier: text, token: key }), (adapter, input) =>
    adapter.useVerificationToken({ ...input, identifier: input.identifier ?? undefined }),
  ),
  createAuthenticator: method(authenticator, (adapter, input) =>
    adapter.createAuthenticator(input),
  ),
  getAuthenticator: method(z.strictObject({ credentialID: key }), (adapter, { credentialID }) =>
    adapter.getAuthenticator(credentialID),
  ),
  listAuthenticatorsByUserId: method(userId, (adapter, input) =>
    adapter.listAuthenticatorsByUserId(input.userId),
  ),
  updateAuthenticatorCounter: method(
    z.strictObject({ credentialID: key, counter: z.number() }),
    (adapter, { credentialID, counter }) =>
      adapter.updateAuthenticatorCounter(credentialID, counter),
  ),
  listSessions: method(userId, (adapter, input) => adapter.listSessions(input.userId)),
  deleteSessions: method(
    z.strictObject({ userId: key, except: text }),
    (adapter, { userId, except }) => adapter.deleteSessions(userId, except ?? undefined),
  ),
  listAccounts: method(userId, (adapter, input) => adapter.listAccounts(input.userId)),
  collectGarbage: method(z.strictObject({}), (adapter) => adapter.collectGarbage()),
}

export type MethodName = keyof SekishoAdapter

export function isMethodName(name: string): name is MethodName {
  return Object.hasOwn(methods, name)
}

/** Runs a method of the adapter on what came; a wrong shape is `input_invalid`, with the place and never the value. */
export function runMethod(
  adapter: SekishoAdapter,
  name: MethodName,
  input: unknown,
): Promise<unknown> {
  return methods[name](adapter, input)
}

function method<Schema extends z.ZodType>(
  schema: Schema,
  run: (adapter: SekishoAdapter, input: z.output<Schema>) => Promise<unknown>,
): Run {
  return async (adapter, input) => {
    const parsed = schema.safeParse(input)
    if (parsed.success) return run(adapter, parsed.data)
    const [issue] = parsed.error.issues
    throw new Fault('input_invalid', { field: issue?.path.join('.') || 'the body' })
  }
}

function userOf(input: z.output<typeof user>) {
  const { id, emailVerified, ...rest } = input
  return {
    ...rest,
    id: id ?? undefined,
    emailVerified: typeof emailVerified === 'string' ? new Date(emailVerified) : emailVerified,
  }
}
