import type { Context as HonoContext } from 'hono'
import type { z } from 'zod'
import { type Env, readText } from '../../base/http.ts'
import { hasNullCharacter, isTooDeep } from '../../base/json.ts'
import { isAllowedRedirect } from '../../base/redirect-glob.ts'
import { type Challenge, challengeLength, isChallenge } from '../../model/flow-state.ts'
import { refused } from './errors.ts'

/** The body of a request, as this protocol reads it: JSON whatever the Content-Type says, one object. */
export async function readBody<Schema extends z.ZodType>(
  c: HonoContext<Env>,
  schema: Schema,
): Promise<z.output<Schema>> {
  return parseBody(await textOf(c), schema)
}

/** The same where no body at all is as good as an empty object. */
export async function readBodyIfAny<Schema extends z.ZodType>(
  c: HonoContext<Env>,
  schema: Schema,
): Promise<z.output<Schema>> {
  return parseBody((await textOf(c)).trim() || '{}', schema)
}

/** A body can be read once, and the captcha stands in it as well as what the route wants. */
const texts = new WeakMap<Request, Promise<string>>()

function textOf(c: HonoContext<Env>): Promise<string> {
  const { raw } = c.req
  const text = texts.get(raw) ?? readText(c)
  texts.set(raw, text)
  return text
}

function parseBody<Schema extends z.ZodType>(body: string, schema: Schema): z.output<Schema> {
  if (isTooDeep(body)) throw badJson('exceeded max depth')
  let value: unknown
  try {
    // Half a character comes only by an escape, and so does a disguised name.
    value = /\\|__proto__/.test(body) ? JSON.parse(body, revive) : JSON.parse(body)
  } catch {
    throw badJson(body.trim() === '' ? 'unexpected end of JSON input' : 'invalid syntax')
  }
  if (body.includes('\\u0000') && hasNullCharacter(value)) throw badJson('U+0000 in a string')
  const parsed = schema.safeParse(value)
  if (parsed.success) return parsed.data
  const [issue] = parsed.error.issues
  const place = issue?.path.join('.') || 'the value'
  throw badJson(`json: cannot read ${place}: ${issue?.message ?? 'wrong type'}`)
}

function revive(name: string, inner: unknown): unknown {
  if (name === '__proto__') throw new SyntaxError('a forbidden name')
  // Half a surrogate pair is no text; Go reads the replacement character.
  return typeof inner === 'string' ? inner.toWellFormed() : inner
}

function badJson(why: string) {
  return refused(`Could not parse request body as JSON: ${why}`, { code: 'bad_json' })
}

/** What PKCE binds a mail's code to; null in the implicit flow. */
export function readChallenge(body: {
  code_challenge: string
  code_challenge_method: string
}): Challenge | null {
  const { code_challenge: value, code_challenge_method } = body
  const method = code_challenge_method.toLowerCase()
  if (value === '' && method === '') return null
  if (value === '' || method === '') {
    throw refused('PKCE flow requires code_challenge_method and code_challenge')
  }
  const { min, max } = challengeLength
  if (value.length < min || value.length > max) {
    throw refused(`code challenge has to be between ${min} and ${max} characters`)
  }
  if (!isChallenge(value)) {
    throw refused(
      'code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes',
    )
  }
  if (method !== 's256' && method !== 'plain') throw refused('Invalid code_challenge_method')
  return { method, value }
}

/**
 * Where the link of a mail, or a browser, is to be sent: the first allowed of what was asked for and where the request
 * came from, else the site. Old clients send it as a header or by the referrer alone.
 */
export function redirectOf(c: HonoContext<Env>, inBody?: string): string {
  const { siteUrl, uriAllowList: patterns } = c.get('ctx').config.gotrue
  const asked = c.req.header('redirect_to') || c.req.query('redirect_to') || inBody
  const candidates = [asked, c.req.header('referer')]
  return candidates.find((one) => one && isAllowedRedirect(one, { siteUrl, patterns })) ?? siteUrl
}
