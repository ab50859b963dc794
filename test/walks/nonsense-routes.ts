// Every route of the app, each in the walk that disturbs it.

export type Bearer = 'nobody' | 'user' | 'admin' | 'app'
export interface Route {
  method: string
  path: string
  as?: Bearer
  /** As the app names it; otherwise the path is that. */
  pattern?: string
}

export interface RouteOfApp {
  method: string
  path: string
}

type Walk = 'gotrue' | 'oidc' | 'account' | 'authjs' | 'pages' | 'bodiless' | 'reading' | 'others'

const unknown = '00000000-0000-4000-8000-000000000000'

/** These look at no body, or need none: nonsense in it is no reason to refuse. */
const bodiless = [
  /^POST \/auth\/v1\/callback\/?$/,
  /^POST \/auth\/v1\/passkeys\/authentication\/options$/,
  /^POST \/sign-in\/passkey\/options$/,
  /^POST \/(?:oidc\/session\/end|sign-out)$/,
  /^(?:DELETE \/api\/dev\/messages|POST \/console\/mailbox\/empty)$/,
]

/** Which walk a route is in. One that none of these knows is taken for a page, and has to answer like one. */
function walkOf({ method, path }: RouteOfApp): Walk {
  if (method === 'GET') return 'reading'
  if (!['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)) return 'others'
  if (bodiless.some((one) => one.test(`${method} ${path}`))) return 'bodiless'
  if (path.startsWith('/auth/v1/')) return 'gotrue'
  if (/^\/oidc\/(?:token|me|par|device|register)|^\/api\/subject-tokens/.test(path)) return 'oidc'
  if (/^\/(?:account|sign-in\/(?:passkey|second-factor))\/|^\/api\/dev\//.test(path))
    return 'account'
  if (path.startsWith('/api/authjs/')) return 'authjs'
  return 'pages'
}

function routesOf(all: readonly RouteOfApp[], walk: Walk): Route[] {
  const seen = new Map<string, Route>()
  for (const { method, path: pattern } of all) {
    if (walkOf({ method, path: pattern }) !== walk) continue
    const path = pattern.replaceAll(/:\w+/g, unknown)
    seen.set(`${method} ${pattern}`, { method, path, pattern })
  }
  return [...seen.values()]
}

/** GoTrue's routes that take a body: each with and without a bearer, and their variants. */
export function gotrueRoutes(all: readonly RouteOfApp[]): Route[] {
  const bare = routesOf(all, 'gotrue')
  const borne = bare
    // A sign-out needs no body: with a bearer it would be one.
    .filter(({ path }) => path !== '/auth/v1/logout')
    // The same of what asks for a passkey.
    .filter(({ path }) => path !== '/auth/v1/passkeys/registration/options')
    .map((route) => ({
      ...route,
      as: /^\/auth\/v1\/(?:admin|invite)/.test(route.path) ? ('admin' as const) : ('user' as const),
    }))
  return [
    ...bare,
    ...borne,
    ...['password', 'refresh_token', 'pkce', 'id_token', 'web3', 'nothing'].map((grant): Route => {
      return { method: 'POST', path: `/auth/v1/token?grant_type=${grant}` }
    }),
    { method: 'POST', path: '/auth/v1/logout?scope=nowhere', as: 'user' },
    { method: 'POST', path: '/auth/v1/admin/users', as: 'user' },
    { method: 'PUT', path: '/auth/v1/admin/users/not-a-uuid', as: 'admin' },
  ]
}

export function oidcRoutes(all: readonly RouteOfApp[]): Route[] {
  return [
    ...routesOf(all, 'oidc'),
    ...['token', 'token/introspection', 'token/revocation', 'par', 'device/auth'].map(
      (name): Route => ({ method: 'POST', path: `/oidc/${name}`, as: 'app' }),
    ),
    // A user's token, and an application's secret, open none of these.
    { method: 'POST', path: '/oidc/me', as: 'user' },
    { method: 'POST', path: '/api/subject-tokens', as: 'user' },
    { method: 'DELETE', path: '/oidc/register/bookstore', as: 'app' },
  ]
}

/** What people see. */
export const pageRoutes = (all: readonly RouteOfApp[]): Route[] => routesOf(all, 'pages')

/** What the pages' script asks, and the account of somebody who is not signed in. */
export const accountRoutes = (all: readonly RouteOfApp[]): Route[] => routesOf(all, 'account')

export const bodilessRoutes = (all: readonly RouteOfApp[]): Route[] => routesOf(all, 'bodiless')

/** Every address, for a method that nothing has. */
export function strangeRoutes(all: readonly RouteOfApp[]): Route[] {
  return [...new Set(all.map(({ path }) => path))].map((pattern) => ({
    method: 'PROPFIND',
    path: pattern.replaceAll(/:\w+/g, unknown).replaceAll('*', 'x'),
    pattern,
  }))
}

/** The adapter over HTTP, for nobody and for an application that may use it. */
export const authjs: Route[] = [
  ...['messages', 'createUser', 'getUser', 'getUserByEmail', 'getUserByAccount', 'updateUser'],
  ...['deleteUser', 'linkAccount', 'unlinkAccount', 'createSession', 'getSessionAndUser'],
  ...['updateSession', 'deleteSession', 'createVerificationToken', 'useVerificationToken'],
  ...['getAccount', 'createAuthenticator', 'getAuthenticator', 'listAuthenticatorsByUserId'],
  ...['updateAuthenticatorCounter', 'toString', '__proto__', '%00', '%ff'],
].flatMap((method): Route[] => {
  const pattern = `/api/authjs/${method === 'messages' ? method : ':method'}`
  const route = { method: 'POST', path: `/api/authjs/${method}`, pattern }
  return [route, { ...route, as: 'app' }]
})

const names = [
  ...['client_id', 'redirect_uri', 'response_type', 'response_mode', 'scope', 'state', 'nonce'],
  ...['code_challenge', 'code_challenge_method', 'request', 'request_uri', 'claims', 'resource'],
  ...['prompt', 'max_age', 'login_hint', 'ui_locales', 'id_token_hint', 'logout_hint', 'dpop_jkt'],
  ...['post_logout_redirect_uri', 'user_code', 'flow', 'factor', 'session', 'code', 'error'],
  ...['error_description', 'token', 'token_hash', 'type', 'email', 'phone', 'redirect_to'],
  ...['provider', 'scopes', 'invite_token', 'page', 'per_page', 'filter', 'query', 'sort', 'to'],
  ...['skip_http_redirect', 'SAMLRequest', 'SAMLResponse', 'RelayState', 'authorization_id'],
  ...['download', 'entity_id', 'resource_id', 'domain', 'startIndex', 'count'],
]

/** What stands in an address where a name or a value should. */
export const strangeValues: readonly (readonly [name: string, value: string])[] = [
  ['NUL', '%00'],
  ['invalid UTF-8', '%ff%fe'],
  ['half a surrogate', '%ed%a0%80'],
  ['the way up', '..%2f..%2fetc%2fpasswd'],
  ['SQL', '%27%20or%201%3D1%20--'],
  ['html', '%22%3E%3Cscript%3Ealert(1)%3C%2Fscript%3E'],
  ['two lines', 'x%0d%0aset-cookie%3A%20a%3Db'],
  ['a negative number', '-1'],
  ['a number without end', '9'.repeat(200)],
]

/** Whom these would tell more than nobody. */
const readers: readonly (readonly [beginning: string, as: readonly Bearer[]])[] = [
  ['/auth/v1/', ['nobody', 'user', 'admin']],
  ['/oidc/', ['nobody', 'user', 'app']],
]

/** Everything that is read, with this in its address and in every field of its query, once and twice. */
export function readingRoutes(all: readonly RouteOfApp[], value: string): Route[] {
  const once = names.map((name) => `${name}=${value}`).join('&')
  return routesOf(all, 'reading').flatMap(({ method, path, pattern }) => {
    const at = path.replaceAll(unknown, value).replaceAll('*', value)
    const bare = path.replaceAll('*', 'x')
    const bearers = readers.find(([beginning]) => path.startsWith(beginning))?.[1] ?? ['nobody']
    return bearers.flatMap((as) => {
      // It needs nothing but the bearer, and sends a mail.
      if (as === 'user' && path.startsWith('/auth/v1/reauthenticate')) return []
      return [...new Set([at, `${bare}?${once}`, `${bare}?${once}&${once}`])].map((path) => {
        return { method, path, as, ...(pattern === undefined ? {} : { pattern }) }
      })
    })
  })
}

export const writingRoutes = (all: readonly RouteOfApp[]): Route[] =>
  (['gotrue', 'oidc', 'account', 'authjs', 'pages'] as const).flatMap((walk) => routesOf(all, walk))

/** Headers that nobody should send. */
export const strangeHeaders: readonly Record<string, string>[] = [
  { authorization: 'Bearer' },
  { authorization: 'Bearer a.b.c' },
  { authorization: 'Bearer eyJhbGciOiJub25lIn0.eyJyb2xlIjoic2VydmljZV9yb2xlIn0.' },
  { authorization: `Bearer ${'a'.repeat(10_000)}` },
  { authorization: 'Bearer \u00ff\u00fe' },
  { authorization: 'Basic %%%' },
  { authorization: `Basic ${Buffer.from('\0:\0').toString('base64')}` },
  { authorization: 'DPoP x', dpop: 'x.y.z' },
  { dpop: '\u00ff', apikey: 'x' },
  { cookie: `${'a=b; '.repeat(300)}sekisho_session=%00; sekisho_flow=%ff; =; ;;` },
  { 'x-supabase-api-version': 'yesterday' },
  { 'x-forwarded-for': '%00, ::::, 999.1.1.1', 'x-forwarded-host': 'evil.example' },
  { 'accept-language': `${'x-'.repeat(500)};q=z`, accept: '*/*;q=nonsense' },
  { origin: 'null', 'sec-fetch-site': 'cross-site', referer: 'javascript:alert(1)' },
]

/** What nobody finds by following a link. */
export const addressesOfNonsense = [
  '/auth/v1/verify',
  '/auth/v1/verify?type=signup&token=%00',
  '/auth/v1/verify?type=%00&token=x',
  '/auth/v1/authorize?provider=%00&invite_token=%00',
  '/auth/v1/authorize?provider=custom:%00',
  '/auth/v1/callback?state=%00&code=%00',
  '/auth/v1/callback?state=00000000-0000-4000-8000-000000000000&error=%00',
  '/auth/v1/user/identities/authorize?provider=%00',
  '/auth/v1/admin/custom-providers/custom:%00',
  '/auth/v1/admin/custom-providers?type=%00',
  '/auth/v1/admin/users/%00',
  '/auth/v1/admin/users/%ff',
  '/auth/v1/admin/users?page=-1&per_page=x',
  '/auth/v1/%00',
  '/oidc/auth?client_id=%00&redirect_uri=%00',
  `/oidc/auth?client_id=${'a'.repeat(10_000)}`,
  '/oidc/auth/%00',
  '/oidc/session/end?client_id=%00&post_logout_redirect_uri=%00',
  '/oidc/session/end?id_token_hint=%00.%ff.x',
  '/oidc/auth?client_id=bookstore&request_uri=urn:ietf:params:oauth:request_uri:%00',
  '/oidc/auth?client_id=bookstore&request_uri=http://127.0.0.1:1/',
  `/oidc/auth?client_id=bookstore&request=${'a.'.repeat(3000)}`,
  '/oidc/auth?client_id=bookstore&client_id=bookstore',
  '/oidc/auth?client_id=https://127.0.0.1:1/client.json&redirect_uri=%00',
  '/oidc/register/%00',
  '/oidc/register/bookstore',
  '/oidc/resource-metadata',
  '/oidc/resource-metadata?resource=%00',
  '/.well-known/oauth-protected-resource/%00',
  '/.well-known/oauth-protected-resource/..%2f..%2foidc/me',
  '/oidc/me?access_token=x',
  '/oidc/%00',
  '/device/confirm?flow=%00',
  '/sign-in?flow=%00',
  '/consent',
  '/select-account?flow=%ff',
  '/sign-in/second-factor?flow=x&factor=%00',
  '/sign-in/second-factor?flow=x&factor=key',
  '/%00',
  '/%ff%fe',
  '/..%2f..%2fetc%2fpasswd',
  '/assets/..%2f..%2fpackage.json',
]
