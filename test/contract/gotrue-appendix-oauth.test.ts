import { expect, test } from 'vitest'
import { callback, oauthWorld, verifier } from './gotrue-oauth-world.ts'
import { newFormat } from './gotrue-world.ts'

// The errors of GoTrue's OAuth server that stand in no other table (reference, appendix A: oauthserver/*.go).

const unknown = '11111111-1111-4111-8111-111111111111'
const long = `https://a.test/${'x'.repeat(2048)}`
const methods = '[none client_secret_basic client_secret_post]'

interface Row {
  method: string
  path: string
  body?: unknown
  status: number
  code: string
  message: string
}

const invalid = { status: 400, code: 'validation_failed' }
const clients = '/admin/oauth/clients'

// biome-ignore format: a row of the table is a line.
const rows: Row[] = [
  { method: 'GET', path: `${clients}/${unknown}`, status: 404, code: 'oauth_client_not_found', message: 'OAuth client not found' },
  { method: 'GET', path: `${clients}/x`, ...invalid, message: 'invalid client_id format' },
  { method: 'POST', path: clients, body: '{', status: 400, code: 'bad_json', message: 'Invalid JSON body' },
  { method: 'PUT', path: `${clients}/{app}`, body: {}, ...invalid, message: 'No fields provided for update' },
  { method: 'PUT', path: `${clients}/{app}`, body: { redirect_uris: [] }, ...invalid, message: 'redirect_uris cannot be empty' },
  { method: 'PUT', path: `${clients}/{app}`, body: { grant_types: [] }, ...invalid, message: 'grant_types cannot be empty' },
  { method: 'PUT', path: `${clients}/{app}`, body: { logo_uri: long }, ...invalid, message: 'logo_uri cannot exceed 2048 characters' },
  { method: 'PUT', path: `${clients}/{app}`, body: { token_endpoint_auth_method: 'x' }, ...invalid, message: `invalid token_endpoint_auth_method: must be one of ${methods}` },
  { method: 'PUT', path: `${clients}/{app}`, body: { token_endpoint_auth_method: 'none' }, ...invalid, message: "token_endpoint_auth_method 'none' is not valid for client_type 'confidential'; valid methods: [client_secret_basic client_secret_post]" },
  { method: 'POST', path: `${clients}/{open}/regenerate_secret`, ...invalid, message: 'Cannot regenerate secret for public client' },
]

test('what an administrator may not do with a client', async () => {
  const world = await oauthWorld()
  const bearer = world.adminKey
  const body = { redirect_uris: [callback], token_endpoint_auth_method: 'none' }
  const { body: open } = await world.ask('POST', clients, { bearer, body })
  for (const { method, path, body, status, code, message } of rows) {
    const where = path.replace('{app}', world.app.client_id).replace('{open}', open.client_id)
    const answer = await world.ask(method, where, { bearer, body, headers: newFormat })
    expect([where, answer.status, answer.body]).toEqual([where, status, { code, message }])
  }
})

test('registration is for administrators until it is opened', async () => {
  const world = await oauthWorld()
  const closed = world.under({ GOTRUE_OAUTH_SERVER_ENABLED: 'true' })
  const body = { redirect_uris: [callback] }
  const answer = await closed.ask('POST', '/oauth/clients/register', { body, headers: newFormat })
  expect([answer.status, answer.body]).toEqual([
    403,
    {
      code: 'oauth_dynamic_client_registration_disabled',
      message: 'Dynamic client registration is not enabled',
    },
  ])
})

test('a code is for the client that it was given to, and a request is decided once', async () => {
  const world = await oauthWorld()
  const code = await world.codeFor()
  const { body: other } = await world.ask('POST', '/oauth/clients/register', {
    body: { redirect_uris: [callback], token_endpoint_auth_method: 'none' },
  })
  const body = {
    grant_type: 'authorization_code',
    code,
    redirect_uri: callback,
    code_verifier: verifier,
    client_id: other.client_id,
  }
  const stolen = await world.ask('POST', '/oauth/token', { body })
  expect(stolen.body).toEqual({
    error: 'invalid_grant',
    error_description: 'Authorization code was not issued for this client',
  })
  const name = await world.begin({ scope: 'openid email profile phone' })
  const { site } = world
  await site.auth.oauth.getAuthorizationDetails(name)
  await site.auth.oauth.approveAuthorization(name, { skipBrowserRedirect: true })
  const again = await site.auth.oauth.getAuthorizationDetails(name)
  expect(again.error).toMatchObject({
    code: 'validation_failed',
    message: 'authorization request cannot be processed',
  })
  const gone = await site.auth.oauth.revokeGrant({ clientId: other.client_id })
  expect(gone.error).toMatchObject({
    status: 404,
    code: 'oauth_consent_not_found',
    message: 'No active grant found for this client',
  })
  const nonsense = await world.ask('POST', '/oauth/token', {
    body: new Uint8Array([0x80, 0xff]),
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
  })
  expect(nonsense.body.error_description).toBe('Failed to parse form data')
})
