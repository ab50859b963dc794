import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import type { Challenge } from './flow-state.ts'
import { type ProviderTokens, sealProviderTokens } from './provider-tokens.ts'
import { isUuid } from './uuid.ts'

/** A sign-in that is at a provider: a row of GoTrue's `flow_state`, whose id is the `state` that comes back. */
export interface ExternalFlow {
  id: string
  provider: string
  /** With one, the app gets a code and not a session. */
  isPkce: boolean
  inviteToken: string | null
  redirectTo: string | null
  /** Where the secret of the way to the provider is kept. */
  clientStateId: string | null
  /** Somebody who is signed in, and adds an identity. */
  linkingUserId: string | null
  isEmailOptional: boolean
  isExpired: boolean
  isUsed: boolean
}

export interface NewExternalFlow {
  id: string
  provider: string
  challenge: Challenge | null
  inviteToken: string
  redirectTo: string
  clientStateId: string | null
  linkingUserId: string | null
  isEmailOptional: boolean
}

export async function createExternalFlow(ctx: Tx, flow: NewExternalFlow): Promise<void> {
  const { challenge } = flow
  await sql`
    insert into auth.flow_state (id, auth_code, code_challenge_method, code_challenge, provider_type,
      provider_access_token, provider_refresh_token, authentication_method, invite_token, referrer,
      oauth_client_state_id, linking_target_id, email_optional, created_at, updated_at)
    values (${flow.id}, ${challenge === null ? null : ctx.random.uuid()},
      ${challenge?.method ?? null}::auth.code_challenge_method, ${challenge?.value ?? null}, ${flow.provider}, '', '', 'oauth',
      ${flow.inviteToken || null}, ${flow.redirectTo}, ${flow.clientStateId}, ${flow.linkingUserId},
      ${flow.isEmailOptional}, ${sqlNow(ctx)}, ${sqlNow(ctx)})`.execute(ctx.db)
}

interface Row {
  id: string
  provider_type: string
  is_pkce: boolean
  invite_token: string | null
  referrer: string | null
  oauth_client_state_id: string | null
  linking_target_id: string | null
  email_optional: boolean
  is_expired: boolean
  is_used: boolean
}

/** Null for an id that is unknown, or none. */
export async function findExternalFlow(ctx: Tx, id: string): Promise<ExternalFlow | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<Row>`
    select id, provider_type, code_challenge is not null as is_pkce, invite_token, referrer, oauth_client_state_id,
      linking_target_id, email_optional, created_at <= ${sqlAfter(ctx, -ctx.config.gotrue.flowStateExpiry)} as is_expired,
      user_id is not null or auth_code_issued_at is not null as is_used
    from auth.flow_state where id = ${id} and authentication_method = 'oauth'`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  return {
    id: row.id,
    provider: row.provider_type,
    isPkce: row.is_pkce,
    inviteToken: row.invite_token || null,
    redirectTo: row.referrer || null,
    clientStateId: row.oauth_client_state_id,
    linkingUserId: row.linking_target_id,
    isEmailOptional: row.email_optional,
    isExpired: row.is_expired,
    isUsed: row.is_used,
  }
}

/**
 * Spends the state, before the provider is asked: of all who come with it, one gets `true`. A flow that ends with a code
 * keeps its row for it, marked by the time; without a user the code means nothing yet.
 */
export async function spendExternalFlow(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (
      delete from auth.flow_state where id = ${id} and code_challenge is null returning id),
    marked as (
      update auth.flow_state set auth_code_issued_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
      where id = ${id} and code_challenge is not null and user_id is null and auth_code_issued_at is null
      returning id)
    select id from gone union all select id from marked`.execute(ctx.db)
  return rows.length > 0
}

/** Makes the flow's code redeemable, and returns it. The provider's tokens wait sealed beside it. */
export async function finishExternalFlow(
  ctx: Tx,
  id: string,
  { userId, tokens }: { userId: string; tokens: ProviderTokens },
): Promise<string> {
  const sealed = sealProviderTokens(ctx, id, tokens)
  const { rows } = await sql<{ auth_code: string }>`
    update auth.flow_state set user_id = ${userId}, auth_code_issued_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)},
      provider_access_token = ${sealed.accessToken},
      provider_refresh_token = ${sealed.refreshToken}
    where id = ${id} and user_id is null returning auth_code`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The flow was not found, though it was spent just now.')
  return row.auth_code
}
