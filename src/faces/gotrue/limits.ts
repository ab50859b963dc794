import type { Context as HonoContext } from 'hono'
import { networkOf } from '../../base/client-ip.ts'
import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { hour, minute } from '../../base/time.ts'
import { takeFromBucket } from '../../model/limit.ts'

/** GoTrue's buckets for one address each (reference/gotrue.md § 2.6): all hold thirty. */
export type Bucket =
  | 'token'
  | 'verify'
  | 'otp'
  | 'recover'
  | 'resend'
  | 'magiclink'
  | 'signup'
  | 'anonymous'
  | 'user'
  | 'sso'
  | 'saml-assertion'
  | 'web3'
  | 'passkey'
  | 'factor-challenge'
  | 'factor-verify'
  | 'client-register'

const burst = 30

type Limits = Context['config']['gotrue']

/** How fast each fills up again. */
const rates: Record<Bucket, (gotrue: Limits) => { rate: number; window: number }> = {
  token: ({ rateLimitTokenRefresh: rate }) => ({ rate, window: 5 * minute }),
  verify: ({ rateLimitVerify: rate }) => ({ rate, window: 5 * minute }),
  otp: otpRate,
  recover: otpRate,
  resend: otpRate,
  magiclink: otpRate,
  signup: otpRate,
  user: otpRate,
  anonymous: ({ rateLimitAnonymousUsers: rate }) => ({ rate, window: hour }),
  sso: ({ rateLimitSso: rate }) => ({ rate, window: 5 * minute }),
  'saml-assertion': ({ samlRateLimitAssertion: rate }) => ({ rate, window: 5 * minute }),
  web3: ({ rateLimitWeb3: rate }) => ({ rate, window: 5 * minute }),
  passkey: ({ rateLimitPasskey: rate }) => ({ rate, window: 5 * minute }),
  'factor-challenge': ({ mfaRateLimit: rate }) => ({ rate, window: minute }),
  'factor-verify': ({ mfaRateLimit: rate }) => ({ rate, window: minute }),
  'client-register': ({ rateLimitClientRegister: rate }) => ({ rate, window: 5 * minute }),
}

function otpRate({ rateLimitOtp: rate }: Limits) {
  return { rate, window: 5 * minute }
}

const buckets: Readonly<Record<string, Bucket>> = {
  'GET /verify': 'verify',
  'POST /verify': 'verify',
  'POST /otp': 'otp',
  'POST /recover': 'recover',
  'POST /resend': 'resend',
  'POST /magiclink': 'magiclink',
  'PUT /user': 'user',
  'POST /sso': 'sso',
  'POST /sso/saml/acs': 'saml-assertion',
  'POST /passkeys/authentication/options': 'passkey',
  'POST /factors/:id/challenge': 'factor-challenge',
  'POST /factors/:id/verify': 'factor-verify',
  'POST /oauth/clients/register': 'client-register',
}

/** The bucket of a route; null for one that has none, or that looks into the body first, as a sign-up does. */
export function bucketOf(method: string, path: string, c: HonoContext<Env>): Bucket | null {
  if (method === 'POST' && path === '/token') {
    return c.req.query('grant_type') === 'web3' ? 'web3' : 'token'
  }
  return buckets[`${method} ${path}`] ?? null
}

/** Throws `over_request_rate_limit` when too much came from one place. Without a header that names it, nothing counts. */
export async function limit(c: HonoContext<Env>, bucket: Bucket): Promise<void> {
  const ctx = c.get('ctx')
  const place = placeOf(c)
  if (place === null) return
  const { rate, window } = rates[bucket](ctx.config.gotrue)
  const taken = await takeFromBucket(ctx, `bucket:${bucket}:${place}`, { rate, window, burst })
  if (!taken.allowed) throw new Fault('over_request_rate_limit', { retryAfter: taken.retryAfter })
}

function placeOf(c: HonoContext<Env>): string | null {
  const { gotrue } = c.get('ctx').config
  if (gotrue.sbForwardedFor && c.req.header('sb-forwarded-for')) {
    return networkOf(c.get('ctx').client.ip)
  }
  if (gotrue.rateLimitHeader === null) return null
  const [first = ''] = (c.req.header(gotrue.rateLimitHeader) ?? '').split(',')
  const place = first.trim().slice(0, 200)
  return place === '' ? null : networkOf(place)
}
