import type { Page } from './visit.ts'

/**
 * Whether a form came from our own pages. Browsers say so themselves, in `Sec-Fetch-Site` or at least in `Origin`; what
 * sends neither is no browser, and has no cookies that another site could use.
 */
export function isOwnForm(c: Page): boolean {
  const site = c.req.header('sec-fetch-site')
  if (site !== undefined) return site === 'same-origin' || site === 'none'
  const origin = c.req.header('origin')
  if (origin === undefined) return true
  const own = [c.get('ctx').config.publicUrl, c.req.url].map((address) => new URL(address).origin)
  return own.includes(origin)
}
