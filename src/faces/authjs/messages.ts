import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { sendAuthjsLink } from '../../flows/authjs-link.ts'

/** What `@sekisho/authjs/email` sends: a link for one address. */
const message = z.strictObject({
  to: z.string().max(320),
  url: z.string().max(4096),
  locale: z.string().max(1024).nullish(),
})

/** Sends a magic link for the application that acts. */
export async function sendMessage(ctx: Context, body: unknown): Promise<void> {
  const parsed = message.safeParse(body)
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    throw new Fault('input_invalid', { field: issue?.path.join('.') || 'the body' })
  }
  if (ctx.actor.kind !== 'application') throw new Fault('invalid_client', { problem: 'nobody' })
  const { to, url, locale = null } = parsed.data
  await sendAuthjsLink(ctx, ctx.actor.applicationId, { to, url, locale })
}
