import type { Answer, Side } from './oidc-differential-world.ts'

/**
 * What an answer says, as far as two providers can agree: status, `error`, the target of a redirect and the
 * parameters there, the members of a body, and the claims of the tokens in it.
 */
export function verdictOf(answer: Answer, side: Side): string {
  const { location } = answer.headers
  if (typeof location === 'string') return `${answer.status} ${targetOf(location, side)}`
  const body = parsed(answer.body)
  if (body !== null) return `${answer.status} ${bodyOf(body)}${challengeOf(answer)}`.trim()
  return `${answer.status} ${formOf(answer.body, side)}`.trim()
}

/** What the next request of a story may use. */
export function givenBy(answer: Answer): Record<string, string> {
  const { location } = answer.headers
  const query =
    typeof location === 'string' ? new URL(location, 'http://x.example').searchParams : []
  const body = parsed(answer.body) ?? {}
  const texts = Object.entries(body).filter((pair): pair is [string, string] => {
    return typeof pair[1] === 'string'
  })
  return { ...Object.fromEntries(query), ...Object.fromEntries(texts) }
}

/** A page of the provider's own by what it asks, or the application's address with what came along. */
function targetOf(location: string, side: Side): string {
  const url = new URL(location, side.issuer)
  if (url.origin === new URL(side.issuer).origin) return `page ${pageOf(url.pathname)}`
  const isFragment = url.hash.length > 1
  const searchParams = isFragment ? new URLSearchParams(url.hash.slice(1)) : url.searchParams
  const told = searchParams.get('iss')
  if (told !== null && told !== side.issuer) return `wrong iss ${told}`
  const names = [...searchParams.keys()].filter((name) => name !== 'error_description')
  const error = searchParams.get('error')
  const address = `${url.protocol}//${url.host}${url.pathname}`
  return [
    `→ ${address}${isFragment ? '#' : ''}`,
    error ?? '',
    ...names.filter((name) => name !== 'error').sort(),
  ]
    .filter(Boolean)
    .join(' ')
}

const pages: Record<string, string> = {
  '/sign-in': 'login',
  '/register': 'create',
  '/select-account': 'select_account',
  '/consent': 'consent',
}

function pageOf(path: string): string {
  return pages[path] ?? path.replace('/interaction/', '')
}

/** A form that the browser posts to the application. */
function formOf(html: string, side: Side): string {
  const [, action = ''] = /<form[^>]* action="([^"]+)"/.exec(html) ?? []
  if (action === '') return html === '' ? '' : 'a page'
  const inputs = [...html.matchAll(/<input[^>]* name="(\w+)"[^>]* value="([^"]*)"/g)]
  const url = new URL(action.replaceAll('&amp;', '&'))
  for (const [, name = '', value = ''] of inputs) url.searchParams.set(name, value)
  return `form ${targetOf(url.href, side)}`
}

function bodyOf(body: Record<string, unknown>): string {
  if (typeof body.error === 'string') return body.error
  return Object.keys(body)
    .sort()
    .map((name) => memberOf(name, body[name]))
    .join(' ')
}

function memberOf(name: string, value: unknown): string {
  switch (name) {
    case 'id_token':
      return `id_token(${claimsOf(String(value))})`
    case 'access_token':
      return String(value).includes('.') ? `access_token(${claimsOf(String(value))})` : name
    case 'scope':
      return `scope(${String(value).split(' ').filter(Boolean).sort().join(' ')})`
    case 'active':
    case 'token_type':
      return `${name}=${value}`
    default:
      return name
  }
}

function claimsOf(jwt: string): string {
  return Object.keys(JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString()))
    .sort()
    .join(' ')
}

function challengeOf({ headers }: Answer): string {
  const challenge = headers['www-authenticate']
  return typeof challenge === 'string' ? ` by ${challenge.split(' ')[0]}` : ''
}

function parsed(text: string): Record<string, unknown> | null {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null ? { ...value } : null
  } catch {
    return null
  }
}
