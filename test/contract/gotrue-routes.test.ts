import { expect, test } from 'vitest'
import { gotrueWorld } from './gotrue-world.ts'

const id = '00000000-0000-4000-8000-000000000000'

// biome-ignore format: GoTrue's tables of endpoints, a line each.
const groups = [
  '/signup', '/verify', '/callback', '/reauthenticate', '/user', '/user/oauth/grants', '/factors', `/factors/${id}`, '/passkeys',
  `/passkeys/${id}`, '/admin/audit', '/admin/users', `/admin/users/${id}`, `/admin/users/${id}/factors`,
  `/admin/users/${id}/factors/${id}`, `/admin/users/${id}/passkeys`, `/admin/users/${id}/passkeys/${id}`, '/admin/sso/providers',
  `/admin/sso/providers/${id}`, '/admin/oauth/clients', `/admin/oauth/clients/${id}`, '/admin/custom-providers',
  '/admin/custom-providers/custom:x', '/sso',
]
// biome-ignore format: as above.
const singles = [
  '/health', '/settings', '/.well-known/jwks.json', '/.well-known/openid-configuration', '/.well-known/oauth-authorization-server',
  '/token', '/otp', '/magiclink', '/recover', '/resend', '/logout', '/invite', '/authorize', '/user/identities/authorize',
  `/user/identities/${id}`, `/factors/${id}/challenge`, `/factors/${id}/verify`, '/passkeys/registration/options',
  '/passkeys/registration/verify', '/passkeys/authentication/options', '/passkeys/authentication/verify', '/sso/saml/metadata',
  '/sso/saml/acs', '/admin/generate_link', `/admin/oauth/clients/${id}/regenerate_secret`, '/oauth/clients/register',
  '/oauth/authorize', '/oauth/authorizations/x', '/oauth/authorizations/x/consent', '/oauth/token', '/oauth/userinfo',
  '/scim/v2/ServiceProviderConfig', '/scim/v2/ResourceTypes', '/scim/v2/Schemas',
]

test('every path of GoTrue is there, groups with a slash at the end too', async () => {
  const world = await gotrueWorld({ GOTRUE_EXPERIMENTAL_SCIM_ENABLED: 'true' })
  // A method that no route has: what is there refuses the method, what is not there is not found.
  const statusOf = async (path: string) => (await world.ask('PROPFIND', path)).status
  for (const path of groups) {
    expect([path, await statusOf(path), await statusOf(`${path}/`)]).toEqual([path, 405, 405])
  }
  for (const path of singles) expect([path, await statusOf(path)]).toEqual([path, 405])
  expect(await statusOf('/token/')).toBe(404)
  expect(await statusOf('/nothing')).toBe(404)
})
