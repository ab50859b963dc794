import type { People } from '../world/people.ts'
import type { Act, Ask } from './act.ts'
import { readUser, refresh, signInWithPassword, signUp, verifyCode } from './gotrue.ts'
import { askAsMachine, introspect, readKeys, refreshAtProvider, signInSilently } from './oidc.ts'

/** What is measured on both kinds of database, and what no server could be quicker than. */
export interface Scenario {
  name: string
  title: string
  act(ask: Ask, people: People): Promise<Act>
  /** The first is the one that counts. */
  limits: readonly Limit[]
  /** Hashes are made in threads beside the server's own: for these everybody has every core, as in production. */
  isHashing?: boolean
}

export type Limit =
  /** What the requests say to the database, and nothing else; those that only read may be said again. */
  | { kind: 'statements'; isReading: boolean }
  | { kind: 'bare'; title: string; what: string }
  | { kind: 'hono'; title: string }

const statements: Limit = { kind: 'statements', isReading: false }
const readings: Limit = { ...statements, isReading: true }
const hash: Limit = { kind: 'bare', title: 'the bare hash', what: 'hash' }
const hashCheck: Limit = { kind: 'bare', title: 'the bare hash', what: 'hash-check' }
const signature: Limit = { kind: 'bare', title: 'the bare signature', what: 'signature' }
const signatureCheck: Limit = {
  ...{ kind: 'bare', title: 'the bare check of a signature', what: 'signature-check' },
}
const hono: Limit = { kind: 'hono', title: 'an empty Hono handler' }

const browsersOf = ({ cookies, oidcRefreshTokens: refreshTokens }: People) => ({
  cookies,
  refreshTokens,
})

export const scenarios: readonly Scenario[] = [
  {
    ...{ name: 'refresh', title: 'refresh (Supabase Auth)', act: refresh },
    limits: [statements, signature],
  },
  {
    ...{ name: 'user', title: 'GET /user', act: readUser },
    limits: [readings, signatureCheck],
  },
  {
    ...{ name: 'otp-verify', title: 'e-mailed code', act: verifyCode },
    limits: [statements, signature],
  },
  {
    ...{ name: 'code-flow', title: 'silent code flow (OpenID)' },
    act: (ask, people) => signInSilently(ask, browsersOf(people)),
    limits: [statements, signature],
  },
  {
    ...{ name: 'oidc-refresh', title: 'refresh (OpenID)' },
    act: (ask, people) => refreshAtProvider(ask, browsersOf(people)),
    limits: [statements, signature],
  },
  {
    ...{ name: 'client-credentials', title: 'client credentials', act: askAsMachine },
    limits: [statements, hono],
  },
  {
    ...{ name: 'introspection', title: 'introspection' },
    act: (ask, people) => introspect(ask, browsersOf(people)),
    limits: [readings, hono],
  },
  { name: 'jwks', title: 'JWKS', act: readKeys, limits: [hono] },
  // They are too slow to warm a server up, and so come when it is warm.
  {
    ...{ name: 'password', title: 'password sign-in', act: signInWithPassword },
    limits: [hashCheck],
    isHashing: true,
  },
  { name: 'sign-up', title: 'sign-up', act: signUp, limits: [hash], isHashing: true },
]
