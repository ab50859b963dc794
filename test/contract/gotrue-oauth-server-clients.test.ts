import { createClient } from '@supabase/supabase-js'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { type GotrueWorld, gotrueWorld, newFormat } from './gotrue-world.ts'

const on = { GOTRUE_OAUTH_SERVER_ENABLED: 'true' }
const open = { ...on, GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true' }
const app = { client_name: 'Ledger', redirect_uris: ['https://ledger.example.com/callback'] }
const unknown = '00000000-0000-4000-8000-000000000000'

function adminOf(world: GotrueWorld) {
  const supabase = createClient('http://localhost:3001', world.adminKey, {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: (input, init) => world.fetch(String(input), init),
    },
  })
  return supabase.auth.admin.oauth
}

test('an administrator keeps clients with the official client', async () => {
  const world = await gotrueWorld(on)
  const admin = adminOf(world)
  const created = await admin.createClient({ ...app, client_uri: 'https://ledger.example.com' })
  expect(created.error).toBeNull()
  const client = created.data
  expect(client).toMatchObject({
    ...app,
    client_uri: 'https://ledger.example.com',
    client_type: 'confidential',
    token_endpoint_auth_method: 'client_secret_basic',
    registration_type: 'manual',
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
  })
  expect(client?.client_secret).toHaveLength(43)
  const id = client?.client_id ?? ''

  const shown = await admin.getClient(id)
  expect(shown.data).toEqual({ ...client, client_secret: undefined })
  expect((await admin.listClients()).data.clients).toEqual([shown.data])

  const changed = await admin.updateClient(id, {
    client_name: 'Book',
    logo_uri: 'https://a.test/l',
  })
  expect(changed.data).toMatchObject({ client_name: 'Book', logo_uri: 'https://a.test/l' })
  expect(changed.data?.redirect_uris).toEqual(app.redirect_uris)

  const renewed = await admin.regenerateClientSecret(id)
  expect(renewed.data?.client_secret).toHaveLength(43)
  expect(renewed.data?.client_secret).not.toBe(client?.client_secret)

  expect((await admin.deleteClient(id)).error).toBeNull()
  const gone = await admin.getClient(id)
  expect(gone.error).toMatchObject({ status: 404, code: 'oauth_client_not_found' })
  expect(await world.events()).toEqual([
    'key.created',
    'application.created',
    'application.updated',
    'application.updated',
    'application.deleted',
  ])
  // GoTrue's own log says nothing of clients.
  expect(await world.audited()).toEqual([])
})

test('rows of clients are as GoTrue writes them', async () => {
  const world = await gotrueWorld(on)
  await world.ask('POST', '/admin/oauth/clients', {
    bearer: world.adminKey,
    body: {
      redirect_uris: ['https://a.test/1', 'app.test://back'],
      token_endpoint_auth_method: 'none',
    },
  })
  const { rows } = await sql<Record<string, unknown>>`
    select redirect_uris, grant_types, client_type::text, token_endpoint_auth_method, client_secret_hash, deleted_at
    from auth.oauth_clients`.execute(world.ctx.db)
  expect(rows).toEqual([
    {
      redirect_uris: 'https://a.test/1,app.test://back',
      grant_types: 'authorization_code,refresh_token',
      client_type: 'public',
      token_endpoint_auth_method: 'none',
      client_secret_hash: '',
      deleted_at: null,
    },
  ])
})

test('without clients there is no list', async () => {
  const world = await gotrueWorld(on)
  const { status, body } = await world.ask('GET', '/admin/oauth/clients/', {
    bearer: world.adminKey,
  })
  expect({ status, body }).toEqual({ status: 200, body: {} })
})

test('anybody registers a client where that is allowed, and so often', async () => {
  const world = await gotrueWorld({ ...open, GOTRUE_RATE_LIMIT_HEADER: 'x-place' })
  const register = () =>
    world.ask('POST', '/oauth/clients/register', { body: app, headers: { 'x-place': 'here' } })
  const first = await register()
  expect(first.status).toBe(201)
  expect(first.body).toMatchObject({ ...app, registration_type: 'dynamic' })
  const more = []
  for (let at = 0; at < 30; at += 1) more.push((await register()).status)
  expect(more.at(-1)).toBe(429)
})

const bad: readonly (readonly [string, unknown, string])[] = [
  ['no address', {}, 'redirect_uris is required'],
  ['an empty list', { redirect_uris: [] }, 'redirect_uris is required'],
  [
    'eleven addresses',
    { redirect_uris: Array.from({ length: 11 }, (_, at) => `https://a.test/${at}`) },
    'redirect_uris cannot exceed 10 items',
  ],
  [
    'an empty address',
    { redirect_uris: [''] },
    "invalid redirect_uri '': redirect URI cannot be empty",
  ],
  [
    'a path',
    { redirect_uris: ['/here'] },
    "invalid redirect_uri '/here': must have scheme and host",
  ],
  [
    'a script',
    { redirect_uris: ['javascript:alert(1)'] },
    "invalid redirect_uri 'javascript:alert(1)': scheme 'javascript' is not allowed for security reasons",
  ],
  [
    'plain http',
    { redirect_uris: ['http://a.test/'] },
    "invalid redirect_uri 'http://a.test/': HTTP scheme only allowed for localhost",
  ],
  [
    'a fragment',
    { redirect_uris: ['https://a.test/#x'] },
    "invalid redirect_uri 'https://a.test/#x': fragment not allowed in redirect URI",
  ],
  [
    'a comma, which would make two of it',
    { redirect_uris: ['https://a.test/,https://b.test/'] },
    "invalid redirect_uri 'https://a.test/,https://b.test/': must not contain a comma",
  ],
  [
    'an address with a user',
    { redirect_uris: ['https://a.test@b.test/'] },
    "invalid redirect_uri 'https://a.test@b.test/': must not contain a user name",
  ],
  [
    'an unknown grant',
    { ...app, grant_types: ['implicit'] },
    "grant_types must only contain 'authorization_code' and/or 'refresh_token'",
  ],
  [
    'a long name',
    { ...app, client_name: 'x'.repeat(1025) },
    'client_name cannot exceed 1024 characters',
  ],
  [
    'a long address',
    { ...app, client_uri: `https://a.test/${'x'.repeat(2048)}` },
    'client_uri cannot exceed 2048 characters',
  ],
  ['no address at all', { ...app, client_uri: 'here' }, 'client_uri must be a valid URL'],
  ['a logo that runs', { ...app, logo_uri: 'javascript:alert(1)' }, 'logo_uri must be a valid URL'],
  ['a type', { ...app, client_type: 'secret' }, "client_type must be 'public' or 'confidential'"],
  [
    'a method',
    { ...app, token_endpoint_auth_method: 'private_key_jwt' },
    'token_endpoint_auth_method must be one of: [none client_secret_basic client_secret_post]',
  ],
  [
    'a type and a method that exclude each other',
    { ...app, client_type: 'public', token_endpoint_auth_method: 'client_secret_post' },
    "client_type 'public' is inconsistent with token_endpoint_auth_method 'client_secret_post' (expected client_type 'confidential')",
  ],
]

test('a client that cannot be registered is told why, with the status in the text', async () => {
  const world = await gotrueWorld(open)
  for (const [what, body, message] of bad) {
    for (const [path, bearer] of [
      ['/oauth/clients/register', null],
      ['/admin/oauth/clients', world.adminKey],
    ] as const) {
      const answer = await world.ask('POST', path, { body, bearer, headers: newFormat })
      expect({ what, status: answer.status, body: answer.body }).toEqual({
        what,
        status: 400,
        body: { code: 'validation_failed', message: `400: ${message}` },
      })
    }
  }
  expect(await world.events()).toEqual(['key.created'])
})

test('what else is refused', async () => {
  const world = await gotrueWorld(open)
  const { body: made } = await world.ask('POST', '/oauth/clients/register', {
    body: { ...app, token_endpoint_auth_method: 'none' },
  })
  const bearer = world.adminKey
  const one = `/admin/oauth/clients/${made.client_id}`
  // biome-ignore format: a row of the table is a line.
  const table = [
    [world, 'POST', '/admin/oauth/clients', null, app, 401, 'no_authorization'],
    [world, 'GET', '/admin/oauth/clients/x', bearer, undefined, 400, 'validation_failed'],
    [world, 'GET', `/admin/oauth/clients/${unknown}`, bearer, undefined, 404, 'oauth_client_not_found'],
    [world, 'PUT', `/admin/oauth/clients/${unknown}`, bearer, {}, 404, 'oauth_client_not_found'],
    [world, 'DELETE', `/admin/oauth/clients/${unknown}`, bearer, undefined, 404, 'oauth_client_not_found'],
    [world, 'PUT', one, bearer, {}, 400, 'validation_failed'],
    [world, 'PUT', one, bearer, '{', 400, 'bad_json'],
    [world, 'PUT', one, bearer, { redirect_uris: [] }, 400, 'validation_failed'],
    [world, 'PUT', one, bearer, { grant_types: [] }, 400, 'validation_failed'],
    [world, 'PUT', one, bearer, { token_endpoint_auth_method: 'x' }, 400, 'validation_failed'],
    [world, 'PUT', one, bearer, { token_endpoint_auth_method: 'client_secret_post' }, 400, 'validation_failed'],
    [world, 'POST', `${one}/regenerate_secret`, bearer, undefined, 400, 'validation_failed'],
    [world, 'POST', '/oauth/clients/register', null, '[]', 400, 'bad_json'],
    [world.under(on), 'POST', '/oauth/clients/register', null, app, 403, 'oauth_dynamic_client_registration_disabled'],
    [world.under({}), 'POST', '/oauth/clients/register', null, app, 404, 'feature_disabled'],
    [world.under({}), 'GET', one, bearer, undefined, 404, 'feature_disabled'],
    [world.under({}), 'GET', '/admin/oauth/clients', null, undefined, 401, 'no_authorization'],
  ] as const
  for (const [where, method, path, as, body, status, code] of table) {
    const answer = await where.ask(method, path, { body, bearer: as })
    expect({ method, path, status: answer.status, code: answer.body.error_code }).toEqual({
      method,
      path,
      status,
      code,
    })
  }
})
