import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { unixSeconds } from '../../src/base/time.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import {
  answerOf,
  browserAt,
  callback,
  encoded,
  type Fields,
  type Gate,
  gate,
  person,
  redemption,
  request,
  shopBasic,
  shopSecret,
  signIn,
  verdict,
} from './oidc-client.ts'

const pair = await generateKeyPair('PS256', { extractable: true })
const strange = await generateKeyPair('PS256')
const issuer = 'http://localhost:3001/oidc'

/** The shop, with a key. */
async function gateWithKey(metadata: object = {}): Promise<Gate> {
  const at = await gate()
  const jwk = await exportJWK(pair.publicKey)
  await updateApplication(at.scene.ctx, 'shop', {
    oidcClientMetadata: { jwks: { keys: [jwk] }, ...metadata },
  })
  return at
}

interface Seal {
  alg?: string
  key?: CryptoKey | Uint8Array
  typ?: string
}

async function objectFor(
  at: Gate,
  changes: Record<string, unknown> = {},
  { alg = 'PS256', key = pair.privateKey, typ = 'oauth-authz-req+jwt' }: Seal = {},
): Promise<string> {
  const now = unixSeconds(at.scene.ctx.now())
  return new SignJWT({
    ...request(),
    ...{ iss: 'shop', aud: issuer, iat: now, exp: now + 60 },
    ...changes,
  })
    .setProtectedHeader({ alg, typ })
    .sign(key)
}

function pathFor(object: string, changes: Fields = {}): string {
  return `/oidc/auth?${encoded({ client_id: 'shop', request: object, ...changes })}`
}

test('a signed object asks, also through a sign-in', async () => {
  const at = await gateWithKey()
  const { browser, user } = await person(at)
  const answer = answerOf(await browser.open(pathFor(await objectFor(at))))
  expect(answer).toMatchObject({ state: 'a state', code: expect.any(String) })
  expect((await at.post('/oidc/token', redemption(answer.code ?? ''), shopBasic)).status).toBe(200)
  const other = browserAt(at)
  const { flow } = answerOf(await other.open(pathFor(await objectFor(at))))
  at.scene.pass(1000)
  await signIn(at, other, user)
  expect(answerOf(await other.open(`/oidc/auth/${flow}`)).code).toBeDefined()
})

test('only the object counts, and nothing beside it (E11) (RFC-9101)', async () => {
  const at = await gateWithKey()
  const { browser } = await person(at)
  const object = await objectFor(at, { scope: 'openid', state: undefined })
  const beside = { scope: 'openid email', state: 'forged', redirect_uri: 'https://x.example' }
  const answer = answerOf(await browser.open(pathFor(object, beside)))
  expect(answer.state).toBeUndefined()
  const tokens = await at.post('/oidc/token', redemption(answer.code ?? ''), shopBasic)
  expect(await tokens.json()).toMatchObject({ scope: 'openid' })
  const empty = await objectFor(at, { redirect_uri: undefined })
  const refused = await browser.open(pathFor(empty, { redirect_uri: callback }))
  expect(refused.status).toBe(400)
  const untyped = answerOf(
    await browser.open(pathFor(await objectFor(at, { response_type: undefined }), request())),
  )
  expect(untyped.error).toBe('invalid_request')
})

test('numbers, objects and lists are read as they would stand in a query', async () => {
  const at = await gateWithKey()
  const { browser } = await person(at)
  const claims = { id_token: { email: { essential: true } } }
  const object = await objectFor(at, { max_age: 3600, claims, prompt: 'none', resource: [] })
  expect(answerOf(await browser.open(pathFor(object))).code).toBeDefined()
  const resources = ['https://a.example', 'https://b.example']
  const unknown = await browser.open(pathFor(await objectFor(at, { resource: resources })))
  expect(answerOf(unknown).error).toBe('invalid_target')
})

const now = unixSeconds(new Date('2025-11-22T12:00:00.000Z'))

test.each<[string, Record<string, unknown>, Seal]>([
  ['somebody’s key', {}, { key: strange.privateKey }],
  ['the client’s secret', {}, { alg: 'HS256', key: Buffer.from(shopSecret.padEnd(32, '0')) }],
  ['the type of a DPoP proof', {}, { typ: 'dpop+jwt' }],
  ['another issuer', { iss: 'spa' }, {}],
  ['no issuer', { iss: undefined }, {}],
  ['another audience', { aud: 'https://elsewhere.example.com' }, {}],
  ['no audience', { aud: undefined }, {}],
  ['no end', { exp: undefined }, {}],
  ['an end that is over', { exp: now - 60 }, {}],
  ['an end in a year', { exp: now + 31_536_000 }, {}],
  ['another client inside', { client_id: 'spa' }, {}],
  ['no client inside', { client_id: undefined }, {}],
  ['the form of an assertion', { sub: 'shop' }, {}],
  ['another object inside', { request: 'eyJ.e30.' }, {}],
  ['an address inside', { request_uri: 'https://x.example' }, {}],
  ['a list for a state', { state: ['a', 'b'] }, {}],
  ['a truth for a scope', { scope: true }, {}],
  ['a number too many', { max_age: 1.5 }, {}],
])('an object with %s is refused (RFC-9101)', async (_, changes, seal) => {
  const at = await gateWithKey()
  const { browser } = await person(at)
  const object = await objectFor(at, changes, seal)
  const page = await browser.open(pathFor(object))
  expect(page.status).toBe(400)
  expect(page.headers.get('location')).toBeNull()
  const beside = { redirect_uri: callback, state: 'outside' }
  const told = answerOf(await browser.open(pathFor(object, beside)))
  expect(told).toMatchObject({ error: 'invalid_request_object', state: 'outside', iss: issuer })
  const pushed = await at.post('/oidc/par', { client_id: 'shop', request: object }, shopBasic)
  expect(await verdict(pushed)).toBe('400 invalid_request_object')
})

test('an unsigned object is refused, and so is one for who has no key (RFC-9101)', async () => {
  const at = await gateWithKey()
  const [, body] = (await objectFor(at)).split('.')
  const head = Buffer.from('{"alg":"none"}').toString('base64url')
  for (const object of [`${head}.${body}.`, 'a.b.c', 'x', '..', `${'a'.repeat(8000)}..`]) {
    expect(await verdict(await at.ask(pathFor(object)))).toBe('400 invalid_request_object')
  }
  expect(await verdict(await at.ask(pathFor('a'.repeat(9000))))).toBe('400 invalid_request')
  const keyless = await objectFor(at, { iss: 'spa', client_id: 'spa' })
  const query = encoded({ client_id: 'spa', request: keyless })
  expect(await verdict(await at.ask(`/oidc/auth?${query}`))).toBe('400 invalid_request_object')
})

test('an object may be left first', async () => {
  const at = await gateWithKey({ requireSignedRequestObject: true })
  const { browser } = await person(at)
  const form = { request: await objectFor(at) }
  const answer = await at.post('/oidc/par', form, shopBasic)
  expect(answer.status).toBe(201)
  const { request_uri } = (await answer.json()) as { request_uri: string }
  const path = `/oidc/auth?${encoded({ client_id: 'shop', request_uri })}`
  expect(answerOf(await browser.open(path)).code).toBeDefined()
})

test('an application that must sign is refused without, wherever it asks', async () => {
  const at = await gateWithKey({ requireSignedRequestObject: true })
  const { browser } = await person(at)
  const direct = answerOf(await browser.open(`/oidc/auth?${encoded(request())}`))
  expect(direct).toMatchObject({ error: 'invalid_request', state: 'a state' })
  expect(await verdict(await at.post('/oidc/par', request(), shopBasic))).toBe(
    '400 invalid_request',
  )
  expect(answerOf(await browser.open(pathFor(await objectFor(at)))).code).toBeDefined()
})

test('one algorithm may be the only one, and signing needs a key', async () => {
  const at = await gateWithKey({ requestObjectSigningAlg: 'RS256' })
  expect(await verdict(await at.ask(pathFor(await objectFor(at))))).toBe(
    '400 invalid_request_object',
  )
  await expect(
    createApplication(at.scene.ctx, {
      ...{ name: 'x', type: 'Traditional' },
      oidcClientMetadata: { requireSignedRequestObject: true },
    }),
  ).rejects.toThrow(/requireSignedRequestObject/)
})
