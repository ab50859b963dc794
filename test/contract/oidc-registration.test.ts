import { expect, test } from 'vitest'
import { day, hour } from '../../src/base/time.ts'
import { applyDeclaration } from '../../src/flows/apply.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { findApplication } from '../../src/model/application.ts'
import { type Gate, gate, person, verdict } from './oidc-client.ts'

const open = { SEKISHO_REGISTRATION: 'open' }
const redirect = 'https://tool.example.com/callback'

function register(at: Gate, metadata: unknown, token?: string): Promise<Response> {
  return at.ask('/oidc/register', {
    method: 'POST',
    body: typeof metadata === 'string' ? metadata : JSON.stringify(metadata),
    headers: {
      'content-type': 'application/json',
      ...(token !== undefined && { authorization: `Bearer ${token}` }),
    },
  })
}

interface Client extends Record<string, unknown> {
  client_id: string
  client_secret?: string
  registration_access_token: string
  registration_client_uri: string
}

async function registered(at: Gate, metadata: Record<string, unknown> = {}): Promise<Client> {
  const answer = await register(at, { redirect_uris: [redirect], ...metadata })
  expect(answer.status, await answer.clone().text()).toBe(201)
  return (await answer.json()) as Client
}

function manage(
  at: Gate,
  client: Client,
  method: 'GET' | 'PUT' | 'DELETE',
  body?: Record<string, unknown>,
): Promise<Response> {
  return at.ask(client.registration_client_uri, {
    method,
    headers: {
      authorization: `Bearer ${client.registration_access_token}`,
      'content-type': 'application/json',
    },
    ...(body !== undefined && { body: JSON.stringify(body) }),
  })
}

test('registration is off until it is switched on, and discovery says so', async () => {
  const at = await gate()
  expect(await verdict(await register(at, { redirect_uris: [redirect] }))).toBe(
    '404 invalid_request',
  )
  const discovery = await (await at.ask('/oidc/.well-known/openid-configuration')).json()
  expect(discovery).not.toHaveProperty('registration_endpoint')
  expect(discovery.client_id_metadata_document_supported).toBe(false)
})

test('with an initial access token, only who has it may register, and guesses run out (9700-22)', async () => {
  const token = 'an initial access token of 32 characters'.replaceAll(' ', '-')
  const at = await gate({ SEKISHO_REGISTRATION: 'token', SEKISHO_REGISTRATION_TOKEN: token })
  const metadata = { redirect_uris: [redirect] }
  const bare = await register(at, metadata)
  expect(bare.headers.get('www-authenticate')).toMatch(/^Bearer realm="[^"]+"$/)
  expect(await verdict(bare)).toBe('401 invalid_token')
  expect((await register(at, metadata, token)).status).toBe(201)
  const guesses = []
  for (let guess = 0; guess < 21; guess += 1) {
    guesses.push(await verdict(await register(at, metadata, `guess-${guess}`)))
  }
  expect(guesses.slice(0, 20)).toEqual(Array(20).fill('401 invalid_token'))
  expect(guesses[20]).toBe('429 slow_down')
  expect(await verdict(await register(at, metadata, token))).toBe('429 slow_down')
})

test('what a client says is registered, it is somebody else’s, and its secrets rest hashed (E7)', async () => {
  const at = await gate(open)
  const answer = await register(at, {
    redirect_uris: [redirect],
    client_name: 'A Tool',
    client_uri: 'https://tool.example.com/',
    policy_uri: 'https://elsewhere.example.com/privacy',
    logo_uri: 'https://tool.example.com/logo.png',
    grant_types: ['authorization_code', 'refresh_token', 'urn:example:other'],
    scope: 'openid profile phone nonsense',
    something_else: { unknown: true },
  })
  expect(answer.headers.get('cache-control')).toBe('no-store')
  const client = (await answer.json()) as Client
  expect(client).toEqual({
    client_id: expect.stringMatching(/^[a-z0-9]{21}$/),
    client_id_issued_at: Math.floor(at.scene.ctx.now().getTime() / 1000),
    client_secret: expect.stringMatching(/^.{43}$/),
    client_secret_expires_at: 0,
    registration_access_token: expect.stringMatching(/^[\w-]{43}$/),
    registration_client_uri: `http://localhost:3001/oidc/register/${client.client_id}`,
    redirect_uris: [redirect],
    application_type: 'web',
    token_endpoint_auth_method: 'client_secret_basic',
    client_name: 'A Tool',
    client_uri: 'https://tool.example.com/',
    policy_uri: 'https://elsewhere.example.com/privacy',
    logo_uri: 'https://tool.example.com/logo.png',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    scope: 'openid profile',
    id_token_signed_response_alg: 'RS256',
  })
  // Its own links are shown to people; nobody else's, and no picture.
  expect(await findApplication(at.scene.ctx, client.client_id)).toMatchObject({
    type: 'Traditional',
    isThirdParty: true,
    origin: 'registration',
    appearance: { homepageUrl: 'https://tool.example.com/' },
    oidcClientMetadata: { idTokenSignedResponseAlg: 'RS256' },
  })
  expect(await at.scene.events()).toContain('application.created')
  const { rows } = await at.scene.database.db
    .selectFrom('idp.registrations')
    .selectAll()
    .execute()
    .then((all) => ({ rows: JSON.stringify(all) }))
  expect(rows).not.toContain(client.registration_access_token)
  expect(rows).not.toContain(client.client_secret)
})

const refusals: [string, Record<string, unknown>, string][] = [
  ['no address', { redirect_uris: undefined }, 'invalid_redirect_uri'],
  ['an empty list', { redirect_uris: [] }, 'invalid_redirect_uri'],
  ['a word for a list', { redirect_uris: redirect }, 'invalid_redirect_uri'],
  ['eleven addresses', { redirect_uris: Array(11).fill(redirect) }, 'invalid_redirect_uri'],
  ['a fragment', { redirect_uris: [`${redirect}#x`] }, 'invalid_redirect_uri'],
  ['a wildcard', { redirect_uris: ['https://*.example.com/'] }, 'invalid_redirect_uri'],
  ['a user name', { redirect_uris: ['https://a@b.example.com/'] }, 'invalid_redirect_uri'],
  ['a script', { redirect_uris: ['javascript:alert(1)'] }, 'invalid_redirect_uri'],
  ['http elsewhere', { redirect_uris: ['http://tool.example.com/'] }, 'invalid_redirect_uri'],
  [
    'http on the device, for the web',
    { redirect_uris: ['http://127.0.0.1/'], application_type: 'web' },
    'invalid_redirect_uri',
  ],
  ['a scheme without a dot', { redirect_uris: ['tool:/callback'] }, 'invalid_redirect_uri'],
  [
    'a secret for a scheme of its own',
    {
      redirect_uris: ['com.example.tool:/callback'],
      token_endpoint_auth_method: 'client_secret_basic',
    },
    'invalid_redirect_uri',
  ],
  ['no code', { response_types: ['id_token'] }, 'invalid_client_metadata'],
  ['only a machine’s grant', { grant_types: ['client_credentials'] }, 'invalid_client_metadata'],
  ['no list of grants', { grant_types: 'authorization_code' }, 'invalid_client_metadata'],
  ['an unknown proof', { token_endpoint_auth_method: 'tls' }, 'invalid_client_metadata'],
  [
    'a key’s proof without a key',
    { token_endpoint_auth_method: 'private_key_jwt' },
    'invalid_client_metadata',
  ],
  [
    'keys twice',
    {
      token_endpoint_auth_method: 'private_key_jwt',
      jwks: {
        keys: [{ kty: 'OKP', crv: 'Ed25519', x: '11qYAYKxCrfVS_7TyWQHOg7hcvPapiMlrwIaaPcHURo' }],
      },
      jwks_uri: 'https://tool.example.com/keys',
    },
    'invalid_client_metadata',
  ],
  ['a secret key', { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } }, 'invalid_client_metadata'],
  ['no signature', { id_token_signed_response_alg: 'none' }, 'invalid_client_metadata'],
  ['pairwise subjects', { subject_type: 'pairwise' }, 'invalid_client_metadata'],
  ['a name that turns', { client_name: 'A\u202eTool' }, 'invalid_client_metadata'],
  ['a name of a kilobyte', { client_name: 'a'.repeat(1024) }, 'invalid_client_metadata'],
  ['a logo that is a script', { logo_uri: 'javascript:alert(1)' }, 'invalid_client_metadata'],
  ['a number for a name', { client_name: 1 }, 'invalid_client_metadata'],
]

test('what cannot be registered is refused in RFC 7591’s words, and nothing is written (E7)', async () => {
  const at = await gate(open)
  const count = async () =>
    (await at.scene.database.db.selectFrom('idp.applications').select('id').execute()).length
  const before = await count()
  for (const [what, metadata, error] of refusals) {
    await at.scene.database.db.deleteFrom('idp.limits').execute()
    const answer = await register(at, { redirect_uris: [redirect], ...metadata })
    expect(await verdict(answer), what).toBe(`400 ${error}`)
  }
  for (const body of ['', '[]', '1', 'null', '{"redirect_uris":', '"x"', '{"a":"\\u0000"}']) {
    await at.scene.database.db.deleteFrom('idp.limits').execute()
    expect(await verdict(await register(at, body)), body).toMatch(/^400 invalid_/)
  }
  const large = { redirect_uris: [redirect], x: 'x'.repeat(100_000) }
  expect(await verdict(await register(at, large))).toBe('413 invalid_request')
  expect(await count()).toBe(before)
})

test('JSON of thousands of levels, or with half a character, is refused before anybody reads it', async () => {
  const at = await gate(open)
  const deep = `${'['.repeat(6000)}${']'.repeat(6000)}`
  for (const metadata of [
    `{"redirect_uris":["${redirect}"],"more":${deep}}`,
    `{"redirect_uris":["${redirect}"],"client_name":"\\ud83d"}`,
  ]) {
    expect(await verdict(await register(at, metadata))).toBe('400 invalid_request')
  }
  const whole = `{"redirect_uris":["${redirect}"],"client_name":"\\ud83d\\ude00 ]]"}`
  expect(await (await register(at, whole)).json()).toMatchObject({ client_name: '😀 ]]' })
})

test('a native client has no secret, and a public one of the web neither', async () => {
  const at = await gate(open)
  const native = await registered(at, {
    redirect_uris: ['com.example.tool:/callback', 'http://127.0.0.1/callback'],
  })
  expect(native).toMatchObject({
    application_type: 'native',
    token_endpoint_auth_method: 'none',
  })
  expect(native).not.toHaveProperty('client_secret')
  expect(await findApplication(at.scene.ctx, native.client_id)).toMatchObject({ type: 'Native' })
  const spa = await registered(at, { token_endpoint_auth_method: 'none' })
  expect(spa).not.toHaveProperty('client_secret')
  expect(await findApplication(at.scene.ctx, spa.client_id)).toMatchObject({ type: 'SPA' })
  expect((await spa).registration_access_token).not.toBe(native.registration_access_token)
})

test('a client reads, replaces and removes itself with its own token, and nobody else does (E7)', async () => {
  const at = await gate(open)
  const client = await registered(at, { client_name: 'Before', contacts: ['ann@example.com'] })
  const other = await registered(at)
  const own = await manage(at, client, 'GET')
  expect([own.status, await own.json()]).toEqual([200, client])

  const { client_id, client_secret } = client
  const wish = { client_id, client_secret, redirect_uris: [redirect], client_name: 'After' }
  const changed = (await (await manage(at, client, 'PUT', wish)).json()) as Client
  expect(changed).toMatchObject({ client_name: 'After', client_secret })
  expect(changed).not.toHaveProperty('contacts')
  expect(await (await manage(at, client, 'GET')).json()).toEqual(changed)
  expect(await findApplication(at.scene.ctx, client_id)).toMatchObject({ name: 'After' })

  for (const wrong of [
    { ...wish, client_id: other.client_id },
    { ...wish, client_secret: 'another' },
    { ...wish, registration_client_uri: client.registration_client_uri },
    { ...wish, token_endpoint_auth_method: 'none' },
  ]) {
    expect(await verdict(await manage(at, client, 'PUT', wrong))).toBe(
      '400 invalid_client_metadata',
    )
  }
  const stranger = { ...client, registration_access_token: other.registration_access_token }
  for (const method of ['GET', 'PUT', 'DELETE'] as const) {
    const body = method === 'PUT' ? wish : undefined
    expect(await verdict(await manage(at, stranger, method, body))).toBe('401 invalid_token')
  }
  // What an administrator made is not managed here.
  const shop = { ...client, registration_client_uri: 'http://localhost:3001/oidc/register/shop' }
  expect(await verdict(await manage(at, shop, 'GET'))).toBe('401 invalid_token')

  expect((await manage(at, client, 'DELETE')).status).toBe(204)
  expect(await verdict(await manage(at, client, 'GET'))).toBe('401 invalid_token')
  expect(await findApplication(at.scene.ctx, client_id)).toBeNull()
  const events = await at.scene.events()
  expect(events.filter((type) => /^application\.(?:updated|deleted)$/.test(type))).toEqual([
    'application.updated',
    'application.deleted',
  ])
})

test('strangers register twenty in an hour from one address', async () => {
  const at = await gate(open)
  for (let number = 0; number < 20; number += 1) await registered(at)
  const late = await register(at, { redirect_uris: [redirect] })
  expect(late.headers.get('retry-after')).toBe('3600')
  expect(await verdict(late)).toBe('429 slow_down')
  at.scene.pass(1 * hour)
  expect((await register(at, { redirect_uris: [redirect] })).status).toBe(201)
})

test('who registered and never came is forgotten after a week; who was allowed something stays', async () => {
  const at = await gate(open)
  const { user } = await person(at)
  const idle = await registered(at)
  const used = await registered(at)
  await at.scene.database.db
    .insertInto('idp.consents')
    .values({ user_id: user.id, application_id: used.client_id })
    .execute()
  at.scene.pass(6 * day)
  await tidy(at.scene.ctx)
  expect(await findApplication(at.scene.ctx, idle.client_id)).not.toBeNull()
  at.scene.pass(2 * day)
  await tidy(at.scene.ctx)
  expect(await findApplication(at.scene.ctx, idle.client_id)).toBeNull()
  expect(await findApplication(at.scene.ctx, used.client_id)).not.toBeNull()
  expect(await findApplication(at.scene.ctx, 'shop')).not.toBeNull()
})

test('scripts of any origin may register and manage, and read metadata', async () => {
  const at = await gate(open)
  for (const path of [
    '/oidc/register',
    '/oidc/register/x',
    '/oidc/.well-known/openid-configuration',
  ]) {
    const preflight = await at.ask(path, {
      method: 'OPTIONS',
      headers: {
        origin: 'https://inspector.example.com',
        'access-control-request-method': 'POST',
        'access-control-request-headers': 'mcp-protocol-version',
      },
    })
    expect(preflight.status).toBe(204)
    expect(preflight.headers.get('access-control-allow-origin')).toBe('*')
    expect(preflight.headers.get('access-control-allow-headers')).toBe('mcp-protocol-version')
  }
})

test('a stranger who takes the name of a declared application is not taken for it', async () => {
  const at = await gate(open)
  const stranger = await registered(at, { client_name: 'Our Shop' })
  const declared = {
    ...{ name: 'Our Shop', type: 'Traditional' as const, isThirdParty: true },
    oidcClientMetadata: { redirectUris: ['https://ours.example.com/callback'] },
  }
  const [first] = await applyDeclaration(at.scene.ctx, { applications: [declared] })
  expect(first).toMatchObject({ kind: 'application', outcome: 'created' })
  const [again] = await applyDeclaration(at.scene.ctx, { applications: [declared] })
  expect(again).toMatchObject({ id: first?.id, outcome: 'unchanged' })
  expect(await findApplication(at.scene.ctx, stranger.client_id)).toMatchObject({
    oidcClientMetadata: { redirectUris: [redirect] },
  })
})
