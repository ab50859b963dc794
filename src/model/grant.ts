import { type RawBuilder, sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sqlNow } from './clock.ts'
import type { User } from './user.ts'
import { toUser, type UserRow } from './user-row.ts'

/**
 * What a user allowed an application, in one session: each authorization has a grant of its own, so that a stolen code
 * or token takes only its own family along. The session's end is the grant's end.
 */
export interface Granted {
  grantId: string
  user: User
  sessionId: string
  applicationId: string
  /** All that was granted. */
  grantedScope: string
  /** When the user last proved who they are. */
  authenticatedAt: Date
  /** The nonce of the authorization request; only with its code. */
  nonce: string | null
  wantsAuthTime: boolean
}

/** Columns of a grant beside those of its user, named so that none hides another. */
export interface GrantedRow {
  grant_id: string
  granted_session_id: string
  granted_application_id: string
  granted_scope: string
  granted_at: Date
  granted_details: { nonce?: string | null; wantsAuthTime?: boolean }
}

/** These columns from a common table expression with those of `idp.grants`, `scope` and `token_details`. */
export function grantedColumns(source: string): RawBuilder<unknown> {
  const from = (column: string) => sql.ref(`${source}.${column}`)
  return sql`${from('grant_id')}, ${from('session_id')} as granted_session_id, ${from('application_id')} as granted_application_id,
    ${from('scope')} as granted_scope, ${from('authenticated_at')} as granted_at, ${from('token_details')} as granted_details`
}

export function toGranted(row: UserRow & GrantedRow): Granted {
  return {
    grantId: row.grant_id,
    user: toUser(row),
    sessionId: row.granted_session_id,
    applicationId: row.granted_application_id,
    grantedScope: row.granted_scope,
    authenticatedAt: row.granted_at,
    nonce: row.granted_details.nonce ?? null,
    wantsAuthTime: row.granted_details.wantsAuthTime ?? false,
  }
}

/** Whether session `s` goes on and its user `u` may act: every token that is used asks this. */
export function isLive(ctx: Tx): RawBuilder<boolean> {
  return sql<boolean>`(s.not_after is null or s.not_after > ${sqlNow(ctx)}) and u.deleted_at is null
    and (u.banned_until is null or u.banned_until <= ${sqlNow(ctx)})`
}
