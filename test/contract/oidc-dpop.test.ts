import { createHash } from 'node:crypto'
import { type CryptoKey, calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { minute, second, unixSeconds } from '../../src/base/time.ts'
import { updateApplication } from '../../src/model/application.ts'
import {
  answerOf,
  authPath,
  codeFor,
  encoded,
  type Fields,
  type Gate,
  gate,
  issuer,
  machineBasic,
  me,
  person,
  redemption,
  request,
  shopBasic,
  type Tokens,
  verdict,
} from './oidc-client.ts'

const first = await generateKeyPair('ES256', { extractable: true })
const otherPair = await generateKeyPair('EdDSA', { extractable: true })
const jwk = await exportJWK(first.publicKey)
const jkt = await calculateJwkThumbprint(jwk)
const otherJkt = await calculateJwkThumbprint(await exportJWK(otherPair.publicKey))

const tokenEndpoint = `${issuer}/token`
const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }

let proofs = 0

interface Header {
  key?: CryptoKey | Uint8Array
  alg?: string
  typ?: string
  jwk?: object | undefined
}

async function proofFor(
  at: Gate,
  claims: Record<string, unknown> = {},
  { key = first.privateKey, ...header }: Header = {},
): Promise<{ dpop: string }> {
  proofs += 1
  const dpop = await new SignJWT({
    ...{ jti: `proof ${proofs}`, htm: 'POST', htu: tokenEndpoint },
    iat: unixSeconds(at.scene.ctx.now()),
    ...claims,
  })
    .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk, ...header } as { alg: string })
    .sign(key)
  return { dpop }
}

async function otherProof(at: Gate, claims: Record<string, unknown> = {}) {
  const header = {
    key: otherPair.privateKey,
    alg: 'EdDSA',
    jwk: await exportJWK(otherPair.publicKey),
  }
  return proofFor(at, claims, header)
}

const own = { grant_type: 'client_credentials' }

function askOwn(at: Gate, headers: Record<string, string>) {
  return at.post('/oidc/token', own, { ...machineBasic, ...headers })
}

function athOf(token: string): string {
  return createHash('sha256').update(token).digest('base64url')
}

async function meWith(at: Gate, token: string, proof: { dpop: string }, scheme = 'DPoP') {
  return at.ask('/oidc/me', { headers: { authorization: `${scheme} ${token}`, ...proof } })
}

const meClaims = (token: string) => ({ htm: 'GET', htu: `${issuer}/me`, ath: athOf(token) })

/** The SPA's tokens, bound to the first key. */
async function boundTokens(at: Gate): Promise<Tokens> {
  const { browser } = await person(at)
  const code = await codeFor(browser, spa)
  const form = redemption(code, spa)
  const answer = await at.post('/oidc/token', form, await proofFor(at))
  expect(answer.status, await answer.clone().text()).toBe(200)
  return (await answer.json()) as Tokens
}

test('a token is bound to the key whose proof came with the request (RFC-9449)', async () => {
  const at = await gate()
  const answer = await askOwn(at, await proofFor(at))
  expect(answer.headers.get('dpop-nonce')).toMatch(/^[\w-]{43}$/)
  const { access_token, token_type } = (await answer.json()) as Tokens
  expect(token_type).toBe('DPoP')
  const told = await at.post('/oidc/token/introspection', { token: access_token }, machineBasic)
  expect(await told.json()).toMatchObject({ active: true, token_type: 'DPoP', cnf: { jkt } })
  at.scene.queries()
  expect((await askOwn(at, await proofFor(at))).status).toBe(200)
  // It spends the proof; of the token nothing is kept.
  expect(at.scene.queries().length).toBe(1)
  const bearer = (await (await askOwn(at, {})).json()) as Tokens
  expect(bearer.token_type).toBe('Bearer')
})

test('user info is for who proves to hold the key, and for nobody who has the token only (RFC-9449)', async () => {
  const at = await gate()
  const { access_token, token_type } = await boundTokens(at)
  expect(token_type).toBe('DPoP')
  const answer = await meWith(at, access_token, await proofFor(at, meClaims(access_token)))
  expect(await answer.json()).toMatchObject({ email: 'ann@example.com' })

  const asBearer = await me(at, access_token)
  expect(asBearer.headers.get('www-authenticate')).toMatch(/^DPoP .*error="invalid_token"/)
  expect(await verdict(asBearer)).toBe('401 invalid_token')
  const proof = await proofFor(at, meClaims(access_token))
  expect(await verdict(await meWith(at, access_token, proof, 'Bearer'))).toBe('401 invalid_token')
  const inForm = await at.post('/oidc/me', { access_token })
  expect(await verdict(inForm)).toBe('401 invalid_token')
  const strange = await otherProof(at, meClaims(access_token))
  expect(await verdict(await meWith(at, access_token, strange))).toBe('401 invalid_token')
  for (const claims of [
    { ...meClaims(access_token), ath: undefined },
    { ...meClaims(access_token), ath: athOf('another token') },
    { ...meClaims(access_token), htm: 'POST' },
    { ...meClaims(access_token), htu: tokenEndpoint },
  ]) {
    const refused = await meWith(at, access_token, await proofFor(at, claims))
    expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP .*algs="ES256 /)
    expect(await verdict(refused)).toBe('401 invalid_dpop_proof')
  }
  const bare = await at.ask('/oidc/me', { headers: { authorization: `DPoP ${access_token}` } })
  expect(await verdict(bare)).toBe('401 invalid_dpop_proof')
})

test('a token that is bound to nothing is not shown with a proof', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const form = redemption(await codeFor(browser, spa), spa)
  const { access_token } = (await (await at.post('/oidc/token', form)).json()) as Tokens
  const proof = await proofFor(at, meClaims(access_token))
  expect(await verdict(await meWith(at, access_token, proof))).toBe('401 invalid_token')
  expect((await me(at, access_token)).status).toBe(200)
})

const hmac = Buffer.alloc(32, 7)

test.each<[string, Record<string, unknown>, Header]>([
  ['of another method', { htm: 'GET' }, {}],
  ['of another address', { htu: `${issuer}/par` }, {}],
  ['of another host', { htu: 'https://elsewhere.example.com/oidc/token' }, {}],
  ['of no address', { htu: 'nonsense' }, {}],
  ['without a method', { htm: undefined }, {}],
  ['without an address', { htu: undefined }, {}],
  ['without a name', { jti: undefined }, {}],
  ['with an empty name', { jti: '' }, {}],
  ['without a time', { iat: undefined }, {}],
  ['with a time that is none', { iat: 'now' }, {}],
  ['that is ten minutes old', { iat: unixSeconds(new Date('2025-11-22T11:50:00Z')) }, {}],
  ['of the future', { iat: unixSeconds(new Date('2025-11-22T12:02:00Z')) }, {}],
  ['of another type', {}, { typ: 'JWT' }],
  ['without its key', {}, { jwk: undefined }],
  ['of another key than it names', {}, { key: (await generateKeyPair('ES256')).privateKey }],
  ['with a private key inside', {}, { jwk: await exportJWK(first.privateKey) }],
  ['by a shared secret', {}, { alg: 'HS256', key: hmac, jwk: { kty: 'oct', k: 'BwcH' } }],
])('a proof %s is refused (RFC-9449)', async (_, claims, header) => {
  const at = await gate()
  const answer = await askOwn(at, await proofFor(at, claims, header))
  expect(await verdict(answer)).toBe('400 invalid_dpop_proof')
})

test('nonsense, an unsigned proof and two proofs at once are refused', async () => {
  const at = await gate()
  const { dpop } = await proofFor(at)
  const [, body] = dpop.split('.')
  const head = Buffer.from(JSON.stringify({ alg: 'none', typ: 'dpop+jwt', jwk }))
  const unsigned = `${head.toString('base64url')}.${body}.`
  const twice = `${dpop}, ${(await proofFor(at)).dpop}`
  for (const bad of ['', 'x', 'a.b.c', unsigned, twice, `${'a'.repeat(9000)}.b.c`]) {
    expect(await verdict(await askOwn(at, { dpop: bad }))).toBe('400 invalid_dpop_proof')
  }
  expect((await askOwn(at, { dpop })).status).toBe(200)
})

test('a proof is good once, also of fifty at once; its address may have a query (RFC-9449)', async () => {
  const at = await gate()
  const proof = await proofFor(at, { htu: `${tokenEndpoint}?a=b#c` })
  const answers = await Promise.all(Array.from({ length: 50 }, () => askOwn(at, proof)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(49)
  at.scene.pass(1 * minute)
  expect(await verdict(await askOwn(at, proof))).toBe('400 invalid_dpop_proof')
})

test('the nonce that we gave is good for some minutes, and nobody else’s (RFC-9449)', async () => {
  const at = await gate()
  await updateApplication(at.scene.ctx, 'machine', {
    oidcClientMetadata: { dpopBoundAccessTokens: true, dpopNonceRequired: true },
  })
  const asked = await askOwn(at, await proofFor(at))
  const nonce = asked.headers.get('dpop-nonce')
  expect(await verdict(asked)).toBe('400 use_dpop_nonce')
  expect((await askOwn(at, await proofFor(at, { nonce }))).status).toBe(200)
  // With it, the client's clock may be wrong.
  expect((await askOwn(at, await proofFor(at, { nonce, iat: 1 }))).status).toBe(200)
  expect(await verdict(await askOwn(at, await proofFor(at, { nonce: 'made-up' })))).toBe(
    '400 use_dpop_nonce',
  )
  at.scene.pass(2 * minute)
  const next = await askOwn(at, await proofFor(at, { nonce }))
  expect(next.status).toBe(200)
  expect(next.headers.get('dpop-nonce')).not.toBe(nonce)
  at.scene.pass(4 * minute)
  expect(await verdict(await askOwn(at, await proofFor(at, { nonce })))).toBe('400 use_dpop_nonce')
  expect(await verdict(await askOwn(at, {}))).toBe('400 invalid_dpop_proof')
})

test('where nonces are needed, they are at user info as well (RFC-9449)', async () => {
  const at = await gate()
  const { access_token } = await boundTokens(at)
  await updateApplication(at.scene.ctx, 'spa', { oidcClientMetadata: { dpopNonceRequired: true } })
  const refused = await meWith(at, access_token, await proofFor(at, meClaims(access_token)))
  expect(refused.headers.get('www-authenticate')).toMatch(/^DPoP .*error="use_dpop_nonce"/)
  const nonce = refused.headers.get('dpop-nonce')
  expect(await verdict(refused)).toBe('401 use_dpop_nonce')
  const proof = await proofFor(at, { ...meClaims(access_token), nonce })
  expect((await meWith(at, access_token, proof)).status).toBe(200)
})

test('a public client’s refresh token is bound to the key, and its children are (RFC-9449, 9700-09)', async () => {
  const at = await gate()
  const { refresh_token } = await boundTokens(at)
  const form = { grant_type: 'refresh_token', client_id: 'spa', refresh_token }
  expect(await verdict(await at.post('/oidc/token', form))).toBe('400 invalid_grant')
  expect(await verdict(await at.post('/oidc/token', form, await otherProof(at)))).toBe(
    '400 invalid_grant',
  )
  const child = await at.post('/oidc/token', form, await proofFor(at))
  const tokens = (await child.json()) as Tokens
  expect(tokens.token_type).toBe('DPoP')
  const again = { ...form, refresh_token: tokens.refresh_token }
  expect(await verdict(await at.post('/oidc/token', again))).toBe('400 invalid_grant')
  // Within the interval of reuse a thief without the key gets nothing, and ends nothing.
  expect(await verdict(await at.post('/oidc/token', form))).toBe('400 invalid_grant')
  at.scene.pass(11 * second)
  expect(await verdict(await at.post('/oidc/token', form, await otherProof(at)))).toBe(
    '400 invalid_grant',
  )
  expect((await at.post('/oidc/token', again, await proofFor(at))).status).toBe(200)
})

test('a confidential client may come with a new key, since it proves itself', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const form = redemption(await codeFor(browser))
  const redeemed = await at.post('/oidc/token', form, { ...shopBasic, ...(await proofFor(at)) })
  const { refresh_token, token_type } = (await redeemed.json()) as Tokens
  expect(token_type).toBe('DPoP')
  const refresh = { grant_type: 'refresh_token', refresh_token }
  const headers = { ...shopBasic, ...(await otherProof(at)) }
  const { access_token } = (await (await at.post('/oidc/token', refresh, headers)).json()) as Tokens
  const told = await at.post('/oidc/token/introspection', { token: access_token }, shopBasic)
  expect(await told.json()).toMatchObject({ cnf: { jkt: otherJkt } })
})

test.each<[string, boolean]>([
  ['in the request', false],
  ['left first, with a proof', true],
])('a code that was asked for with a key %s is redeemed with its proof', async (_, isPushed) => {
  const at = await gate()
  const { browser } = await person(at)
  async function path(): Promise<string> {
    if (!isPushed) return authPath({ ...spa, dpop_jkt: jkt })
    const proof = await proofFor(at, { htu: `${issuer}/par` })
    const answer = await at.post('/oidc/par', request(spa), proof)
    const { request_uri } = (await answer.json()) as { request_uri: string }
    return `/oidc/auth?${encoded({ client_id: 'spa', request_uri })}`
  }
  const { code = '' } = answerOf(await browser.open(await path()))
  const form = redemption(code, spa)
  expect(await verdict(await at.post('/oidc/token', form))).toBe('400 invalid_grant')
  expect(await verdict(await at.post('/oidc/token', form, await otherProof(at)))).toBe(
    '400 invalid_grant',
  )
  const redeemed = await at.post('/oidc/token', form, await proofFor(at))
  expect(redeemed.status).toBe(200)
  expect(await redeemed.json()).toMatchObject({ token_type: 'DPoP' })
})

test('keys that do not fit each other are refused where the request is left', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const proof = await proofFor(at, { htu: `${issuer}/par` })
  const fields: Fields = request({ ...spa, dpop_jkt: otherJkt })
  expect(await verdict(await at.post('/oidc/par', fields, proof))).toBe('400 invalid_dpop_proof')
  for (const dpop_jkt of ['short', `${'a'.repeat(42)}=`, 'a'.repeat(44)]) {
    const told = answerOf(await browser.open(authPath({ ...spa, dpop_jkt })))
    expect(told.error).toBe('invalid_request')
  }
})

test('scripts of a page may read the nonce', async () => {
  const at = await gate()
  const headers = { origin: 'https://spa.example.com', ...(await proofFor(at)) }
  const answer = await at.post('/oidc/token', redemption('no-code', spa), headers)
  expect(answer.headers.get('access-control-expose-headers')).toContain('DPoP-Nonce')
  expect(answer.headers.get('dpop-nonce')).not.toBeNull()
})
