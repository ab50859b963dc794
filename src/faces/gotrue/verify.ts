import type { Context as HonoContext } from 'hono'
import { isFault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import {
  isPhoneRedeemType,
  isRedeemType,
  type Redeemed,
  redeemCode,
  redeemLink,
} from '../../flows/redeem.ts'
import { checkEmail, checkPhone } from '../../flows/sign-up-checks.ts'
import { pkcePrefix } from '../../model/one-time-token.ts'
import { logFailure, sayingOf } from './answer.ts'
import { answerSignedIn } from './carry.ts'
import { refused } from './errors.ts'
import type { TokenJson } from './present.ts'
import { readBody, redirectOf } from './read.ts'
import { verifyBody } from './schema.ts'

const halfText =
  'Confirmation link accepted. Please proceed to confirm link sent to the other email'

/** What this face shows to people itself; `main` knows who makes the page. */
export interface LinkPages {
  askToFollow(
    c: HonoContext<Env>,
    link: { query: Record<string, string>; to: string },
  ): Promise<Response>
}

/** `GET /verify`: the link of a mail, which somebody has opened, or a program that looks through mail. */
export async function openLink(c: HonoContext<Env>, pages: LinkPages): Promise<Response> {
  const { type = '', token = '' } = c.req.query()
  const asks = c.get('ctx').config.mailLinks === 'confirm' || isLookingAhead(c)
  if (!asks || type === '' || token === '') return followLink(c)
  const to = redirectOf(c)
  return pages.askToFollow(c, { query: { token, type, redirect_to: to }, to })
}

/** A browser that fetches what nobody has opened yet. */
function isLookingAhead(c: HonoContext<Env>): boolean {
  const names = ['sec-purpose', 'purpose', 'x-purpose', 'x-moz']
  return names.some((name) => /prefetch|preview|prerender/i.test(c.req.header(name) ?? ''))
}

/** The link of a mail is used. Whatever happens, the browser is sent on. */
async function followLink(c: HonoContext<Env>): Promise<Response> {
  const type = c.req.query('type') ?? ''
  const hash = c.req.query('token') ?? ''
  if (type === '') throw refused('Verify requires a verification type')
  if (hash === '') throw refused('Verify requires a token or a token hash')
  const target = redirectOf(c)
  const isPkce = hash.startsWith(pkcePrefix)
  try {
    return c.redirect(await placeAfter(c, { type, hash, target, isPkce }), 303)
  } catch (error) {
    logFailure(error, c)
    const { status, code, message } = sayingOf(error, c.req.path)
    const name = errorNames[status]
    const query = {
      ...(name === undefined ? {} : { error: name }),
      error_code: code,
      error_description: message,
    }
    return c.redirect(withFragment(isPkce ? withQuery(target, query) : target, query), 303)
  }
}

/** RFC 6749 § 4.1.2.1's names, by the status that the error has elsewhere. */
export const errorNames: Partial<Record<number, string>> = {
  400: 'invalid_request',
  401: 'unauthorized_client',
  403: 'access_denied',
  500: 'server_error',
  503: 'temporarily_unavailable',
}

async function placeAfter(
  c: HonoContext<Env>,
  link: { type: string; hash: string; target: string; isPkce: boolean },
): Promise<string> {
  const { type, hash, target, isPkce } = link
  if (!isRedeemType(type)) throw refused('Invalid email verification type')
  const ctx = c.get('ctx')
  const redeemed = await redeemLink(ctx, { type, hash, wants: isPkce ? 'code' : 'session' })
  switch (redeemed.outcome) {
    case 'code':
      return withQuery(target, { code: redeemed.authCode })
    case 'half': {
      const query = { message: halfText }
      return withFragment(isPkce ? withQuery(target, query) : target, query)
    }
    case 'signed-in': {
      const json = await answerSignedIn(c, ctx, redeemed)
      return withFragment(target, { ...sessionFragment(json), type })
    }
  }
}

/** Behind the `#`, sorted, with the mark by which clients know that it is for them. */
export function withFragment(target: string, values: Record<string, string>): string {
  const fragment = new URLSearchParams({ ...values, sb: '' })
  fragment.sort()
  return `${target.split('#')[0]}#${fragment}`
}

/** A new session's tokens, as a fragment carries them. */
export function sessionFragment(json: TokenJson): Record<string, string> {
  const { access_token, expires_at, expires_in, refresh_token, token_type } = json
  return {
    access_token,
    expires_at: String(expires_at),
    expires_in: String(expires_in),
    refresh_token,
    token_type,
  }
}

/** Into the query, behind what is there: it comes back as it was sent. */
export function withQuery(target: string, values: Record<string, string>): string {
  const [before = ''] = target.split('#')
  return `${before}${before.includes('?') ? '&' : '?'}${new URLSearchParams(values)}`
}

/** `POST /verify`: digits that somebody typed, or a link's hash that an app hands on. */
export async function verify(c: HonoContext<Env>): Promise<Response> {
  if (isOwnForm(c)) return followLink(c)
  const { type, token, token_hash, email, phone, redirect_to } = await readBody(c, verifyBody)
  if (type === '') throw refused('Verify requires a verification type')
  if (token === '' && token_hash === '') throw refused('Verify requires a token or a token hash')
  if (token !== '' && token_hash !== '') {
    throw refused('Verify requires either a token or a token hash')
  }
  if (token_hash !== '') {
    if (email !== '' || phone !== '' || redirect_to !== '') {
      throw refused('Only the token_hash and type should be provided')
    }
    if (!isRedeemType(type)) throw refused('Invalid email verification type')
    const hash = token_hash
    return answerRedeemed(c, await redeemLink(c.get('ctx'), { type, hash, wants: 'session' }))
  }
  if ((email === '') === (phone === '')) {
    throw refused('Only an email address or phone number should be provided on verify')
  }
  const ctx = c.get('ctx')
  if (phone !== '') {
    const recipient = checkPhone(phone)
    if (!isPhoneRedeemType(type)) throw refused('Unsupported verification type')
    return answerRedeemed(
      c,
      await redeemCode(ctx, { channel: 'phone', type, recipient, code: token }),
    )
  }
  const recipient = checkVerifyEmail(email)
  if (!isRedeemType(type)) throw refused('Unsupported verification type')
  return answerRedeemed(
    c,
    await redeemCode(ctx, { channel: 'email', type, recipient, code: token }),
  )
}

function checkVerifyEmail(email: string): string {
  try {
    return checkEmail(email)
  } catch (error) {
    if (isFault(error)) throw refused('Invalid email format', { status: 422 })
    throw error
  }
}

/** The button of the page before a link: what it is about stands in the address, as in the mail. */
function isOwnForm(c: HonoContext<Env>): boolean {
  const type = c.req.header('content-type') ?? ''
  return /^application\/x-www-form-urlencoded\b/i.test(type) && Boolean(c.req.query('token'))
}

async function answerRedeemed(c: HonoContext<Env>, redeemed: Redeemed): Promise<Response> {
  switch (redeemed.outcome) {
    case 'signed-in':
      return c.json(await answerSignedIn(c, c.get('ctx'), redeemed))
    case 'code':
      return c.json({ code: redeemed.authCode })
    case 'half':
      return c.json({ msg: halfText, code: '200' })
  }
}
