import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'

/** A proof that is good once: whose, and the name (`jti`) that it gave itself. */
export interface Proof {
  kind: 'client-assertion' | 'dpop' | 'web3' | 'saml-assertion'
  owner: string
  name: string
  /** For how many milliseconds it could come again. */
  lifetime: number
}

/** Spends a proof; of many who come with it at once, on whatever node, one gets true. */
export async function spendProof(
  ctx: Tx,
  { kind, owner, name, lifetime }: Proof,
): Promise<boolean> {
  const { rows } = await sql`
    insert into idp.spent_proofs as p (hash, expires_at)
    values (${sha256(JSON.stringify([kind, owner, name]))}, ${sqlAfter(ctx, lifetime)})
    on conflict (hash) do update set expires_at = excluded.expires_at where p.expires_at <= ${sqlNow(ctx)}
    returning 1`.execute(ctx.db)
  return rows.length > 0
}
