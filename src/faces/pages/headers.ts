import { createHash } from 'node:crypto'
import type { Brand } from './brand.ts'

export interface Surroundings {
  brand: Brand
  /** Where this flow's last redirect leads: the redirect URI of the application. */
  returnsTo: readonly string[]
  /** The page is a form for the application, which may redirect wherever it likes. */
  handsOver?: boolean
  /** Pictures beside those of the house. */
  images?: readonly string[]
  https: boolean
  /** The app opened us in a window that it wants to close again (OpenID Connect `display=popup`). */
  popup: boolean
}

/** The headers of every page. */
export function securityHeaders(around: Surroundings): Record<string, string> {
  return {
    'content-security-policy': contentSecurityPolicy(around),
    'cache-control': 'no-store',
    // Not `no-referrer`: with that, a browser sends `Origin: null` with our own forms, and so does `same-origin` with
    // those for others. The address of a page holds a request, and goes to nobody.
    'referrer-policy': around.handsOver ? 'strict-origin' : 'same-origin',
    'x-content-type-options': 'nosniff',
    'x-frame-options': 'DENY',
    'x-robots-tag': 'noindex',
    'cross-origin-opener-policy': around.popup ? 'unsafe-none' : 'same-origin',
    'permissions-policy':
      'camera=(), geolocation=(), microphone=(), publickey-credentials-create=(self), publickey-credentials-get=(self), otp-credentials=(self)',
    ...(around.https && { 'strict-transport-security': 'max-age=31536000' }),
  }
}

function contentSecurityPolicy({ brand, returnsTo, handsOver, images = [] }: Surroundings): string {
  const logos = [brand.logo, brand.darkLogo, brand.favicon, ...images].map(source)
  // Chromium holds `form-action` against the redirects that follow a post, so the app must be named.
  const targets = returnsTo.map(source)
  const directives = {
    'default-src': ["'none'"],
    'style-src': ["'self'", brand.css && styleHash(brand.css)],
    'script-src': ["'self'"],
    'connect-src': ["'self'"],
    'img-src': ["'self'", 'data:', ...logos],
    ...(!handsOver && { 'form-action': ["'self'", ...targets] }),
    'base-uri': ["'none'"],
    'frame-ancestors': ["'none'"],
  }
  return Object.entries(directives)
    .map(([name, values]) => [name, ...new Set(values.filter(Boolean))].join(' '))
    .join('; ')
}

function styleHash(css: string): string {
  return `'sha256-${createHash('sha256').update(css).digest('base64')}'`
}

/** A CSP source for an address: its origin, or the scheme alone where the grammar knows no such host. */
function source(address: string | null): string {
  if (address === null || !URL.canParse(address)) return ''
  const { origin, protocol, hostname } = new URL(address)
  if (!/^[a-z][a-z0-9+.-]*:$/.test(protocol)) return ''
  const isNamed = origin !== 'null' && /^[a-z0-9.-]+$/.test(hostname)
  return isNamed ? origin : protocol
}
