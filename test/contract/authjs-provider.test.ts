import { Auth, type AuthConfig, customFetch, setEnvDefaults, skipCSRFCheck } from '@auth/core'
import { describe, expect, test } from 'vitest'
import { type SekishoProfile, sekisho, sekishoV4 } from '../../authjs/provider.ts'
import { issuerOf } from '../../src/flows/authorize.ts'
import { servedAdapter } from './authjs-app.ts'
import { authjsWorld } from './authjs-world.ts'

const { database } = authjsWorld()

const ann: SekishoProfile = {
  sub: '5c2f8c9e-6f0d-4d0c-9f4a-1f6f0c4d2b11',
  iat: 1_790_000_000,
  name: 'Ann',
  username: 'ann',
  picture: 'https://example.com/ann.png',
  email: 'ann@example.com',
  email_verified: true,
}

describe('a profile', () => {
  const { profile } = sekisho()

  test('is the user, whose address was proved when the token says so', () => {
    expect(profile(ann)).toStrictEqual({
      id: ann.sub,
      name: 'Ann',
      email: 'ann@example.com',
      image: 'https://example.com/ann.png',
      emailVerified: new Date(1_790_000_000_000),
    })
  })

  test('without a proof has none', () => {
    expect(profile({ ...ann, email_verified: false }).emailVerified).toBeNull()
    const { email_verified: _, ...silent } = ann
    expect(profile(silent).emailVerified).toBeNull()
  })

  test('has nulls where the claims say nothing, and the username for a name', () => {
    expect(profile({ sub: ann.sub, iat: 1, name: null, username: 'ann' })).toStrictEqual({
      id: ann.sub,
      name: 'ann',
      email: null,
      image: null,
      emailVerified: null,
    })
  })
})

test('by the environment alone, Auth.js finds our endpoints and asks with PKCE, state and nonce', async () => {
  const { ctx, fetch } = await servedAdapter(database)
  const provider = { ...sekisho(), [customFetch]: fetch }
  const config: AuthConfig = {
    providers: [provider],
    trustHost: true,
    skipCSRFCheck,
    logger: { error: () => {} },
  }
  const variables = {
    AUTH_SECRET: 'a secret of this world, long enough for Auth.js',
    AUTH_SEKISHO_ID: 'club',
    AUTH_SEKISHO_SECRET: 'a secret of the club',
    AUTH_SEKISHO_ISSUER: issuerOf(ctx),
  }
  setEnvDefaults(variables, config)
  const request = new Request('http://localhost:3002/auth/signin/sekisho', {
    method: 'POST',
    headers: { 'content-type': 'application/x-www-form-urlencoded' },
    body: '',
  })
  const answer = await Auth(request, config)
  const target = new URL(answer.headers.get('location') ?? '')
  expect(`${target.origin}${target.pathname}`).toBe(`${issuerOf(ctx)}/auth`)
  expect(Object.fromEntries(target.searchParams)).toMatchObject({
    client_id: 'club',
    response_type: 'code',
    scope: 'openid profile email',
    redirect_uri: 'http://localhost:3002/auth/callback/sekisho',
    code_challenge_method: 'S256',
    code_challenge: expect.stringMatching(/^[\w-]{43}$/),
    state: expect.stringMatching(/./),
    nonce: expect.stringMatching(/./),
  })
})

test('options that were given are the ones that are used, for next-auth 4 too', () => {
  const options = {
    issuer: 'https://id.example.com/oidc/',
    clientId: 'club',
    clientSecret: 'a secret',
    id: 'gate',
    name: 'The gate',
    scope: 'openid email offline_access',
    allowDangerousEmailAccountLinking: true,
  }
  const same = {
    id: 'gate',
    name: 'The gate',
    clientId: 'club',
    clientSecret: 'a secret',
    issuer: 'https://id.example.com/oidc',
    authorization: { params: { scope: 'openid email offline_access' } },
    checks: ['pkce', 'state', 'nonce'],
    allowDangerousEmailAccountLinking: true,
  }
  expect(sekisho(options)).toMatchObject({ ...same, type: 'oidc' })
  expect(sekishoV4(options)).toMatchObject({
    ...same,
    type: 'oauth',
    wellKnown: 'https://id.example.com/oidc/.well-known/openid-configuration',
    idToken: true,
  })
})

test('nobody is linked by an address unless the app says so', () => {
  const options = {
    issuer: 'https://id.example.com/oidc',
    clientId: 'club',
    clientSecret: 'secret',
  }
  expect(sekisho(options)).not.toHaveProperty('allowDangerousEmailAccountLinking')
  expect(sekishoV4(options)).not.toHaveProperty('allowDangerousEmailAccountLinking')
})

test('an issuer that is no URL is refused where it is written', () => {
  expect(() => sekisho({ issuer: 'id.example.com' })).toThrow('`issuer` is missing')
  expect(() => sekishoV4({ issuer: '', clientId: 'club', clientSecret: 'secret' })).toThrow(
    TypeError,
  )
})
