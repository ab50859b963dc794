/** Who is in the database before anything is measured, and what they hold. */
export interface People {
  password: string
  /** Everybody has the password; nobody's address is used by a newcomer. */
  emails: readonly string[]
  /** Of Supabase Auth: sessions that are open. A refresh token that is used is taken out, and its child put in. */
  accessTokens: readonly string[]
  refreshTokens: string[]
  /** Of the OpenID Provider: browsers that are signed in, and its refresh tokens. */
  cookies: readonly string[]
  oidcRefreshTokens: string[]
  serviceKey: string
}

export const password = 'correct horse battery'
