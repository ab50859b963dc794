import { createServer } from 'node:http'
import { exportJWK, generateKeyPair } from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { afterEach, expect, test } from 'vitest'
import { createApp, listen } from '../../src/main.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { freePort } from '../setup/free-port.ts'
import { listenOnLoopback } from '../setup/listen.ts'
import { type Gate, gate, person } from './oidc-client.ts'

// Other people's clients, as they come from npm, over HTTP and with the machine's clock.

const endings: (() => Promise<unknown>)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

async function served(): Promise<{ at: Gate; issuer: string }> {
  const port = await freePort()
  const at = await gate({ SEKISHO_PUBLIC_URL: `http://localhost:${port}` })
  const { ctx } = at.scene
  at.scene.keepTime()
  Object.assign(ctx, { fetch: globalThis.fetch })
  const listening = await listen(createApp(ctx), { hosts: ['127.0.0.1', '::1'], port })
  endings.push(() => listening.close())
  return { at, issuer: `http://localhost:${port}/oidc` }
}

/** Publishes a key as an application does, and says where. */
async function publish(key: CryptoKey): Promise<string> {
  const keys = [{ ...(await exportJWK(key)), kid: 'bank-1', use: 'sig' }]
  const server = createServer((_, response) => {
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify({ keys }))
  })
  const port = await listenOnLoopback(server)
  endings.push(() => {
    server.closeAllConnections()
    return new Promise((resolve) => server.close(resolve))
  })
  return `http://127.0.0.1:${port}/keys`
}

const callback = 'https://bank.example.com/callback'

/** Where the browser is sent; the answer comes back in the address. */
async function answered(at: Gate, asked: URL): Promise<URL> {
  const { browser } = await person(at)
  const answer = await browser.open(`${asked.pathname}${asked.search}`)
  return new URL(answer.headers.get('location') ?? 'about:blank')
}

test('openid-client: private_key_jwt, a signed request that is pushed, DPoP with our nonce', async () => {
  const { at, issuer } = await served()
  const { privateKey, publicKey } = await generateKeyPair('PS256')
  await createApplication(at.scene.ctx, {
    ...{ id: 'bank', name: 'The Bank', type: 'Traditional' },
    oidcClientMetadata: {
      redirectUris: [callback],
      tokenEndpointAuthMethod: 'private_key_jwt',
      jwksUri: await publish(publicKey),
      requirePushedAuthorizationRequests: true,
      requireSignedRequestObject: true,
      dpopBoundAccessTokens: true,
      dpopNonceRequired: true,
    },
  })
  const key = { key: privateKey, kid: 'bank-1' }
  const config = await client.discovery(
    new URL(issuer),
    'bank',
    { use_mtls_endpoint_aliases: false },
    client.PrivateKeyJwt(key),
    { execute: [client.allowInsecureRequests] },
  )
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const pkceCodeVerifier = client.randomPKCECodeVerifier()
  const expectedState = client.randomState()
  const expectedNonce = client.randomNonce()
  const signed = await client.buildAuthorizationUrlWithJAR(
    config,
    {
      redirect_uri: callback,
      scope: 'openid offline_access email',
      code_challenge: await client.calculatePKCECodeChallenge(pkceCodeVerifier),
      code_challenge_method: 'S256',
      ...{ state: expectedState, nonce: expectedNonce, max_age: '3600' },
    },
    key,
  )
  const asked = await client.buildAuthorizationUrlWithPAR(config, signed.searchParams, { DPoP })
  expect([...asked.searchParams.keys()].sort()).toEqual(['client_id', 'request_uri'])
  const tokens = await client.authorizationCodeGrant(
    config,
    await answered(at, asked),
    { pkceCodeVerifier, expectedState, expectedNonce, maxAge: 3600 },
    undefined,
    { DPoP },
  )
  expect(tokens.token_type).toBe('dpop')
  const { sub } = tokens.claims() ?? {}
  const told = await client.fetchUserInfo(config, tokens.access_token, String(sub), { DPoP })
  expect(told.email).toBe('ann@example.com')
  const next = await client.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, {
    DPoP,
  })
  expect(next.token_type).toBe('dpop')
  const facts = await client.tokenIntrospection(config, next.access_token)
  expect(facts).toMatchObject({ active: true, token_type: 'DPoP', client_id: 'bank' })
  await client.tokenRevocation(config, next.refresh_token ?? '')
  expect((await client.tokenIntrospection(config, next.access_token)).active).toBe(false)

  // Without any one of its proofs the same client gets nothing.
  const params = new URLSearchParams({ redirect_uri: callback, scope: 'openid' })
  await expect(client.buildAuthorizationUrlWithPAR(config, params)).rejects.toMatchObject({
    error: 'invalid_request',
  })
  const strange = { key: (await generateKeyPair('PS256')).privateKey, kid: 'bank-1' }
  const thief = new client.Configuration(
    config.serverMetadata(),
    'bank',
    {},
    client.PrivateKeyJwt(strange),
  )
  client.allowInsecureRequests(thief)
  await expect(client.tokenIntrospection(thief, next.access_token)).rejects.toMatchObject({
    status: 401,
  })
})

test('oauth4webapi: a page’s script with DPoP, whose first nonce comes with a refusal', async () => {
  const { at, issuer } = await served()
  await updateApplication(at.scene.ctx, 'spa', { oidcClientMetadata: { dpopNonceRequired: true } })
  const insecure = { [oauth.allowInsecureRequests]: true }
  const as = await oauth
    .discoveryRequest(new URL(issuer), insecure)
    .then((answer) => oauth.processDiscoveryResponse(new URL(issuer), answer))
  const spa: oauth.Client = { client_id: 'spa' }
  const redirectUri = 'https://spa.example.com/callback'
  const DPoP = oauth.DPoP(spa, await oauth.generateKeyPair('EdDSA'))
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const request = {
    ...{ client_id: 'spa', redirect_uri: redirectUri, response_type: 'code', state },
    scope: 'openid offline_access email',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }
  const push = async () =>
    oauth.processPushedAuthorizationResponse(
      as,
      spa,
      await oauth.pushedAuthorizationRequest(as, spa, oauth.None(), request, { ...insecure, DPoP }),
    )
  const { request_uri } = await push().catch((error: unknown) => {
    if (oauth.isDPoPNonceError(error)) return push()
    throw error
  })
  const asked = new URL(as.authorization_endpoint ?? '')
  asked.search = new URLSearchParams({ client_id: 'spa', request_uri }).toString()
  const params = oauth.validateAuthResponse(as, spa, await answered(at, asked), state)
  const redeem = () =>
    oauth.authorizationCodeGrantRequest(as, spa, oauth.None(), params, redirectUri, verifier, {
      ...insecure,
      DPoP,
    })
  const tokens = await oauth.processAuthorizationCodeResponse(as, spa, await redeem())
  expect(tokens.token_type).toBe('dpop')
  const refreshed = await oauth.processRefreshTokenResponse(
    as,
    spa,
    await oauth.refreshTokenGrantRequest(as, spa, oauth.None(), tokens.refresh_token ?? '', {
      ...insecure,
      DPoP,
    }),
  )
  const told = await oauth.userInfoRequest(as, spa, refreshed.access_token, { ...insecure, DPoP })
  expect(await told.json()).toMatchObject({ email: 'ann@example.com' })
  const other = oauth.DPoP(spa, await oauth.generateKeyPair('ES256'))
  const stolen = await oauth.userInfoRequest(as, spa, refreshed.access_token, {
    ...insecure,
    DPoP: other,
  })
  expect(stolen.status).toBe(401)
  await expect(
    oauth.processAuthorizationCodeResponse(as, spa, await redeem()),
  ).rejects.toMatchObject({ error: 'invalid_grant' })
})
