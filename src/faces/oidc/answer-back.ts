import { type Back, issuerOf } from '../../flows/authorize.ts'
import type { Call } from './cors.ts'
import type { Pages } from './pages.ts'

/**
 * Sends the browser to the application with an answer, which always names us (RFC 9207). The address stays as it was
 * registered. 303, never 307: a form with a password must not be sent on (RFC 9700 § 4.12).
 */
export function answerBack(
  c: Call,
  pages: Pages,
  { back, answer }: { back: Back; answer: Record<string, string> },
): Response | Promise<Response> {
  const { redirectUri, state, mode } = back
  const fields = { ...answer, ...(state !== null && { state }), iss: issuerOf(c.get('ctx')) }
  if (mode === 'form_post') return pages.postBack(c, { to: redirectUri, fields })
  const joint = redirectUri.includes('?') ? '&' : '?'
  return redirect(c, `${redirectUri}${joint}${new URLSearchParams(fields)}`)
}

export function redirect(c: Call, location: string): Response {
  c.header('cache-control', 'no-store')
  return c.redirect(location, 303)
}
