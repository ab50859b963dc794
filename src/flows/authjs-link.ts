import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { allowsOrigin, findApplication } from '../model/application.ts'
import { record } from '../model/event.ts'
import { findSettings } from '../model/settings.ts'
import { findUserByEmail, isEmail, normalEmail } from '../model/user.ts'
import { linkMail } from '../words/mail.ts'
import { negotiate } from '../words/words.ts'
import { deliver } from './deliver.ts'
import { limitSendingTo } from './verify.ts'

export interface AuthjsLink {
  to: string
  /** Where the link leads, with Auth.js' own token in it. */
  url: string
  /** As in `Accept-Language`. */
  locale: string | null
}

/**
 * Mails a magic link that Auth.js made. It must lead to where the application redirects anyway: a stolen secret sends
 * nobody elsewhere. Throws `email_address_invalid`, `input_invalid`, `over_email_send_rate_limit`, and what `deliver` throws.
 */
export async function sendAuthjsLink(
  ctx: Context,
  applicationId: string,
  link: AuthjsLink,
): Promise<void> {
  const application = await findApplication(ctx, applicationId)
  if (application === null) throw new Fault('invalid_client', { problem: 'unknown' })
  if (!isEmail(link.to)) throw new Fault('email_address_invalid', { field: 'to' })
  const url = URL.canParse(link.url) ? new URL(link.url) : null
  if (url === null || !allowsOrigin(application, url.origin)) {
    throw new Fault('input_invalid', { field: 'url', problem: 'foreign-origin' })
  }
  const email = normalEmail(link.to)
  await limitSendingTo(ctx, email)
  const user = await findUserByEmail(ctx, email)
  await transaction(ctx, (ctx) =>
    record(ctx, {
      type: 'verification.sent',
      userId: user?.id ?? null,
      applicationId,
      details: { purpose: 'authjs', channel: 'email', recipient: email, sent: true },
    }),
  )
  const { languageInfo } = await findSettings(ctx, 'sign-in-experience')
  const words = negotiate({ acceptLanguage: link.locale, fallback: languageInfo.fallbackLanguage })
  const content = { link: url.href, app: application.name, email }
  await deliver(ctx, {
    to: email,
    type: 'SignIn',
    payload: {
      link: url.href,
      locale: words.language.tag,
      application: { name: application.name },
    },
    fallback: linkMail(words, 'magicLink', content),
    // The deliveries of a connector are about codes, and this mail has none.
    rendered: true,
  })
}
