import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { take, takeFromBucket } from '../model/limit.ts'

/**
 * Counts messages of one kind against what the operator lets leave the house, for all recipients and all nodes together.
 * Throws `over_email_send_rate_limit` or `over_sms_send_rate_limit`. Where everybody is believed nothing is counted.
 */
export async function countSent(ctx: Tx, channel: 'email' | 'sms'): Promise<void> {
  const { gotrue } = ctx.config
  const allowance = channel === 'email' ? gotrue.rateLimitEmailSent : gotrue.rateLimitSmsSent
  const isBelieved = channel === 'email' ? gotrue.mailerAutoconfirm : gotrue.smsAutoconfirm
  if (allowance === null || isBelieved) return
  const { kind, count, window } = allowance
  const key = `sent:${channel}`
  const isAllowed =
    count > 0 &&
    (kind === 'fixed'
      ? (await take(ctx, key, { limit: count, window })).allowed
      : (await takeFromBucket(ctx, key, { rate: count, window, burst: count })).allowed)
  if (isAllowed) return
  throw new Fault(channel === 'email' ? 'over_email_send_rate_limit' : 'over_sms_send_rate_limit')
}
