import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import { isFault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { judgeCaptcha } from '../../flows/protection/captcha.ts'
import { adminOf } from './bearer.ts'
import { refused, unexpected } from './errors.ts'
import { readBody } from './read.ts'

const guarded = new Set([
  'POST /signup',
  'POST /recover',
  'POST /resend',
  'POST /magiclink',
  'POST /otp',
  'POST /token',
  'POST /sso',
  'POST /passkeys/authentication/options',
])

/** These tell by what they bring that somebody was there before. */
const grantsWithout = new Set(['refresh_token', 'pkce', 'id_token'])

const captchaBody = z.object({
  gotrue_meta_security: z.object({ captcha_token: z.string().nullish() }).nullish(),
})

/** Throws unless a person solved the riddle, where that is asked for (reference/gotrue.md § 0.6). */
export async function checkCaptcha(
  c: HonoContext<Env>,
  method: string,
  path: string,
): Promise<void> {
  const ctx = c.get('ctx')
  if (!ctx.config.gotrue.captchaEnabled || !guarded.has(`${method} ${path}`)) return
  if (path === '/token' && grantsWithout.has(c.req.query('grant_type') ?? '')) return
  if (await isAdmin(c)) return
  const { gotrue_meta_security: security } = await readBody(c, captchaBody)
  const token = security?.captcha_token?.trim()
  if (!token) throw disallowed('no captcha_token found')
  const judged = await judgeCaptcha(ctx, token)
  switch (judged.outcome) {
    case 'human':
      return
    case 'refused':
      throw disallowed(judged.codes.join(', '))
    case 'unreachable':
      throw refused('', unexpected('captcha verification process failed'))
  }
}

function disallowed(why: string) {
  return refused(`captcha protection: request disallowed (${why})`, { code: 'captcha_failed' })
}

async function isAdmin(c: HonoContext<Env>): Promise<boolean> {
  if (c.req.header('authorization') === undefined) return false
  try {
    await adminOf(c)
    return true
  } catch (error) {
    if (isFault(error)) return false
    throw error
  }
}
