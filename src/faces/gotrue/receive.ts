import type { Context as HonoContext } from 'hono'
import type { Config } from '../../base/config.ts'
import type { Env } from '../../base/http.ts'
import { refused } from './errors.ts'

/** What a request's headers say of itself, as far as the operator lets them: the host it came by. */
export async function receive(c: HonoContext<Env>, next: () => Promise<void>): Promise<void> {
  const ctx = c.get('ctx')
  const { gotrue } = ctx.config
  const linkUrl = linkUrlOf(c)
  if (linkUrl !== null) c.set('ctx', { ...ctx, config: linkingTo(ctx.config, linkUrl) })
  if (gotrue.maxRequestDuration === null) return next()
  await inTime(next, gotrue.maxRequestDuration)
}

/** One for each host, since keys are read once for each configuration. */
const configs = new WeakMap<Config, Map<string, Config>>()

function linkingTo(config: Config, linkUrl: string): Config {
  const known = configs.get(config) ?? new Map<string, Config>()
  configs.set(config, known)
  const made = known.get(linkUrl) ?? { ...config, gotrue: { ...config.gotrue, linkUrl } }
  known.set(linkUrl, made)
  return made
}

/** Links lead to the host that somebody came by, where the operator has named it. */
function linkUrlOf(c: HonoContext<Env>): string | null {
  const { mailerExternalHosts, externalUrl } = c.get('ctx').config.gotrue
  const host = c.req.header('x-forwarded-host')?.toLowerCase()
  if (!host || !mailerExternalHosts.some((one) => one.toLowerCase() === host)) return null
  const isPlain = /^localhost(?::\d+)?$/.test(host) && c.req.header('x-forwarded-proto') === 'http'
  const url = `${isPlain ? 'http' : 'https'}://${host}${new URL(externalUrl).pathname}`
  return URL.canParse(url) ? url.replace(/\/$/, '') : null
}

async function inTime(next: () => Promise<void>, duration: number): Promise<void> {
  const late = Promise.withResolvers<never>()
  const timer = setTimeout(
    () =>
      late.reject(
        refused('Processing this request timed out, please retry after a moment.', {
          status: 504,
          code: 'request_timeout',
        }),
      ),
    duration,
  )
  try {
    await Promise.race([next(), late.promise])
  } finally {
    clearTimeout(timer)
  }
}
