import { Fault } from '../../base/fault.ts'
import type { Account, NewAccount } from '../../model/account.ts'
import type { Authenticator } from '../../model/authenticator.ts'
import type { AuthjsSession } from '../../model/authjs-session.ts'
import type { AuthjsUser, AuthjsUserChange, NewAuthjsUser } from '../../model/authjs-user.ts'
import type { Session } from '../../model/session.ts'
import type { Json } from '../../model/user.ts'
import { isUuid } from '../../model/uuid.ts'
import type {
  AccountInput,
  AccountKey,
  AccountType,
  AdapterAccount,
  AdapterAuthenticator,
  AdapterSession,
  AdapterUser,
  AuthenticatorInput,
  ListedAccount,
  ListedSession,
  UserInput,
} from './types.ts'

/** Auth.js' words for ours, and back. Its types are promises of other people's code: what comes in is looked at. */

const userKeys = new Set(['id', 'email', 'emailVerified', 'name', 'image'])

/** Own keys come last: no key of a provider's profile can pass for one of them. */
export function adapterUser(user: AuthjsUser): AdapterUser {
  return {
    ...user.extra,
    id: user.id,
    name: user.name,
    // The contract's type has no room for a user without an address, and Auth.js makes such users.
    email: user.email as string,
    emailVerified: user.emailVerifiedAt,
    image: user.avatar,
  }
}

export function newUser(user: UserInput): NewAuthjsUser {
  const { id, email, emailVerified, name, image } = user
  return {
    id: typeof id === 'string' && isUuid(id) ? id : undefined,
    email: textOrNull(email) || null,
    emailVerifiedAt: timeOrNull(emailVerified) ?? null,
    name: textOrNull(name) ?? null,
    avatar: textOrNull(image) ?? null,
    extra: extraOf(user),
  }
}

export function userChange(user: UserInput): AuthjsUserChange {
  const { email, emailVerified, name, image } = user
  return {
    email: email === undefined ? undefined : textOrNull(email) || null,
    emailVerifiedAt: timeOrNull(emailVerified),
    name: textOrNull(name),
    avatar: textOrNull(image),
    extra: extraOf(user),
  }
}

function extraOf(user: UserInput): Json {
  return Object.fromEntries(
    Object.entries(user).filter(([key, value]) => !userKeys.has(key) && value !== undefined),
  )
}

export function adapterAccount(account: Account): AdapterAccount {
  const { tokens, scope, userId, type, provider, subject } = account
  return {
    ...(tokens as Partial<AdapterAccount>),
    ...(scope === null ? {} : { scope }),
    userId,
    type: type as AccountType,
    provider,
    providerAccountId: subject,
  }
}

/** Without its tokens: a list is for pages, and `getAccount` has them. */
export function listedAccount(account: Account): ListedAccount {
  const { userId, type, provider, subject, scope } = account
  return {
    userId,
    type: type as AccountType,
    provider,
    providerAccountId: subject,
    ...(scope === null ? {} : { scope }),
  }
}

export function listedSession(session: Session): ListedSession {
  const { id, userId, createdAt, notAfter, ip, userAgent } = session
  return { id, userId, createdAt, expires: notAfter, ip, userAgent }
}

export function newAccount(account: AccountInput): NewAccount {
  const { userId, type, provider, providerAccountId, ...answer } = account
  if (!storable(provider) || !storable(providerAccountId)) {
    throw new Fault('input_invalid', { field: 'providerAccountId' })
  }
  const { scope, ...rest } = answer as Json
  const tokens = Object.entries(typeof scope === 'string' ? rest : answer)
  return {
    userId,
    provider,
    subject: providerAccountId,
    type: String(type),
    scope: typeof scope === 'string' ? scope : null,
    tokens: Object.fromEntries(tokens.filter(([, value]) => value !== undefined)),
  }
}

/** Null for a key that no row can have. */
export function subjectOf(key: AccountKey): { provider: string; subject: string } | null {
  const { provider, providerAccountId } = key
  return storable(provider) && storable(providerAccountId)
    ? { provider, subject: providerAccountId }
    : null
}

/** Three keys and no more: an app's `session` callback may send them all to the browser. */
export function adapterSession(sessionToken: string, session: AuthjsSession): AdapterSession {
  return { sessionToken, userId: session.user.id, expires: session.expiresAt }
}

export function adapterAuthenticator(authenticator: Authenticator): AdapterAuthenticator {
  return {
    userId: authenticator.userId,
    providerAccountId: authenticator.subject,
    credentialID: authenticator.credentialId,
    credentialPublicKey: authenticator.publicKey,
    credentialDeviceType: authenticator.deviceType,
    credentialBackedUp: authenticator.isBackedUp,
    counter: authenticator.counter,
    // Null where there are none: @auth/core 0.30 reads it so, and only its type has no room for it.
    transports: (authenticator.transports.join(',') || null) as string,
  }
}

export function readAuthenticator(input: AuthenticatorInput): Authenticator {
  for (const field of ['credentialID', 'credentialPublicKey', 'providerAccountId'] as const) {
    if (!storable(input[field])) throw new Fault('input_invalid', { field })
  }
  if (!Number.isSafeInteger(input.counter) || input.counter < 0) {
    throw new Fault('input_invalid', { field: 'counter' })
  }
  return {
    userId: input.userId,
    credentialId: input.credentialID,
    publicKey: input.credentialPublicKey,
    counter: input.counter,
    isBackedUp: input.credentialBackedUp,
    deviceType: input.credentialDeviceType,
    transports: (input.transports ?? '').split(',').filter((transport) => transport !== ''),
    subject: input.providerAccountId,
  }
}

/** A text that Postgres can hold. */
export function storable(value: unknown): value is string {
  return typeof value === 'string' && value !== '' && !value.includes('\0')
}

function textOrNull(value: string | null | undefined): string | null | undefined {
  return value === null || value === undefined ? value : String(value)
}

function timeOrNull(value: Date | null | undefined): Date | null | undefined {
  return value === null || value === undefined ? value : readTime(value, 'emailVerified')
}

/** A `Date`, also one of another realm or written as text, becomes a `Date`; anything else is refused. */
export function readTime(value: unknown, field: string): Date {
  const time = typeof value === 'string' ? Date.parse(value) : Number(value)
  const isTime = typeof value === 'object' || typeof value === 'string' || typeof value === 'number'
  if (!isTime || value === null || Number.isNaN(time)) throw new Fault('input_invalid', { field })
  return new Date(time)
}
