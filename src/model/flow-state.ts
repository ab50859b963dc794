import { createHash } from 'node:crypto'
import type { Tx } from '../base/context.ts'
import { sameSecret } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { openProviderTokens, type ProviderTokens } from './provider-tokens.ts'

/** What PKCE binds a code to (RFC 7636). */
export interface Challenge {
  method: 's256' | 'plain'
  value: string
}

/** GoTrue's sign-in under way in the PKCE flow: a code waits for the one who knows the verifier. */
export interface FlowState {
  id: string
  userId: string | null
  challenge: Challenge | null
  providerType: string
  authenticationMethod: string
  isExpired: boolean
  /** Until when the provider lets a session last. */
  sessionEndsAt: Date | null
  /** What a provider gave for the user. */
  providerTokens: ProviderTokens | null
}

/** RFC 7636 § 4.1: what a verifier, and so a plain challenge, is made of. */
export function isChallenge(value: string): boolean {
  return (
    challengeLength.min <= value.length &&
    value.length <= challengeLength.max &&
    /^[\w.~-]+$/.test(value)
  )
}

export const challengeLength = { min: 43, max: 128 }

export function matchesChallenge(verifier: string, challenge: Challenge): boolean {
  const derived =
    challenge.method === 's256'
      ? createHash('sha256').update(verifier).digest('base64url')
      : verifier
  return sameSecret(derived, challenge.value)
}

/** The code is made now; it means nothing until the mail's link was followed. */
export async function createFlowState(
  ctx: Tx,
  state: {
    userId: string
    challenge: Challenge
    providerType: string
    authenticationMethod: string
  },
): Promise<void> {
  const { userId, challenge, providerType, authenticationMethod } = state
  await sql`
    insert into auth.flow_state (id, user_id, auth_code, code_challenge_method, code_challenge, provider_type,
      provider_access_token, provider_refresh_token, authentication_method, created_at, updated_at)
    values (${ctx.random.uuid()}, ${userId}, ${ctx.random.uuid()}, ${challenge.method}, ${challenge.value},
      ${providerType}, '', '', ${authenticationMethod}, ${sqlNow(ctx)}, ${sqlNow(ctx)})`.execute(
    ctx.db,
  )
}

/** The code of the user's newest flow of one of these methods, from now on redeemable; null when there is none. */
export async function issueAuthCode(
  ctx: Tx,
  { userId, methods }: { userId: string; methods: readonly string[] },
): Promise<string | null> {
  const { rows } = await sql<{ auth_code: string }>`
    update auth.flow_state set auth_code_issued_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
    where id = (select id from auth.flow_state
      where user_id = ${userId} and authentication_method = any(${methods}::text[]) and auth_code is not null
      order by created_at desc limit 1)
    returning auth_code`.execute(ctx.db)
  return rows[0]?.auth_code ?? null
}

interface FlowStateRow {
  id: string
  user_id: string | null
  code_challenge_method: Challenge['method'] | null
  code_challenge: string | null
  provider_type: string
  authentication_method: string
  provider_access_token: string | null
  provider_refresh_token: string | null
  not_after: Date | null
  expired: boolean
}

/** By its code. A magic link's code lives from the click on, any other from the request on, as GoTrue counts. */
export async function findFlowStateByCode(ctx: Tx, authCode: string): Promise<FlowState | null> {
  const { rows } = await sql<FlowStateRow>`
    select id, user_id, code_challenge_method::text, code_challenge, provider_type, authentication_method,
      provider_access_token, provider_refresh_token,
      (select not_after from idp.flow_session_ends e where e.flow_state_id = flow_state.id) as not_after,
      case when authentication_method = 'magiclink' then auth_code_issued_at else created_at end
        <= ${sqlAfter(ctx, -ctx.config.gotrue.flowStateExpiry)} as expired
    from auth.flow_state where auth_code = ${authCode} and auth_code_issued_at is not null`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : toFlowState(ctx, rows[0])
}

function toFlowState(ctx: Tx, row: FlowStateRow): FlowState {
  const { code_challenge_method: method, code_challenge: value } = row
  return {
    id: row.id,
    userId: row.user_id,
    challenge: method === null || value === null ? null : { method, value },
    providerType: row.provider_type,
    authenticationMethod: row.authentication_method,
    isExpired: row.expired,
    sessionEndsAt: row.not_after,
    providerTokens: openProviderTokens(ctx, row),
  }
}

/** Spends the code: of all who redeem it, one gets `true`. */
export async function spendFlowState(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`delete from auth.flow_state where id = ${id} returning id`.execute(
    ctx.db,
  )
  return rows.length > 0
}
