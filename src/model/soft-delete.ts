import { createHash } from 'node:crypto'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import type { User } from './user.ts'

/**
 * Leaves the row of a user, so that what refers to it stands, and takes out who it was, as GoTrue does: address, number
 * and identities become hashes, metadata, password, sessions, factors and tokens go.
 */
export async function softDeleteUser(ctx: Tx, user: User): Promise<void> {
  const { id } = user
  const identities = JSON.stringify(
    user.identities.map((identity) => ({ id: identity.id, subject: hidden(id, identity.subject) })),
  )
  await sql`
    with ended as (delete from auth.sessions where user_id = ${id}),
    unenrolled as (delete from auth.mfa_factors where user_id = ${id}),
    unkeyed as (delete from auth.webauthn_credentials where user_id = ${id}),
    forgotten as (delete from auth.one_time_tokens where user_id = ${id}),
    halted as (delete from auth.flow_state where user_id = ${id}),
    unnamed as (delete from idp.profiles where user_id = ${id}),
    hidden as (
      update auth.identities i set provider_id = h.subject, identity_data = '{}', updated_at = ${sqlNow(ctx)}
      from jsonb_to_recordset(${identities}::text::jsonb) as h(id uuid, subject text) where i.id = h.id)
    update auth.users set email = ${user.email && hidden(id, user.email)}, phone = ${user.phone && hidden(id, user.phone)},
      encrypted_password = null, email_change = '', phone_change = '', confirmation_token = '', recovery_token = '',
      email_change_token_new = '', email_change_token_current = '', phone_change_token = '', reauthentication_token = '',
      raw_user_meta_data = '{}', raw_app_meta_data = '{}', deleted_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
    where id = ${id}`.execute(ctx.db)
}

function hidden(id: string, value: string): string {
  return createHash('sha256').update(`${id}${value}`).digest('base64url')
}
