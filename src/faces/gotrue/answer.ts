import type { Context as HonoContext } from 'hono'
import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { isFault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { isUniqueViolation, sqlState } from '../../base/sql-error.ts'
import { asFault, secondsToWait } from '../../base/unavailable.ts'
import { invalid, type Said, said, sayings, unexpected } from './errors.ts'

/** What is said of anything that was thrown, and whether the log has to know it. */
export function sayingOf(thrown: unknown, path: string): Said {
  const error = asFault(thrown)
  if (isFault(error)) {
    const saying = sayings[error.code]
    return typeof saying === 'function' ? saying(error.details, path) : saying
  }
  const state = sqlState(error)
  if (isUniqueViolation(error))
    return said(409, 'conflict', 'The request conflicts with another one')
  // Data that Postgres cannot hold: too long, half a character, a number out of its range.
  if (state?.startsWith('22')) return invalid('A value cannot be stored')
  if (state !== null && makesUsers.test(path)) return unexpected('Database error saving new user')
  return unexpected('Unexpected failure, please check server logs for more information')
}

/** Where the triggers that customers put on `auth.users` may fail. */
const makesUsers = /\/(signup|otp|magiclink|invite|admin\/users|admin\/generate_link)\/?$/

/** Answers with the error, in the format that the client asked for by its API version. */
export function answerError(error: unknown, c: HonoContext<Env>): Response {
  logFailure(error, c)
  const wait = secondsToWait(asFault(error))
  if (wait !== null) c.header('Retry-After', String(wait))
  if (isFault(error) && error.details.rotated === true) {
    c.header('sb-auth-refresh-token-rotated', 'true')
  }
  const raised = isNew(c) ? null : raisedByDatabase(error)
  return raised === null
    ? answer(sayingOf(error, c.req.path), c)
    : c.json(raised.body, raised.status)
}

/** What the client is told nothing of, the log has to know. */
export function logFailure(error: unknown, c: HonoContext<Env>): void {
  const { status, code } = sayingOf(error, c.req.path)
  if (status >= 500) c.get('ctx').log.error({ err: error, code }, 'A request failed.')
}

function answer(
  { status, code, message, weakPassword, isOAuth }: Said,
  c: HonoContext<Env>,
): Response {
  if (isOAuth) return c.json({ error: code, error_description: message }, 400)
  c.header('x-sb-error-code', code)
  const weakness = weakPassword === undefined ? {} : { weak_password: weakPassword }
  if (isNew(c)) {
    c.header('X-Supabase-Api-Version', newestVersion)
    return c.json({ code, message, ...weakness }, status)
  }
  const errorId = status >= 500 ? { error_id: c.get('requestId') } : {}
  return c.json({ code: status, error_code: code, msg: message, ...errorId, ...weakness }, status)
}

const newestVersion = '2024-01-01'

/** Dates compare as text; what is no date means the legacy format. */
function isNew(c: HonoContext): boolean {
  const asked = c.req.header('x-supabase-api-version') ?? ''
  return (
    /^\d{4}-\d{2}-\d{2}$/.test(asked) && !Number.isNaN(Date.parse(asked)) && asked >= newestVersion
  )
}

/** In the legacy format a customer's own `raise` reaches the client, with the status that a `PTxxx` code names. */
function raisedByDatabase(
  error: unknown,
): { status: ContentfulStatusCode; body: Record<string, unknown> } | null {
  const state = sqlState(error)
  if (state === null || !(error instanceof Error)) return null
  const named = /^PT([45]\d\d)$/.exec(state)?.[1]
  if (named === undefined && state !== 'P0001') return null
  const { hint, detail } = error as { hint?: unknown; detail?: unknown }
  const body = {
    code: state,
    message: error.message,
    ...(typeof hint === 'string' ? { hint } : {}),
    ...(typeof detail === 'string' ? { detail } : {}),
  }
  return { status: Number(named ?? 500) as ContentfulStatusCode, body }
}
