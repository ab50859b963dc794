import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { minute, second } from '../base/time.ts'
import type { MessageType } from '../connectors/index.ts'
import {
  dropTokens,
  keepTokens,
  type MadeToken,
  makeToken,
  type TokenKind,
} from '../model/one-time-token.ts'
import { findSettings } from '../model/settings.ts'
import type { User } from '../model/user.ts'
import { linkMail, reauthenticationMail } from '../words/mail.ts'
import { wordsFor } from '../words/words.ts'
import { canDeliver, deliver } from './deliver.ts'

/** The mails that carry a code and a link of GoTrue's kind. */
export type Letter =
  | 'confirmation'
  | 'invite'
  | 'recovery'
  | 'magicLink'
  | 'emailChange'
  | 'reauthentication'

interface LetterFacts {
  kind: TokenKind
  /** What the link says it is for. */
  type: string
  path: 'urlPathConfirmation' | 'urlPathInvite' | 'urlPathRecovery' | 'urlPathEmailChange'
  message: MessageType
}

const facts: Record<Letter, LetterFacts> = {
  confirmation: {
    kind: 'confirmation_token',
    type: 'signup',
    path: 'urlPathConfirmation',
    message: 'Register',
  },
  invite: {
    kind: 'confirmation_token',
    type: 'invite',
    path: 'urlPathInvite',
    message: 'OrganizationInvitation',
  },
  recovery: {
    kind: 'recovery_token',
    type: 'recovery',
    path: 'urlPathRecovery',
    message: 'ForgotPassword',
  },
  magicLink: {
    kind: 'recovery_token',
    type: 'magiclink',
    path: 'urlPathRecovery',
    message: 'SignIn',
  },
  emailChange: {
    kind: 'email_change_token_new',
    type: 'email_change',
    path: 'urlPathEmailChange',
    message: 'BindNewIdentifier',
  },
  reauthentication: {
    kind: 'reauthentication_token',
    type: 'reauthentication',
    path: 'urlPathConfirmation',
    message: 'UserPermissionValidation',
  },
}

/** A mail whose token is written, and which goes out after the commit. */
export interface PreparedMail {
  letter: Letter
  userId: string
  /** The account's address, which the text names. */
  email: string
  newEmail: string | null
  link: string
  token: MadeToken
  /** What is taken back when it cannot be sent: both of an e-mail change. */
  together: readonly MadeToken[]
}

export interface TokenRequest {
  letter: Letter
  redirectTo: string
  isPkce?: boolean
  /** Administrators wait for nobody. */
  every?: number
}

/** Writes a user's code and link. Throws `over_email_send_rate_limit` when the last mail is too young. */
export async function prepareMail(
  ctx: Tx,
  user: User,
  request: TokenRequest,
): Promise<PreparedMail> {
  const { letter, isPkce = false } = request
  const email = user.email ?? ''
  const token = makeToken(ctx, { kind: facts[letter].kind, recipient: email, isPkce })
  await keep(ctx, user.id, [token], { every: everyOf(ctx, request) })
  return prepared(ctx, { letter, userId: user.id, email, token, request, together: [token] })
}

/** The mails of a change of address: to the new one and, where that is wanted, to the present one. */
export async function prepareEmailChange(
  ctx: Tx,
  user: User,
  { newEmail, ...request }: TokenRequest & { newEmail: string },
): Promise<PreparedMail[]> {
  const { isPkce = false } = request
  const fresh = makeToken(ctx, { kind: 'email_change_token_new', recipient: newEmail, isPkce })
  const current =
    ctx.config.gotrue.secureEmailChange && user.email !== null
      ? makeToken(ctx, { kind: 'email_change_token_current', recipient: user.email, isPkce })
      : null
  const together: [MadeToken, ...MadeToken[]] = current === null ? [fresh] : [fresh, current]
  await keep(ctx, user.id, together, { every: everyOf(ctx, request), newEmail })
  const common = { letter: 'emailChange' as const, userId: user.id, email: user.email ?? '' }
  return together.map((token) => prepared(ctx, { ...common, newEmail, token, request, together }))
}

async function keep(
  ctx: Tx,
  userId: string,
  tokens: [MadeToken, ...MadeToken[]],
  options: { every: number; newEmail?: string },
): Promise<void> {
  const kept = await keepTokens(ctx, userId, tokens, options)
  if (kept.outcome === 'too-soon') {
    throw new Fault('over_email_send_rate_limit', { retryAfter: kept.retryAfter })
  }
}

function everyOf(ctx: Tx, request: TokenRequest): number {
  return request.every ?? ctx.config.gotrue.smtpMaxFrequency
}

function prepared(
  ctx: Tx,
  mail: Omit<PreparedMail, 'link' | 'newEmail'> & { request: TokenRequest; newEmail?: string },
): PreparedMail {
  const { request, newEmail = null, ...rest } = mail
  const link = linkOf(ctx, { ...request, hash: mail.token.hash })
  return { ...rest, newEmail, link }
}

/** The link of a mail, as GoTrue builds it: existing templates and apps take it apart again. */
export function linkOf(
  ctx: Tx,
  {
    letter,
    type,
    hash,
    redirectTo,
  }: {
    letter: Letter
    type?: string
    hash: string
    redirectTo: string
  },
): string {
  const { gotrue } = ctx.config
  const path = gotrue[facts[letter].path]
  const url = path === null ? new URL(`${gotrue.linkUrl}/verify`) : new URL(path, gotrue.linkUrl)
  const target = /[&=#%+\s"<>\\]/.test(redirectTo) ? encodeURIComponent(redirectTo) : redirectTo
  return `${url.href}?token=${hash}&type=${type ?? facts[letter].type}&redirect_to=${target}`
}

/**
 * Sends the mails, after the commit. When one cannot be sent, its tokens are taken back, so that nobody has to wait
 * before trying again, and `connector_failed` is thrown. Without a way out nothing is sent, as by GoTrue without SMTP.
 */
export async function sendMails(ctx: Context, mails: readonly PreparedMail[]): Promise<void> {
  if (mails.length === 0) return
  if (!(await canDeliver(ctx))) {
    ctx.log.warn({ letter: mails[0]?.letter }, 'No mail was sent: no connector is set up.')
    return
  }
  const { languageInfo } = await findSettings(ctx, 'sign-in-experience')
  try {
    for (const mail of mails) await send(ctx, mail, languageInfo.fallbackLanguage)
  } catch (error) {
    for (const { userId, together } of mails) await dropTokens(ctx, userId, together)
    throw new Fault('connector_failed', { letter: mails[0]?.letter }, { cause: error })
  }
}

async function send(ctx: Context, mail: PreparedMail, language: string): Promise<void> {
  const { letter, email, newEmail, link, token } = mail
  const words = wordsFor(language)
  const app = new URL(ctx.config.gotrue.siteUrl).host
  const { code } = token
  const minutes = Math.ceil((ctx.config.gotrue.mailerOtpExpSeconds * second) / minute)
  const hasLink = letter !== 'reauthentication'
  const fallback = hasLink
    ? linkMail(words, letter, {
        link,
        app,
        email,
        code,
        ...(newEmail === null ? {} : { newEmail }),
      })
    : reauthenticationMail(words, { code, app, minutes })
  await deliver(ctx, {
    to: token.recipient,
    type: facts[letter].message,
    payload: { code, ...(hasLink ? { link } : {}), locale: language },
    fallback,
    rendered: true,
  })
}
