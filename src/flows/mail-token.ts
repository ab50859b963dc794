import type { Context, Tx } from '../base/context.ts'
import { Fault, isFault } from '../base/fault.ts'
import type { Value } from '../base/go-template.ts'
import { minute, second } from '../base/time.ts'
import { asFault } from '../base/unavailable.ts'
import type { MessageContent } from '../connectors/index.ts'
import {
  dropTokens,
  keepTokens,
  type MadeToken,
  makeToken,
  type TokenKind,
} from '../model/one-time-token.ts'
import { findSettings } from '../model/settings.ts'
import type { Json, User } from '../model/user.ts'
import { linkMail, reauthenticationMail } from '../words/mail.ts'
import { wordsFor } from '../words/words.ts'
import { canDeliver, deliver } from './deliver.ts'
import { hasHook } from './hooks/ask.ts'
import { sendEmailByHook } from './hooks/messages.ts'
import { factsOf, type Letter } from './letters.ts'
import { type Variables, written } from './mail-template.ts'
import { refuseUnread } from './protection/email-validity.ts'
import { countSent } from './sent-limit.ts'

interface LetterFacts {
  kind: TokenKind
  /** What the link says it is for. */
  type: string
  path: 'urlPathConfirmation' | 'urlPathInvite' | 'urlPathRecovery' | 'urlPathEmailChange'
}

// biome-ignore format: a table.
const links: Record<Letter, LetterFacts> = {
  confirmation: { kind: 'confirmation_token', type: 'signup', path: 'urlPathConfirmation' },
  invite: { kind: 'confirmation_token', type: 'invite', path: 'urlPathInvite' },
  recovery: { kind: 'recovery_token', type: 'recovery', path: 'urlPathRecovery' },
  magicLink: { kind: 'recovery_token', type: 'magiclink', path: 'urlPathRecovery' },
  emailChange: { kind: 'email_change_token_new', type: 'email_change', path: 'urlPathEmailChange' },
  reauthentication: { kind: 'reauthentication_token', type: 'reauthentication', path: 'urlPathConfirmation' },
}

/** A mail whose token is written, and which goes out after the commit. */
export interface PreparedMail {
  letter: Letter
  userId: string
  /** The account's address, which the text names. */
  email: string
  newEmail: string | null
  /** What the user wrote of themself: templates look for a language there. */
  data: Json
  redirectTo: string
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
  refuseUnauthorized(ctx, email)
  const token = makeToken(ctx, { kind: links[letter].kind, recipient: email, isPkce })
  await keep(ctx, user.id, [token], { every: everyOf(ctx, request) })
  return prepared(ctx, user, { letter, token, request, together: [token] })
}

/** The mails of a change of address: to the new one and, where that is wanted, to the present one. */
export async function prepareEmailChange(
  ctx: Tx,
  user: User,
  { newEmail, ...request }: TokenRequest & { newEmail: string },
): Promise<PreparedMail[]> {
  const { isPkce = false } = request
  refuseUnauthorized(ctx, newEmail)
  if (user.email !== null) refuseUnauthorized(ctx, user.email)
  const fresh = makeToken(ctx, { kind: 'email_change_token_new', recipient: newEmail, isPkce })
  const current =
    ctx.config.gotrue.secureEmailChange && user.email !== null
      ? makeToken(ctx, { kind: 'email_change_token_current', recipient: user.email, isPkce })
      : null
  const together: [MadeToken, ...MadeToken[]] = current === null ? [fresh] : [fresh, current]
  await keep(ctx, user.id, together, { every: everyOf(ctx, request), newEmail })
  const common = { letter: 'emailChange' as const, newEmail, request, together }
  return together.map((token) => prepared(ctx, user, { ...common, token }))
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

/** While the operator names those who may get mail, nobody else does: `ann+label@…` is `ann@…`. */
function refuseUnauthorized(ctx: Tx, email: string): void {
  const { authorizedAddresses } = ctx.config.gotrue
  if (authorizedAddresses.length === 0) return
  const plain = email.replace(/\+[^@]+@/, '@').toLowerCase()
  if (authorizedAddresses.some((one) => one.toLowerCase() === plain)) return
  throw new Fault('email_address_invalid', { why: 'unauthorized', email })
}

function prepared(
  ctx: Tx,
  user: User,
  {
    request,
    newEmail,
    ...rest
  }: Pick<PreparedMail, 'letter' | 'token' | 'together'> & {
    request: TokenRequest
    newEmail?: string
  },
): PreparedMail {
  return {
    ...rest,
    userId: user.id,
    email: user.email ?? '',
    data: user.metadata.own,
    newEmail: newEmail ?? null,
    redirectTo: request.redirectTo,
    link: linkOf(ctx, { ...request, hash: rest.token.hash }),
  }
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
  const path = gotrue[links[letter].path]
  const url = path === null ? new URL(`${gotrue.linkUrl}/verify`) : new URL(path, gotrue.linkUrl)
  const target = /[&=#%+\s"<>\\]/.test(redirectTo) ? encodeURIComponent(redirectTo) : redirectTo
  return `${url.href}?token=${hash}&type=${type ?? links[letter].type}&redirect_to=${target}`
}

/**
 * Sends the mails, after the commit. When one cannot be sent, its tokens are taken back, so that nobody has to wait
 * before trying again, and `connector_failed`, `over_email_send_rate_limit` or what a hook said is thrown. Without a way out nothing is
 * sent, as by GoTrue without SMTP.
 */
export async function sendMails(ctx: Context, mails: readonly PreparedMail[]): Promise<void> {
  if (mails.length === 0) return
  if (!hasHook(ctx, 'sendEmail') && !(await canDeliver(ctx))) {
    ctx.log.warn({ letter: mails[0]?.letter }, 'No mail was sent: no connector is set up.')
    return
  }
  if (ctx.config.gotrue.mailInBackground) {
    ctx.background.run(() => sendOrDrop(ctx, mails), 'A mail could not be sent.')
  } else await sendOrDrop(ctx, mails)
}

async function sendOrDrop(ctx: Context, mails: readonly PreparedMail[]): Promise<void> {
  const isByHook = hasHook(ctx, 'sendEmail')
  try {
    for (const mail of mails) {
      await refuseUnread(ctx, mail.token.recipient)
      await countSent(ctx, 'email')
      if (!isByHook) await handOver(ctx, mail)
    }
    const [first] = mails
    if (isByHook && first !== undefined) await handToHook(ctx, first)
  } catch (thrown) {
    const error = asFault(thrown)
    for (const { userId, together } of mails) await dropTokens(ctx, userId, together)
    if (isFault(error, ...passedOn)) throw error
    throw new Fault('connector_failed', { letter: mails[0]?.letter }, { cause: error })
  }
}

/** What is said as it is; everything else is a mail that could not be sent. */
const passedOn = [
  'over_email_send_rate_limit',
  'email_address_invalid',
  'hook_refused',
  'hook_failed',
  'unavailable',
] as const

/**
 * Both mails of a change are one question. Sic: then `token` and `token_hash_new` belong to the present address, and
 * `token_new` and `token_hash` to the new one.
 */
async function handToHook(ctx: Context, mail: PreparedMail): Promise<void> {
  const { letter, token, together, redirectTo } = mail
  const current = together.find(({ kind }) => kind === 'email_change_token_current')
  const fresh = together.find(({ kind }) => kind === 'email_change_token_new') ?? token
  await sendEmailByHook(ctx, mail.userId, {
    email_action_type: links[letter].type,
    redirect_to: redirectTo,
    token: current?.code ?? token.code,
    token_hash: letter === 'reauthentication' ? '' : fresh.hash,
    ...(current === undefined ? {} : { token_new: fresh.code, token_hash_new: current.hash }),
  })
}

/** The one place from which these mails leave by a connector. */
async function handOver(ctx: Context, mail: PreparedMail): Promise<void> {
  const { languageInfo } = await findSettings(ctx, 'sign-in-experience')
  const { letter, token } = mail
  const { code } = token
  const ours = ourWords(ctx, mail, languageInfo.fallbackLanguage)
  const hasLink = letter !== 'reauthentication'
  await deliver(ctx, {
    to: token.recipient,
    type: factsOf[letter].message,
    header: factsOf[letter].header,
    payload: {
      code,
      ...(hasLink ? { link: mail.link } : {}),
      locale: languageInfo.fallbackLanguage,
    },
    fallback: await written(ctx, letter, { variables: variablesOf(ctx, mail), ours }),
    rendered: true,
  })
}

function ourWords(ctx: Context, mail: PreparedMail, language: string): MessageContent {
  const { letter, email, newEmail, link, token } = mail
  const { code } = token
  const words = wordsFor(language)
  const app = new URL(ctx.config.gotrue.siteUrl).host
  const minutes = Math.ceil((ctx.config.gotrue.mailerOtpExpSeconds * second) / minute)
  return letter === 'reauthentication'
    ? reauthenticationMail(words, { code, app, minutes })
    : linkMail(words, letter, {
        link,
        app,
        email,
        code,
        ...(newEmail === null ? {} : { newEmail }),
      })
}

/** What GoTrue's templates know (reference/gotrue.md § 2.8). */
function variablesOf(ctx: Context, mail: PreparedMail): Variables {
  const { letter, email, newEmail, link, token, data, redirectTo } = mail
  const SiteURL = ctx.config.gotrue.siteUrl
  const common = { SiteURL, Email: email, Token: token.code, Data: data as Value }
  if (letter === 'reauthentication') return common
  return {
    ...common,
    ConfirmationURL: link,
    TokenHash: token.hash,
    RedirectTo: redirectTo,
    ...(letter === 'emailChange' ? { NewEmail: newEmail, SendingTo: token.recipient } : {}),
  }
}
