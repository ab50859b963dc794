import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { afterEach, expect, test } from 'vitest'
import { createApp, listen } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { createPersonalAccessToken } from '../../src/model/subject-token.ts'
import { freePort } from '../setup/free-port.ts'
import { type Browser, type Fields, type Gate, gate, person } from './oidc-client.ts'

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
  await createApplication(ctx, {
    ...{ id: 'tv', name: 'The Television', type: 'Native' },
    customClientMetadata: { isDeviceFlow: true, allowTokenExchange: true },
  })
  const listening = await listen(createApp(ctx), { hosts: ['127.0.0.1', '::1'], port })
  endings.push(() => listening.close())
  return { at, issuer: `http://localhost:${port}/oidc` }
}

async function answer(browser: Browser, origin: string, user_code: string, want: string) {
  const from = { origin }
  const sent = await browser.send('/device', { user_code }, from)
  const resumed = await browser.open(sent.headers.get('location') ?? '')
  const page = await (await browser.open(resumed.headers.get('location') ?? '')).text()
  const hidden = [...page.matchAll(/type="hidden" name="([^"]+)" value="([^"]+)"/g)]
  const form: Fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]))
  const done = await browser.send('/device/confirm', { ...form, want }, from)
  await browser.open(done.headers.get('location') ?? '')
}

test('openid-client: a device with DPoP polls until its user has answered, and exchanges a token', async () => {
  const { at, issuer } = await served()
  const { browser, user } = await person(at)
  const config = await client.discovery(new URL(issuer), 'tv', undefined, client.None(), {
    execute: [client.allowInsecureRequests],
  })
  const DPoP = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  const waiting = await client.initiateDeviceAuthorization(config, {
    scope: 'openid offline_access email',
  })
  await answer(browser, new URL(issuer).origin, waiting.user_code, 'allow')
  // The client waits as long as it was told before it polls; here it is told less.
  const tokens = await client.pollDeviceAuthorizationGrant(
    config,
    { ...waiting, interval: 0.01 },
    undefined,
    { DPoP },
  )
  expect(tokens.token_type).toBe('dpop')
  expect(tokens.claims()).toMatchObject({ sub: user.id, aud: 'tv' })
  const told = await client.fetchUserInfo(config, tokens.access_token, user.id, { DPoP })
  expect(told.email).toBe('ann@example.com')
  await client.refreshTokenGrant(config, tokens.refresh_token ?? '', undefined, { DPoP })

  const grant = 'urn:ietf:params:oauth:grant-type:token-exchange'
  const subject = {
    subject_token: tokens.access_token,
    subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
  }
  const next = await client.genericGrantRequest(config, grant, subject, { DPoP })
  expect([next.token_type, next.issued_token_type]).toEqual(['dpop', subject.subject_token_type])
  // A bound token does not become one for everybody, nor for another key.
  await expect(client.genericGrantRequest(config, grant, subject)).rejects.toMatchObject({
    error: 'invalid_dpop_proof',
  })
  const other = client.getDPoPHandle(config, await client.randomDPoPKeyPair('ES256'))
  await expect(
    client.genericGrantRequest(config, grant, subject, { DPoP: other }),
  ).rejects.toMatchObject({ error: 'invalid_request' })
})

test('oauth4webapi: a device hears that it has to wait, that it came too soon, and a no', async () => {
  const { at, issuer } = await served()
  const { browser, user } = await person(at)
  const insecure = { [oauth.allowInsecureRequests]: true }
  const as = await oauth
    .discoveryRequest(new URL(issuer), insecure)
    .then((found) => oauth.processDiscoveryResponse(new URL(issuer), found))
  const tv: oauth.Client = { client_id: 'tv' }
  const asked = new URLSearchParams({ scope: 'openid' })
  const waiting = await oauth.processDeviceAuthorizationResponse(
    as,
    tv,
    await oauth.deviceAuthorizationRequest(as, tv, oauth.None(), asked, insecure),
  )
  const poll = async () =>
    oauth.processDeviceCodeResponse(
      as,
      tv,
      await oauth.deviceCodeGrantRequest(as, tv, oauth.None(), waiting.device_code, insecure),
    )
  await expect(poll()).rejects.toMatchObject({ error: 'authorization_pending' })
  // However slow the machine is: an hour has not gone by.
  await at.scene.ctx.db.updateTable('idp.device_codes').set({ poll_interval: 3600 }).execute()
  await expect(poll()).rejects.toMatchObject({ error: 'slow_down' })
  await answer(browser, new URL(issuer).origin, waiting.user_code, 'deny')
  await expect(poll()).rejects.toMatchObject({ error: 'access_denied' })

  const { value: subject_token } = await createPersonalAccessToken(at.scene.ctx, {
    ...{ userId: user.id, name: 'laptop', expiresAt: null },
  })
  const tokens = await oauth.processGenericTokenEndpointResponse(
    as,
    tv,
    await oauth.genericTokenEndpointRequest(
      as,
      tv,
      oauth.None(),
      'urn:ietf:params:oauth:grant-type:token-exchange',
      {
        subject_token,
        subject_token_type: 'urn:logto:token-type:personal_access_token',
        scope: 'openid email',
      },
      insecure,
    ),
  )
  expect(tokens.scope).toBe('openid email')
})
