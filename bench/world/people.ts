import type { Row } from '../scenarios/act.ts'

/** Who is in the database before anything is measured, and what they hold. */
export interface People {
  password: string
  /** Everybody has the password; nobody's address is used by a newcomer. */
  emails: readonly string[]
  /** Of Supabase Auth: sessions that are open. */
  accessTokens: readonly string[]
  refreshTokens: Row<string>
  /** Of the OpenID Provider: browsers that are signed in, and its refresh tokens. */
  cookies: readonly string[]
  oidcRefreshTokens: Row<string>
  serviceKey: string
}

export const password = 'correct horse battery'
