import { actingAs, type Context, transaction } from '../base/context.ts'
import { minute } from '../base/time.ts'
import { deleteExpired, type Tidied } from '../model/expired.ts'

/** How often a node looks whether there is something to tidy. */
const interval = 10 * minute

/** Tidies until nothing is left, or until another node does it. Returns what went. */
export async function tidy(ctx: Context): Promise<Tidied['deleted']> {
  const total: Tidied['deleted'] = {}
  for (;;) {
    const tidied = await transaction(ctx, (ctx) => deleteExpired(ctx))
    if (tidied === null) return total
    for (const [table, count] of Object.entries(tidied.deleted)) {
      total[table] = (total[table] ?? 0) + count
    }
    if (!tidied.isFull) return total
  }
}

/** Tidies by timer, on every node; a failure is logged and tried again the next time. Returns how to stop. */
export function keepHouse(ctx: Context): () => void {
  const keeper = actingAs(ctx, { kind: 'system', name: 'housekeeping' })
  const timer = setInterval(() => {
    tidy(keeper).catch((error: unknown) => ctx.log.error({ err: error }, 'Housekeeping failed.'))
  }, interval)
  timer.unref()
  return () => clearInterval(timer)
}
