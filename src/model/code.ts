import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { isLive } from './grant.ts'
import { type Redeeming, redeem, redemptionProblem } from './redemption.ts'
import { type TargetProblem, tellsRights } from './rights.ts'
import { type Issue, type Issued, revoking } from './token-row.ts'
import { wideSecret } from './wide-secret.ts'

/** How long a code waits to be redeemed. */
export const codeLifetime = 1 * minute

/** What the code's authorization request said, as the code has to prove it. */
export interface CodeDetails {
  redirectUri: string
  challenge: string | null
  nonce: string | null
  /** The ID token has to say when the user signed in (`max_age`). */
  wantsAuthTime: boolean
  /** The key that has to be proved (`dpop_jkt`, RFC 9449 § 10). */
  jkt?: string
  /** What the ID token has to say of the assurance (`acr_values`). */
  acr?: string
  /** Claims beside those of the scope (`claims`), for the ID token and for UserInfo. */
  idTokenClaims?: readonly string[]
  userInfoClaims?: readonly string[]
}

/** Writes a grant of the session's user and its code, in one statement; null when the session has ended. */
export async function createCode(
  ctx: Tx,
  code: {
    sessionId: string
    applicationId: string
    scope: string
    resources: readonly string[]
    apiScopes: readonly string[]
    authenticatedAt: Date
    details: CodeDetails
  },
): Promise<string | null> {
  const value = wideSecret(ctx, 32, tellsRights(code.scope)).toString('base64url')
  // Whoever deletes the user or ends the session locks in this order, too.
  const { rows } = await sql`
    with held as (
      select u.id as user_id, s.id as session_id from auth.users u join auth.sessions s on s.user_id = u.id
      where s.id = ${code.sessionId} and ${isLive(ctx)} for key share of u, s),
    granted as (
      insert into idp.grants (id, user_id, session_id, application_id, scope, resources, api_scopes, authenticated_at, created_at)
      select ${ctx.random.uuid()}, user_id, session_id, ${code.applicationId}, ${code.scope}, ${[...code.resources]}::text[],
        ${[...code.apiScopes]}::text[], ${code.authenticatedAt}, ${sqlNow(ctx)}
      from held returning *),
    made as (
      insert into idp.tokens (hash, kind, grant_id, application_id, scope, details, created_at, expires_at)
      select ${sha256(value)}, 'code', id, application_id, scope, ${JSON.stringify(code.details)}::text::jsonb,
        ${sqlNow(ctx)}, ${sqlAfter(ctx, codeLifetime)} from granted),
    ${recordingOf(ctx, 'grant.created', 'granted')}
    select id from granted`.execute(ctx.db)
  return rows.length === 0 ? null : value
}

/** Redeems a code for the address that it was asked for, with its verifier's challenge; see `redeem`. */
export function redeemCode(
  ctx: Tx,
  code: string,
  {
    redirectUri,
    challenge,
    ...redeeming
  }: Redeeming & { redirectUri: string; challenge: string | null },
): Promise<Issued | null> {
  const fits = sql`t.details->>'redirectUri' = ${redirectUri} and t.details->>'challenge' is not distinct from ${challenge}::text`
  return redeem(ctx, { value: code, kind: 'code', fits }, redeeming)
}

/**
 * Why a code was not redeemed. When it was spent before, somebody stole it, so all that it gave falls (RFC 6749
 * § 4.1.2); a code that was only asked for too much stays good.
 */
export async function refuseCode(
  ctx: Tx,
  code: string,
  issue: Issue,
): Promise<TargetProblem | null> {
  const { rows } = await sql<{ problem: TargetProblem | null }>`
    with ${revoking(ctx, {
      event: 'code.reused',
      where: sql`t.hash = ${sha256(code)} and t.kind = 'code' and t.application_id = ${issue.applicationId} and t.used_at is not null`,
    })}
    ${redemptionProblem(ctx, { value: code, kind: 'code' }, issue)}`.execute(ctx.db)
  return rows[0]?.problem ?? null
}
