import { describe, expect, test } from 'vitest'
import { codeFor, gate, issuer, person, redemption, type Tokens, tokensFor } from './oidc-client.ts'

const places = [
  '/oidc/.well-known/openid-configuration',
  '/oidc/.well-known/oauth-authorization-server',
  '/.well-known/openid-configuration/oidc',
  '/.well-known/oauth-authorization-server/oidc',
]

test('discovery is the same at all its places, and no header changes it (B7) (9700-20, Discovery)', async () => {
  const at = await gate()
  const found = new Set<string>()
  for (const place of places) {
    for (const headers of [
      {},
      { host: 'evil.example' },
      { host: 'evil.example:443', 'x-forwarded-port': '443' },
      { forwarded: 'host=evil.example;proto=https', 'x-original-host': 'evil.example' },
      { 'x-forwarded-host': 'evil.example', 'x-forwarded-proto': 'https' },
    ]) {
      const answer = await at.ask(place, { headers: headers as Record<string, string> })
      expect(answer.status).toBe(200)
      expect(answer.headers.get('access-control-allow-origin')).toBe('*')
      found.add(await answer.text())
    }
  }
  expect(found.size).toBe(1)
  const elsewhere = await at.ask('http://evil.example/oidc/.well-known/openid-configuration')
  expect(found.has(await elsewhere.text())).toBe(true)
})

test('discovery names what is served (Discovery, 9700-07, 9700-08, RFC-9207)', async () => {
  const at = await gate()
  const document = await (await at.ask(places[0] ?? '')).json()
  expect(document).toMatchObject({
    issuer,
    authorization_endpoint: `${issuer}/auth`,
    token_endpoint: `${issuer}/token`,
    userinfo_endpoint: `${issuer}/me`,
    end_session_endpoint: `${issuer}/session/end`,
    revocation_endpoint: `${issuer}/token/revocation`,
    introspection_endpoint: `${issuer}/token/introspection`,
    jwks_uri: `${issuer}/jwks`,
    response_types_supported: ['code'],
    grant_types_supported: [
      ...['authorization_code', 'refresh_token', 'client_credentials'],
      'urn:ietf:params:oauth:grant-type:device_code',
      'urn:ietf:params:oauth:grant-type:token-exchange',
    ],
    id_token_signing_alg_values_supported: ['ES384', 'ES256', 'RS256', 'EdDSA'],
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    pushed_authorization_request_endpoint: `${issuer}/par`,
    token_endpoint_auth_methods_supported: [
      'client_secret_basic',
      'client_secret_post',
      'private_key_jwt',
      'none',
    ],
    request_parameter_supported: true,
    dpop_signing_alg_values_supported: expect.arrayContaining(['ES256', 'PS256', 'EdDSA']),
    code_challenge_methods_supported: ['S256'],
    authorization_response_iss_parameter_supported: true,
    request_uri_parameter_supported: false,
    claims_parameter_supported: true,
  })
  for (const [name, value] of Object.entries(document as Record<string, unknown>)) {
    if (!/_endpoint$|_uri$/.test(name)) continue
    const method = /token|revocation|introspection|pushed|device/.test(name) ? 'POST' : 'GET'
    const answer = await at.ask(String(value), { method, redirect: 'manual' })
    expect(answer.status, name).not.toBe(404)
    expect(answer.status, name).toBeLessThan(500)
  }
})

test('the key set has strings only, as Logto’s Go SDK reads it, and nothing private (Discovery)', async () => {
  const at = await gate()
  const answer = await at.ask('/oidc/jwks')
  const { keys } = (await answer.json()) as { keys: Record<string, unknown>[] }
  expect(keys).toHaveLength(1)
  expect(Object.keys(keys[0] ?? {}).sort()).toEqual(['alg', 'crv', 'kid', 'kty', 'use', 'x', 'y'])
  for (const value of Object.values(keys[0] ?? {})) expect(typeof value).toBe('string')
})

describe('scripts of a page', () => {
  const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }
  const spaOrigin = { origin: 'https://spa.example.com' }

  test('may call for their own application, and for no other (9700-18)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser, spa)
    const answer = await at.post('/oidc/token', redemption(code, spa), spaOrigin)
    expect(answer.headers.get('access-control-allow-origin')).toBe('https://spa.example.com')
    expect(answer.headers.get('access-control-allow-credentials')).toBeNull()
    expect(answer.headers.get('vary')).toMatch(/origin/i)
    const { access_token } = (await answer.json()) as Tokens
    const bearer = { authorization: `Bearer ${access_token}` }
    const info = await at.ask('/oidc/me', { headers: { ...bearer, ...spaOrigin } })
    expect(info.headers.get('access-control-allow-origin')).toBe('https://spa.example.com')
    const shop = await tokensFor(at, browser)
    const others = await at.ask('/oidc/me', {
      headers: { authorization: `Bearer ${shop.access_token}`, ...spaOrigin },
    })
    expect(others.headers.get('access-control-allow-origin')).toBeNull()
    const evil = await at.post('/oidc/token', redemption(code, spa), {
      origin: 'https://evil.example',
    })
    expect(evil.headers.get('access-control-allow-origin')).toBeNull()
    const wrong = await at.post('/oidc/token', { client_id: 'nobody' }, spaOrigin)
    expect(wrong.headers.get('access-control-allow-origin')).toBe('https://spa.example.com')
  })

  test.each(['/oidc/token', '/oidc/me', '/oidc/token/revocation'])(
    'ask first at %s',
    async (path) => {
      const at = await gate()
      const ask = (origin: string) =>
        at.ask(path, {
          method: 'OPTIONS',
          headers: {
            origin,
            'access-control-request-method': 'POST',
            'access-control-request-headers': 'authorization',
          },
        })
      const yes = await ask('https://spa.example.com')
      expect(yes.status).toBe(204)
      expect(yes.headers.get('access-control-allow-origin')).toBe('https://spa.example.com')
      expect(yes.headers.get('access-control-allow-headers')).toBe('authorization')
      const no = await ask('https://evil.example')
      expect(no.headers.get('access-control-allow-origin')).toBeNull()
    },
  )

  test('find introspection closed', async () => {
    const at = await gate()
    const answer = await at.post('/oidc/token/introspection', { token: 'x' }, spaOrigin)
    expect(answer.headers.get('access-control-allow-origin')).toBeNull()
  })
})
