import { setTimeout as pause } from 'node:timers/promises'
import { actingAs, type Context, transaction } from '../base/context.ts'
import { minute, second } from '../base/time.ts'
import { deleteExpired, type Tidied } from '../model/expired.ts'
import { turnKeys } from './keys.ts'
import { sendDue } from './outbox.ts'

interface Chore {
  what: string
  every: number
  work(ctx: Context, isOver: () => boolean): Promise<unknown>
}

/** What every node does beside answering, and how often it looks. */
const chores: readonly Chore[] = [
  { what: 'tidying', every: 10 * minute, work: tidyUntil },
  { what: 'turning the keys', every: 1 * minute, work: turnKeys },
  { what: 'sending from the outbox', every: 2 * second, work: sendDue },
]

/** Tidies until nothing is left, or until another node does it. Returns what went. */
export function tidy(ctx: Context): Promise<Tidied> {
  return tidyUntil(ctx, () => false)
}

/** The same, but nothing begins any more when it is over; what went so far stays gone. */
export function tidyUntil(ctx: Context, isOver: () => boolean): Promise<Tidied> {
  return deleteExpired(ctx, async (work) => {
    if (isOver()) return null
    const done = await transaction(ctx, work)
    if (done !== null) ctx.observer?.metrics?.tidied(done)
    return done
  })
}

/**
 * Does the chores by timer, on every node; a failure is logged, and tried again the next time. Returns how to stop: what
 * is under way has a second to end, and what it leaves, another node or the next start takes up.
 */
export function keepHouse(ctx: Context): () => Promise<void> {
  const keeper = actingAs(ctx, { kind: 'system', name: 'housekeeping' })
  const stops = chores.map((chore) => repeat(keeper, chore))
  return async () => {
    await Promise.race([Promise.all(stops.map((stop) => stop())), pause(1 * second)])
  }
}

/** One round at a time: a slow one is not overtaken by the next. */
function repeat(ctx: Context, { what, every, work }: Chore): () => Promise<unknown> {
  let underWay: Promise<unknown> | null = null
  let isOver = false
  const timer = setInterval(() => {
    underWay ??= work(ctx, () => isOver)
      .catch((error: unknown) => {
        // The database may be closed already.
        if (!isOver) ctx.log.error({ err: error, what }, 'A chore failed.')
      })
      .finally(() => {
        underWay = null
      })
  }, every)
  timer.unref()
  return async () => {
    isOver = true
    clearInterval(timer)
    await underWay
  }
}
