import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import type { Challenge } from './flow-state.ts'
import { isUuid } from './uuid.ts'

/** A sign-in that is at a company's identity provider, and comes back with this id. */
export interface RelayState {
  id: string
  providerId: string
  /** What the identity provider has to answer. */
  requestId: string
  redirectTo: string | null
  /** Where an app waits that knows a verifier (PKCE). */
  flowStateId: string | null
  isExpired: boolean
}

export interface NewRelayState {
  id: string
  providerId: string
  requestId: string
  redirectTo: string
  challenge: Challenge | null
}

export async function createRelayState(ctx: Tx, state: NewRelayState): Promise<void> {
  const { challenge, providerId } = state
  const flowId = challenge === null ? null : ctx.random.uuid()
  const now = sqlNow(ctx)
  await sql`
    with flow as (
      insert into auth.flow_state (id, auth_code, code_challenge_method, code_challenge, provider_type,
        provider_access_token, provider_refresh_token, authentication_method, created_at, updated_at)
      select ${flowId}::uuid, ${ctx.random.uuid()}, ${challenge?.method ?? null}::auth.code_challenge_method,
        ${challenge?.value ?? null}, ${`sso:${providerId}`}, '', '', 'sso/saml', ${now}, ${now}
      where ${flowId}::uuid is not null returning id)
    insert into auth.saml_relay_states (id, sso_provider_id, request_id, redirect_to, flow_state_id, created_at, updated_at)
    values (${state.id}, ${providerId}, ${state.requestId}, ${state.redirectTo ?? ''}, (select id from flow), ${now}, ${now})`.execute(
    ctx.db,
  )
}

interface Row {
  id: string
  sso_provider_id: string
  request_id: string
  redirect_to: string | null
  flow_state_id: string | null
  is_expired: boolean
}

/** Null for an id that is unknown, spent, or none. */
export async function findRelayState(ctx: Tx, id: string): Promise<RelayState | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<Row>`
    select id, sso_provider_id, request_id, redirect_to, flow_state_id,
      created_at <= ${sqlAfter(ctx, -ctx.config.gotrue.samlRelayStateValidity)} as is_expired
    from auth.saml_relay_states where id = ${id}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  return {
    id: row.id,
    providerId: row.sso_provider_id,
    requestId: row.request_id,
    redirectTo: row.redirect_to || null,
    flowStateId: row.flow_state_id,
    isExpired: row.is_expired,
  }
}

/** Of all who come back with it, one gets `true`. */
export async function spendRelayState(ctx: Tx, id: string): Promise<boolean> {
  const { rows } =
    await sql`delete from auth.saml_relay_states where id = ${id} returning id`.execute(ctx.db)
  return rows.length > 0
}

/** Makes the waiting app's code redeemable, and returns it; null when the flow is over. */
export async function finishSamlFlow(
  ctx: Tx,
  flowStateId: string,
  { userId, sessionEndsAt }: { userId: string; sessionEndsAt: Date | null },
): Promise<string | null> {
  const { rows } = await sql<{ auth_code: string }>`
    with flow as (
      update auth.flow_state set user_id = ${userId}, auth_code_issued_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
      where id = ${flowStateId} and user_id is null returning id, auth_code),
    ending as (
      insert into idp.flow_session_ends (flow_state_id, not_after)
      select id, ${sessionEndsAt}::timestamptz from flow where ${sessionEndsAt}::timestamptz is not null
      returning flow_state_id)
    select auth_code from flow`.execute(ctx.db)
  return rows[0]?.auth_code ?? null
}
