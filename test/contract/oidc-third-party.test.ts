import { expect, test } from 'vitest'
import { applyDeclaration } from '../../src/flows/apply.ts'
import { setConsentScopes } from '../../src/model/application-consent.ts'
import { findConsent, missingConsent, saveConsent } from '../../src/model/consent.ts'
import { createOrganization, saveMember } from '../../src/model/organization.ts'
import { type Authority, authority, bills, organizationScopes, things } from './oidc-authority.ts'
import {
  answerOf,
  basic,
  challenge,
  claimsOf,
  encoded,
  me,
  redemption,
  type Tokens,
  verdict,
} from './oidc-client.ts'

const callback = 'https://partner.example/callback'
const partner = basic('partner', 'the-secret-of-the-partner')

/** The world of APIs, with an application of somebody else that may ask to read both, and for organizations. */
async function stage(): Promise<Authority> {
  const at = await authority()
  await applyDeclaration(at.scene.ctx, {
    applications: [
      {
        ...{ id: 'partner', secret: 'the-secret-of-the-partner', name: 'Partner' },
        ...{ type: 'Traditional', isThirdParty: true },
        oidcClientMetadata: { redirectUris: [callback] },
        userConsentScopes: {
          userScopes: ['profile', organizationScopes],
          resourceScopes: [
            { resource: things, name: 'read:things' },
            { resource: bills, name: 'write:things' },
          ],
          organizationScopes: ['invite:members'],
          organizationResourceScopes: [{ resource: bills, name: 'read:bills' }],
        },
      },
    ],
  })
  await createOrganization(at.scene.ctx, { id: 'secret-club', name: 'Secret club' })
  await saveMember(at.scene.ctx, 'secret-club', { id: at.ann.user.id, roles: ['admin'] })
  return at
}

function asking(resources: readonly string[] = [things, bills]): string {
  const query = new URLSearchParams(
    encoded({
      ...{ client_id: 'partner', redirect_uri: callback, response_type: 'code', state: 's' },
      ...{ code_challenge: challenge, code_challenge_method: 'S256' },
      scope: `openid offline_access profile email ${organizationScopes} read:things write:things read:bills invite:members remove:members`,
    }),
  )
  for (const resource of resources) query.append('resource', resource)
  return `/oidc/auth?${query}`
}

/** What Ann allows on the consent page: the ceiling, and the organization Acme. */
function allow(at: Authority, organizationIds: string[] = ['acme']): Promise<void> {
  return saveConsent(
    at.scene.ctx,
    { userId: at.ann.user.id, applicationId: 'partner' },
    {
      scopes: ['profile', organizationScopes, 'offline_access'],
      resourceScopes: { [things]: ['read:things'], [bills]: ['read:bills', 'write:things'] },
      organizationScopes: ['invite:members'],
      organizationIds,
    },
  )
}

async function partnerTokens(at: Authority): Promise<Tokens> {
  const { code } = answerOf(await at.ann.browser.open(asking()))
  const form = redemption(code ?? '', { client_id: 'partner', redirect_uri: callback })
  const answer = await at.post('/oidc/token', form, partner)
  if (answer.status !== 200) throw new Error(await answer.text())
  return (await answer.json()) as Tokens
}

function refreshedAs(at: Authority, { refresh_token }: Tokens, changes: Record<string, string>) {
  const form = { grant_type: 'refresh_token', refresh_token, ...changes }
  return at.post('/oidc/token', form, partner)
}

test('somebody else’s application gets what is under its ceiling and the user allowed', async () => {
  const at = await stage()
  expect(answerOf(await at.ann.browser.open(asking())).code).toBeUndefined()
  await allow(at)
  const tokens = await partnerTokens(at)
  expect(tokens.scope).toBe(`openid offline_access profile ${organizationScopes}`)
  const api = (await (await refreshedAs(at, tokens, { resource: things })).json()) as Tokens
  expect(api.scope).toBe('read:things')
  const there = { organization_id: 'acme', resource: bills }
  const bill = (await (await refreshedAs(at, api, there)).json()) as Tokens
  expect(bill.scope).toBe('read:bills')
  const own = (await (await refreshedAs(at, bill, { organization_id: 'acme' })).json()) as Tokens
  expect(own.scope).toBe('invite:members')
})

test('it hears of the organizations that were shared with it, and acts in no other’s name', async () => {
  const at = await stage()
  await allow(at)
  const tokens = await partnerTokens(at)
  expect(claimsOf(tokens.id_token).organizations).toEqual(['acme'])
  const told = (await (await me(at, tokens.access_token)).json()) as { organizations: string[] }
  expect(told.organizations).toEqual(['acme'])
  const refused = await refreshedAs(at, tokens, { organization_id: 'secret-club' })
  expect(await verdict(refused)).toBe('403 access_denied')
})

test('a ceiling that comes down holds for what was granted before', async () => {
  const at = await stage()
  await allow(at)
  const tokens = await partnerTokens(at)
  await setConsentScopes(at.scene.ctx, 'partner', {
    ...{ userScopes: ['profile'], resourceScopes: [] },
    ...{ organizationScopes: [], organizationResourceScopes: [] },
  })
  const api = (await (await refreshedAs(at, tokens, { resource: things })).json()) as Tokens
  expect(api.scope).toBe('')
})

test('a consent is of one API: the same name at another is asked for anew', async () => {
  const at = await stage()
  const { ctx } = at.scene
  const who = { userId: at.ann.user.id, applicationId: 'partner' }
  const nothing = { scopes: [], organizationScopes: [], organizationIds: [] }
  const given = { ...nothing, resourceScopes: { [things]: ['write:things'] } }
  await saveConsent(ctx, who, given)
  const found = await findConsent(ctx, at.ann.user.id, 'partner')
  expect(missingConsent(given, found)).toBeNull()
  const asked = {
    ...nothing,
    resourceScopes: { [things]: ['write:things'], [bills]: ['write:things'] },
  }
  expect(missingConsent(asked, found)).toEqual({
    ...nothing,
    resourceScopes: { [bills]: ['write:things'] },
  })
  await saveConsent(ctx, who, { ...asked, organizationIds: ['acme', 'other', 'nowhere'] })
  expect(await findConsent(ctx, at.ann.user.id, 'partner')).toEqual({
    ...asked,
    // She is no member of the others.
    organizationIds: ['acme'],
  })
  expect(await at.scene.events()).toContain('consent.given')
})
