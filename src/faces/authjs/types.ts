/**
 * The shapes of Auth.js' adapter contract, said by ourselves: they fit `@auth/core` and next-auth 4 and 5 alike, and none
 * of the three has to be installed.
 */

export interface AdapterUser {
  id: string
  /** Auth.js' type says so; a user without an address has `null` here. */
  email: string
  emailVerified: Date | null
  name?: string | null
  image?: string | null
}

/** What comes in: WebAuthn gives an address alone, next-auth 4 no id; any other key is kept with the user. */
export interface UserInput {
  id?: string | undefined
  email?: string | null | undefined
  emailVerified?: Date | null | undefined
  name?: string | null | undefined
  image?: string | null | undefined
}

export type JsonValue =
  | string
  | number
  | boolean
  | null
  | JsonValue[]
  | { [key in string]?: JsonValue }

export type AccountType = 'oauth' | 'oidc' | 'email' | 'webauthn'

export interface AccountKey {
  provider: string
  providerAccountId: string
}

export interface AdapterAccount extends AccountKey {
  userId: string
  type: AccountType
  access_token?: string
  refresh_token?: string
  id_token?: string
  /** In seconds since 1970. */
  expires_at?: number
  token_type?: Lowercase<string>
  scope?: string
  authorization_details?: { readonly type: string; readonly [key: string]: JsonValue | undefined }[]
  /** Whatever else the provider answered. */
  [key: string]: JsonValue | undefined
}

export interface AccountInput extends AccountKey {
  userId: string
  type: string
}

export interface AdapterSession {
  sessionToken: string
  userId: string
  expires: Date
}

export interface SessionChange {
  sessionToken: string
  userId?: string | undefined
  expires?: Date | undefined
}

export interface VerificationToken {
  identifier: string
  token: string
  expires: Date
}

export interface AdapterAuthenticator {
  userId: string
  providerAccountId: string
  credentialID: string
  credentialPublicKey: string
  credentialDeviceType: string
  credentialBackedUp: boolean
  counter: number
  /** Auth.js' type of 0.30 says so; a passkey without any has `null` here, which every version takes. */
  transports?: string
}

export interface AuthenticatorInput extends Omit<AdapterAuthenticator, 'transports'> {
  transports?: string | null | undefined
}

/** A session of a user, whichever door it came by. Its token is nobody's to read: only a hash is kept. */
export interface ListedSession {
  id: string
  userId: string
  createdAt: Date
  /** Null for a session that has no end of its own. */
  expires: Date | null
  ip: string | null
  userAgent: string | null
}

export interface ListedAccount extends AccountKey {
  userId: string
  type: AccountType
  scope?: string
}

/** What Auth.js never asks for, and an app may: look whether a method is there before calling it. */
export interface AdapterExtras {
  /** The sessions that have not ended, the newest first. */
  listSessions(userId: string): Promise<ListedSession[]>
  /** Ends the sessions of a user at every door, but for the one that carries the token `except`; returns how many. */
  deleteSessions(userId: string, except?: string): Promise<number>
  /** The accounts of a user, the oldest first, without their tokens. */
  listAccounts(userId: string): Promise<ListedAccount[]>
  /** Deletes rows that nobody can use any more, and returns how many. */
  collectGarbage(): Promise<number>
}

/** All that Auth.js may call. Own properties, and none of them looks at `this`: Auth.js calls them unbound. */
export interface SekishoAdapter extends AdapterExtras {
  createUser(user: UserInput): Promise<AdapterUser>
  getUser(id: string): Promise<AdapterUser | null>
  getUserByEmail(email: string): Promise<AdapterUser | null>
  getUserByAccount(account: AccountKey): Promise<AdapterUser | null>
  updateUser(user: UserInput & { id: string }): Promise<AdapterUser>
  deleteUser(id: string): Promise<AdapterUser | null>
  linkAccount(account: AccountInput): Promise<AdapterAccount>
  unlinkAccount(account: AccountKey): Promise<AdapterAccount | undefined>
  getAccount(providerAccountId: string, provider: string): Promise<AdapterAccount | null>
  createSession(session: AdapterSession): Promise<AdapterSession>
  getSessionAndUser(
    sessionToken: string,
  ): Promise<{ session: AdapterSession; user: AdapterUser } | null>
  updateSession(session: SessionChange): Promise<AdapterSession | null>
  deleteSession(sessionToken: string): Promise<AdapterSession | null>
  createVerificationToken(token: VerificationToken): Promise<VerificationToken>
  useVerificationToken(used: {
    identifier?: string | undefined
    token: string
  }): Promise<VerificationToken | null>
  createAuthenticator(authenticator: AuthenticatorInput): Promise<AdapterAuthenticator>
  getAuthenticator(credentialID: string): Promise<AdapterAuthenticator | null>
  listAuthenticatorsByUserId(userId: string): Promise<AdapterAuthenticator[]>
  updateAuthenticatorCounter(credentialID: string, counter: number): Promise<AdapterAuthenticator>
}
