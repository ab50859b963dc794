import { createHash } from 'node:crypto'
import { createRemoteJWKSet, customFetch, jwtVerify } from 'jose'
import { expect, test } from 'vitest'
import { goesInClear } from '../../src/base/config.ts'
import { second } from '../../src/base/time.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { createUser } from '../../src/model/user.ts'
import {
  authority,
  headerOf,
  introspect,
  machineTokens,
  refreshed,
  things,
  wideTokens,
} from './oidc-authority.ts'
import {
  answerOf,
  authPath,
  basic,
  claimsOf,
  codeFor,
  codeForm,
  encoded,
  type Fields,
  type Gate,
  gate,
  issuer,
  me,
  person,
  redemption,
  request,
  shopBasic,
  type Tokens,
  tokensFor,
  verdict,
} from './oidc-client.ts'

// What clients and APIs meet: rows of the checklist (docs/oidc-rows.md) that no other file holds whole.

const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }
const native = { client_id: 'native', redirect_uri: 'com.example.app:/done' }

async function redeemPublic(at: Gate, code: string, changes: Fields = {}): Promise<Response> {
  return at.post('/oidc/token', redemption(code, { ...spa, ...changes }))
}

async function publicTokens(at: Gate): Promise<Tokens> {
  const { browser } = await person(at)
  return (await (await redeemPublic(at, await codeFor(browser, spa))).json()) as Tokens
}

function refreshPublic(at: Gate, refresh_token: string, headers = {}): Promise<Response> {
  const form = { grant_type: 'refresh_token', client_id: 'spa', refresh_token }
  return at.post('/oidc/token', form, headers)
}

test('public clients bring a challenge of S256, and its verifier (9700-03, OAuth-2.1)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const bare = { code_challenge: undefined, code_challenge_method: undefined }
  for (const client of [spa, native]) {
    for (const changes of [bare, { code_challenge_method: 'plain' }, { code_challenge: '' }]) {
      const answer = answerOf(await browser.open(authPath({ ...client, ...changes })))
      expect(answer).toMatchObject({ error: 'invalid_request', state: 'a state', iss: issuer })
    }
  }
  const code = await codeFor(browser, spa)
  for (const code_verifier of [undefined, '', 'w'.repeat(43)]) {
    expect(await verdict(await redeemPublic(at, code, { code_verifier }))).toBe('400 invalid_grant')
  }
  expect((await redeemPublic(at, code)).status).toBe(200)
})

test('who downgrades a request gets no token for its verifier (E3) (9700-04)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  await updateApplication(at.scene.ctx, 'shop', { customClientMetadata: { isPkceOptional: true } })
  const bare = { code_challenge: undefined, code_challenge_method: undefined }
  const code = await codeFor(browser, bare)
  const answer = await at.post('/oidc/token', redemption(code), shopBasic)
  expect(await verdict(answer)).toBe('400 invalid_grant')
})

test('a verifier has 43 to 128 unreserved characters, and is the one of its challenge (RFC-7636)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const challengeOf = (text: string) => createHash('sha256').update(text).digest('base64url')
  const all = 'abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~'
  const redeemWith = async (code_verifier: string) => {
    const code = await codeFor(browser, { ...spa, code_challenge: challengeOf(code_verifier) })
    return verdict(await redeemPublic(at, code, { code_verifier }))
  }
  for (const good of ['a'.repeat(43), all, all.slice(0, 64).repeat(2)]) {
    expect([good.length, await redeemWith(good)]).toEqual([good.length, '200'])
  }
  for (const bad of ['a'.repeat(42), 'a'.repeat(129), `${'a'.repeat(43)}+`, `${'a'.repeat(43)}é`]) {
    expect([bad, await redeemWith(bad)]).toEqual([bad, '400 invalid_grant'])
  }
  // The challenge itself is no verifier, whatever method is claimed.
  const code = await codeFor(browser, spa)
  const code_verifier = request().code_challenge
  const asPlain = { code_verifier, code_challenge_method: 'plain' }
  expect(await verdict(await redeemPublic(at, code, asPlain))).toBe('400 invalid_grant')
  for (const code_challenge of [
    'a'.repeat(42),
    'a'.repeat(44),
    `${'a'.repeat(42)}=`,
    `${'a'.repeat(42)}+`,
  ]) {
    const answer = answerOf(await browser.open(authPath({ ...spa, code_challenge })))
    expect([code_challenge, answer.error]).toEqual([code_challenge, 'invalid_request'])
  }
})

test('a public client’s refresh token rotates; the old one takes the newest along (D4) (9700-09)', async () => {
  const at = await gate()
  const first = await publicTokens(at)
  const next = (await (await refreshPublic(at, first.refresh_token)).json()) as Tokens
  expect(next.refresh_token).not.toBe(first.refresh_token)
  const third = (await (await refreshPublic(at, next.refresh_token)).json()) as Tokens
  at.scene.pass(11 * second)
  expect(await verdict(await refreshPublic(at, first.refresh_token))).toBe('400 invalid_grant')
  expect(await verdict(await refreshPublic(at, third.refresh_token))).toBe('400 invalid_grant')
  expect(await verdict(await me(at, third.access_token))).toBe('401 invalid_token')
})

test('twenty who come with one refresh token at once get one successor (9700-09)', async () => {
  const at = await gate()
  const { refresh_token } = await publicTokens(at)
  const answers = await Promise.all(
    Array.from({ length: 20 }, () => refreshPublic(at, refresh_token)),
  )
  const good = answers.filter(({ status }) => status === 200)
  const successors = await Promise.all(good.map(async (one) => (await one.json()).refresh_token))
  expect(new Set(successors).size).toBe(1)
  for (const answer of answers) {
    if (answer.status !== 200) expect(await verdict(answer)).toBe('400 invalid_grant')
  }
})

test('an application has no user’s name, and its token passes for nobody (F8) (9700-23)', async () => {
  const at = await authority({ SEKISHO_REGISTRATION: 'open' })
  const { ctx } = at.scene
  const { user } = at.ann
  const machine = {
    name: 'Ann',
    type: 'MachineToMachine',
    secret: 'a-secret-of-a-machine',
  } as const
  for (const id of [user.id, user.id.toUpperCase()]) {
    await expect(createApplication(ctx, { ...machine, id })).rejects.toThrow(/uuid/)
  }
  const registered = await at.ask('/oidc/register', {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ client_id: user.id, redirect_uris: ['https://new.example.com/cb'] }),
  })
  expect((await registered.json()).client_id).not.toBe(user.id)
  // Not even somebody who is called like it.
  await createApplication(ctx, { ...machine, id: 'ann' })
  await createUser(ctx, { username: 'ann' })
  const form = { grant_type: 'client_credentials' }
  const own = await (await at.post('/oidc/token', form, basic('ann', machine.secret))).json()
  const signed = await machineTokens(at, { resource: 'https://api.example.com/bills' })
  for (const token of [own.access_token, signed.access_token]) {
    const bearer = { headers: { authorization: `Bearer ${token}` } }
    for (const path of ['/oidc/me', '/auth/v1/user']) {
      const { status } = await at.ask(path, bearer)
      expect([path, [401, 403].includes(status)]).toEqual([path, true])
    }
    const exchange = await at.post(
      '/oidc/token',
      {
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: token,
        subject_token_type: 'urn:ietf:params:oauth:token-type:access_token',
      },
      shopBasic,
    )
    expect(exchange.status).toBe(400)
  }
  expect(claimsOf(signed.access_token)).toMatchObject({ sub: 'machine', client_id: 'machine' })
})

test('a loopback address is good at any port, of both families, and no other name of it (RFC-8252)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  await createApplication(at.scene.ctx, {
    ...{ id: 'desk', name: 'Desk', type: 'Native' },
    oidcClientMetadata: { redirectUris: ['http://127.0.0.1/cb', 'http://[::1]/cb'] },
  })
  const ask = (redirect_uri: string) =>
    browser.open(authPath({ client_id: 'desk', redirect_uri, prompt: 'login' }))
  for (const uri of ['http://127.0.0.1:51234/cb', 'http://[::1]:51234/cb', 'http://[::1]/cb']) {
    expect([uri, (await ask(uri)).status]).toEqual([uri, 303])
  }
  for (const uri of [
    'http://localhost:51234/cb',
    'http://127.0.0.1.evil.example:51234/cb',
    'http://[::2]:51234/cb',
    'http://[0:0:0:0:0:0:0:1]:51234/cb',
    'http://2130706433:51234/cb',
    'http://127.1:51234/cb',
    'http://[::1]:51234/cb/',
    'http://[::1]:51234/cb?x',
  ]) {
    const answer = await ask(uri)
    expect([uri, answer.status, answer.headers.get('location')]).toEqual([uri, 400, null])
  }
})

test('a resource is an absolute address without a fragment that somebody registered (RFC-8707)', async () => {
  const at = await authority()
  const { browser } = at.ann
  for (const resource of [
    'foo',
    '/things',
    `${things}#x`,
    `${things}#`,
    `${things}/`,
    'https://',
  ]) {
    const asked = answerOf(await browser.open(authPath({ resource })))
    expect([resource, asked.error]).toEqual([resource, 'invalid_target'])
    const pushed = await at.post('/oidc/par', request({ resource }), shopBasic)
    expect([resource, await verdict(pushed)]).toEqual([resource, '400 invalid_target'])
    const { refresh_token } = await tokensFor(at, browser)
    const form = { grant_type: 'refresh_token', refresh_token, resource }
    const refused = await at.post('/oidc/token', form, shopBasic)
    expect([resource, await verdict(refused)]).toEqual([resource, '400 invalid_target'])
  }
})

test('an ID token opens neither user info nor an API (C16, F8) (RFC-9068)', async () => {
  const at = await authority()
  const tokens = await refreshed(at, await wideTokens(at), { resource: things })
  expect(await verdict(await me(at, tokens.id_token))).toBe('401 invalid_token')
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`), {
    [customFetch]: (url: string) => at.ask(new URL(url).pathname),
  })
  const checks = { issuer, audience: things, typ: 'at+jwt', currentDate: at.scene.ctx.now() }
  await expect(jwtVerify(tokens.access_token, keys, checks)).resolves.toBeDefined()
  await expect(jwtVerify(tokens.id_token, keys, checks)).rejects.toThrow()
  expect(headerOf(tokens.id_token).typ).not.toBe('at+jwt')
  expect(['none', 'HS256']).not.toContain(headerOf(tokens.access_token).alg)
  expect(claimsOf(tokens.access_token).aud).not.toBe('shop')
})

test('a token says how and when its user signed in, as JWT and in introspection (RFC-9470)', async () => {
  const at = await authority()
  const signedInAt = Math.floor(at.scene.ctx.now().getTime() / 1000)
  at.scene.pass(60 * second)
  const path = authPath({
    ...{ resource: things, scope: 'openid offline_access read:things' },
    ...{ acr_values: 'aal1', max_age: '3600' },
  })
  const { code = '' } = answerOf(await at.ann.browser.open(path))
  const form = redemption(code, { resource: things })
  const tokens = (await (await at.post('/oidc/token', form, shopBasic)).json()) as Tokens
  const facts = { acr: 'aal1', auth_time: signedInAt }
  expect(claimsOf(tokens.access_token)).toMatchObject(facts)
  expect(await introspect(at, tokens.access_token)).toMatchObject({ active: true, ...facts })
  at.scene.pass(60 * second)
  const later = await refreshed(at, tokens, { resource: things })
  expect(claimsOf(later.access_token)).toMatchObject(facts)
  // The challenge that an API gives leads to a new request, which an older sign-in does not satisfy.
  const stepUp = await at.ann.browser.open(authPath({ max_age: '60', prompt: undefined }))
  expect(stepUp.headers.get('location')).toMatch(/^\/sign-in\?/)
  const metadata = await (await at.ask('/oidc/.well-known/openid-configuration')).json()
  expect(metadata.acr_values_supported).toEqual(expect.arrayContaining(['aal1', 'aal2']))
})

test('a revoked refresh token takes the JWTs along that came with it (D14) (RFC-7009)', async () => {
  const at = await authority()
  const tokens = await refreshed(at, await wideTokens(at), { resource: things })
  expect(await introspect(at, tokens.access_token)).toMatchObject({ active: true })
  for (const hint of ['access_token', 'nonsense']) {
    // A hint that is wrong only costs a look more (RFC 7009 § 2.1).
    const form = { token: tokens.refresh_token, token_type_hint: hint }
    expect((await at.post('/oidc/token/revocation', form, shopBasic)).status).toBe(200)
  }
  expect(await introspect(at, tokens.access_token)).toEqual({ active: false })
  expect(await introspect(at, tokens.refresh_token)).toEqual({ active: false })
})

test('a hint that was changed ends nothing (Logout)', async () => {
  const at = await gate()
  const { browser, user } = await person(at)
  const { id_token } = await tokensFor(at, browser)
  const [head, , mark] = id_token.split('.')
  const changed = Buffer.from(JSON.stringify({ ...claimsOf(id_token), aud: 'spa' }))
  const none = Buffer.from('{"alg":"none"}').toString('base64url')
  for (const hint of [
    `${head}.${changed.toString('base64url')}.${mark}`,
    `${none}.${id_token.split('.')[1]}.`,
    id_token.slice(0, -8),
  ]) {
    const path = `/oidc/session/end?${encoded({ id_token_hint: hint })}`
    const answer = await browser.open(path)
    expect([answer.status, answer.headers.get('location')]).toEqual([400, null])
  }
  expect((await browser.send('/sign-out', {})).status).toBe(400)
  expect((await browser.send('/sign-out', { question: user.id })).status).toBe(400)
  expect(answerOf(await browser.open(authPath({ prompt: 'none' }))).code).toMatch(codeForm)
})

test('the issuer is the beginning of every address, and one without https is warned of (Discovery)', async () => {
  const at = await gate({ SEKISHO_PUBLIC_URL: 'https://id.example.com' })
  const document = await (await at.ask('/oidc/.well-known/openid-configuration')).json()
  expect(document.issuer).toBe('https://id.example.com/oidc')
  for (const [name, value] of Object.entries(document)) {
    if (!/_endpoint$|_uri$/.test(name)) continue
    expect([name, String(value).startsWith('https://id.example.com/oidc/')]).toEqual([name, true])
  }
  // At another host it works, for who tries it out at home, and `start` warns.
  for (const url of [
    'http://id.example.com',
    'http://192.0.2.1:8000',
    'http://127.0.0.1.example',
  ]) {
    expect([url, goesInClear(url)]).toEqual([url, true])
  }
  for (const url of [
    'https://id.example.com',
    'http://localhost:3001',
    'http://127.0.0.1',
    'http://[::1]:1',
  ]) {
    expect([url, goesInClear(url)]).toEqual([url, false])
  }
})
