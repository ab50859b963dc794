import type { RawBuilder } from 'kysely'
import { sql } from '../base/sql.ts'
import { sinceOf } from './consent.ts'
import type { Granted } from './grant.ts'
import { type Asker, rightsColumn, type Target } from './rights.ts'

/** The key that a token is bound to (RFC 9449 § 6): who shows the token proves that they hold it. */
export interface Confirmation {
  jkt: string
}

/** Who acts in the subject's name, and for whom they act in turn (RFC 8693 § 4.1). */
export interface ActingParty {
  sub: string
  act?: ActingParty | undefined
}

/** What is to be written when a code or a refresh token is redeemed. */
export interface Issue {
  applicationId: string
  /** Somebody else's application gets what the user allowed it, and no more. */
  isThirdParty: boolean
  /** What the access token is for; null for our own user info. */
  target: Target | null
  /** Milliseconds. */
  refreshLifetime: number
  /** The key whose proof came with the request; a token that is bound to another is not found. */
  cnf: Confirmation | null
  /** Whether the refresh token is bound to that key from now on. */
  bindsRefresh: boolean
}

/** What a client gets for its code or refresh token, beside the access token. */
export interface Issued extends Granted {
  refreshToken: string | null
}

/** What a redemption writes. */
export interface Redeeming extends Issue {
  /** A refresh token also without `offline_access`. */
  alwaysRefresh: boolean
}

/**
 * What the user of a grant may, where its tokens tell of that (`isWide`), or where they have a target; `scope` is that of
 * the grant `g` where no other is named.
 */
export function rightsOfGrant(
  issue: Issue,
  isWide: boolean,
  scope: RawBuilder<unknown> = sql.ref('g.scope'),
): RawBuilder<unknown> {
  if (!isWide && issue.target === null) return sql`null::json as rights`
  const applicationId = sql`${issue.applicationId}::text`
  return rightsColumn({ scope, applicationId, target: issue.target, asker: issue })
}

/** What a refresh token is bound to from now on, for the details of its grant. */
export function boundBy({ bindsRefresh, cnf }: Issue): Partial<Confirmation> {
  return bindsRefresh && cnf !== null ? cnf : {}
}

/** Somebody else's application gets nothing for what its user `u` has taken back since. */
export function isAllowed({ isThirdParty, applicationId }: Issue): RawBuilder<boolean> {
  if (!isThirdParty) return sql<boolean>`true`
  return sql<boolean>`exists (select from idp.consents c where c.user_id = u.id and c.application_id = ${applicationId})`
}

/**
 * The same where a grant is made: a `join` for the consent of user `u`, which `locked` keeps until the grant stands, so that
 * who takes it back at this moment waits and finds the grant. The application is locked before it, as its deletion does.
 * With `since` it must be that very consent: what was taken back does not come again with another one.
 */
export function allowing(
  { isThirdParty, applicationId }: Asker,
  since?: number,
): { join: RawBuilder<unknown>; locked: RawBuilder<unknown> } {
  if (!isThirdParty) return { join: sql``, locked: sql`` }
  return {
    join: sql`join idp.applications asking on asking.id = ${applicationId}
      join idp.consents allowed on allowed.user_id = u.id and allowed.application_id = asking.id
        ${since === undefined ? sql`` : sql`and ${sinceOf('allowed')} = ${since}::bigint`}`,
    locked: sql`, asking, allowed`,
  }
}
