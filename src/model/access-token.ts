import type { Tx } from '../base/context.ts'
import { second, unixSeconds } from '../base/time.ts'
import type { ActingParty, Confirmation } from './issue.ts'
import { readMarked, writeMarked } from './marked.ts'

/** What an opaque access token stands for. */
export interface AccessToken {
  /** The grant that it falls with; null when the application speaks for itself. */
  grantId: string | null
  applicationId: string
  scope: string
  createdAt: Date
  expiresAt: Date
  cnf: Confirmation | null
  act: ActingParty | null
  /** How sure we are of the user, and since when; null where nobody asked. */
  acr: string | null
  authenticatedAt: Date | null
  /** Names of claims that UserInfo tells beside those of the scope. */
  userInfoClaims: readonly string[]
}

/** The same in short: it goes over the wire with every request. Times are seconds since 1970. */
interface Payload {
  g?: string
  a: string
  s: string
  i: number
  e: number
  k?: Confirmation
  b?: ActingParty
  r?: string
  t?: number
  u?: readonly string[]
  /** Chance, so that no two are the same. */
  n: string
}

const purpose = 'access-token'

/** Writes an access token that says what it stands for: nothing is kept of it, and what has ended since is asked of its grant. */
export function writeAccessToken(ctx: Tx, token: AccessToken): string {
  const { grantId, cnf, act, acr, authenticatedAt, userInfoClaims } = token
  const payload: Payload = {
    ...(grantId !== null && { g: grantId }),
    a: token.applicationId,
    s: token.scope,
    i: unixSeconds(token.createdAt),
    e: unixSeconds(token.expiresAt),
    ...(cnf !== null && { k: cnf }),
    ...(act !== null && { b: act }),
    ...(acr !== null && { r: acr }),
    ...(authenticatedAt !== null && { t: unixSeconds(authenticatedAt) }),
    ...(userInfoClaims.length > 0 && { u: userInfoClaims }),
    n: Buffer.from(ctx.random.bytes(12)).toString('base64url'),
  }
  return writeMarked(ctx, purpose, payload)
}

/** An access token that we wrote and that has not expired; null for everything else. */
export function readAccessToken(ctx: Tx, value: string): AccessToken | null {
  const payload = readMarked<Payload>(ctx, purpose, value)
  if (payload === null) return null
  const expiresAt = new Date(payload.e * second)
  if (expiresAt <= ctx.now()) return null
  return {
    grantId: payload.g ?? null,
    applicationId: payload.a,
    scope: payload.s,
    createdAt: new Date(payload.i * second),
    expiresAt,
    cnf: payload.k ?? null,
    act: payload.b ?? null,
    acr: payload.r ?? null,
    authenticatedAt: payload.t === undefined ? null : new Date(payload.t * second),
    userInfoClaims: payload.u ?? [],
  }
}
