import { describe, expect, test } from 'vitest'
import { hour } from '../../src/base/time.ts'
import { mintAccessToken } from '../../src/flows/mint.ts'
import { findApplication } from '../../src/model/application.ts'
import { findExchanged } from '../../src/model/exchanged.ts'
import { createGrant } from '../../src/model/grant.ts'
import { setApplicationRoles } from '../../src/model/role.ts'
import { deleteUser, updateUser } from '../../src/model/user.ts'
import {
  authority,
  bills,
  introspect,
  machineTokens,
  refreshed,
  things,
  wideTokens,
} from './oidc-authority.ts'
import { claimsOf, issuer, machineBasic, me, shopBasic, verdict } from './oidc-client.ts'

describe('a machine’s token', () => {
  test('for an API has the scopes of its roles, and says no user', async () => {
    const at = await authority()
    const { access_token, scope } = await machineTokens(at, { resource: bills })
    expect(scope).toBe('read:bills')
    expect(claimsOf(access_token)).toMatchObject({
      ...{ sub: 'machine', client_id: 'machine', aud: bills, scope: 'read:bills' },
    })
    const narrowed = await machineTokens(at, { resource: bills, scope: 'write:things' })
    expect(narrowed.scope).toBe('')
  })

  test('for an organization has what its roles there hold', async () => {
    const at = await authority()
    const own = await machineTokens(at, { organization_id: 'acme' })
    expect(claimsOf(own.access_token)).toMatchObject({
      ...{ aud: 'urn:logto:organization:acme', scope: 'invite:members' },
    })
    const there = await machineTokens(at, { organization_id: 'acme', resource: things })
    expect(claimsOf(there.access_token)).toMatchObject({
      ...{ aud: things, organization_id: 'acme', scope: 'write:things' },
    })
    for (const organization_id of ['other', 'nowhere', 'constructor', '__proto__']) {
      const form = { grant_type: 'client_credentials', organization_id }
      const refused = await at.post('/oidc/token', form, machineBasic)
      expect(await verdict(refused)).toBe('403 access_denied')
    }
  })

  test('costs no round trip, and a change of its roles is seen here at once', async () => {
    const at = await authority()
    await machineTokens(at, { resource: bills })
    at.scene.queries()
    for (let i = 0; i < 3; i += 1) await machineTokens(at, { resource: bills })
    expect(at.scene.queries()).toEqual([])
    await setApplicationRoles(at.scene.ctx, 'machine', [])
    expect((await machineTokens(at, { resource: bills })).scope).toBe('')
  })
})

describe('a JWT that was handed out', () => {
  test.each(['revoked', 'signed out', 'banned', 'deleted'] as const)(
    'is not active when its user is %s (D10)',
    async (how) => {
      const at = await authority()
      const tokens = await wideTokens(at)
      const { access_token } = await refreshed(at, tokens, { resource: things })
      expect(await introspect(at, access_token)).toEqual({
        active: true,
        sub: at.ann.user.id,
        client_id: 'shop',
        aud: things,
        iat: expect.any(Number),
        exp: expect.any(Number),
        iss: issuer,
        scope: 'read:things',
        token_type: 'Bearer',
      })
      if (how === 'revoked') {
        const form = { client_id: 'spa', token: access_token }
        await at.post('/oidc/token/revocation', form)
        expect(await introspect(at, access_token)).toMatchObject({ active: true })
        await at.post('/oidc/token/revocation', { token: access_token }, shopBasic)
        expect(await at.scene.events()).toContain('token.revoked')
      }
      if (how === 'signed out') {
        await at.ann.browser.open(`/oidc/session/end?id_token_hint=${tokens.id_token}`)
      }
      if (how === 'banned') {
        const until = new Date(at.scene.ctx.now().getTime() + hour)
        await updateUser(at.scene.ctx, at.ann.user.id, { bannedUntil: until })
      }
      if (how === 'deleted') await deleteUser(at.scene.ctx, at.ann.user.id)
      expect(await introspect(at, access_token)).toEqual({ active: false })
    },
  )

  test('is told to its own application and to machines, for one round trip (9700-12, RFC-7662)', async () => {
    const at = await authority()
    const { access_token } = await machineTokens(at, { resource: bills })
    expect(await introspect(at, access_token, shopBasic)).toEqual({ active: false })
    await introspect(at, 'x')
    at.scene.queries()
    expect(await introspect(at, access_token)).toMatchObject({ active: true, sub: 'machine' })
    expect(at.scene.queries().length).toBe(1)
    await at.post('/oidc/token/revocation', { token: access_token }, machineBasic)
    expect(await introspect(at, access_token)).toEqual({ active: false })
    const other = await machineTokens(at, { resource: bills })
    expect(await introspect(at, other.access_token)).toMatchObject({ active: true })
    at.scene.pass(1 * hour)
    expect(await introspect(at, other.access_token)).toEqual({ active: false })
  })

  test('is worth nothing when it was changed (F6) (RFC-7662, RFC-9068)', async () => {
    const at = await authority()
    const { access_token } = await machineTokens(at, { resource: bills })
    const [head, body, mark] = access_token.split('.')
    const claims = { ...claimsOf(access_token), scope: 'everything' }
    const forged = Buffer.from(JSON.stringify(claims)).toString('base64url')
    const none = Buffer.from('{"alg":"none","typ":"at+jwt"}').toString('base64url')
    for (const token of [
      `${head}.${forged}.${mark}`,
      `${none}.${body}.`,
      `${head}.${body}`,
      `${head}.${body}.${mark}.x`,
      '..',
      'a.b.c',
    ]) {
      expect(await introspect(at, token)).toEqual({ active: false })
      const answer = await at.post('/oidc/token/revocation', { token }, machineBasic)
      expect(answer.status).toBe(200)
    }
    expect(await introspect(at, access_token)).toMatchObject({ active: true })
  })
})

test('a grant without a session carries tokens that say who acts, until it is revoked', async () => {
  const at = await authority()
  const { ctx } = at.scene
  const application = await findApplication(ctx, 'shop')
  if (application === null) throw new Error('There is a shop.')
  const grant = {
    ...{ userId: at.ann.user.id, sessionId: null, applicationId: 'shop', scope: 'openid email' },
    ...{ resources: [things], apiScopes: ['read:things'], authenticatedAt: ctx.now() },
  }
  // A session that is nobody's, or somebody else's, is no session of hers.
  expect(await createGrant(ctx, { ...grant, sessionId: ctx.random.uuid() })).toBeNull()
  const grantId = await createGrant(ctx, grant)
  const asker = { applicationId: 'shop', isThirdParty: false }
  const target = { indicator: things, organizationId: null }
  const elsewhere = { target: { indicator: bills, organizationId: null }, asker }
  expect(await findExchanged(ctx, grantId ?? '', elsewhere)).toMatchObject({
    problem: 'resource-not-granted',
  })
  const found = await findExchanged(ctx, grantId ?? '', { target, asker })
  if (found === null) throw new Error('The grant has just been made.')
  expect(found).toMatchObject({
    problem: null,
    rights: { targetScopes: ['read:things'] },
  })
  const made = {
    ...{ application, holder: found, cnf: null, act: { sub: 'machine' } },
    subjectContext: null,
  }
  const opaque = await mintAccessToken(ctx, { ...made, scope: 'openid email', target: null })
  const signed = await mintAccessToken(ctx, { ...made, scope: 'read:things', target })
  expect(await (await me(at, opaque.value)).json()).toMatchObject({ email: 'ann@example.com' })
  for (const { value } of [opaque, signed]) {
    expect(await introspect(at, value)).toMatchObject({ active: true, act: { sub: 'machine' } })
  }
  await at.post('/oidc/token/revocation', { token: signed.value }, shopBasic)
  for (const token of [opaque.value, signed.value]) {
    expect(await introspect(at, token)).toEqual({ active: false })
  }
})
