import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
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
  return { allowed: false, retryAfter: Math.max(0, row.wait) }
}
