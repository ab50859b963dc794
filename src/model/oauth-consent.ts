import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { type AuditActor, recording, recordingOf } from './event.ts'

/** What a user let a client of GoTrue's OAuth server have: a row of `auth.oauth_consents`. */
export interface OAuthGrant {
  client: { id: string; name: string; uri: string; logoUri: string }
  scopes: string[]
  grantedAt: Date
}

/** The scopes that somebody let a client have, and did not take back. */
export async function findConsentedScopes(
  ctx: Tx,
  { userId, clientId }: { userId: string; clientId: string },
): Promise<string[]> {
  const { rows } = await sql<{ scopes: string }>`
    select scopes from auth.oauth_consents
    where user_id = ${userId} and client_id = ${clientId} and revoked_at is null`.execute(ctx.db)
  return scopesOf(rows[0]?.scopes ?? '')
}

export function scopesOf(text: string): string[] {
  return [...new Set(text.split(' ').filter((scope) => scope !== ''))]
}

/** What was said last counts, as GoTrue keeps it. */
export async function saveOAuthConsent(
  ctx: Tx,
  { userId, clientId, scope }: { userId: string; clientId: string; scope: string },
): Promise<void> {
  await sql`
    with kept as (
      insert into auth.oauth_consents (id, user_id, client_id, scopes, granted_at)
      values (${ctx.random.uuid()}, ${userId}, ${clientId}, ${scope}, ${sqlNow(ctx)})
      on conflict (user_id, client_id) do update
        set scopes = excluded.scopes, granted_at = excluded.granted_at, revoked_at = null
      returning user_id, null::uuid as session_id, client_id::text as application_id),
    ${recordingOf(ctx, 'consent.given', 'kept')}
    select 1`.execute(ctx.db)
}

/** The newest first; a client that was deleted has none any more. */
export async function listOAuthGrants(ctx: Tx, userId: string): Promise<OAuthGrant[]> {
  const { rows } = await sql<{
    client_id: string
    client_name: string | null
    client_uri: string | null
    logo_uri: string | null
    scopes: string
    granted_at: Date
  }>`
    select c.id as client_id, c.client_name, c.client_uri, c.logo_uri, g.scopes, g.granted_at
    from auth.oauth_consents g join auth.oauth_clients c on c.id = g.client_id and c.deleted_at is null
    where g.user_id = ${userId} and g.revoked_at is null
    order by g.granted_at desc, c.id`.execute(ctx.db)
  return rows.map((row) => ({
    client: {
      id: row.client_id,
      name: row.client_name ?? '',
      uri: row.client_uri ?? '',
      logoUri: row.logo_uri ?? '',
    },
    scopes: scopesOf(row.scopes),
    grantedAt: row.granted_at,
  }))
}

/**
 * Takes a consent back, with every session that the client holds of the user and every code that waits for it, in one
 * statement. Returns whether there was one.
 */
export async function revokeOAuthConsent(
  ctx: Tx,
  { userId, clientId, actor }: { userId: string; clientId: string; actor: AuditActor },
): Promise<boolean> {
  const revoked = {
    type: 'consent.revoked',
    userId,
    applicationId: clientId,
    audit: {
      action: 'token_revoked',
      logType: 'token',
      actor,
      traits: { oauth_client_id: clientId, action: 'revoke_oauth_grant' },
    },
  } as const
  const { rows } = await sql`
    with revoked as (
      update auth.oauth_consents set revoked_at = greatest(${sqlNow(ctx)}, granted_at)
      where user_id = ${userId} and client_id = ${clientId} and revoked_at is null returning id),
    ended as (
      delete from auth.sessions s using revoked where s.user_id = ${userId} and s.oauth_client_id = ${clientId}
      returning s.user_id, s.id as session_id, s.oauth_client_id::text as application_id),
    withdrawn as (
      delete from auth.oauth_authorizations a using revoked where a.user_id = ${userId} and a.client_id = ${clientId}),
    ${recordingOf(ctx, 'session.ended', 'ended')},
    ${recording(ctx, [revoked], sql`exists (select from revoked)`)}
    select id from revoked`.execute(ctx.db)
  return rows.length > 0
}
