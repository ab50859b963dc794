import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { recordingOf } from './event.ts'
import { type Granted, grantedColumns, isLive } from './grant.ts'
import { rightsColumn, type Target, targetProblem } from './rights.ts'

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

/** Columns of an issued grant and of what its user may, from the expression that redeemed; `isWide` where tokens tell of that. */
export function issuedColumns(source: string, issue: Issue, isWide: boolean): RawBuilder<unknown> {
  if (!isWide && issue.target === null) return sql`${grantedColumns(source)}, null::json as rights`
  const rights = rightsColumn({
    scope: sql.ref(`${source}.scope`),
    applicationId: sql.ref(`${source}.application_id`),
    target: issue.target,
    asker: issue,
  })
  return sql`${grantedColumns(source)}, ${rights}`
}

/**
 * The presented token's grant as the expression `held`, locked until the end: who revokes it waits, or was first and
 * leaves no row. Without the lock, the tokens that follow would meet a grant that is just being deleted.
 */
export function held(
  ctx: Tx,
  { value, kind, issue }: { value: string; kind: 'code' | 'device'; issue: Issue },
): RawBuilder<unknown> {
  return sql`held as (
    select t.hash, t.scope, t.details as token_details, g.id as grant_id, g.user_id, g.session_id, g.application_id,
      g.authenticated_at, g.api_scopes, ${targetProblem(issue.target, issue)} as problem
    from idp.tokens t join idp.grants g on g.id = t.grant_id left join auth.sessions s on s.id = g.session_id
      join auth.users u on u.id = g.user_id
    where t.hash = ${sha256(value)} and t.kind = ${kind} and t.application_id = ${issue.applicationId}
      and ${isBoundTo(issue.cnf)} and ${isLive(ctx)}
    for key share of g)`
}

/** Whether token `t` may be used by who proved to hold this key. */
export function isBoundTo(cnf: Confirmation | null): RawBuilder<boolean> {
  return sql<boolean>`(t.details->>'jkt' is null or t.details->>'jkt' = ${cnf?.jkt ?? null}::text)`
}

/** Deletes the grants of the tokens `t` that `where` finds, as common table expressions; `revoked` has a row for each. */
export function revoking(
  ctx: Tx,
  { event, where }: { event: 'code.reused' | 'token.revoked'; where: RawBuilder<unknown> },
): RawBuilder<unknown> {
  return sql`revoked as (
      delete from idp.grants g using idp.tokens t where g.id = t.grant_id and ${where}
      returning g.application_id, g.user_id, g.session_id),
    ${recordingOf(ctx, event, 'revoked')}`
}
