import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { minute } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'

/** What we have to know when the browser is back from a provider: PKCE's verifier, or OAuth 1.0a's request token. */
export interface OAuthClientState {
  provider: string
  remembered: string
  isExpired: boolean
}

/** GoTrue's. */
const lifetime = 5 * minute

export async function createOAuthClientState(
  ctx: Tx,
  { provider, remembered }: { provider: string; remembered: string },
): Promise<string> {
  const id = ctx.random.uuid()
  const sealed = seal(secretOf(ctx.config), placeOf(id), remembered)
  await sql`
    insert into auth.oauth_client_states (id, provider_type, code_verifier, created_at)
    values (${id}, ${provider}, ${sealed}, ${sqlNow(ctx)})`.execute(ctx.db)
  return id
}

/** One of all who come gets it, and then it is gone. What GoTrue wrote is in clear. */
export async function spendOAuthClientState(ctx: Tx, id: string): Promise<OAuthClientState | null> {
  const { rows } = await sql<{
    provider_type: string
    code_verifier: string | null
    is_expired: boolean
  }>`
    delete from auth.oauth_client_states where id = ${id}
    returning provider_type, code_verifier, created_at <= ${sqlAfter(ctx, -lifetime)} as is_expired`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return null
  const resting = row.code_verifier ?? ''
  return {
    provider: row.provider_type,
    remembered: resting.startsWith('v1.')
      ? unseal(secretOf(ctx.config), placeOf(id), resting)
      : resting,
    isExpired: row.is_expired,
  }
}

function placeOf(id: string): string {
  return `auth.oauth_client_states.code_verifier:${id}`
}
