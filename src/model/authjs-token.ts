import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'

/** What a magic link of Auth.js proves: a verification with the purpose `authjs`. The token is kept as a hash. */
export interface AuthjsToken {
  /** The address as Auth.js gave it; matched exactly. */
  recipient: string
  expiresAt: Date
}

/** Throws a unique violation for a token that this recipient has open already. */
export async function createAuthjsToken(
  ctx: Tx,
  token: AuthjsToken & { token: string },
): Promise<void> {
  const { recipient, expiresAt } = token
  const sent = {
    type: 'verification.sent' as const,
    details: { purpose: 'authjs', channel: 'email', recipient },
  }
  await sql`
    with v as (
      insert into idp.verifications (id, purpose, channel, recipient, hash, created_at, expires_at)
      values (${ctx.random.uuid()}, 'authjs', 'email', ${recipient}, ${sha256(token.token)}, ${sqlNow(ctx)}, ${expiresAt})
      returning id),
    ${recording(ctx, [sent], sql`exists (select from v)`)}
    select id from v`.execute(ctx.db)
}

/**
 * Takes a token away and returns it, expired ones too: Auth.js says so itself. Of many who come with it at once, one gets
 * it. Without a recipient the token alone decides.
 */
export async function spendAuthjsToken(
  ctx: Tx,
  token: string,
  recipient: string | null,
): Promise<AuthjsToken | null> {
  const finished = {
    type: 'verification.finished' as const,
    details: { purpose: 'authjs', channel: 'email', ...(recipient === null ? {} : { recipient }) },
  }
  // One row and no more, should two recipients ever share a token.
  const { rows } = await sql<{ recipient: string; expires_at: Date }>`
    with v as (
      delete from idp.verifications where id = (
        select id from idp.verifications
        where purpose = 'authjs' and hash = ${sha256(token)}
          and (${recipient}::text is null or recipient = ${recipient}::text)
        order by created_at desc limit 1)
      returning recipient, expires_at),
    ${recording(ctx, [finished], sql`exists (select from v)`)}
    select recipient, expires_at from v`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { recipient: row.recipient, expiresAt: row.expires_at }
}
