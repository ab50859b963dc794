import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { expect, test } from 'vitest'
import { type Gate, gate, issuer } from './oidc-client.ts'

const redirect = 'https://tool.example.com/callback'
const token = 'an-initial-access-token-of-32-characters'

const stage = () => gate({ SEKISHO_REGISTRATION: 'token', SEKISHO_REGISTRATION_TOKEN: token })

/** The libraries' requests go to the server of this world. */
function fetchAt(at: Gate) {
  return (url: string, init: object) => at.ask(url, init as RequestInit)
}

test('openid-client discovers, registers, and is known by what it got', async () => {
  const at = await stage()
  const config = await client.dynamicClientRegistration(
    new URL(issuer),
    { redirect_uris: [redirect], client_name: 'By openid-client' },
    undefined,
    {
      initialAccessToken: token,
      execute: [client.allowInsecureRequests],
      [client.customFetch]: fetchAt(at),
    },
  )
  const metadata = config.clientMetadata()
  expect(metadata).toMatchObject({ client_name: 'By openid-client', client_secret_expires_at: 0 })
  config[client.customFetch] = fetchAt(at)
  client.allowInsecureRequests(config)
  // It authenticates: an unknown client would be told so, this one only that there is no such grant.
  await expect(client.refreshTokenGrant(config, 'no-such-token')).rejects.toMatchObject({
    error: 'invalid_grant',
  })
  await expect(client.tokenIntrospection(config, 'no-such-token')).resolves.toEqual({
    active: false,
  })
})

test('oauth4webapi registers, and reads a refusal as OAuth says it', async () => {
  const at = await stage()
  const options = { [oauth.allowInsecureRequests]: true, [oauth.customFetch]: fetchAt(at) }
  const url = new URL(issuer)
  const server = await oauth.processDiscoveryResponse(
    url,
    await oauth.discoveryRequest(url, options),
  )
  const register = (metadata: Partial<oauth.Client>) =>
    oauth.dynamicClientRegistrationRequest(server, metadata, {
      ...options,
      initialAccessToken: token,
    })
  const known = await oauth.processDynamicClientRegistrationResponse(
    await register({ redirect_uris: [redirect], token_endpoint_auth_method: 'none' }),
  )
  expect(known.client_id).toMatch(/^[a-z0-9]{21}$/)
  expect(known.client_secret).toBeUndefined()
  await expect(
    register({ redirect_uris: ['http://tool.example.com/'] }).then(
      oauth.processDynamicClientRegistrationResponse,
    ),
  ).rejects.toMatchObject({ error: 'invalid_redirect_uri', status: 400 })
  await expect(
    oauth
      .dynamicClientRegistrationRequest(server, { redirect_uris: [redirect] }, options)
      .then(oauth.processDynamicClientRegistrationResponse),
  ).rejects.toMatchObject({ status: 401 })
})
