import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { ann } from '../servers/provider-dialects.ts'
import { client } from '../servers/providers.ts'
import { type ExternalWorld, externalWorld } from './gotrue-external-world.ts'
import { type Body, fragmentOf, queryOf } from './gotrue-world.ts'

// `/admin/custom-providers`, and signing in by what was described there.

const issuer = 'https://id.corp.example'
const openid = {
  provider_type: 'oidc',
  identifier: 'custom:corp',
  name: 'Corp',
  client_id: client.id,
  client_secret: client.secret,
  issuer,
  scopes: ['email', 'profile'],
  custom_claims_allowlist: ['department'],
  authorization_params: { prompt: 'consent' },
}
const oauth2 = {
  provider_type: 'oauth2',
  identifier: 'custom:plain',
  name: 'Plain',
  client_id: client.id,
  client_secret: client.secret,
  authorization_url: 'https://plain.example/authorize',
  token_url: 'https://plain.example/token',
  userinfo_url: 'https://plain.example/me',
  attribute_mapping: { sub: 'id', name: 'display', nickname: 'display' },
}

async function corpWorld(environment: Record<string, string> = {}): Promise<ExternalWorld> {
  const world = await externalWorld(environment)
  world.providers.describe(issuer)
  return world
}

function admin(world: ExternalWorld, method: string, path: string, body?: Body) {
  return world.ask(method, `/admin/custom-providers${path}`, {
    bearer: world.adminKey,
    ...(body === undefined ? {} : { body }),
  })
}

test('an administrator describes, lists, changes and deletes a provider', async () => {
  const world = await corpWorld()
  const made = await admin(world, 'POST', '', openid)
  expect(made.status).toBe(201)
  expect(made.body).toEqual({
    id: expect.any(String),
    provider_type: 'oidc',
    identifier: 'custom:corp',
    name: 'Corp',
    client_id: client.id,
    acceptable_client_ids: [],
    scopes: ['openid', 'email', 'profile'],
    pkce_enabled: true,
    attribute_mapping: {},
    custom_claims_allowlist: ['department'],
    authorization_params: { prompt: 'consent' },
    enabled: true,
    email_optional: false,
    issuer,
    skip_nonce_check: false,
    discovery_document: expect.objectContaining({ issuer, jwks_uri: `${issuer}/keys` }),
    created_at: expect.any(String),
    updated_at: expect.any(String),
  })
  const { rows } = await sql<{ client_secret: string }>`
    select client_secret from auth.custom_oauth_providers`.execute(world.ctx.db)
  expect(rows[0]?.client_secret).toMatch(/^v1\./)
  expect((await admin(world, 'POST', '', oauth2)).status).toBe(201)
  const listed = await admin(world, 'GET', '')
  expect(listed.body.providers.map((one: Body) => one.identifier).sort()).toEqual([
    'custom:corp',
    'custom:plain',
  ])
  expect((await admin(world, 'GET', '?type=oauth2')).body.providers).toHaveLength(1)
  const changed = await admin(world, 'PUT', '/custom:corp', { name: 'Corp Ltd', enabled: false })
  expect(changed.body).toMatchObject({ name: 'Corp Ltd', enabled: false, client_id: client.id })
  expect((await admin(world, 'GET', '/custom:corp')).body).toEqual(changed.body)
  const gone = await admin(world, 'DELETE', '/custom:corp')
  expect([gone.status, gone.body]).toEqual([204, ''])
  expect((await admin(world, 'GET', '/custom:corp')).body.error_code).toBe(
    'custom_provider_not_found',
  )
  expect((await world.told()).filter((type) => type.startsWith('connector'))).toEqual([
    'connector.created',
    'connector.created',
    'connector.updated',
    'connector.deleted',
  ])
})

test('people sign in by it, with PKCE, and its chosen claims are kept', async () => {
  const world = await corpWorld()
  await admin(world, 'POST', '', openid)
  const way = new URL(await world.goTo('custom:corp', { prompt: 'none', login_hint: 'ann' }))
  expect(way.origin + way.pathname).toBe(`${issuer}/authorize`)
  expect(Object.fromEntries(way.searchParams)).toMatchObject({
    scope: 'openid email profile',
    prompt: 'consent',
    login_hint: 'ann',
    code_challenge_method: 'S256',
  })
  expect(
    new URL(await world.goTo('custom:corp', { scopes: 'openid a' })).searchParams.get('scope'),
  ).toBe('openid a')
  const { access_token: bearer = '' } = fragmentOf(await world.comeBack(way.href))
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body).toMatchObject({
    email: 'ann@example.com',
    app_metadata: { provider: 'custom:corp' },
    user_metadata: { name: 'Ann Archer', custom_claims: { department: 'ships' } },
  })
})

test('its ID tokens are taken, and those of OAuth 2.0 do not exist', async () => {
  const world = await corpWorld()
  await admin(world, 'POST', '', { ...openid, acceptable_client_ids: ['their-app'] })
  await admin(world, 'POST', '', oauth2)
  const id_token = await world.providers.idToken({
    iss: issuer,
    aud: 'their-app',
    sub: '1',
    email: 'ann@example.com',
    email_verified: true,
  })
  const bring = (provider: string) =>
    world.ask('POST', '/token?grant_type=id_token', { body: { id_token, provider } })
  expect((await bring('custom:corp')).body.user.email).toBe('ann@example.com')
  expect((await bring('custom:plain')).body.msg).toBe(
    'Provider "custom:plain" is not an OIDC provider',
  )
  await admin(world, 'PUT', '/custom:corp', { enabled: false })
  expect((await bring('custom:corp')).body).toMatchObject({
    error_code: 'provider_disabled',
    msg: 'Custom provider "custom:corp" is disabled',
  })
  const off = world.under({ GOTRUE_CUSTOM_OAUTH_ENABLED: 'false' })
  const answer = await off.ask('POST', '/token?grant_type=id_token', {
    body: { id_token, provider: 'custom:corp' },
  })
  expect(answer.body.msg).toBe('Custom OAuth providers are disabled')
})

test('a plain OAuth 2.0 provider’s facts are mapped, but never what it did not verify (A8)', async () => {
  const world = await externalWorld()
  await admin(world, 'POST', '', { ...oauth2, pkce_enabled: false })
  world.providers.answer('https://plain.example/token', () =>
    Response.json({ access_token: 'access-plain' }),
  )
  const facts = { id: 7, display: 'Ann A.', email: 'ann@example.com', email_verified: true }
  world.providers.answer('https://plain.example/me', () => Response.json(facts))
  const { url } = world.providers.visit(await world.goTo('custom:plain'))
  const back = await world.ask('GET', `/callback${url.search}`)
  const { body } = await world.ask('GET', '/user', { bearer: fragmentOf(back).access_token ?? '' })
  expect(body.user_metadata).toMatchObject({ sub: '7', name: 'Ann A.', nickname: 'Ann A.' })
  expect(body.identities[0].id).toBe('7')
})

test('a disabled or deleted one leads nowhere, and nobody comes back from it (A13)', async () => {
  const world = await corpWorld()
  await admin(world, 'POST', '', openid)
  const way = await world.goTo('custom:corp')
  await admin(world, 'PUT', '/custom:corp', { enabled: false })
  const off = await world.ask('GET', '/authorize?provider=custom:corp')
  expect(off.body.msg).toBe('Unsupported provider: custom provider custom:corp is disabled')
  expect(queryOf(await world.comeBack(way)).error_code).toBe('oauth_provider_not_supported')
  world.providers.person = ann
})

const problems: [string, Body, string, string][] = [
  [
    'no type',
    { provider_type: 'saml' },
    'validation_failed',
    "provider_type must be either 'oauth2' or 'oidc'",
  ],
  ['no identifier', { identifier: '' }, 'validation_failed', 'identifier is required'],
  [
    'no prefix',
    { identifier: 'corp' },
    'validation_failed',
    "identifier must start with 'custom:' prefix, e.g. 'custom:corp'",
  ],
  ['no name', { name: '' }, 'validation_failed', 'name is required'],
  ['no client', { client_id: null }, 'validation_failed', 'client_id is required'],
  ['no secret', { client_secret: '' }, 'validation_failed', 'client_secret is required'],
  ['no issuer', { issuer: '' }, 'validation_failed', 'issuer is required for OIDC providers'],
  [
    'a reserved parameter',
    { authorization_params: { nonce: '1' } },
    'validation_failed',
    'Cannot override reserved OAuth parameter: nonce',
  ],
  [
    'a parameter that is no text',
    { authorization_params: { max_age: 1 } },
    'validation_failed',
    'Authorization parameter "max_age" must be a string',
  ],
  [
    'a protected field',
    { attribute_mapping: { email_verified: 'x' } },
    'validation_failed',
    'Cannot map to protected system field: email_verified',
  ],
  [
    'an empty claim',
    { custom_claims_allowlist: [' '] },
    'validation_failed',
    'custom_claims_allowlist entries must be non-empty strings',
  ],
  ['plain http', { issuer: 'http://id.corp.example' }, 'validation_failed', 'URL must use HTTPS'],
  ['no address', { issuer: 'corp' }, 'validation_failed', 'Invalid URL format'],
  [
    'this machine',
    { issuer: 'https://localhost' },
    'validation_failed',
    'URL cannot point to localhost or loopback addresses',
  ],
  [
    'our own network',
    { discovery_url: 'https://10.0.0.1/x' },
    'validation_failed',
    'URL cannot resolve to private network addresses',
  ],
  [
    'a cloud’s metadata',
    { discovery_url: 'https://169.254.169.254/x' },
    'validation_failed',
    'URL cannot resolve to private network addresses',
  ],
  [
    'another issuer',
    { discovery_url: 'https://accounts.google.com/.well-known/openid-configuration' },
    'validation_failed',
    'OIDC discovery from "https://accounts.google.com/.well-known/openid-configuration" failed: the issuer is another one',
  ],
  [
    'half a description',
    { issuer: 'https://half.example' },
    'validation_failed',
    'OIDC discovery document is missing required fields: token_endpoint, jwks_uri',
  ],
  [
    'an identifier that rows cannot hold',
    { identifier: 'custom:Corp' },
    'validation_failed',
    'identifier may only have lowercase letters, digits, colons and hyphens',
  ],
  [
    'a long name',
    { name: 'n'.repeat(101) },
    'validation_failed',
    'name cannot be longer than 100 characters',
  ],
]

test.each(problems)('%s is refused', async (_, change, code, message) => {
  const world = await corpWorld()
  world.providers.describe('https://half.example', { token_endpoint: '', jwks_uri: undefined })
  const { status, body } = await admin(world, 'POST', '', { ...openid, ...change })
  expect([status, body.error_code, body.msg]).toEqual([400, code, message])
  const { rows } = await sql`select id from auth.custom_oauth_providers`.execute(world.ctx.db)
  expect(rows).toEqual([])
})

test.each(['authorization_url', 'token_url', 'userinfo_url'])(
  'OAuth 2.0 needs %s',
  async (name) => {
    const world = await externalWorld()
    const { body } = await admin(world, 'POST', '', { ...oauth2, [name]: '' })
    expect(body.msg).toBe(`${name} is required for OAuth2 providers`)
  },
)

test('there is one of each name, and no more of them than allowed', async () => {
  const world = await corpWorld({ GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS: '2' })
  const answers = await Promise.all(
    Array.from({ length: 5 }, () => admin(world, 'POST', '', openid)),
  )
  expect(answers.map(({ status }) => status).sort()).toEqual([201, 400, 400, 400, 400])
  expect(answers.find(({ status }) => status === 400)?.body).toMatchObject({
    error_code: 'conflict',
    msg: 'A custom OAuth provider with this identifier already exists',
  })
  await admin(world, 'POST', '', oauth2)
  const more = await admin(world, 'POST', '', { ...oauth2, identifier: 'custom:third' })
  expect(more.body).toMatchObject({
    error_code: 'over_custom_provider_quota',
    msg: 'Maximum number of custom OAuth/OIDC providers reached',
  })
})

test('reading and changing what is not there, or not allowed', async () => {
  const world = await corpWorld()
  await world.createAccount()
  const { access_token } = await world.signIn()
  const user = await world.ask('GET', '/admin/custom-providers', { bearer: access_token })
  expect([user.status, user.body.error_code]).toEqual([403, 'not_admin'])
  expect((await admin(world, 'GET', '?type=saml')).body.msg).toBe(
    "type must be either 'oauth2' or 'oidc'",
  )
  for (const method of ['GET', 'PUT', 'DELETE']) {
    const body = method === 'PUT' ? {} : undefined
    const unknown = await admin(world, method, '/custom:none', body)
    expect([unknown.status, unknown.body.error_code]).toEqual([404, 'custom_provider_not_found'])
    expect((await admin(world, method, '/none', body)).body.msg).toContain("'custom:none'")
    expect((await admin(world, method, '/custom:%00', body)).status).toBeLessThan(500)
  }
  await admin(world, 'POST', '', openid)
  const moved = await admin(world, 'PUT', '/custom:corp', { issuer: 'https://gone.example' })
  expect(moved.body.msg).toMatch(/^OIDC discovery from "https:\/\/gone\.example/)
  const off = world.under({ GOTRUE_CUSTOM_OAUTH_ENABLED: 'false' })
  const { status, body } = await off.ask('GET', '/admin/custom-providers', {
    bearer: world.adminKey,
  })
  expect([status, body.error_code]).toEqual([404, 'feature_disabled'])
})
