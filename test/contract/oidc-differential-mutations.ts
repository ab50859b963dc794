export type Params = readonly (readonly [string, string])[]

/** A change of a request, with a name for the table of differences. */
export interface Mutation {
  name: string
  change(params: Params): Params
}

export function set(name: string, value: string): Mutation {
  return {
    name: `${name}=${value.length > 60 ? `${value.length} characters` : JSON.stringify(value)}`,
    change: (params) => [...params.filter(([other]) => other !== name), [name, value]],
  }
}

export function drop(name: string): Mutation {
  return { name: `no ${name}`, change: (params) => params.filter(([other]) => other !== name) }
}

function repeat(name: string, second: (value: string) => string, how: string): Mutation {
  return {
    name: `${name} twice${how}`,
    change: (params) =>
      params.flatMap((pair) =>
        pair[0] === name ? [pair, [name, second(pair[1])] as const] : [pair],
      ),
  }
}

/** What can happen to any parameter. */
export function anythingTo(name: string): Mutation[] {
  return [
    drop(name),
    set(name, ''),
    set(name, 'nonsense'),
    set(name, 'a\0b'),
    set(name, '𝔲𝔫𝔦 ✓ ü'),
    set(name, 'x'.repeat(3000)),
    set(name, '"><script>alert(1)</script>'),
    set(name, "' or 1=1 --"),
    repeat(name, (value) => value, ''),
    repeat(name, () => 'other', ', differently'),
  ]
}

/** What is no change: the order, and parameters that nobody knows. */
export const harmless: Mutation[] = [
  { name: 'as it is', change: (params) => params },
  { name: 'in reverse', change: (params) => [...params].reverse() },
  {
    name: 'sorted',
    change: (params) => [...params].sort(([one], [two]) => one.localeCompare(two)),
  },
  set('utm_source', 'a newsletter'),
  set('__proto__', 'x'),
  set('constructor', 'x'),
  set('foo[]', 'x'),
]

const redirects = [
  'https://web.example.com/callback',
  'https://web.example.com/callback?from=op&more=1',
  'https://web.example.com/callback/?from=op',
  'https://web.example.com/Callback?from=op',
  'https://WEB.example.com/callback?from=op',
  'https://web.example.com:443/callback?from=op',
  'https://web.example.com:444/callback?from=op',
  'http://web.example.com/callback?from=op',
  'https://web.example.com.evil.example/callback?from=op',
  'https://user@web.example.com/callback?from=op',
  'https://web.example.com/x/../callback?from=op',
  'https://web.example.com/callback?from=op#fragment',
  'https://web.example.com/callback?from=%6Fp',
  'https://web.example.com\\@evil.example/callback?from=op',
  '//web.example.com/callback?from=op',
  'javascript:alert(1)',
  ' https://web.example.com/callback?from=op',
]

/** What is special about authorization requests. */
export const ofAuthorization: Mutation[] = [
  ...redirects.map((value) => set('redirect_uri', value)),
  ...values(
    'response_type',
    'token',
    'id_token',
    'code token',
    'none',
    'CODE',
    'code code',
    'code ',
  ),
  ...values('response_mode', 'query', 'form_post', 'fragment', 'jwt', 'query.jwt', 'web_message'),
  ...values('code_challenge_method', 'plain', 's256', 'S512'),
  ...values(
    'code_challenge',
    'x'.repeat(42),
    'x'.repeat(44),
    `${'x'.repeat(42)}=`,
    'x'.repeat(128),
  ),
  ...values('prompt', 'none', 'login', 'select_account', 'create', 'none login', 'login consent'),
  ...values('prompt', 'NONE', 'consent consent', 'none consent'),
  ...values(
    'max_age',
    '0',
    '7200',
    '3600',
    '-1',
    '1.5',
    '1e3',
    '0x10',
    'abc',
    '99999999999999999999',
  ),
  ...values('scope', 'openid', 'profile', 'openid openid', 'openid unknown', 'openid  profile'),
  ...values('scope', 'openid offline_access', 'OPENID', 'openid "', 'offline_access'),
  ...values('resource', 'https://api.example.com/things', 'https://api.example.com/nothing'),
  ...values('resource', 'not an address', 'https://api.example.com/things#x', '/things'),
  ...values(
    'claims',
    '{}',
    '[]',
    'null',
    '{"id_token":{"email":null}}',
    '{"userinfo":{"name":null}}',
  ),
  ...values(
    'claims',
    '{"id_token":{"acr":{"essential":true,"values":["aal1"]}}}',
    '{"id_token":1}',
  ),
  ...values('claims', '{"id_token":{"sub":{"value":"somebody-else"}}}', '{"other":{}}', '{'),
  ...values('claims', '{"id_token":{"auth_time":{"essential":true}}}'),
  ...values('id_token_hint', 'nonsense', 'a.b.c', 'eyJhbGciOiJub25lIn0.eyJzdWIiOiJ4In0.'),
  ...values('acr_values', 'aal1', 'urn:nothing', 'aal1 urn:nothing'),
  ...values('request', 'x', 'eyJhbGciOiJub25lIn0.e30.', ''),
  ...values('request_uri', 'https://evil.example/x', 'urn:ietf:params:oauth:request_uri:none', ''),
  ...values('registration', '{}', ''),
  ...values('dpop_jkt', 'x'.repeat(43), 'short'),
  ...values('client_id', 'page', 'robot', 'nobody', 'WEB', 'web '),
  ...values('ui_locales', 'en', 'xx-nothing', 'ja en'),
  ...values('display', 'page', 'hologram'),
  ...values('login_hint', 'ann@example.com'),
  ...values('nonce', 'n'.repeat(500)),
  ...values('state', 's'.repeat(2000), 'a b+c%20&="'),
  ...values('authorization_details', '[]'),
  set('code', 'x'),
  set('error', 'x'),
  set('iss', 'https://evil.example'),
]

/** What is special about requests of tokens. */
export const ofToken: Mutation[] = [
  ...values('grant_type', 'password', 'implicit', 'AUTHORIZATION_CODE', 'authorization_code '),
  ...values(
    'grant_type',
    '__proto__',
    'constructor',
    'urn:ietf:params:oauth:grant-type:jwt-bearer',
  ),
  ...values('client_id', 'page', 'nobody', 'robot'),
  ...values('client_secret', 'wrong'),
  ...values('client_assertion', 'a.b.c'),
  ...values('client_assertion_type', 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'),
  ...values('scope', 'openid', 'profile', 'openid email unknown', 'read:things', 'openid "'),
  ...values('resource', 'https://api.example.com/things', 'https://api.example.com/nothing'),
  ...values('resource', 'not an address', '/things'),
  ...values('redirect_uri', 'https://web.example.com/callback', 'https://evil.example/'),
  ...values('code_verifier', 'y'.repeat(43), 'x'.repeat(42), 'x'.repeat(129), `${'x'.repeat(42)}!`),
  ...values('authorization_details', '[]'),
]

function values(name: string, ...given: string[]): Mutation[] {
  return given.map((value) => set(name, value))
}

/** Those of an authorization request that no difference is written about. */
export const agreed: readonly [Mutation, ...Mutation[]] = [
  set('utm_source', 'a newsletter'),
  ...harmless,
  ...['state', 'nonce', 'prompt', 'code_challenge_method', 'response_type'].flatMap((name) =>
    anythingTo(name).filter((one) => !one.name.includes('\\u0000')),
  ),
  ...ofAuthorization.filter(({ name }) =>
    /^(?:prompt|id_token_hint|acr_values|registration|request|resource|display|ui_locales|code|iss)=/.test(
      name,
    ),
  ),
]
