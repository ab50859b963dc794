import { actingAs, type Context } from '../base/context.ts'
import { hour, minute, second } from '../base/time.ts'
import {
  closeDelivery,
  type Delivery,
  type DeliveryKind,
  takeDeliveries,
} from '../model/delivery.ts'
import type { NewEvent } from '../model/event.ts'
import { sendLogout } from './back-channel-logout.ts'
import { sendNotice } from './notices.ts'

/** How a try ended. The event is recorded when it was told, or when it was the last try. */
export type Sent =
  | { outcome: 'delivered' | 'failed'; event: NewEvent }
  /** There is nobody to be told any more. */
  | { outcome: 'pointless' }

const senders: Record<DeliveryKind, (ctx: Context, delivery: Delivery) => Promise<Sent>> = {
  'back-channel-logout': sendLogout,
  'mail-notice': sendNotice,
}

/** The pauses after each try; the last try is the one after them. Each is longer than any try takes. */
const waits = [30 * second, 2 * minute, 10 * minute, 1 * hour, 6 * hour]

/** How many are under way at once: nobody's slow server holds all others up for long. */
const batch = 20

/**
 * Sends what is due, until nothing is. At least once: a node that dies between the answer and its note lets another one
 * send it again. Nothing of it runs in a transaction. Returns how many were told.
 */
export async function sendDue(ctx: Context): Promise<number> {
  const postman = actingAs(ctx, { kind: 'system', name: 'outbox' })
  let told = 0
  for (;;) {
    const due = await takeDeliveries(postman, { kinds: Object.keys(senders), waits, limit: batch })
    const sent = await Promise.all(due.map((delivery) => send(postman, delivery)))
    told += sent.filter((outcome) => outcome === 'delivered').length
    if (due.length < batch) return told
  }
}

async function send(ctx: Context, delivery: Delivery): Promise<Sent['outcome']> {
  const sent = await senders[delivery.kind](ctx, delivery)
  const isLast = delivery.attempts > waits.length
  if (sent.outcome === 'failed') {
    const { attempts, kind } = delivery
    ctx.log.warn({ kind, attempts, isLast, ...sent.event.details }, 'A delivery failed.')
    if (!isLast) return sent.outcome
  }
  await closeDelivery(ctx, delivery.id, sent.outcome === 'pointless' ? [] : [sent.event])
  return sent.outcome
}
