import type { Context } from '../../base/context.ts'

/** Where each provider judges (reference/gotrue.md § 0.6). */
const judges = {
  hcaptcha: 'https://hcaptcha.com/siteverify',
  turnstile: 'https://challenges.cloudflare.com/turnstile/v0/siteverify',
}

export type Judged =
  | { outcome: 'human' }
  | { outcome: 'refused'; codes: string[] }
  | { outcome: 'unreachable' }

const largestAnswer = 64 * 1024

/** Asks the provider whether a person solved its riddle. One that cannot be asked has not said yes. */
export async function judgeCaptcha(ctx: Context, token: string): Promise<Judged> {
  const { captchaProvider, captchaSecret, captchaTimeout } = ctx.config.gotrue
  const { ip } = ctx.client
  try {
    const answer = await ctx.fetch(judges[captchaProvider], {
      method: 'POST',
      body: new URLSearchParams({
        secret: captchaSecret ?? '',
        response: token,
        ...(ip === null ? {} : { remoteip: ip }),
      }),
      redirect: 'error',
      signal: AbortSignal.timeout(captchaTimeout),
    })
    const said: unknown = JSON.parse((await answer.text()).slice(0, largestAnswer))
    if (typeof said !== 'object' || said === null) throw new Error('The answer is no object.')
    if ('success' in said && said.success === true) return { outcome: 'human' }
    const codes =
      'error-codes' in said && Array.isArray(said['error-codes']) ? said['error-codes'] : []
    return {
      outcome: 'refused',
      codes: codes.filter((code) => typeof code === 'string').slice(0, 10),
    }
  } catch (error) {
    ctx.log.error({ err: error, provider: captchaProvider }, 'A captcha could not be checked.')
    return { outcome: 'unreachable' }
  }
}
