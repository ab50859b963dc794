import { application } from './stage.ts'

// What nobody should ever send.

export const bookstore = {
  ...application('bookstore', 'http://localhost:9', '/callback'),
  customClientMetadata: { isAuthjsAdapter: true },
}

/** Everything is on: what is switched off refuses nonsense too easily. */
export const everything = {
  SEKISHO_REGISTRATION: 'open',
  GOTRUE_CUSTOM_OAUTH_ENABLED: 'true',
  GOTRUE_EXPERIMENTAL_SCIM_ENABLED: 'true',
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
  GOTRUE_EXTERNAL_WEB3_ETHEREUM_ENABLED: 'true',
  GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: 'true',
  GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
  GOTRUE_PASSKEY_ENABLED: 'true',
  GOTRUE_WEBAUTHN_RP_ID: 'localhost',
  GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'An app',
  GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:5173',
  GOTRUE_SAML_ENABLED: 'true',
  GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
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
  body: Uint8Array<ArrayBuffer>
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
  factor_type: 1,
  friendly_name: [],
  challenge_id: {},
  code: { length: 6 },
  credential: 'none',
  webauthn: [],
  action: 1,
  client_name: {},
  redirect_uris: 'https://a.example.com',
  grant_types: {},
  domain: 1,
  domains: 'company.example',
  provider_id: [],
  metadata_xml: {},
  attribute_mapping: 'mail',
  chain: 1,
  message: [],
  signature: {},
}
const withNul = Object.fromEntries(
  Object.keys(wrongTypes).map((key) => [key, `a\u0000b@example.com`]),
)

const levels = `${'['.repeat(10_000)}${']'.repeat(10_000)}`
const deep = Object.keys(wrongTypes).map((key) => `"${key}":${levels}`)
const withHalf = Object.fromEntries(
  Object.keys(wrongTypes).map((key) => [key, `a\ud800b@example.com`]),
)

const written: { name: string; type: string; body: string | Uint8Array<ArrayBuffer> }[] = [
  { name: 'an empty body', type: json, body: '' },
  { name: 'half an object', type: json, body: '{"email":' },
  { name: 'an array', type: json, body: '[]' },
  { name: 'null', type: json, body: 'null' },
  { name: 'a string', type: json, body: '"email"' },
  { name: 'wrong types', type: json, body: JSON.stringify(wrongTypes) },
  { name: 'NUL in every field', type: json, body: JSON.stringify(withNul) },
  { name: 'ten thousand levels in every field', type: json, body: `{${deep}}` },
  { name: 'half a character in every field', type: json, body: JSON.stringify(withHalf) },
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

/** As bytes, since a body of a megabyte is sent some hundred times. */
export const nonsense: Nonsense[] = written.map(({ body, ...one }) => ({
  ...one,
  body: typeof body === 'string' ? new TextEncoder().encode(body) : body,
}))

function bytes(...parts: (string | number[])[]): Uint8Array<ArrayBuffer> {
  const encoder = new TextEncoder()
  return Uint8Array.from(
    parts.flatMap((part) => (typeof part === 'string' ? [...encoder.encode(part)] : part)),
  )
}
