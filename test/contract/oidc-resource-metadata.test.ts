import { expect, test } from 'vitest'
import { saveConsent } from '../../src/model/consent.ts'
import { createResource, listResources, updateResource } from '../../src/model/resource.ts'
import { type Authority, authority, bills, things } from './oidc-authority.ts'
import {
  answerOf,
  authPath,
  claimsOf,
  type Fields,
  issuer,
  me,
  redemption,
  type Tokens,
  verdict,
} from './oidc-client.ts'

const wellKnown = '/.well-known/oauth-protected-resource'
const redirect = 'https://tool.example.com/callback'

/** The world of APIs, in which things are open to applications that introduce themselves. */
async function stage(): Promise<Authority> {
  const at = await authority({ SEKISHO_REGISTRATION: 'open' })
  const [found] = (await listResources(at.scene.ctx)).filter((one) => one.indicator === things)
  await updateResource(at.scene.ctx, found?.id ?? '', { isOpen: true })
  return at
}

async function registered(at: Authority): Promise<string> {
  const answer = await at.ask('/oidc/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({
      redirect_uris: [redirect],
      token_endpoint_auth_method: 'none',
      grant_types: ['authorization_code', 'refresh_token'],
    }),
  })
  return (await answer.json()).client_id
}

test('user info says where its metadata is, and its metadata who gives tokens for it', async () => {
  const at = await stage()
  const address = `http://localhost:3001${wellKnown}/oidc/me`
  for (const answer of [await at.ask('/oidc/me'), await me(at, 'wrong')]) {
    expect(answer.status).toBe(401)
    expect(answer.headers.get('www-authenticate')).toContain(`resource_metadata="${address}"`)
  }
  const bound = await at.ask('/oidc/me', { headers: { authorization: 'DPoP x' } })
  expect(bound.headers.get('www-authenticate')).toContain(`resource_metadata="${address}"`)
  const metadata = await at.ask(address)
  expect(metadata.headers.get('access-control-allow-origin')).toBe('*')
  expect(await metadata.json()).toMatchObject({
    resource: `${issuer}/me`,
    authorization_servers: [issuer],
    bearer_methods_supported: ['header', 'body'],
  })
})

test('a token for user info may be asked for by its name, alone', async () => {
  const at = await stage()
  const resource = `${issuer}/me`
  const code = answerOf(await at.ann.browser.open(authPath({ resource }))).code ?? ''
  const { access_token } = (await (
    await at.post(
      '/oidc/token',
      redemption(code, { resource, client_secret: 'the-secret-of-the-shop' }),
    )
  ).json()) as Tokens
  expect((await me(at, access_token)).status).toBe(200)
})

test('an open API’s metadata is published, at its own address where that is ours; a closed one’s is not', async () => {
  const at = await stage()
  const asked = (resource: string) =>
    at.ask(`/oidc/resource-metadata?resource=${encodeURIComponent(resource)}`)
  expect(await (await asked(things)).json()).toEqual({
    resource: things,
    resource_name: 'Things',
    authorization_servers: [issuer],
    scopes_supported: ['delete:things', 'read:things', 'write:things'],
    bearer_methods_supported: ['header'],
  })
  for (const closed of [bills, 'https://nowhere.example.com/', '', '\0']) {
    expect((await asked(closed)).status, closed).toBe(404)
  }
  await createResource(at.scene.ctx, {
    ...{ name: 'Ours', indicator: 'http://localhost:3001/tools/mcp', isOpen: true },
  })
  const ours = await at.ask(`${wellKnown}/tools/mcp`)
  expect(await ours.json()).toMatchObject({ resource: 'http://localhost:3001/tools/mcp' })
  expect((await at.ask(`${wellKnown}/tools`)).status).toBe(404)
  expect((await at.ask(`${wellKnown}/oidc`)).status).toBe(404)
})

test('who introduced itself gets what is open, consented and within the user’s roles, and nothing else', async () => {
  const at = await stage()
  const clientId = await registered(at)
  const ask = (changes: Fields) =>
    at.ann.browser.open(
      authPath({ client_id: clientId, redirect_uri: redirect, prompt: undefined, ...changes }),
    )
  const closed = await ask({ resource: bills, scope: 'read:bills' })
  expect(answerOf(closed).error).toBe('invalid_target')

  const open = { resource: things, scope: 'read:things write:things' }
  const question = await ask(open)
  expect(question.headers.get('location')).toMatch(/^\/consent\?/)
  const page = await at.ann.browser.open(question.headers.get('location') ?? '')
  // A refresh token is what it registered for.
  expect(await page.text()).toContain('Keep this access while you are away')
  await saveConsent(
    at.scene.ctx,
    { userId: at.ann.user.id, applicationId: clientId },
    {
      scopes: ['offline_access'],
      resourceScopes: { [things]: ['read:things', 'write:things'] },
      organizationScopes: [],
      organizationIds: [],
    },
  )
  const { code } = answerOf(await ask(open))
  const form = redemption(code ?? '', {
    ...{ client_id: clientId, redirect_uri: redirect, resource: things },
  })
  const tokens = (await (await at.post('/oidc/token', form)).json()) as Tokens
  expect(claimsOf(tokens.access_token)).toMatchObject({
    ...{ aud: things, client_id: clientId, scope: 'read:things', sub: at.ann.user.id },
  })
  const refreshed = await at.post('/oidc/token', {
    ...{ grant_type: 'refresh_token', client_id: clientId, resource: things },
    refresh_token: tokens.refresh_token,
  })
  expect(claimsOf(((await refreshed.json()) as Tokens).access_token)).toMatchObject({
    scope: 'read:things',
  })
  // What is closed again is closed at the next refresh.
  const [found] = (await listResources(at.scene.ctx)).filter((one) => one.indicator === things)
  await updateResource(at.scene.ctx, found?.id ?? '', { isOpen: false })
  const again = await at.post('/oidc/token', {
    ...{ grant_type: 'refresh_token', client_id: clientId, resource: things },
    refresh_token: tokens.refresh_token,
  })
  expect(claimsOf(((await again.json()) as Tokens).access_token).scope).toBe('')
  expect(await verdict(await ask({ resource: 'https://nowhere.example.com/' }))).toBe('303')
})
