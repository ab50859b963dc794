import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { second } from '../../base/time.ts'

/** Names under which nobody gets mail (RFC 2606, RFC 6761). */
const reserved = /(?:^|\.)(?:test|example|invalid|local|localhost|example\.(?:com|net|org))$/

/**
 * Refuses to send to an address that nobody reads, where `GOTRUE_MAILER_EMAIL_VALIDATION_*` asks for it: each such mail
 * costs the sender's good name. Throws `email_address_invalid`. A service that cannot be asked refuses nobody.
 */
export async function refuseUnread(ctx: Context, email: string): Promise<void> {
  const { emailValidationExtended, emailValidationUrl } = ctx.config.gotrue
  const [, domain = ''] = email.split('@')
  const isReserved = emailValidationExtended && reserved.test(domain.toLowerCase())
  const isRefused = emailValidationUrl !== null && !(await isValid(ctx, emailValidationUrl, email))
  if (isReserved || isRefused) throw new Fault('email_address_invalid', { why: 'refused', email })
}

async function isValid(ctx: Context, url: string, email: string): Promise<boolean> {
  const headers = Object.entries(ctx.config.gotrue.emailValidationHeaders)
  try {
    const answer = await ctx.fetch(url, {
      method: 'POST',
      headers: [
        ['content-type', 'application/json'],
        ...headers.flatMap(([name, values]) =>
          values.map((value): [string, string] => [name, value]),
        ),
      ],
      body: JSON.stringify({ email }),
      redirect: 'error',
      signal: AbortSignal.timeout(3 * second),
    })
    const said: unknown = JSON.parse((await answer.text()).slice(0, 10_000))
    const isNo =
      typeof said === 'object' && said !== null && 'valid' in said && said.valid === false
    return !(answer.status === 200 && isNo)
  } catch (error) {
    ctx.log.warn({ err: error }, 'It could not be asked whether an address is valid.')
    return true
  }
}
