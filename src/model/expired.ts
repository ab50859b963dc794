import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { day } from '../base/time.ts'
import { sqlAfter, sqlNow } from './clock.ts'

/** What nobody can use any more. Expiry is decided where a row is used; this only tidies. */
const dead = [
  {
    table: 'idp.tokens',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'idp.verifications',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    // A page that stood open for long may begin again within a day.
    table: 'idp.interactions',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'idp.session_tokens',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    // No session takes it along at its end, so it goes with its last token.
    table: 'idp.grants',
    isDead: (ctx: Tx) => sql`row.session_id is null and row.created_at < ${sqlAfter(ctx, -1 * day)}
      and not exists (select from idp.tokens t where t.grant_id = row.id)`,
  },
  {
    table: 'idp.limits',
    isDead: (ctx: Tx) => sql`row.resets_at < ${sqlNow(ctx)}`,
  },
  {
    table: 'idp.keys',
    isDead: (ctx: Tx) => sql`row.state = 'retiring' and row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    table: 'idp.pushed_requests',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    table: 'idp.device_codes',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'idp.subject_tokens',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    table: 'idp.personal_access_tokens',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    table: 'idp.spent_proofs',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlNow(ctx)}`,
  },
  {
    // Introduced itself, and nobody let it do anything within a week.
    table: 'idp.applications',
    isDead: (ctx: Tx) => sql`row.origin <> 'admin' and row.updated_at < ${sqlAfter(ctx, -7 * day)}
      and not exists (select from idp.consents c where c.application_id = row.id)
      and not exists (select from idp.grants g where g.application_id = row.id)`,
  },
  {
    table: 'auth.webauthn_challenges',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'auth.mfa_challenges',
    isDead: (ctx: Tx) => sql`row.created_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'auth.mfa_factors',
    isDead: (ctx: Tx) =>
      sql`row.status = 'unverified' and row.updated_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'auth.oauth_client_states',
    isDead: (ctx: Tx) => sql`row.created_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'auth.oauth_authorizations',
    isDead: (ctx: Tx) => sql`row.expires_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'auth.saml_relay_states',
    isDead: (ctx: Tx) => sql`row.created_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    table: 'auth.flow_state',
    isDead: (ctx: Tx) => sql`row.created_at < ${sqlAfter(ctx, -1 * day)}`,
  },
  {
    // Ended by its date, or carried by nothing: no cookie, no token of ours, no refresh token of GoTrue's.
    table: 'auth.sessions',
    isDead: (ctx: Tx) => sql`row.not_after < ${sqlAfter(ctx, -3 * day)} or (
      row.created_at < ${sqlAfter(ctx, -1 * day)} and row.refresh_token_hmac_key is null
      and not exists (select from auth.refresh_tokens r where r.session_id = row.id)
      and not exists (select from idp.session_tokens t where t.session_id = row.id)
      and not exists (select from idp.grants g join idp.tokens k on k.grant_id = g.id where g.session_id = row.id))`,
  },
] as const

/** How many rows go in one statement: few enough to hold no lock for long. */
const batch = 1000

/** How many rows of each table went, and whether a batch was full, so that there may be more. */
export interface Tidied {
  deleted: Record<string, number>
  isFull: boolean
}

/**
 * Deletes one batch of each. Where many nodes run, one of them tidies at a time, and the others get null.
 * To be called in a transaction, whose end gives the lock back. Nobody is told of sessions that were over for days.
 */
export async function deleteExpired(ctx: Tx): Promise<Tidied | null> {
  const lock = await sql<{ isMine: boolean }>`
    select pg_try_advisory_xact_lock(hashtext('sekisho housekeeping')) as "isMine",
      set_config('sekisho.is_tidying', 'on', true)`.execute(ctx.db)
  if (lock.rows[0]?.isMine !== true) return null
  const deleted: Record<string, number> = {}
  for (const { table, isDead } of dead) {
    const { rows } = await sql<{ count: number }>`
      with gone as (
        delete from ${sql.table(table)} where ctid = any (array(
          select row.ctid from ${sql.table(table)} as row where ${isDead(ctx)} limit ${batch} for update skip locked))
        returning 1)
      select count(*)::int as count from gone`.execute(ctx.db)
    deleted[table] = rows[0]?.count ?? 0
  }
  return { deleted, isFull: Object.values(deleted).some((count) => count >= batch) }
}

/** Deletes all of it, a transaction a batch, and returns how many rows went; none where another node tidies. */
export async function deleteAllExpired(
  inTransaction: (work: (ctx: Tx) => Promise<Tidied | null>) => Promise<Tidied | null>,
): Promise<number> {
  let total = 0
  for (;;) {
    const tidied = await inTransaction(deleteExpired)
    if (tidied === null) return total
    for (const count of Object.values(tidied.deleted)) total += count
    if (!tidied.isFull) return total
  }
}
