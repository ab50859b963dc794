import { application } from './stage.ts'

// Every route, and what nobody should ever send to it.

export type Bearer = 'nobody' | 'user' | 'admin' | 'app'
export interface Route {
  method: 'POST' | 'PUT' | 'PATCH' | 'DELETE' | 'GET'
  path: string
  as?: Bearer
}

const unknown = '00000000-0000-4000-8000-000000000000'
export const bookstore = {
  ...application('bookstore', 'http://localhost:9', '/callback'),
  customClientMetadata: { isAuthjsAdapter: true },
}

/** GoTrue's routes that take a body: those that stand in the app, each with and without a bearer, and their variants. */
export function gotrueRoutes(all: readonly RouteOfApp[]): Route[] {
  const bare = writing(all)
    .filter(({ path }) => path.startsWith('/auth/v1/'))
    // Whatever comes back from a provider, the browser is sent on: test/contract/gotrue-external.test.ts looks at it.
    .filter(({ path }) => !/^\/auth\/v1\/callback\/?$/.test(path))
  const borne = bare
    // A sign-out needs no body: with a bearer it would be one.
    .filter(({ path }) => path !== '/auth/v1/logout')
    .map((route) => ({
      ...route,
      as: /^\/auth\/v1\/(?:admin|invite)/.test(route.path) ? ('admin' as const) : ('user' as const),
    }))
  return [
    ...bare,
    ...borne,
    ...['password', 'refresh_token', 'pkce', 'id_token', 'nothing'].map((grant): Route => {
      return { method: 'POST', path: `/auth/v1/token?grant_type=${grant}` }
    }),
    { method: 'POST', path: '/auth/v1/logout?scope=nowhere', as: 'user' },
    { method: 'POST', path: '/auth/v1/admin/users', as: 'user' },
    { method: 'PUT', path: '/auth/v1/admin/users/not-a-uuid', as: 'admin' },
  ]
}

export function oidcRoutes(all: readonly RouteOfApp[]): Route[] {
  const bare = writing(all).filter(({ path }) =>
    /^\/oidc\/(?:token|me|par|device|register)|^\/api\/subject-tokens/.test(path),
  )
  return [
    ...bare,
    { method: 'POST', path: '/oidc/token', as: 'app' },
    { method: 'POST', path: '/oidc/device/auth', as: 'app' },
  ]
}

/** What people see; signing out needs no field, so nonsense around it is passed over. */
export function pageRoutes(all: readonly RouteOfApp[]): Route[] {
  const others =
    /^\/(?:auth\/v1|oidc\/token|oidc\/me|oidc\/par|oidc\/device|oidc\/register|api|console|account|sign-out$|oidc\/session)|passkey/
  return writing(all).filter(({ path }) => !others.test(path))
}

/** What the pages' script asks, and the account of somebody who is not signed in. */
export function accountRoutes(all: readonly RouteOfApp[]): Route[] {
  return writing(all).filter(({ path }) => /^\/(?:account|sign-in\/passkey)\//.test(path))
}

/** The adapter over HTTP, for nobody and for an application that may use it. */
export const authjs: Route[] = [
  ...['messages', 'createUser', 'getUser', 'getUserByEmail', 'getUserByAccount', 'updateUser'],
  ...['deleteUser', 'linkAccount', 'unlinkAccount', 'createSession', 'getSessionAndUser'],
  ...['updateSession', 'deleteSession', 'createVerificationToken', 'useVerificationToken'],
  ...['getAccount', 'createAuthenticator', 'getAuthenticator', 'listAuthenticatorsByUserId'],
  ...['updateAuthenticatorCounter', 'toString', '__proto__', '%00', '%ff'],
].flatMap((method): Route[] => [
  { method: 'POST', path: `/api/authjs/${method}` },
  { method: 'POST', path: `/api/authjs/${method}`, as: 'app' },
])

interface RouteOfApp {
  method: string
  path: string
}

function writing(all: readonly RouteOfApp[]): Route[] {
  const seen = new Map<string, Route>()
  for (const { method, path } of all) {
    if (!isWriting(method)) continue
    const concrete = path.replaceAll(/:\w+/g, unknown)
    seen.set(`${method} ${concrete}`, { method, path: concrete })
  }
  return [...seen.values()]
}

function isWriting(method: string): method is Route['method'] {
  return ['POST', 'PUT', 'PATCH', 'DELETE'].includes(method)
}

export const authorizationRequest = new URLSearchParams({
  client_id: bookstore.id,
  redirect_uri: 'http://localhost:9/callback',
  response_type: 'code',
  scope: 'openid',
  code_challenge: 'E9Melhoa2OwvFrEMTJguCHaoeK1t8URWbuGJSstw-cM',
  code_challenge_method: 'S256',
}).toString()

export const json = 'application/json'
export const form = 'application/x-www-form-urlencoded'
export const megabyte = 'a'.repeat(1_000_000)

export interface Nonsense {
  name: string
  type: string
  body: string | Uint8Array<ArrayBuffer>
}

const wrongTypes = {
  email: { $ne: null },
  phone: ['1'],
  password: 12,
  data: 'none',
  type: 7,
  token: [],
  id_token: [1],
  link_identity: 'yes',
  provider_type: 3,
  client_id: {},
  token_hash: {},
  refresh_token: { a: 1 },
  auth_code: 3,
  code_verifier: true,
  code_challenge: 9,
  create_user: 'maybe',
  user_metadata: 1,
  app_metadata: [],
  role: {},
  ban_duration: [],
  redirect_to: {},
  channel: {},
}
const withNul = Object.fromEntries(
  Object.keys(wrongTypes).map((key) => [key, `a\u0000b@example.com`]),
)

export const nonsense: Nonsense[] = [
  { name: 'an empty body', type: json, body: '' },
  { name: 'half an object', type: json, body: '{"email":' },
  { name: 'an array', type: json, body: '[]' },
  { name: 'null', type: json, body: 'null' },
  { name: 'a string', type: json, body: '"email"' },
  { name: 'wrong types', type: json, body: JSON.stringify(wrongTypes) },
  { name: 'NUL in every field', type: json, body: JSON.stringify(withNul) },
  { name: 'raw NUL bytes', type: json, body: new Uint8Array(64) },
  {
    name: 'invalid UTF-8',
    type: json,
    body: bytes(
      '{"email":"',
      [0xff, 0xfe, 0xc0, 0x80],
      '@example.com","password":"',
      [0xed, 0xa0, 0x80],
      '"}',
    ),
  },
  {
    name: 'a megabyte',
    type: json,
    body: JSON.stringify({ email: `${megabyte}@example.com`, password: megabyte }),
  },
  {
    name: 'more than a megabyte',
    type: json,
    body: JSON.stringify({ email: megabyte + megabyte }),
  },
  { name: 'ten thousand brackets', type: json, body: '['.repeat(10_000) },
  {
    name: 'a poisoned prototype',
    type: json,
    body: '{"__proto__":{"email":"x"},"constructor":{"prototype":1}}',
  },
  { name: 'an empty form', type: form, body: '' },
  {
    name: 'a form of NULs',
    type: form,
    body: 'client_id=%00&grant_type=%00&code=%00&token=%00&identifier=a%00b%40example.com&password=%00&flow=%00&want=%00',
  },
  {
    name: 'a code of NULs',
    type: form,
    body: 'grant_type=authorization_code&code=%00&redirect_uri=%00&code_verifier=%00&resource=%00',
  },
  {
    name: 'a refresh token that is not text',
    type: form,
    body: 'grant_type=refresh_token&refresh_token=%ff%fe%00&scope=%00&resource=%00&organization_id=%00',
  },
  {
    name: 'a grant for %00',
    type: form,
    body: 'grant_type=client_credentials&scope=%00&resource=%ff',
  },
  {
    name: 'a device of NULs',
    type: form,
    body: 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Adevice_code&device_code=%00&user_code=%00&scope=%00',
  },
  {
    name: 'an exchange for nothing',
    type: form,
    body: 'grant_type=urn%3Aietf%3Aparams%3Aoauth%3Agrant-type%3Atoken-exchange&subject_token=%ff&subject_token_type=%ff&actor_token=.&audience=%ff',
  },
  {
    name: 'a form of invalid UTF-8',
    type: form,
    body: 'client_id=%ff%fe&grant_type=%c0%80&code=%ed%a0%80&token=%ff&identifier=%ff%40example.com&flow=%ff',
  },
  {
    name: 'a form with broken percents',
    type: form,
    body: 'client_id=%&grant_type=%zz&identifier=%u0000&flow=%',
  },
  {
    name: 'a form that says everything twice',
    type: form,
    body: 'client_id=a&client_id=b&grant_type=authorization_code&grant_type=refresh_token&code=a&code=b&flow=1&flow=2',
  },
  {
    name: 'a form of a megabyte',
    type: form,
    body: `client_id=${megabyte}&identifier=${megabyte}&flow=x`,
  },
  { name: 'another type', type: 'multipart/form-data; boundary=x', body: '--x\r\nnonsense' },
]

function bytes(...parts: (string | number[])[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? [...encoder.encode(part)] : part)),
  )
}
