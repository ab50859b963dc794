import type { Context as HonoContext } from 'hono'
import type { Config } from '../../base/config.ts'
import type { Env } from '../../base/http.ts'

/**
 * What clients of the first version (gotrue-js and supabase-js 1.x) expect otherwise than GoTrue says it today: all of
 * it is here, and nothing else asks which client speaks.
 */
export async function speakToFirstVersion(
  c: HonoContext<Env>,
  next: () => Promise<void>,
): Promise<void> {
  await next()
  if (!isFirstVersion(c) || !/^application\/json/.test(c.res.headers.get('content-type') ?? ''))
    return
  const { status, headers } = c.res
  const body: unknown = await c.res.json()
  const told = status < 400 ? { status, body: withPlainUsers(body) } : errorOf(c, status, body)
  c.res = new Response(JSON.stringify(told.body), { status: told.status, headers })
}

/**
 * Others send no API version either (curl, and clients in other languages), and expect the GoTrue of today. The first
 * version says its name; only its `GoTrueApi`, used by itself, does not, and is known by how it writes its bodies.
 */
function isFirstVersion(c: HonoContext<Env>): boolean {
  if (c.req.header('x-supabase-api-version') !== undefined) return false
  const name = c.req.header('x-client-info')
  return name === undefined
    ? c.req.header('content-type') === 'application/json;charset=UTF-8'
    : /^(?:gotrue|supabase)-js\/[01]\./.test(name)
}

/** Users by themselves, in a session, and in a list. */
function withPlainUsers(body: unknown): unknown {
  if (!isObject(body)) return body
  if (Array.isArray(body.users)) return { ...body, users: body.users.map(plainUser) }
  return isObject(body.user) ? { ...body, user: plainUser(body.user) } : plainUser(body)
}

/** Then, the metadata of a user with an address or a number was what the app had written there, and nothing beside it. */
function plainUser(user: unknown): unknown {
  if (!isObject(user) || !isObject(user.user_metadata) || cameByProvider(user)) return user
  const added: Record<string, (value: unknown) => boolean> = {
    sub: (value) => value === user.id,
    email: (value) => value === user.email,
    email_verified: (value) => typeof value === 'boolean',
    phone: (value) => value === user.phone,
    phone_verified: (value) => typeof value === 'boolean',
  }
  const own = Object.entries(user.user_metadata).filter(([key, value]) => !added[key]?.(value))
  return { ...user, user_metadata: Object.fromEntries(own) }
}

function cameByProvider({ app_metadata: app }: Record<string, unknown>): boolean {
  const providers = isObject(app) && Array.isArray(app.providers) ? app.providers : []
  return providers.some((provider) => provider !== 'email' && provider !== 'phone')
}

function errorOf(
  c: HonoContext<Env>,
  status: number,
  body: unknown,
): { status: number; body: unknown } {
  if (!isObject(body) || typeof body.msg !== 'string') return { status, body }
  const { gotrue } = c.get('ctx').config
  const told = toldThen(body.msg, gotrue, c.req.path)
  if (told === null) return { status, body }
  return { status: told.status, body: { ...body, code: told.status, msg: told.message } }
}

function toldThen(
  message: string,
  gotrue: Config['gotrue'],
  path: string,
): { status: number; message: string } | null {
  if (message === 'Unable to validate email address: invalid format')
    return { status: 422, message }
  if (message.startsWith('Invalid phone number format'))
    return { status: 422, message: 'Invalid phone number format' }
  if (message.startsWith('invalid JWT: '))
    return { status: 401, message: message.replace('invalid JWT', 'Invalid token') }
  if (message === 'Unable to get SMS provider')
    return { status: 400, message: `Error sending confirmation sms: ${missingKey(gotrue)}` }
  // Without phones nobody has a number, and so the answer tells nobody's. Where there are phones it is as today.
  if (message === 'Token has expired or is invalid' && path.endsWith('/verify')) {
    return gotrue.phoneEnabled ? null : { status: 404, message: 'User not found' }
  }
  return null
}

/** In the words of those days: what an operator has left out. */
function missingKey(gotrue: Config['gotrue']): string {
  const needed: Record<string, [string, string | null][]> = {
    twilio: [
      ['Twilio account SID', gotrue.twilioAccountSid],
      ['Twilio auth token', gotrue.twilioAuthToken],
      ['Twilio message service SID', gotrue.twilioMessageServiceSid],
    ],
    messagebird: [
      ['Messagebird access key', gotrue.messagebirdAccessKey],
      ['Messagebird originator', gotrue.messagebirdOriginator],
    ],
    vonage: [
      ['Vonage API key', gotrue.vonageApiKey],
      ['Vonage API secret', gotrue.vonageApiSecret],
      ['Vonage from', gotrue.vonageFrom],
    ],
    textlocal: [
      ['Textlocal API key', gotrue.textlocalApiKey],
      ['Textlocal sender', gotrue.textlocalSender],
    ],
  }
  const missing = needed[gotrue.smsProvider]?.find(([, value]) => !value)
  return missing ? `Missing ${missing[0]}` : 'SMS provider is not configured'
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
