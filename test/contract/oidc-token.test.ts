import { createPublicKey, verify } from 'node:crypto'
import { describe, expect, test } from 'vitest'
import { day, minute, second } from '../../src/base/time.ts'
import { updateApplication } from '../../src/model/application.ts'
import { endSession } from '../../src/model/session.ts'
import { deleteUser, updateUser } from '../../src/model/user.ts'
import {
  claimsOf,
  codeFor,
  type Fields,
  gate,
  issuer,
  machineBasic,
  me,
  person,
  redemption,
  refresh,
  shopBasic,
  shopSecret,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }

describe('a code', () => {
  test('is redeemed for tokens in the shape that Logto’s SDKs expect (Core, 9700-14)', async () => {
    const at = await gate()
    const { browser, user, sessionId } = await person(at)
    const code = await codeFor(browser, { nonce: 'n-1' })
    const answer = await at.post('/oidc/token', redemption(code), shopBasic)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const tokens = (await answer.json()) as Tokens
    expect(tokens).toEqual({
      access_token: expect.stringMatching(/^[\w-]{80,}$/),
      refresh_token: expect.stringMatching(/^[\w-]{43}$/),
      id_token: expect.stringMatching(/^[\w-]+\.[\w-]+\.[\w-]+$/),
      expires_in: 3600,
      scope: 'openid offline_access profile email',
      token_type: 'Bearer',
    })
    const now = Math.floor(at.scene.ctx.now().getTime() / 1000)
    expect(claimsOf(tokens.id_token)).toEqual({
      sub: user.id,
      aud: 'shop',
      iss: issuer,
      sid: sessionId,
      iat: now,
      exp: now + 3600,
      nonce: 'n-1',
      name: 'Ann',
      picture: null,
      username: null,
      updated_at: expect.any(Number),
      created_at: at.scene.ctx.now().getTime(),
      email: 'ann@example.com',
      email_verified: true,
    })
    expect(await at.scene.events()).toContain('code.redeemed')
  })

  test('comes with an ID token that the published key proves', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { id_token } = await tokensFor(at, browser)
    const { keys } = (await (await at.ask('/oidc/jwks')).json()) as {
      keys: Record<string, string>[]
    }
    const [head = '', body = '', mark = ''] = id_token.split('.')
    const header = JSON.parse(Buffer.from(head, 'base64url').toString())
    const jwk = keys.find(({ kid }) => kid === header.kid)
    expect(header.alg).toBe('ES384')
    expect(jwk).toMatchObject({ kty: 'EC', crv: 'P-384', use: 'sig', alg: 'ES384' })
    const key = createPublicKey({ key: jwk ?? {}, format: 'jwk' })
    expect(
      verify(
        'sha384',
        Buffer.from(`${head}.${body}`),
        { key, dsaEncoding: 'ieee-p1363' },
        Buffer.from(mark, 'base64url'),
      ),
    ).toBe(true)
  })

  test('is good once, and a second try takes along what the first one gave (D2) (9700-05)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser)
    const form = redemption(code)
    const tokens = (await (await at.post('/oidc/token', form, shopBasic)).json()) as Tokens
    expect((await me(at, tokens.access_token)).status).toBe(200)
    expect(await verdict(await at.post('/oidc/token', form, shopBasic))).toBe('400 invalid_grant')
    expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
    expect(await verdict(await refresh(at, tokens.refresh_token))).toBe('400 invalid_grant')
    expect(await at.scene.events()).toContain('code.reused')
  })

  test('is good for a minute (C13) (9700-06)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const [early, late] = [await codeFor(browser), await codeFor(browser)]
    at.scene.pass(59 * second)
    const redeem = (code: string) => at.post('/oidc/token', redemption(code), shopBasic)
    expect((await redeem(early)).status).toBe(200)
    at.scene.pass(1 * second)
    expect(await verdict(await redeem(late))).toBe('400 invalid_grant')
  })

  const wrong = 'another-verifier-of-43-characters-or-more-it-is'
  test.each([
    ['another verifier', {}, { code_verifier: wrong }],
    ['no verifier', {}, { code_verifier: undefined }],
    ['an empty verifier', {}, { code_verifier: '' }],
    ['a verifier of 42 characters', {}, { code_verifier: wrong.slice(0, 42) }],
    ['another address', {}, { redirect_uri: 'https://shop.example.com/callback' }],
    [
      'a verifier where there was no challenge',
      { code_challenge: undefined, code_challenge_method: undefined },
      {},
    ],
  ])(
    'is refused with %s, and still good after that (E3) (9700-03, 9700-04, 9700-06, RFC-7636)',
    async (_, asked: Fields, changes: Fields) => {
      const at = await gate()
      const { browser } = await person(at)
      const customClientMetadata = { isPkceOptional: true }
      await updateApplication(at.scene.ctx, 'shop', { customClientMetadata })
      const code = await codeFor(browser, asked)
      const form = redemption(code, changes)
      expect(await verdict(await at.post('/oidc/token', form, shopBasic))).toBe('400 invalid_grant')
      const right = redemption(code, 'code_challenge' in asked ? { code_verifier: undefined } : {})
      expect((await at.post('/oidc/token', right, shopBasic)).status).toBe(200)
    },
  )

  test('is refused to another client, whatever else is right (E2) (9700-06)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser)
    const stolen = redemption(code, { client_id: 'spa' })
    expect(await verdict(await at.post('/oidc/token', stolen))).toBe('400 invalid_grant')
    expect((await at.post('/oidc/token', redemption(code), shopBasic)).status).toBe(200)
  })

  test('of a public client needs no secret, and gives a refresh token when asked', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const code = await codeFor(browser, spa)
    const answer = await at.post('/oidc/token', redemption(code, spa))
    expect(await answer.json()).toMatchObject({ refresh_token: expect.any(String) })
    const bare = await codeFor(browser, { ...spa, scope: 'openid unheard-of' })
    const tokens = await (await at.post('/oidc/token', redemption(bare, spa))).json()
    expect(tokens).toMatchObject({ scope: 'openid' })
    expect(tokens).not.toHaveProperty('refresh_token')
  })

  test('without openid gives no ID token; with max_age the ID token says when (Core)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const plain = await tokensFor(at, browser, { scope: 'profile' })
    expect(plain).not.toHaveProperty('id_token')
    expect(await verdict(await me(at, plain.access_token))).toBe('403 insufficient_scope')
    const signedInAt = Math.floor(at.scene.ctx.now().getTime() / 1000)
    at.scene.pass(5 * minute)
    const timed = await tokensFor(at, browser, { max_age: '3600' })
    expect(claimsOf(timed.id_token).auth_time).toBe(signedInAt)
    at.scene.pass(5 * minute)
    const next = (await (await refresh(at, timed.refresh_token)).json()) as Tokens
    expect(claimsOf(next.id_token).auth_time).toBe(signedInAt)
  })

  test('gives a refresh token unasked where the application always wants one', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const customClientMetadata = { alwaysIssueRefreshToken: true }
    await updateApplication(at.scene.ctx, 'shop', { customClientMetadata })
    const tokens = await tokensFor(at, browser, { scope: 'openid' })
    expect((await refresh(at, tokens.refresh_token)).status).toBe(200)
  })
})

describe('a refresh token', () => {
  test('rotates: the child works, with an ID token of now and the whole scope', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const first = await tokensFor(at, browser, { nonce: 'only-once' })
    at.scene.pass(1 * day)
    const answer = await refresh(at, first.refresh_token)
    expect(answer.status).toBe(200)
    expect(answer.headers.get('cache-control')).toBe('no-store')
    const second = (await answer.json()) as Tokens
    expect(second.refresh_token).not.toBe(first.refresh_token)
    expect(second.scope).toBe(first.scope)
    const claims = claimsOf(second.id_token)
    expect(claims.iat).toBe(Math.floor(at.scene.ctx.now().getTime() / 1000))
    expect(claims).not.toHaveProperty('nonce')
    expect((await me(at, second.access_token)).status).toBe(200)
    at.scene.pass(13 * day)
    expect((await refresh(at, second.refresh_token)).status).toBe(200)
    expect(await at.scene.events()).toContain('session.refreshed')
  })

  test('gives the same child again within ten seconds, for an answer that was lost (D4)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { refresh_token } = await tokensFor(at, browser)
    const one = (await (await refresh(at, refresh_token)).json()) as Tokens
    at.scene.pass(9 * second)
    const two = (await (await refresh(at, refresh_token)).json()) as Tokens
    expect(two.refresh_token).toBe(one.refresh_token)
    expect(two.access_token).not.toBe(one.access_token)
    expect((await me(at, two.access_token)).status).toBe(200)
    expect((await refresh(at, two.refresh_token)).status).toBe(200)
  })

  test('that comes again later was stolen: the whole family falls (D4) (9700-09)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { refresh_token } = await tokensFor(at, browser)
    const child = (await (await refresh(at, refresh_token)).json()) as Tokens
    at.scene.pass(10 * second)
    expect(await verdict(await refresh(at, refresh_token))).toBe('400 invalid_grant')
    expect(await verdict(await refresh(at, child.refresh_token))).toBe('400 invalid_grant')
    expect(await verdict(await me(at, child.access_token))).toBe('401 invalid_token')
    expect(await at.scene.events()).toContain('token.reused')
    // Another authorization of the same session is another family.
    expect((await tokensFor(at, browser)).access_token).toMatch(/^[\w-]{80,}$/)
  })

  test('is good for fourteen days, or as many as the application says (9700-11)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const usual = await tokensFor(at, browser)
    await updateApplication(at.scene.ctx, 'shop', {
      customClientMetadata: { refreshTokenTtlInDays: 2 },
    })
    const short = await tokensFor(at, browser)
    at.scene.pass(2 * day)
    expect(await verdict(await refresh(at, short.refresh_token))).toBe('400 invalid_grant')
    at.scene.pass(12 * day)
    expect(await verdict(await refresh(at, usual.refresh_token))).toBe('400 invalid_grant')
    expect(await at.scene.events()).not.toContain('token.reused')
  })

  test('narrows, but never widens (E9) (9700-10)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { refresh_token } = await tokensFor(at, browser)
    expect(await verdict(await refresh(at, refresh_token, { scope: 'openid phone' }))).toBe(
      '400 invalid_scope',
    )
    const narrow = (await (
      await refresh(at, refresh_token, { scope: 'openid unheard-of' })
    ).json()) as Tokens
    expect(narrow.scope).toBe('openid')
    expect(await (await me(at, narrow.access_token)).json()).not.toHaveProperty('email')
    expect(claimsOf(narrow.id_token)).not.toHaveProperty('email')
    const bare = (await (
      await refresh(at, narrow.refresh_token, { scope: 'offline_access' })
    ).json()) as Tokens
    expect(bare).not.toHaveProperty('id_token')
    const whole = (await (await refresh(at, bare.refresh_token)).json()) as Tokens
    expect(claimsOf(whole.id_token)).toHaveProperty('email')
    expect(whole.scope).toBe('openid offline_access profile email')
    const api = await refresh(at, whole.refresh_token, { resource: 'https://api.example.com' })
    expect(await verdict(api)).toBe('400 invalid_target')
    const member = await refresh(at, whole.refresh_token, { organization_id: 'o1' })
    expect(await verdict(member)).toBe('403 insufficient_scope')
    expect((await refresh(at, whole.refresh_token)).status).toBe(200)
  })

  test('is bound to its client (E2) (9700-10)', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const { refresh_token } = await tokensFor(at, browser)
    const form = { grant_type: 'refresh_token', client_id: 'spa', refresh_token }
    expect(await verdict(await at.post('/oidc/token', form))).toBe('400 invalid_grant')
    expect((await refresh(at, refresh_token)).status).toBe(200)
    const tokens = await tokensFor(at, browser)
    expect(await verdict(await refresh(at, tokens.access_token))).toBe('400 invalid_grant')
    const code = await codeFor(browser)
    expect(await verdict(await refresh(at, code))).toBe('400 invalid_grant')
  })

  test('stays where a confidential application says so, and is rotated for a public one', async () => {
    const at = await gate()
    const { browser } = await person(at)
    const customClientMetadata = { rotateRefreshToken: false }
    for (const id of ['shop', 'spa']) {
      await updateApplication(at.scene.ctx, id, { customClientMetadata })
    }
    const { refresh_token } = await tokensFor(at, browser)
    const same = (await (await refresh(at, refresh_token)).json()) as Tokens
    expect(same.refresh_token).toBe(refresh_token)
    at.scene.pass(1 * minute)
    expect((await refresh(at, refresh_token)).status).toBe(200)
    expect(await verdict(await refresh(at, refresh_token, { scope: 'phone' }))).toBe(
      '400 invalid_scope',
    )
    const code = await codeFor(browser, spa)
    const first = (await (await at.post('/oidc/token', redemption(code, spa))).json()) as Tokens
    const form = {
      grant_type: 'refresh_token',
      client_id: 'spa',
      refresh_token: first.refresh_token,
    }
    const next = (await (await at.post('/oidc/token', form)).json()) as Tokens
    expect(next.refresh_token).not.toBe(first.refresh_token)
  })

  test.each(['the session ended', 'the user was banned', 'the user was deleted'])(
    'ends at once when %s, and so does the access token (D5) (9700-11)',
    async (what) => {
      const at = await gate()
      const { ctx } = at.scene
      const { browser, user, sessionId } = await person(at)
      const tokens = await tokensFor(at, browser)
      const code = await codeFor(browser)
      if (what === 'the session ended') await endSession(ctx, sessionId)
      else if (what === 'the user was deleted') await deleteUser(ctx, user.id)
      else await updateUser(ctx, user.id, { bannedUntil: new Date(8.64e15) })
      expect(await verdict(await refresh(at, tokens.refresh_token))).toBe('400 invalid_grant')
      expect(await verdict(await me(at, tokens.access_token))).toBe('401 invalid_token')
      const late = await at.post('/oidc/token', redemption(code), shopBasic)
      expect(await verdict(late)).toBe('400 invalid_grant')
    },
  )
})

test('nothing that a bearer could use rests in the database (N2)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const pending = await codeFor(browser)
  const tokens = await tokensFor(at, browser)
  const kept = JSON.stringify(await at.scene.ctx.db.selectFrom('idp.grants').selectAll().execute())
  const secrets = await at.scene.ctx.db.selectFrom('idp.application_secrets').selectAll().execute()
  for (const secret of [pending, tokens.access_token, tokens.refresh_token, shopSecret]) {
    expect(kept + JSON.stringify(secrets)).not.toContain(secret)
  }
})

describe('an application’s own token', () => {
  const own = { grant_type: 'client_credentials', client_id: 'machine' }

  test('speaks for nobody', async () => {
    const at = await gate()
    const answer = await at.post('/oidc/token', { ...own, scope: 'openid' }, machineBasic)
    const token = (await answer.json()) as Tokens
    expect(token).toEqual({
      access_token: expect.stringMatching(/^[\w-]{80,}$/),
      expires_in: 3600,
      scope: '',
      token_type: 'Bearer',
    })
    expect(await verdict(await me(at, token.access_token))).toBe('401 invalid_token')
    expect(await at.scene.events()).toContain('token.issued')
  })

  test('is for no unknown resource, and for no other type of application (E4)', async () => {
    const at = await gate()
    const ask = (form: Fields, headers: Record<string, string>) =>
      at.post('/oidc/token', form, headers).then(verdict)
    const resource = 'https://api.example.com'
    expect(await ask({ ...own, resource }, machineBasic)).toBe('400 invalid_target')
    const shop = { ...own, client_id: 'shop' }
    expect(await ask(shop, shopBasic)).toBe('400 unauthorized_client')
    expect(await ask({ ...own, client_id: 'spa' }, {})).toBe('400 unauthorized_client')
    const code = redemption('x', { client_id: 'machine' })
    expect(await ask(code, machineBasic)).toBe('400 unauthorized_client')
  })
})
