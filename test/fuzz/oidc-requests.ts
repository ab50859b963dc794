import fc from 'fast-check'
import { basic } from '../contract/oidc-client.ts'

// Requests as nobody should send them: good ones, of which some things are changed.

export interface Fuzzed {
  method: string
  path: string
  /** Names and values as they are encoded on the wire. */
  params: readonly (readonly [string, string])[]
  headers: Readonly<Record<string, string>>
  isSignedIn: boolean
}

/** `{name}` is replaced by what is at hand at that moment: a code that is good, a token, a secret. */
export const materials = [
  ...['shop_code', 'spa_code', 'api_code', 'bound_code', 'shop_refresh', 'spa_refresh'],
  ...['shop_access', 'spa_access', 'api_access', 'id_token', 'request_uri', 'spent_code'],
  ...['verifier', 'challenge', 'secret', 'device_code', 'proof'],
] as const

export type Material = (typeof materials)[number]

const callbacks = {
  shop: 'https://shop.example.com/callback?from=sekisho',
  spa: 'https://spa.example.com/callback',
  native: 'http://127.0.0.1:4000/done',
}

const authorization = (client: keyof typeof callbacks) => ({
  client_id: client,
  redirect_uri: callbacks[client],
  response_type: 'code',
  scope: 'openid offline_access profile',
  state: 'a state',
  nonce: 'a nonce',
  code_challenge: '{challenge}',
  code_challenge_method: 'S256',
})

const redeeming = (client: 'shop' | 'spa', code: Material) => ({
  grant_type: 'authorization_code',
  client_id: client,
  code: `{${code}}`,
  redirect_uri: callbacks[client],
  code_verifier: '{verifier}',
})

type Base = [
  method: string,
  path: string,
  form: Record<string, string>,
  proof: 'shop' | 'machine' | '',
]

const bases: readonly Base[] = [
  ['GET', '/oidc/auth', authorization('shop'), ''],
  ['GET', '/oidc/auth', authorization('spa'), ''],
  ['GET', '/oidc/auth', authorization('native'), ''],
  ['POST', '/oidc/auth', authorization('shop'), ''],
  ['GET', '/oidc/auth', { ...authorization('shop'), response_mode: 'form_post' }, ''],
  ['GET', '/oidc/auth', { client_id: 'shop', request_uri: '{request_uri}' }, ''],
  ['POST', '/oidc/par', authorization('shop'), 'shop'],
  ['POST', '/oidc/token', redeeming('shop', 'shop_code'), 'shop'],
  ['POST', '/oidc/token', redeeming('shop', 'api_code'), 'shop'],
  ['POST', '/oidc/token', redeeming('shop', 'bound_code'), 'shop'],
  ['POST', '/oidc/token', redeeming('spa', 'spa_code'), ''],
  ['POST', '/oidc/token', { grant_type: 'refresh_token', refresh_token: '{shop_refresh}' }, 'shop'],
  [
    ...(['POST', '/oidc/token'] as const),
    { grant_type: 'refresh_token', client_id: 'spa', refresh_token: '{spa_refresh}' },
    '',
  ],
  ['POST', '/oidc/token', { grant_type: 'client_credentials' }, 'machine'],
  [
    ...(['POST', '/oidc/token'] as const),
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
      subject_token: '{shop_access}',
      subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
    },
    'shop',
  ],
  [
    ...(['POST', '/oidc/token'] as const),
    {
      grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
      client_id: 'device',
      device_code: '{device_code}',
    },
    '',
  ],
  ['POST', '/oidc/device/auth', { client_id: 'device', scope: 'openid' }, ''],
  ['POST', '/oidc/token/introspection', { token: '{shop_access}' }, 'shop'],
  ['POST', '/oidc/token/revocation', { token: '{spa_access}', client_id: 'spa' }, ''],
  ['GET', '/oidc/me', {}, ''],
]

const evil = [
  ...['', ' ', '\0', 'a\0b', '\r\nset-cookie: x=y', '%00', '%', '\ufeff', '\u202e', '\ud800', '-1'],
  ...['null', 'undefined', '[object Object]', '__proto__', 'constructor', 'true', '0', '1e999'],
  ...[
    'code token',
    'none',
    'login',
    'none login',
    'query',
    'fragment',
    'form_post',
    'plain',
    'S256',
  ],
  ...['{}', '[]', '{"id_token":{"sub":{"value":"x"}}}', '{"__proto__":{}}', '['.repeat(5000)],
  ...['a.b.c', 'eyJhbGciOiJub25lIn0.e30.', 'eyJhbGciOiJIUzI1NiJ9.e30.AAAA', 'eyJhbGciOjF9.e30.x'],
  ...[
    'https://evil.example/',
    '//evil.example',
    'https://shop.example.com/callback',
    'javascript:1',
  ],
  ...['https://shop.example.com/callback?from=sekisho#x', 'https://shop.example.com@evil.example/'],
  ...['https://shop.example.com\\@evil.example/callback', 'http://127.0.0.1:99999/done', 'urn:x'],
  ...['http://127.0.0.1:1/done', 'http://127.0.0.1.evil.example/done', 'http://127.1/done'],
  ...['https://default.logto.app/api', 'https://api.example.com/things', 'acme', 'openid openid'],
  ...["'; drop table idp.grants; --", '$1', '<script>alert(1)</script>', '../../etc/passwd'],
  ...['x'.repeat(43), 'x'.repeat(8192), 'x'.repeat(8193), 'x'.repeat(100_000), '☃'.repeat(3000)],
]

const names = [
  ...['client_id', 'client_secret', 'redirect_uri', 'response_type', 'response_mode', 'scope'],
  ...['state', 'nonce', 'code_challenge', 'code_challenge_method', 'prompt', 'max_age', 'claims'],
  ...['acr_values', 'id_token_hint', 'login_hint', 'ui_locales', 'display', 'resource', 'request'],
  ...['request_uri', 'registration', 'dpop_jkt', 'grant_type', 'code', 'code_verifier', 'audience'],
  ...[
    'refresh_token',
    'token',
    'token_type_hint',
    'subject_token',
    'subject_token_type',
    'actor_token',
  ],
  ...['actor_token_type', 'requested_token_type', 'organization_id', 'client_assertion'],
  ...['client_assertion_type', 'device_code', 'access_token', 'first_screen', 'interaction_mode'],
  ...['username', 'password', 'iss', 'error', '__proto__', 'constructor', 'hasOwnProperty', ''],
]

const clients = ['shop', 'spa', 'native', 'machine', 'device', 'nobody'] as const

const value: fc.Arbitrary<string> = fc.oneof(
  { arbitrary: fc.constantFrom(...evil), weight: 4 },
  { arbitrary: fc.constantFrom(...materials.map((name) => `{${name}}`)), weight: 3 },
  { arbitrary: fc.constantFrom(...clients, ...Object.values(callbacks)), weight: 2 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 40 }), weight: 1 },
  { arbitrary: fc.webUrl(), weight: 1 },
)

/** As a browser encodes, or raw, where the wire allows it. */
const encodedValue = fc.oneof(
  { arbitrary: value.map(encoded), weight: 8 },
  {
    arbitrary: fc.constantFrom(
      '%ff',
      '%',
      '%zz',
      '%ed%a0%80',
      '%c0%80',
      '+',
      '%00',
      'a;b',
      '%u0041',
    ),
    weight: 1,
  },
)

const name = fc.oneof(
  { arbitrary: fc.constantFrom(...names), weight: 12 },
  { arbitrary: fc.string({ unit: 'binary', maxLength: 8 }), weight: 1 },
)

type Params = Fuzzed['params']
type Change = (params: Params) => Params

const change: fc.Arbitrary<Change> = fc.oneof(
  fc.tuple(fc.nat(), encodedValue).map(([at, text]): Change => {
    return (params) =>
      params.map((pair, index) => (index === at % params.length ? [pair[0], text] : pair))
  }),
  fc.tuple(name, encodedValue).map(([added, text]): Change => {
    return (params) => [...params, [encoded(added), text]]
  }),
  fc.nat().map(
    (at): Change =>
      (params) =>
        params.filter((_, index) => index !== at % params.length),
  ),
  fc.tuple(fc.nat(), fc.nat()).map(([from, to]): Change => {
    return (params) => {
      const pair = params[from % params.length]
      return pair === undefined ? params : params.toSpliced(to % (params.length + 1), 0, pair)
    }
  }),
  fc.nat().map((at): Change => {
    return (params) => [...params.slice(at % params.length), ...params.slice(0, at % params.length)]
  }),
)

const authorizations = [
  ...clients.flatMap((client) =>
    ['{secret}', 'wrong', ''].map((text) => credentials(client, text)),
  ),
  ...['Basic', 'Basic !!!', 'Bearer {shop_access}', 'Bearer {id_token}', 'Bearer {shop_refresh}'],
  ...['DPoP {shop_access}', 'Bearer x, Basic y', 'Digest x', `Basic ${'A'.repeat(9000)}`],
]

function credentials(client: string, secret: string): string {
  return `Basic ${client}:${secret}`
}

const header: fc.Arbitrary<readonly [string, string]> = fc.oneof(
  fc.constantFrom(...authorizations).map((text) => ['authorization', text] as const),
  fc
    .constantFrom('{proof}', '{proof}, {proof}', 'a.b.c', 'x', 'eyJhbGciOiJub25lIn0.e30.')
    .map((text) => ['dpop', text] as const),
  fc
    .constantFrom('application/json', 'text/plain', 'multipart/form-data; boundary=x', 'x', ';')
    .map((text) => ['content-type', text] as const),
  fc
    .constantFrom(
      'session=x',
      'session=; flow=',
      'flow=x',
      'session=%00',
      `session=${'x'.repeat(5000)}`,
    )
    .map((text) => ['cookie', text] as const),
  fc
    .constantFrom('https://evil.example', 'null', 'https://spa.example.com')
    .map((text) => ['origin', text] as const),
  fc.constantFrom('cross-site', 'same-origin').map((text) => ['sec-fetch-site', text] as const),
  fc.constantFrom('text/html', '*/*', 'application/json').map((text) => ['accept', text] as const),
  fc.constantFrom('evil.example').map((text) => ['x-forwarded-host', text] as const),
)

export const fuzzed: fc.Arbitrary<Fuzzed> = fc
  .record({
    base: fc.constantFrom(...bases),
    changes: fc.array(change, { maxLength: 4 }),
    headers: fc.array(header, { maxLength: 2 }),
    method: fc.oneof(
      { arbitrary: fc.constant(null), weight: 12 },
      { arbitrary: fc.constantFrom('GET', 'POST', 'PUT', 'DELETE', 'OPTIONS', 'HEAD'), weight: 1 },
    ),
    isSignedIn: fc.boolean(),
  })
  .map(({ base: [method, path, form, proof], changes, headers, method: other, isSignedIn }) => {
    const params: Params = Object.entries(form).map(([key, text]) => [key, encoded(text)])
    return {
      ...{ path, isSignedIn, method: other ?? method },
      params: changes.reduce((done, next) => next(done), params),
      headers: {
        ...(path === '/oidc/me' && { authorization: 'Bearer {shop_access}' }),
        ...(proof !== '' && { authorization: credentials(proof, '{secret}') }),
        ...Object.fromEntries(headers),
      },
    }
  })

/** As it goes over the wire, with what is at hand; Basic credentials are written in clear until here. */
export function concrete(request: Fuzzed, at: (name: Material) => string): Fuzzed {
  const fill = (text: string, as: (found: string) => string) =>
    materials.reduce((filled, one) => filled.replaceAll(as(`{${one}}`), () => as(at(one))), text)
  const authorization = request.headers.authorization ?? ''
  const [, client, secret] = /^Basic (\w+):(.*)$/s.exec(fill(authorization, String)) ?? []
  return {
    ...request,
    params: request.params.map(([key, text]) => [key, fill(text, encoded)]),
    headers: {
      ...Object.fromEntries(
        Object.entries(request.headers).map(([key, text]) => [key, fill(text, String)]),
      ),
      ...(client !== undefined && basic(client, secret ?? '')),
    },
  }
}

/** A half of a character has no encoding; it goes as the bytes that it would have. */
function encoded(text: string): string {
  return text.isWellFormed() ? encodeURIComponent(text) : '%ed%a0%80'
}
