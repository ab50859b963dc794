import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'

/**
 * Empties an account whose address nobody had proved, before it is given to the one who proves it: whoever made it
 * may have left a password, sessions, other identities, factors, or a change of address under way.
 */
export function emptyShell(ctx: Tx, userId: string): Promise<void> {
  return empty(ctx, userId, sql`provider <> 'email'`)
}

/** The same for one whose provider vouches for the address: of the identities only that provider's stays. */
export function emptyShellFor(ctx: Tx, userId: string, identityId: string): Promise<void> {
  return empty(ctx, userId, sql`id <> ${identityId}`)
}

async function empty(ctx: Tx, userId: string, isStrange: RawBuilder<unknown>): Promise<void> {
  await sql`
    with ended as (delete from auth.sessions where user_id = ${userId}),
    unlinked as (delete from auth.identities where user_id = ${userId} and ${isStrange}),
    unenrolled as (delete from auth.mfa_factors where user_id = ${userId}),
    unkeyed as (delete from auth.webauthn_credentials where user_id = ${userId}),
    forgotten as (delete from auth.one_time_tokens where user_id = ${userId})
    ${clearColumns(ctx, userId)}`.execute(ctx.db)
}

/**
 * The same for an address that is proved through Auth.js, where an app lets people in before they prove one: what Auth.js
 * itself linked, enrolled and began stays, by the app's own rules; what other faces let a stranger leave is taken out.
 */
export async function dropUnproved(ctx: Tx, userId: string): Promise<void> {
  await sql`
    with ended as (
      delete from auth.sessions s where user_id = ${userId} and not exists (
        select from idp.session_tokens t where t.session_id = s.id and t.carrier = 'authjs')),
    unlinked as (
      delete from auth.identities i where user_id = ${userId} and provider <> 'email' and not exists (
        select from idp.identity_tokens t where t.identity_id = i.id)),
    unenrolled as (delete from auth.mfa_factors where user_id = ${userId}),
    unkeyed as (
      delete from auth.webauthn_credentials c where user_id = ${userId} and not exists (
        select from idp.authenticators a where a.credential_id = c.id)),
    forgotten as (delete from auth.one_time_tokens where user_id = ${userId})
    ${clearColumns(ctx, userId)}`.execute(ctx.db)
}

/** What a stranger may have left in the row itself; one that was proved meanwhile stays as it is. */
function clearColumns(ctx: Tx, userId: string): RawBuilder<unknown> {
  return sql`update auth.users set encrypted_password = null, confirmation_token = '', recovery_token = '', email_change = '',
      email_change_token_new = '', email_change_token_current = '', email_change_confirm_status = 0, phone = null,
      phone_change = '', phone_change_token = '', reauthentication_token = '', updated_at = ${sqlNow(ctx)}
    where id = ${userId} and email_confirmed_at is null and phone_confirmed_at is null`
}
