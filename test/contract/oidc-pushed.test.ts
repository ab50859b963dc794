import { expect, test } from 'vitest'
import { second } from '../../src/base/time.ts'
import { updateApplication } from '../../src/model/application.ts'
import {
  answerOf,
  basic,
  browserAt,
  challenge,
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

const spaRequest = request({
  client_id: 'spa',
  redirect_uri: 'https://spa.example.com/callback',
})

/** Leaves a request, and the address under which the browser finds it. */
async function pushed(at: Gate, changes: Fields = {}): Promise<string> {
  const answer = await at.post('/oidc/par', request(changes), shopBasic)
  expect(answer.status, await answer.clone().text()).toBe(201)
  const { request_uri, expires_in } = (await answer.json()) as Record<string, unknown>
  expect(expires_in).toBe(90)
  expect(request_uri).toMatch(/^urn:ietf:params:oauth:request_uri:[\w-]{43}$/)
  return `/oidc/auth?${encoded({ client_id: 'shop', request_uri: String(request_uri) })}`
}

test('a request is left first, and the browser brings its address only', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const answer = answerOf(await browser.open(await pushed(at)))
  expect(answer).toMatchObject({ state: 'a state', code: expect.any(String) })
  const tokens = await at.post('/oidc/token', redemption(answer.code ?? ''), shopBasic)
  expect(tokens.status).toBe(200)
})

test('what stands beside the address in the browser counts for nothing (E11)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const path = await pushed(at, { scope: 'openid' })
  const more = encoded({
    scope: 'openid email',
    state: 'forged',
    redirect_uri: 'https://x.example',
  })
  const answer = await browser.open(`${path}&${more}`)
  expect(answer.headers.get('location')).toMatch(/^https:\/\/shop\.example\.com\/callback/)
  const { code = '', state } = answerOf(answer)
  expect(state).toBe('a state')
  const tokens = await at.post('/oidc/token', redemption(code), shopBasic)
  expect(await tokens.json()).toMatchObject({ scope: 'openid' })
})

test('the request lasts through a sign-in, though its address is spent', async () => {
  const at = await gate()
  const { user } = await person(at)
  const browser = browserAt(at)
  const path = await pushed(at)
  const page = await browser.open(path)
  const { flow } = answerOf(page)
  expect(flow).toMatch(/^[\w-]{36}$/)
  at.scene.pass(91 * second)
  await signIn(at, browser, user)
  const answer = answerOf(await browser.open(`/oidc/auth/${flow}`))
  expect(answer).toMatchObject({ state: 'a state', code: expect.any(String) })
})

test('an address is good once (RFC-9126)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const path = await pushed(at)
  expect(answerOf(await browser.open(path)).code).toBeDefined()
  const again = await browser.open(path)
  expect(again.status).toBe(400)
  expect(again.headers.get('location')).toBeNull()
  expect(await verdict(await at.ask(path))).toBe('400 invalid_request_uri')
})

test('of fifty who come with one address at once, one goes on (E11) (RFC-9126)', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const path = await pushed(at)
  const answers = await Promise.all(Array.from({ length: 50 }, () => browser.open(path)))
  expect(answers.filter((answer) => answerOf(answer).code !== undefined)).toHaveLength(1)
  expect(answers.filter(({ status }) => status === 400)).toHaveLength(49)
})

test('an address is good for ninety seconds, for the application that left it (E11) (RFC-9126)', async () => {
  const at = await gate()
  const path = await pushed(at)
  const stolen = path.replace('client_id=shop', 'client_id=spa')
  expect(await verdict(await at.ask(stolen))).toBe('400 invalid_request_uri')
  const { browser } = await person(at)
  expect(answerOf(await browser.open(path)).code).toBeDefined()
  const late = await pushed(at)
  at.scene.pass(90 * second)
  expect(await verdict(await at.ask(late))).toBe('400 invalid_request_uri')
})

test('a form on another site leads to the request, and does not spend it', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const path = await pushed(at)
  const form = Object.fromEntries(new URLSearchParams(path.split('?')[1]))
  const first = await browser.send('/oidc/auth', form, { 'sec-fetch-site': 'cross-site' })
  expect(first.status).toBe(303)
  expect(answerOf(await browser.open(first.headers.get('location') ?? '')).code).toBeDefined()
})

test('applications prove themselves as at the token endpoint (RFC-9126)', async () => {
  const at = await gate()
  const inBody = request({ client_secret: shopSecret })
  expect((await at.post('/oidc/par', inBody)).status).toBe(201)
  expect((await at.post('/oidc/par', request({ client_id: undefined }), shopBasic)).status).toBe(
    201,
  )
  expect((await at.post('/oidc/par', spaRequest)).status).toBe(201)
  for (const [fields, headers, expected] of [
    [request(), {}, '401 invalid_client'],
    [request(), basic('shop', 'wrong'), '401 invalid_client'],
    [request({ client_id: 'nobody' }), {}, '401 invalid_client'],
    [inBody, shopBasic, '400 invalid_request'],
    [request({ client_id: 'spa' }), shopBasic, '400 invalid_request'],
  ] as const) {
    expect(await verdict(await at.post('/oidc/par', fields, headers))).toBe(expected)
  }
  const { rows } = await stored(at)
  expect(JSON.stringify(rows)).not.toContain(shopSecret)
})

function stored(at: Gate) {
  return at.scene.ctx.db
    .selectFrom('idp.pushed_requests')
    .selectAll()
    .execute()
    .then((rows) => ({ rows }))
}

test.each<[string, Fields, string]>([
  ['an address inside', { request_uri: 'urn:ietf:params:oauth:request_uri:x' }, 'invalid_request'],
  ['an unregistered address', { redirect_uri: 'https://x.example' }, 'invalid_request'],
  ['no address', { redirect_uri: undefined }, 'invalid_request'],
  ['no challenge', { code_challenge: undefined }, 'invalid_request'],
  ['a plain challenge', { code_challenge_method: 'plain' }, 'invalid_request'],
  ['another response type', { response_type: 'token' }, 'unsupported_response_type'],
  ['another response mode', { response_mode: 'fragment' }, 'invalid_request'],
  ['an unknown resource', { resource: 'https://nowhere.example' }, 'invalid_target'],
  ['a bad hint', { id_token_hint: 'nonsense' }, 'invalid_request'],
  ['a state of nine kilobytes', { state: 'a'.repeat(9000) }, 'invalid_request'],
  ['a NUL', { state: 'a\0b' }, 'invalid_request'],
])('a request with %s is refused where it is left (RFC-9126)', async (_, changes, error) => {
  const at = await gate()
  const answer = await at.post('/oidc/par', request(changes), shopBasic)
  expect(answer.headers.get('location')).toBeNull()
  expect(answer.headers.get('cache-control')).toBe('no-store')
  expect(await verdict(answer)).toBe(`400 ${error}`)
  expect((await stored(at)).rows).toEqual([])
})

test('a request of a hundred kilobytes is too large', async () => {
  const at = await gate()
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, number) => [`extra_${number}`, 'a'.repeat(8000)]),
  )
  expect((await at.post('/oidc/par', request(many), shopBasic)).status).toBe(413)
})

test('an application that must leave its requests first is refused without (RFC-9126)', async () => {
  const at = await gate()
  await updateApplication(at.scene.ctx, 'shop', {
    oidcClientMetadata: { requirePushedAuthorizationRequests: true },
  })
  const { browser } = await person(at)
  const direct = await browser.open(`/oidc/auth?${encoded(request())}`)
  expect(answerOf(direct)).toMatchObject({ error: 'invalid_request', state: 'a state' })
  expect(answerOf(await browser.open(await pushed(at))).code).toBeDefined()
})

test('an address elsewhere is refused, and nobody asks there (E10) (RFC-9101)', async () => {
  const at = await gate()
  for (const request_uri of ['http://127.0.0.1:1/', 'https://x.example/o', 'urn:other', 'x']) {
    const query = encoded(request({ request_uri }))
    expect(answerOf(await at.ask(`/oidc/auth?${query}`)).error).toBe('request_uri_not_supported')
  }
  expect(at.scene.sent).toEqual([])
})

test('nonsense in place of an address is told to the person', async () => {
  const at = await gate()
  const prefix = 'urn:ietf:params:oauth:request_uri:'
  for (const end of ['', 'x', "'; drop table idp.pushed_requests", 'a'.repeat(5000), '💥']) {
    const query = encoded({ client_id: 'shop', request_uri: `${prefix}${end}` })
    expect(await verdict(await at.ask(`/oidc/auth?${query}`))).toBe('400 invalid_request_uri')
  }
  const nobody = encoded({ request_uri: `${prefix}x` })
  expect(await verdict(await at.ask(`/oidc/auth?${nobody}`))).toBe('400 invalid_request')
  const twice = encoded({ client_id: 'shop', request_uri: `${prefix}x`, request: 'x' })
  expect(await verdict(await at.ask(`/oidc/auth?${twice}`))).toBe('400 invalid_request')
})

test('every client uses PKCE, but a confidential one that was let off', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const bare = { code_challenge: undefined, code_challenge_method: undefined }
  const path = `/oidc/auth?${encoded(request(bare))}`
  expect(answerOf(await browser.open(path)).error).toBe('invalid_request')
  await updateApplication(at.scene.ctx, 'shop', { customClientMetadata: { isPkceOptional: true } })
  const { code = '' } = answerOf(await browser.open(path))
  const form = redemption(code, { code_verifier: undefined })
  expect((await at.post('/oidc/token', form, shopBasic)).status).toBe(200)
  await expect(
    updateApplication(at.scene.ctx, 'spa', { customClientMetadata: { isPkceOptional: true } }),
  ).rejects.toThrow(/isPkceOptional/)
  // A challenge that is there is held to, all the same.
  const padded = encoded(request({ code_challenge: `${challenge}=` }))
  expect(answerOf(await browser.open(`/oidc/auth?${padded}`)).error).toBe('invalid_request')
})

test('a state of four kilobytes comes back whole', async () => {
  const at = await gate()
  const { browser } = await person(at)
  const state = 'é='.repeat(1024)
  const direct = await browser.open(`/oidc/auth?${encoded(request({ state }))}`)
  expect(answerOf(direct).state).toBe(state)
  expect(answerOf(await browser.open(await pushed(at, { state }))).state).toBe(state)
})
