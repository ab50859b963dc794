import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import { describe, expect, test } from 'vitest'
import { updateApplication } from '../../src/model/application.ts'
import { deleteMember, updateOrganization } from '../../src/model/organization.ts'
import { createResource, listResources, updateResource } from '../../src/model/resource.ts'
import { createRole, listUserRoles, setUserRoles } from '../../src/model/role.ts'
import {
  type Authority,
  authority,
  bills,
  headerOf,
  introspect,
  machineTokens,
  organizationScopes,
  refreshed,
  things,
  widePath,
  wideTokens,
} from './oidc-authority.ts'
import {
  answerOf,
  authPath,
  claimsOf,
  codeFor,
  encoded,
  gate,
  issuer,
  me,
  person,
  redemption,
  refresh,
  shopBasic,
  type Tokens,
  verdict,
} from './oidc-client.ts'

describe('a token for an API', () => {
  test('is a JWT (RFC 9068) with the scopes that were asked for and that the roles hold (RFC-9068)', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    // What the application is told first is about the user's own data, and opaque.
    expect(tokens.access_token).toMatch(/^[\w-]{80,}$/)
    expect(tokens.scope).toBe(`openid offline_access profile ${organizationScopes}`)
    const { access_token, scope, expires_in } = await refreshed(at, tokens, { resource: things })
    const now = Math.floor(at.scene.ctx.now().getTime() / 1000)
    expect({ scope, expires_in }).toEqual({ scope: 'read:things', expires_in: 3600 })
    expect(headerOf(access_token)).toEqual({ alg: 'ES384', typ: 'at+jwt', kid: expect.any(String) })
    expect(claimsOf(access_token)).toEqual({
      iss: issuer,
      sub: at.ann.user.id,
      aud: things,
      client_id: 'shop',
      scope: 'read:things',
      jti: expect.stringMatching(/^[\w-]{43}$/),
      iat: now,
      exp: now + 3600,
    })
    const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), {
      [customFetch]: (url: string) => at.ask(new URL(url).pathname),
    })
    const options = { issuer, audience: things, typ: 'at+jwt', currentDate: at.scene.ctx.now() }
    await expect(jwtVerify(access_token, keys, options)).resolves.toMatchObject({
      payload: { client_id: 'shop' },
    })
  })

  test('comes with the code, too, where its request names the API', async () => {
    const at = await authority()
    const { code } = answerOf(await at.ann.browser.open(widePath()))
    const form = redemption(code ?? '', { resource: bills })
    const tokens = (await (await at.post('/oidc/token', form, shopBasic)).json()) as Tokens
    expect(claimsOf(tokens.access_token)).toMatchObject({ aud: bills, scope: '' })
    // An API says how long its tokens are good.
    expect(tokens.expires_in).toBe(600)
    expect(tokens.refresh_token).toMatch(/^[\w-]{43}$/)
  })

  test('names one audience, and never one beyond the grant (E9) (9700-10, RFC-8707)', async () => {
    const at = await authority()
    const tokens = await wideTokens(at, [things])
    const ask = async (form: string) => verdict(await at.post('/oidc/token', form, shopBasic))
    const form = encoded({ grant_type: 'refresh_token', refresh_token: tokens.refresh_token })
    const unknown = 'https://unknown.example.com'
    expect(await ask(`${form}&resource=${things}&resource=${bills}`)).toBe('400 invalid_target')
    expect(await ask(`${form}&resource=${bills}`)).toBe('400 invalid_target')
    expect(await ask(`${form}&resource=${unknown}`)).toBe('400 invalid_target')
    expect(await ask(`${form}&resource=foo&resource=%00`)).toBe('400 invalid_request')
    // Who asked for too much keeps the token that they asked with.
    const { access_token } = await refreshed(at, tokens, { resource: things })
    expect(claimsOf(access_token)).toMatchObject({ aud: things })
  })

  test('of a code that is asked for too much leaves the code good', async () => {
    const at = await authority()
    const { code } = answerOf(await at.ann.browser.open(widePath([things])))
    const form = (resource: string) => redemption(code ?? '', { resource })
    const refused = await at.post('/oidc/token', form(bills), shopBasic)
    expect(await verdict(refused)).toBe('400 invalid_target')
    expect((await at.post('/oidc/token', form(things), shopBasic)).status).toBe(200)
  })

  test('has a narrower scope where one is asked for, and none that was not granted (RFC-8707)', async () => {
    const at = await authority()
    await setUserRoles(at.scene.ctx, at.ann.user.id, [
      'reader',
      await made(at, 'writer', 'write:things'),
      await made(at, 'deleter', 'delete:things'),
    ])
    const tokens = await wideTokens(at)
    const all = await refreshed(at, tokens, { resource: things })
    // `delete:things` is hers, but the application never asked for it.
    expect(all.scope).toBe('read:things write:things')
    const some = await refreshed(at, all, { resource: things, scope: 'write:things nonsense' })
    expect(some.scope).toBe('write:things')
    const again = await refreshed(at, some, { resource: things })
    expect(again.scope).toBe('read:things write:things')
    const wider = await refresh(at, again.refresh_token, {
      ...{ resource: things, scope: 'delete:things' },
    })
    expect(await verdict(wider)).toBe('400 invalid_scope')
  })

  test('follows the roles as they are now', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    await setUserRoles(at.scene.ctx, at.ann.user.id, [])
    const { scope, access_token } = await refreshed(at, tokens, { resource: things })
    expect(scope).toBe('')
    expect(claimsOf(access_token).scope).toBe('')
  })

  test('opens no user info, and is no ID token (C16, F8) (9700-12, RFC-9068)', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    const { access_token, id_token } = await refreshed(at, tokens, { resource: things })
    expect(await verdict(await me(at, access_token))).toBe('401 invalid_token')
    expect(await introspect(at, id_token)).toEqual({ active: false })
    expect((await me(at, tokens.access_token)).status).toBe(200)
  })

  test('is signed and lives as its API says', async () => {
    const at = await authority()
    const [api] = (await listResources(at.scene.ctx)).filter(
      ({ indicator }) => indicator === things,
    )
    await updateResource(at.scene.ctx, api?.id ?? '', {
      signingAlgorithm: 'RS256',
      accessTokenTtl: 60,
    })
    const { access_token, expires_in } = await refreshed(at, await wideTokens(at), {
      resource: things,
    })
    expect(expires_in).toBe(60)
    expect(headerOf(access_token).alg).toBe('RS256')
    expect(await introspect(at, access_token)).toMatchObject({ active: true, aud: things })
  })

  test('is for the default resource where the request names none', async () => {
    const at = await authority()
    await createResource(at.scene.ctx, {
      ...{ name: 'Default', indicator: 'https://default.example.com', isDefault: true },
    })
    const tokens = await wideTokens(at, [])
    const { access_token } = await refreshed(at, tokens, {
      resource: 'https://default.example.com',
    })
    expect(claimsOf(access_token).aud).toBe('https://default.example.com')
    expect(await verdict(await refresh(at, tokens.refresh_token, { resource: things }))).not.toBe(
      '200',
    )
    const own = await machineTokens(at, {})
    expect(claimsOf(own.access_token).aud).toBe('https://default.example.com')
  })

  test('is refused at the authorization endpoint for an API that nobody registered (RFC-8707)', async () => {
    const at = await authority()
    const answer = answerOf(await at.ann.browser.open(widePath([things, 'https://no.example.com'])))
    expect(answer).toMatchObject({ error: 'invalid_target', state: 'a state', iss: issuer })
  })
})

describe('a token for an organization', () => {
  test('has the scopes of the roles that the user has there', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    const { access_token, scope } = await refreshed(at, tokens, { organization_id: 'acme' })
    expect(scope).toBe('invite:members')
    expect(claimsOf(access_token)).toMatchObject({
      sub: at.ann.user.id,
      aud: 'urn:logto:organization:acme',
      scope: 'invite:members',
      client_id: 'shop',
    })
    expect(claimsOf(access_token)).not.toHaveProperty('organization_id')
  })

  test('at an API has the scopes that the roles there hold, and says which organization', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    const form = { organization_id: 'acme', resource: bills }
    const { access_token, scope } = await refreshed(at, tokens, form)
    expect(scope).toBe('read:bills')
    expect(claimsOf(access_token)).toMatchObject({ aud: bills, organization_id: 'acme' })
    expect(await introspect(at, access_token)).toMatchObject({
      ...{ active: true, aud: bills, organization_id: 'acme', scope: 'read:bills' },
    })
  })

  test('is for members only, and the refresh token stays good (E9)', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    for (const organization_id of ['other', 'nowhere', 'x'.repeat(300), '__proto__']) {
      const refused = await refresh(at, tokens.refresh_token, { organization_id })
      expect(await verdict(refused)).toBe('403 access_denied')
    }
    const next = await refreshed(at, tokens, { organization_id: 'acme' })
    await deleteMember(at.scene.ctx, 'acme', at.ann.user.id)
    const refused = await refresh(at, next.refresh_token, { organization_id: 'acme' })
    expect(await verdict(refused)).toBe('403 access_denied')
  })

  test('needs the scope for organizations', async () => {
    const at = await authority()
    const code = await codeFor(at.ann.browser, { scope: 'openid offline_access invite:members' })
    const tokens = (await (
      await at.post('/oidc/token', redemption(code), shopBasic)
    ).json()) as Tokens
    const refused = await refresh(at, tokens.refresh_token, { organization_id: 'acme' })
    expect(await verdict(refused)).toBe('403 insufficient_scope')
  })

  test('needs a second factor where the organization demands one', async () => {
    const at = await authority()
    const tokens = await wideTokens(at)
    await updateOrganization(at.scene.ctx, 'acme', { isMfaRequired: true })
    const refused = await refresh(at, tokens.refresh_token, { organization_id: 'acme' })
    expect(await verdict(refused)).toBe('403 access_denied')
  })
})

describe('claims', () => {
  test('tell roles and organizations to who asked for them', async () => {
    const at = await authority()
    const scope = `openid roles ${organizationScopes} urn:logto:scope:organization_roles`
    const code = await codeFor(at.ann.browser, { scope })
    const tokens = (await (
      await at.post('/oidc/token', redemption(code), shopBasic)
    ).json()) as Tokens
    const told = { roles: ['reader'], organizations: ['acme'], organization_roles: ['acme:admin'] }
    expect(claimsOf(tokens.id_token)).toMatchObject(told)
    expect(claimsOf(tokens.id_token)).not.toHaveProperty('organization_data')
    expect(await (await me(at, tokens.access_token)).json()).toEqual({
      ...{ sub: at.ann.user.id, ...told },
      organization_data: [{ id: 'acme', name: 'Acme', description: 'Makes everything' }],
    })
  })

  test.each([
    ['roles', 'roles', ['reader']],
    [organizationScopes, 'organizations', ['acme']],
    ['urn:logto:scope:organization_roles', 'organization_roles', ['acme:admin']],
  ])('of %s alone are told at each refresh, and of no other scope', async (scope, claim, told) => {
    const at = await authority()
    for (const own of [scope, 'profile']) {
      const code = await codeFor(at.ann.browser, { scope: `openid offline_access ${own}` })
      let tokens = (await (
        await at.post('/oidc/token', redemption(code), shopBasic)
      ).json()) as Tokens
      for (let time = 0; time < 3; time += 1) {
        const claims = claimsOf(tokens.id_token)
        if (own === scope) expect(claims).toMatchObject({ [claim]: told })
        else expect(claims).not.toHaveProperty(claim)
        tokens = await refreshed(at, tokens, {})
      }
    }
  })

  test('a default role is everybody’s who comes after it', async () => {
    const at = await gate()
    await createRole(at.scene.ctx, { name: 'member', isDefault: true })
    await createRole(at.scene.ctx, { name: 'other' })
    const { user } = await person(at)
    expect(await listUserRoles(at.scene.ctx, user.id)).toEqual(['member'])
  })
})

test('an application’s own lifetime of access tokens holds, and shortens an API’s', async () => {
  const at = await authority()
  await updateApplication(at.scene.ctx, 'shop', { customClientMetadata: { accessTokenTtl: 300 } })
  const tokens = await wideTokens(at)
  expect(tokens.expires_in).toBe(300)
  expect((await refreshed(at, tokens, { resource: bills })).expires_in).toBe(300)
  await updateApplication(at.scene.ctx, 'shop', { customClientMetadata: { accessTokenTtl: 7200 } })
  expect((await refreshed(at, await wideTokens(at), { resource: bills })).expires_in).toBe(600)
  expect((await at.ann.browser.open(authPath())).status).toBe(303)
})

async function made(at: Authority, name: string, scope: string): Promise<string> {
  await createRole(at.scene.ctx, { name, scopes: [{ resource: things, name: scope }] })
  return name
}
