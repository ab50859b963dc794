import { expect, test } from 'vitest'
import { authority, bills, machineTokens, things, widePath, wideTokens } from './oidc-authority.ts'
import {
  answerOf,
  authPath,
  codeFor,
  encoded,
  gate,
  machineBasic,
  me,
  person,
  redemption,
  refresh,
  request,
  shopBasic,
  tokensFor,
} from './oidc-client.ts'

// The rows of docs/queries.md, after warm-up: applications, secrets and keys come from the cache.

test('each request takes no more round trips than it says', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const { refresh_token } = await tokensFor(at, browser)
  await at.post('/oidc/token', { grant_type: 'client_credentials' }, machineBasic)
  const code = await codeFor(browser)
  const introspected = { token: refresh_token }

  async function count(what: Promise<Response>, status = 200): Promise<number> {
    expect((await what).status).toBe(status)
    return at.scene.queries().length
  }
  at.scene.queries()

  expect(await count(at.ask('/oidc/.well-known/openid-configuration'))).toBe(0)
  expect(await count(at.ask('/oidc/jwks'))).toBe(0)
  expect(await count(browser.open(authPath()), 303)).toBe(1)
  expect(await count(at.post('/oidc/token/introspection', introspected, shopBasic))).toBe(1)
  const redeemed = await at.post('/oidc/token', redemption(code), shopBasic)
  expect(at.scene.queries().length).toBe(1)
  const { access_token } = (await redeemed.json()) as { access_token: string }
  expect(await count(me(at, access_token))).toBe(1)
  expect(await count(refresh(at, refresh_token))).toBe(1)
  // The same child once more: why the token is spent has to be asked.
  expect(await count(refresh(at, refresh_token))).toBe(2)
  const own = { grant_type: 'client_credentials' }
  expect(await count(at.post('/oidc/token', own, machineBasic))).toBe(0)
  expect(await count(at.post('/oidc/token/revocation', { token: 'x' }, shopBasic))).toBe(0)
  expect(await count(at.post('/oidc/token', redemption('x'), shopBasic), 400)).toBe(0)
  const left = await at.post('/oidc/par', request(), shopBasic)
  expect(at.scene.queries().length).toBe(1)
  const { request_uri } = (await left.json()) as { request_uri: string }
  const pushed = `/oidc/auth?${encoded({ client_id: 'shop', request_uri })}`
  expect(await count(browser.open(pushed), 303)).toBe(2)
  expect(await count(at.post('/oidc/token/revocation', introspected, shopBasic))).toBe(1)
})

test('tokens for APIs and organizations take no more, and machines’ none', async () => {
  const at = await authority()
  await machineTokens(at, { resource: bills })
  const { refresh_token } = await wideTokens(at)
  const { code } = answerOf(await at.ann.browser.open(widePath()))
  at.scene.queries()
  await machineTokens(at, { resource: bills })
  await machineTokens(at, { organization_id: 'acme' })
  expect(at.scene.queries().length).toBe(0)
  await at.post('/oidc/token', redemption(code ?? '', { resource: things }), shopBasic)
  expect(at.scene.queries().length).toBe(1)
  await refresh(at, refresh_token, { organization_id: 'acme', resource: bills })
  expect(at.scene.queries().length).toBe(1)
})
