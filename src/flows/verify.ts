import { networkOf } from '../base/client-ip.ts'
import { type Context, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute } from '../base/time.ts'
import type { MessageType } from '../connectors/index.ts'
import { record } from '../model/event.ts'
import { take } from '../model/limit.ts'
import { findUserByEmail, normalEmail } from '../model/user.ts'
import {
  attemptVerification,
  createVerification,
  type Verification,
  type VerificationPurpose,
} from '../model/verification.ts'
import { codeMail, linkMail } from '../words/mail.ts'
import { wordsFor } from '../words/words.ts'
import { deliver } from './deliver.ts'

export const codeLifetime = 10 * minute

const usage: Record<
  VerificationPurpose,
  Extract<MessageType, 'SignIn' | 'Register' | 'ForgotPassword'>
> = {
  'sign-in': 'SignIn',
  register: 'Register',
  'forgot-password': 'ForgotPassword',
}

export interface VerificationRequest {
  purpose: VerificationPurpose
  email: string
  /** The language of the page that asked, for the mail. */
  language: string
  /** How the service calls itself in the mail. */
  application: { name: string; id?: string }
  /** What an address without an account gets: the code too, or nothing, which must not show. */
  strangers: 'send' | 'pretend'
}

/**
 * Sends a code to an address and returns the id under which it is finished. Where strangers get no mail, they get an id
 * and the same answer after the same time: then nobody waits for the mail, and its failure is only logged.
 * Throws `over_email_send_rate_limit`, and, where all get a mail, what `deliver` throws.
 */
export async function startVerification(
  ctx: Context,
  request: VerificationRequest,
): Promise<string> {
  const { purpose, language, application, strangers } = request
  const email = normalEmail(request.email)
  await limitSending(ctx, email)
  const user = await findUserByEmail(ctx, email)
  const code = ctx.random.digits(6)
  const isSent = strangers === 'send' || user !== null
  const verification = await transaction(ctx, async (ctx) => {
    await record(ctx, {
      type: 'verification.sent',
      userId: user?.id ?? null,
      details: { purpose, channel: 'email', recipient: email, sent: isSent },
    })
    return createVerification(ctx, {
      purpose,
      channel: 'email',
      recipient: email,
      code,
      lifetime: codeLifetime,
    })
  })
  const isKnown = user?.emailVerifiedAt != null
  const type = user === null && strangers === 'send' ? 'Register' : usage[purpose]
  const content = { code, app: application.name, minutes: codeLifetime / minute }
  const link = `${ctx.config.publicUrl}/sign-in`
  const words = wordsFor(language)
  const send = () =>
    purpose === 'register' && isKnown
      ? // The page says the same as to a stranger; only the owner of the address reads the difference.
        deliver(ctx, {
          to: email,
          type,
          payload: { code, link, locale: language, application },
          fallback: linkMail(words, 'alreadyRegistered', { ...content, link, email }),
          rendered: true,
        })
      : deliver(ctx, {
          to: email,
          type,
          payload: { code, locale: language, application },
          fallback: codeMail(words, type, content),
        })
  if (strangers === 'send') await send()
  else if (isSent) ctx.background.run(send, 'A code could not be sent.')
  return verification.id
}

/** One address gets at most five mails in ten minutes, one client asks for at most thirty. */
async function limitSending(ctx: Context, email: string): Promise<void> {
  await limitSendingTo(ctx, email)
  if (ctx.client.ip !== null) await limit(ctx, `send-ip:${networkOf(ctx.client.ip)}`, 30)
}

/** The first half of it, for whoever asks in the name of all its users. */
export async function limitSendingTo(ctx: Context, email: string): Promise<void> {
  await limit(ctx, `send:${email}`, 5)
}

async function limit(ctx: Context, key: string, most: number): Promise<void> {
  const taken = await take(ctx, key, { limit: most, window: 10 * minute })
  if (!taken.allowed) {
    throw new Fault('over_email_send_rate_limit', { retryAfter: taken.retryAfter })
  }
}

/**
 * Spends a code and answers what it proves. Throws `code_wrong` (`details.attemptsLeft`), `code_expired` (also when it
 * was used already) or `code_exhausted`.
 */
export async function finishVerification(
  ctx: Context,
  id: string,
  { code, purpose }: { code: string; purpose: VerificationPurpose },
): Promise<Verification> {
  const attempt = await attemptVerification(ctx, id, code)
  switch (attempt.outcome) {
    case 'right':
      // A code for another purpose is spent by trying it here, and proves nothing.
      if (attempt.verification.purpose !== purpose) throw new Fault('code_expired')
      return attempt.verification
    case 'wrong':
      throw new Fault(attempt.attemptsLeft === 0 ? 'code_exhausted' : 'code_wrong', {
        attemptsLeft: attempt.attemptsLeft,
      })
    case 'exhausted':
      throw new Fault('code_exhausted')
    case 'expired':
    case 'unknown':
      throw new Fault('code_expired')
  }
}
