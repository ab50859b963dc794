import { describe, expect, test } from 'vitest'
import { hour } from '../../src/base/time.ts'
import { createIdentity } from '../../src/model/identity.ts'
import { updateUser } from '../../src/model/user.ts'
import {
  basic,
  claimsOf,
  codeFor,
  gate,
  issuer,
  machineBasic,
  me,
  person,
  redemption,
  refresh,
  shopBasic,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

const everything =
  'openid offline_access profile email phone address custom_data identities roles urn:logto:scope:organizations urn:logto:scope:organization_roles'

describe('UserInfo', () => {
  test('tells all that the scopes allow, in Logto’s spelling (Core, 9700-14)', async () => {
    const at = await gate()
    const { browser, user, sessionId } = await person(at, {
      username: 'ann',
      avatar: 'https://example.com/a.png',
      phone: '14155553915',
      phoneVerified: true,
      details: {
        family_name: 'User',
        website: 'https://example.com',
        address: { formatted: '1 Main St', streetAddress: '1 Main St' },
        sub: 'somebody else',
        iss: 'https://evil.example',
      },
      customData: { plan: 'pro' },
    })
    await createIdentity(at.scene.ctx, {
      ...{ userId: user.id, provider: 'github', subject: '123' },
      data: { login: 'ann' },
    })
    const tokens = await tokensFor(at, browser, { scope: everything })
    const profile = {
      sub: user.id,
      name: 'Ann',
      family_name: 'User',
      website: 'https://example.com',
      preferred_username: 'ann',
      picture: 'https://example.com/a.png',
      username: 'ann',
      updated_at: expect.any(Number),
      created_at: expect.any(Number),
      email: 'ann@example.com',
      email_verified: true,
      phone_number: '14155553915',
      phone_number_verified: true,
      address: { formatted: '1 Main St', streetAddress: '1 Main St' },
      roles: [],
      organizations: [],
      organization_roles: [],
    }
    const now = Math.floor(at.scene.ctx.now().getTime() / 1000)
    const token = { aud: 'shop', iss: issuer, sid: sessionId, iat: now, exp: now + 3600 }
    expect(claimsOf(tokens.id_token)).toEqual({ ...profile, ...token })
    for (const answer of [
      await me(at, tokens.access_token),
      await at.ask('/oidc/me', {
        method: 'POST',
        headers: { authorization: `Bearer ${tokens.access_token}` },
      }),
      await at.post('/oidc/me', { access_token: tokens.access_token }),
    ]) {
      expect(answer.status).toBe(200)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(await answer.json()).toEqual({
        ...profile,
        custom_data: { plan: 'pro' },
        identities: { github: { userId: '123', details: { login: 'ann' } } },
        sso_identities: [],
        organization_data: [],
      })
    }
  })

  test('tells what is true now, and no more than was granted', async () => {
    const at = await gate()
    const { browser, user } = await person(at, {
      emailVerified: false,
      phone: '14155553915',
      phoneVerified: true,
    })
    const { access_token } = await tokensFor(at, browser, { scope: 'openid email' })
    await updateUser(at.scene.ctx, user.id, { email: 'new@example.com' })
    expect(await (await me(at, access_token)).json()).toEqual({
      sub: user.id,
      email: 'new@example.com',
      email_verified: false,
    })
  })

  test('takes a token by one way only, and never from the address (9700-13, OAuth-2.1, RFC-9068)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { access_token, refresh_token, id_token } = await tokensFor(at, browser)
    const bearer = { authorization: `Bearer ${access_token}` }
    const query = await at.ask(`/oidc/me?access_token=${access_token}`)
    expect(await verdict(query)).toBe('400 invalid_request')
    expect(await verdict(await at.post('/oidc/me', { access_token }, bearer))).toBe(
      '400 invalid_request',
    )
    const bare = await at.ask('/oidc/me')
    expect(bare.status).toBe(401)
    expect(bare.headers.get('www-authenticate')).toBe(
      `Bearer realm="${issuer}", resource_metadata="http://localhost:3001/.well-known/oauth-protected-resource/oidc/me"`,
    )
    for (const wrong of [
      refresh_token,
      id_token,
      'x',
      `${access_token}x`,
      'a.b.c',
      '.'.repeat(4000),
    ]) {
      const answer = await me(at, wrong)
      expect(answer.headers.get('www-authenticate')).toContain('error="invalid_token"')
      expect(await verdict(answer)).toBe('401 invalid_token')
    }
    at.scene.pass(1 * hour)
    expect(await verdict(await me(at, access_token))).toBe('401 invalid_token')
  })
})

describe('introspection', () => {
  const introspect = (at: Awaited<ReturnType<typeof gate>>, token: string, who = shopBasic) =>
    at.post('/oidc/token/introspection', { token }, who)

  test('tells an application of its own tokens, and an API of all (9700-12, 9700-14, RFC-7662)', async () => {
    const at = await gate()
    const { browser, user } = await person(at, { username: 'ann' })
    const tokens = await tokensFor(at, browser)
    const now = Math.floor(at.scene.ctx.now().getTime() / 1000)
    const facts = {
      active: true,
      sub: user.id,
      client_id: 'shop',
      username: 'ann',
      iat: now,
      exp: now + 3600,
      iss: issuer,
      scope: 'openid offline_access profile email',
      token_type: 'Bearer',
    }
    for (const who of [shopBasic, machineBasic]) {
      const answer = await introspect(at, tokens.access_token, who)
      expect(answer.headers.get('cache-control')).toBe('no-store')
      expect(await answer.json()).toEqual(facts)
    }
    expect(await (await introspect(at, tokens.refresh_token)).json()).toMatchObject({
      active: true,
      token_type: 'refresh_token',
      exp: now + 14 * 24 * 3600,
    })
    const own = { grant_type: 'client_credentials' }
    const machine = (await (await at.post('/oidc/token', own, machineBasic)).json()) as Tokens
    expect(await (await introspect(at, machine.access_token, machineBasic)).json()).toEqual({
      active: true,
      sub: 'machine',
      client_id: 'machine',
      iat: now,
      exp: now + 3600,
      iss: issuer,
      scope: '',
      token_type: 'Bearer',
    })
    expect(await (await introspect(at, machine.access_token)).json()).toEqual({ active: false })
  })

  test('says of every other token only that it is not active (RFC-7662)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const spent = (await tokensFor(at, browser)).refresh_token
    await refresh(at, spent)
    const expired = (await tokensFor(at, browser)).access_token
    at.scene.pass(1 * hour)
    for (const token of [spent, expired, await codeFor(browser), 'x', 'é']) {
      const answer = await introspect(at, token)
      expect(answer.status).toBe(200)
      expect(await answer.json()).toEqual({ active: false })
    }
  })

  test('is not for those who cannot prove who they are (RFC-7662)', async () => {
    const at = await gate()
    const form = { token: 'x', client_id: 'spa' }
    const ask = (headers: Record<string, string>) =>
      at.post('/oidc/token/introspection', form, headers).then(verdict)
    expect(await ask({})).toBe('401 invalid_client')
    expect(await ask(basic('shop', 'wrong'))).toBe('400 invalid_request')
    expect(await verdict(await introspect(at, 'x', basic('shop', 'wrong')))).toBe(
      '401 invalid_client',
    )
    expect(await verdict(await introspect(at, ''))).toBe('400 invalid_request')
  })
})

describe('revocation', () => {
  test.each(['access_token', 'refresh_token'] as const)(
    'of the %s ends all of its grant (D14) (RFC-7009)',
    async (which) => {
      const at = await gate()
      const { browser } = await person(at)
      const tokens = await tokensFor(at, browser)
      const other = await tokensFor(at, browser)
      const form = { client_id: 'shop', token: tokens[which] }
      const answer = await at.post('/oidc/token/revocation', form, shopBasic)
      expect(answer.status).toBe(200)
      expect(await answer.text()).toBe('')
      expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
      expect(await verdict(await refresh(at, tokens.refresh_token))).toBe('400 invalid_grant')
      expect((await refresh(at, other.refresh_token)).status).toBe(200)
      expect(await at.scene.events()).toContain('token.revoked')
    },
  )

  test('changes nothing for a token that is another’s or none, and does not tell (RFC-7009)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const tokens = await tokensFor(at, browser)
    for (const token of [tokens.refresh_token, tokens.access_token, 'x']) {
      const answer = await at.post('/oidc/token/revocation', { client_id: 'spa', token })
      expect([answer.status, await answer.text()]).toEqual([200, ''])
    }
    expect((await refresh(at, tokens.refresh_token)).status).toBe(200)
    expect(await at.scene.events()).not.toContain('token.revoked')
  })

  test('without the secret is refused, as Logto’s Go SDK finds (RFC-7009)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { refresh_token } = await tokensFor(at, browser)
    const form = { client_id: 'shop', token: refresh_token }
    expect(await verdict(await at.post('/oidc/token/revocation', form))).toBe('401 invalid_client')
    expect((await refresh(at, refresh_token)).status).toBe(200)
  })

  test('of an application’s own token', async () => {
    const at = await gate()
    const own = { grant_type: 'client_credentials' }
    const { access_token } = (await (
      await at.post('/oidc/token', own, machineBasic)
    ).json()) as Tokens
    await at.post('/oidc/token/revocation', { token: access_token }, machineBasic)
    const answer = await at.post('/oidc/token/introspection', { token: access_token }, machineBasic)
    expect(await answer.json()).toEqual({ active: false })
  })
})

test('a public client’s code and tokens are its own', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }
  const code = await codeFor(browser, spa)
  const tokens = (await (await at.post('/oidc/token', redemption(code, spa))).json()) as Tokens
  const form = { client_id: 'spa', token: tokens.refresh_token }
  expect((await at.post('/oidc/token/revocation', form)).status).toBe(200)
  expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
})
