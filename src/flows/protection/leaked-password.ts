import { createHash } from 'node:crypto'
import type { Context } from '../../base/context.ts'
import { second } from '../../base/time.ts'

const largestAnswer = 512 * 1024

/**
 * Whether Have I Been Pwned knows the password from somebody's loss. It learns five of forty characters of its hash, and
 * not even how many passwords share them. Null when it could not be asked, and the log says so.
 */
export async function isLeaked(ctx: Context, password: string): Promise<boolean | null> {
  const hash = createHash('sha1').update(password).digest('hex').toUpperCase()
  const [prefix, suffix] = [hash.slice(0, 5), hash.slice(5)]
  try {
    const answer = await ctx.fetch(`https://api.pwnedpasswords.com/range/${prefix}`, {
      headers: { 'user-agent': ctx.config.gotrue.hibpUserAgent, 'add-padding': 'true' },
      redirect: 'error',
      signal: AbortSignal.timeout(5 * second),
    })
    if (answer.status !== 200) throw new Error(`It was answered with ${answer.status}.`)
    const lines = (await answer.text()).slice(0, largestAnswer).split(/\r?\n/)
    // Padding has the count 0.
    return lines.some((line) => line.startsWith(`${suffix}:`) && !/:0+\s*$/.test(line))
  } catch (error) {
    ctx.log.warn({ err: error }, 'It could not be asked whether a password is known from a leak.')
    return null
  }
}
