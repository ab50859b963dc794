import type { Tx } from '../base/context.ts'
import { hmacSha256, secretOf } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { isUuid } from './uuid.ts'

/** What a code is good for; a code for one purpose proves nothing for another. */
export type VerificationPurpose = 'sign-in' | 'register' | 'forgot-password'

/** One proof under way: a code that was sent to `recipient`, good once. */
export interface Verification {
  id: string
  purpose: VerificationPurpose
  channel: 'email' | 'phone'
  recipient: string
}

/** How often a code may be tried. */
export const attemptLimit = 5

/** Writes a code's hash. Six digits have too little entropy for a bare hash: it is keyed, and bound to the id. */
export async function createVerification(
  ctx: Tx,
  verification: Omit<Verification, 'id'> & { code: string; lifetime: number },
): Promise<Verification> {
  const id = ctx.random.uuid()
  const { purpose, channel, recipient, code, lifetime } = verification
  await sql`
    insert into idp.verifications (id, purpose, channel, recipient, hash, created_at, expires_at)
    values (${id}, ${purpose}, ${channel}, ${recipient}, ${hashOf(ctx, id, code)}, ${sqlNow(ctx)}, ${sqlAfter(ctx, lifetime)})`.execute(
    ctx.db,
  )
  return { id, purpose, channel, recipient }
}

export type Attempt =
  | { outcome: 'right'; verification: Verification }
  | { outcome: 'wrong'; attemptsLeft: number }
  | { outcome: 'expired' | 'exhausted' | 'unknown' }

/** Tries a code. Whoever comes, an attempt is spent; the right code is spent with the same statement. */
export async function attemptVerification(ctx: Tx, id: string, code: string): Promise<Attempt> {
  if (!isUuid(id)) return { outcome: 'unknown' }
  const { rows } = await sql<{
    purpose: VerificationPurpose
    channel: 'email' | 'phone'
    recipient: string
    attempts: number
    right: boolean
  }>`
    update idp.verifications set attempts = attempts + 1,
      used_at = case when hash = ${hashOf(ctx, id, code)} then ${sqlNow(ctx)} end
    where id = ${id} and purpose <> 'authjs' and used_at is null and attempts < ${attemptLimit} and expires_at > ${sqlNow(ctx)}
    returning purpose, channel, recipient, attempts, used_at is not null as right`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return whyNot(ctx, id)
  if (!row.right) return { outcome: 'wrong', attemptsLeft: attemptLimit - row.attempts }
  const { purpose, channel, recipient } = row
  return { outcome: 'right', verification: { id, purpose, channel, recipient } }
}

async function whyNot(ctx: Tx, id: string): Promise<Attempt> {
  const { rows } = await sql<{ exhausted: boolean }>`
    select used_at is null and attempts >= ${attemptLimit} as exhausted from idp.verifications where id = ${id}`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined) return { outcome: 'unknown' }
  return { outcome: row.exhausted ? 'exhausted' : 'expired' }
}

function hashOf(ctx: Tx, id: string, code: string): Buffer {
  return hmacSha256(secretOf(ctx.config).key('verification'), `${id}:${code}`)
}
