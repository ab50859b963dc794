import type { Context, Tx } from '../base/context.ts'
import { isFault } from '../base/fault.ts'
import type { Value } from '../base/go-template.ts'
import type { MessageContent } from '../connectors/index.ts'
import { type Delivery, putDelivery } from '../model/delivery.ts'
import { findSettings } from '../model/settings.ts'
import { findUser, type User } from '../model/user.ts'
import { noticeMail } from '../words/mail.ts'
import { wordsFor } from '../words/words.ts'
import { canDeliver, deliver } from './deliver.ts'
import { hasHook } from './hooks/ask.ts'
import { sendEmailByHook } from './hooks/messages.ts'
import { factsOf, type Notice } from './letters.ts'
import { written } from './mail-template.ts'
import type { Sent } from './outbox.ts'
import { countSent } from './sent-limit.ts'

/** What a notice is about, by the names that its template knows. */
export interface NoticeFacts {
  OldEmail?: string
  Phone?: string
  OldPhone?: string
  Provider?: string
  FactorType?: string
}

/**
 * Lets a user know by mail what has happened to their account, where `GOTRUE_MAILER_NOTIFICATIONS_*` asks for it. It is
 * written with the change itself, and leaves by the outbox: nobody waits for it, and no crash loses it.
 */
export async function announce(
  ctx: Tx,
  user: User,
  notice: Notice,
  facts: NoticeFacts = {},
): Promise<void> {
  const to = facts.OldEmail ?? user.email
  if (to === null || !isWanted(ctx, notice)) return
  await putDelivery(ctx, 'mail-notice', { userId: user.id, notice, to, facts })
}

function isWanted(ctx: Tx, notice: Notice): boolean {
  const name = `${notice[0]?.toUpperCase()}${notice.slice(1)}` as Capitalize<Notice>
  return ctx.config.gotrue[`notifies${name}`]
}

/** Sends what was announced; pointless when the user is gone, or when nothing here sends mail. */
export async function sendNotice(ctx: Context, { details }: Delivery): Promise<Sent> {
  const { userId, notice, to, facts } = details as {
    userId: string
    notice: Notice
    to: string
    facts: NoticeFacts
  }
  const user = await findUser(ctx, userId)
  const isByHook = hasHook(ctx, 'sendEmail')
  if (user === null || !(isByHook || (await canDeliver(ctx)))) return { outcome: 'pointless' }
  const about = { userId, details: { notice } }
  try {
    await countSent(ctx, 'email')
    if (isByHook) await handToHook(ctx, userId, { notice, facts })
    else await send(ctx, user, { notice, to, facts })
    return { outcome: 'delivered', event: { type: 'notice.delivered', ...about } }
  } catch (error) {
    if (!isFault(error)) throw error
    return {
      outcome: 'failed',
      event: { type: 'notice.failed', userId, details: { notice, why: error.code } },
    }
  }
}

async function send(
  ctx: Context,
  user: User,
  { notice, to, facts }: { notice: Notice; to: string; facts: NoticeFacts },
): Promise<void> {
  const { languageInfo } = await findSettings(ctx, 'sign-in-experience')
  const locale = languageInfo.fallbackLanguage
  const { siteUrl: SiteURL } = ctx.config.gotrue
  const variables = {
    SiteURL,
    Email: user.email,
    Data: user.metadata.own as Value,
    ...facts,
  }
  const ours: MessageContent = noticeMail(wordsFor(locale), notice, {
    app: new URL(SiteURL).host,
    email: user.email ?? to,
  })
  await deliver(ctx, {
    to,
    type: factsOf[notice].message,
    header: factsOf[notice].header,
    payload: { locale },
    fallback: await written(ctx, notice, { variables, ours }),
    rendered: true,
  })
}

/** The hook knows the user, and where they are reached now; what was before stands beside it. */
function handToHook(
  ctx: Context,
  userId: string,
  { notice, facts }: { notice: Notice; facts: NoticeFacts },
): Promise<void> {
  return sendEmailByHook(ctx, userId, {
    email_action_type: factsOf[notice].header,
    old_email: facts.OldEmail ?? '',
    old_phone: facts.OldPhone ?? '',
    provider: facts.Provider ?? '',
    factor_type: facts.FactorType ?? '',
  })
}
