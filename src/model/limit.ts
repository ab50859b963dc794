import type { Cache } from '../base/cache.ts'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'

/**
 * Counts one use of `key` in a fixed window and answers whether it was within `limit`: one upsert, shared by all
 * nodes. When refused, `retryAfter` says in how many milliseconds the window ends.
 */
export async function take(
  ctx: Tx,
  key: string,
  { limit, window }: { limit: number; window: number },
): Promise<{ allowed: true } | { allowed: false; retryAfter: number }> {
  const { rows } = await sql<{ count: number; wait: number }>`
    insert into idp.limits as l (key, count, resets_at) values (${key}, 1, ${sqlAfter(ctx, window)})
    on conflict (key) do update set
      count = case when l.resets_at <= ${sqlNow(ctx)} then 1 else l.count + 1 end,
      resets_at = case when l.resets_at <= ${sqlNow(ctx)} then excluded.resets_at else l.resets_at end
    returning count, (extract(epoch from resets_at - ${sqlNow(ctx)}) * 1000)::float8 as wait`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined || row.count <= limit) return { allowed: true }
  const retryAfter = Math.max(0, row.wait)
  remember(ctx, key, retryAfter)
  return { allowed: false, retryAfter }
}

/**
 * Takes one from a bucket that holds `burst` and fills up at `rate` in each `window`: one upsert, shared by all nodes.
 * The row says when the bucket will be full again, so one that is not there is full.
 */
export async function takeFromBucket(
  ctx: Tx,
  key: string,
  { rate, window, burst }: { rate: number; window: number; burst: number },
): Promise<{ allowed: true } | { allowed: false; retryAfter: number }> {
  if (rate <= 0 || burst <= 0) return { allowed: false, retryAfter: window }
  const each = window / rate
  const next = sql`greatest(l.resets_at, ${sqlNow(ctx)}) + ${each} * interval '1 millisecond'`
  const fits = sql`${next} <= ${sqlAfter(ctx, each * burst)}`
  const { rows } = await sql<{ count: number; wait: number }>`
    insert into idp.limits as l (key, count, resets_at) values (${key}, 1, ${sqlAfter(ctx, each)})
    on conflict (key) do update set
      count = case when ${fits} then 1 else 0 end,
      resets_at = case when ${fits} then ${next} else l.resets_at end
    returning count, (extract(epoch from ${next} - ${sqlAfter(ctx, each * burst)}) * 1000)::float8 as wait`.execute(
    ctx.db,
  )
  const [row] = rows
  if (row === undefined || row.count > 0) return { allowed: true }
  return { allowed: false, retryAfter: Math.max(1, row.wait) }
}

/** Begins the counts anew, for who has shown that they do not guess. */
export async function forgive(ctx: Tx, keys: readonly string[]): Promise<void> {
  await sql`delete from idp.limits where key = any (${[...keys]}::text[])`.execute(ctx.db)
}

/** What each node's cache stands for: the refusals that it has seen. */
const refusals = new WeakMap<Cache, Map<string, number>>()
const mostRefusals = 10_000

/**
 * For how many milliseconds this node knows `key` to be refused; 0 where it does not. It asks no database: where only
 * failures are counted with `take`, this keeps a refused key out even when its next try would be right.
 */
export function refusedFor(ctx: Tx, key: string): number {
  const until = refusals.get(ctx.cache)?.get(key) ?? 0
  return Math.max(0, until - ctx.now().getTime())
}

function remember(ctx: Tx, key: string, wait: number): void {
  const seen = refusals.get(ctx.cache) ?? new Map<string, number>()
  refusals.set(ctx.cache, seen)
  // Keys hold what strangers send: the oldest refusals go before the memory does.
  const [oldest] = seen.keys()
  if (seen.size >= mostRefusals && oldest !== undefined) seen.delete(oldest)
  seen.delete(key)
  seen.set(key, ctx.now().getTime() + wait)
}
