import { type CryptoKey, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { hour, minute, second, unixSeconds } from '../../src/base/time.ts'
import { createApplication, updateApplication } from '../../src/model/application.ts'
import { basic, type Gate, gate, issuer, shopBasic, verdict } from './oidc-client.ts'

const algorithms = ['ES256', 'ES384', 'RS256', 'PS256', 'EdDSA'] as const
type Algorithm = (typeof algorithms)[number]

const pairs = new Map(
  await Promise.all(
    algorithms.map(
      async (algorithm) =>
        [algorithm, await generateKeyPair(algorithm, { extractable: true })] as const,
    ),
  ),
)
const strange = await generateKeyPair('ES256')

function privateKey(algorithm: Algorithm): CryptoKey {
  const pair = pairs.get(algorithm)
  if (pair === undefined) throw new Error(algorithm)
  return pair.privateKey
}

async function publicJwk(algorithm: Algorithm, members: object = {}) {
  const pair = pairs.get(algorithm)
  if (pair === undefined) throw new Error(algorithm)
  return { ...(await exportJWK(pair.publicKey)), ...members }
}

const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

let assertions = 0

async function assertionFor(
  at: Gate,
  changes: Record<string, unknown> = {},
  {
    alg = 'ES256',
    key = privateKey('ES256'),
    ...header
  }: { alg?: string; key?: CryptoKey | Uint8Array; [name: string]: unknown } = {},
): Promise<string> {
  assertions += 1
  const now = unixSeconds(at.scene.ctx.now())
  return new SignJWT({
    ...{ iss: 'robot', sub: 'robot', aud: issuer, jti: `assertion ${assertions}` },
    ...{ iat: now, exp: now + 60 },
    ...changes,
  })
    .setProtectedHeader({ alg, ...header })
    .sign(key)
}

function ask(at: Gate, assertion: string, changes: Record<string, string | undefined> = {}) {
  return at.post('/oidc/token', {
    grant_type: 'client_credentials',
    client_assertion_type: assertionType,
    client_assertion: assertion,
    ...changes,
  })
}

/** A machine that signs, by one of its keys. */
async function gateWithRobot(metadata: object = {}): Promise<Gate> {
  const at = await gate()
  const keys = await Promise.all(algorithms.map((algorithm) => publicJwk(algorithm)))
  await createApplication(at.scene.ctx, {
    ...{ id: 'robot', name: 'Robot', type: 'MachineToMachine' },
    oidcClientMetadata: {
      tokenEndpointAuthMethod: 'private_key_jwt',
      jwks: { keys },
      ...metadata,
    },
  })
  return at
}

/** What the applications' addresses answer from now on. */
function serveKeys(at: Gate, serve: () => Promise<Response>): void {
  Object.assign(at.scene.ctx, { fetch: serve })
}

test.each(algorithms)(
  'an application proves itself by a key of %s, once (E8) (RFC-7523)',
  async (algorithm) => {
    const at = await gateWithRobot()
    const assertion = await assertionFor(at, {}, { alg: algorithm, key: privateKey(algorithm) })
    const answer = await ask(at, assertion)
    expect(answer.status).toBe(200)
    expect(await answer.json()).toMatchObject({ token_type: 'Bearer' })
    expect(await verdict(await ask(at, assertion))).toBe('401 invalid_client')
  },
)

test('of eighteen who come with one assertion at once, one is believed (E8) (RFC-7523)', async () => {
  const at = await gateWithRobot()
  const assertion = await assertionFor(at)
  // Twenty wrong proofs from one address would be stopped.
  const answers = await Promise.all(Array.from({ length: 18 }, () => ask(at, assertion)))
  expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200, 401]))
})

test('the key may be found by its name, and an application may name itself', async () => {
  const key = await publicJwk('ES256', { kid: 'one' })
  const other = await exportJWK(strange.publicKey)
  const at = await gateWithRobot({ jwks: { keys: [{ ...other, kid: 'two' }, key] } })
  const named = await assertionFor(at, {}, { kid: 'one', typ: 'JWT' })
  expect((await ask(at, named, { client_id: 'robot' })).status).toBe(200)
  const misnamed = await assertionFor(at, {}, { kid: 'two' })
  expect(await verdict(await ask(at, misnamed))).toBe('401 invalid_client')
  const unnamed = await assertionFor(at)
  expect((await ask(at, unnamed)).status).toBe(200)
})

const now = unixSeconds(new Date('2025-11-22T12:00:00.000Z'))

test.each<[string, Record<string, unknown>, Parameters<typeof assertionFor>[2]]>([
  ['another audience', { aud: 'https://elsewhere.example.com' }, {}],
  ['an audience too many', { aud: [issuer, 'https://elsewhere.example.com'] }, {}],
  ['no audience', { aud: undefined }, {}],
  ['another issuer', { iss: 'shop' }, {}],
  ['no issuer', { iss: undefined }, {}],
  ['no expiry', { exp: undefined }, {}],
  ['an end that is over', { exp: now - 60 }, {}],
  ['an end in a year', { exp: now + 31_536_000 }, {}],
  ['a beginning to come', { nbf: now + 60 }, {}],
  ['a birth to come', { iat: now + 60 }, {}],
  ['no name', { jti: undefined }, {}],
  ['an empty name', { jti: '' }, {}],
  ['somebody’s key', {}, { key: strange.privateKey }],
  ['the type of a request object', {}, { typ: 'oauth-authz-req+jwt' }],
  ['the type of a DPoP proof', {}, { typ: 'dpop+jwt' }],
  ['a secret for a key', {}, { alg: 'HS256', key: Buffer.alloc(32, 1) }],
])('an assertion with %s is not believed (RFC-7523)', async (_, changes, header) => {
  const at = await gateWithRobot()
  const answer = await ask(at, await assertionFor(at, changes, header))
  expect(answer.headers.get('www-authenticate')).toMatch(/^Basic /)
  expect(await verdict(answer)).toBe('401 invalid_client')
})

test('an unsigned assertion, and nonsense, are not believed (E8) (RFC-7523)', async () => {
  const at = await gateWithRobot()
  const [, body] = (await assertionFor(at)).split('.')
  const head = Buffer.from('{"alg":"none"}').toString('base64url')
  for (const assertion of [`${head}.${body}.`, 'a.b.c', 'nonsense', `${'a'.repeat(8000)}.b.c`]) {
    expect(await verdict(await ask(at, assertion))).toBe('401 invalid_client')
  }
})

test('there is one way at a time, and it is the registered one (E8) (9700-21)', async () => {
  const at = await gateWithRobot()
  const form = { grant_type: 'client_credentials' }
  expect(await verdict(await at.post('/oidc/token', form, basic('robot', 'secret-of-8')))).toBe(
    '401 invalid_client',
  )
  const assertion = await assertionFor(at)
  const twice = { ...form, client_assertion_type: assertionType, client_assertion: assertion }
  expect(await verdict(await at.post('/oidc/token', twice, shopBasic))).toBe('400 invalid_request')
  expect(await verdict(await ask(at, assertion, { client_secret: 'x' }))).toBe(
    '400 invalid_request',
  )
  expect(await verdict(await ask(at, assertion, { client_assertion_type: 'other' }))).toBe(
    '400 invalid_request',
  )
  expect(await verdict(await ask(at, assertion, { client_assertion_type: undefined }))).toBe(
    '400 invalid_request',
  )
  expect(await verdict(await ask(at, assertion, { client_id: 'shop' }))).toBe('401 invalid_client')
  const shops = await assertionFor(at, { iss: 'shop', sub: 'shop' })
  expect(await verdict(await ask(at, shops))).toBe('401 invalid_client')
  // None of these spent the assertion.
  expect((await ask(at, assertion)).status).toBe(200)
})

test('a method and an algorithm that are registered are the only ones', async () => {
  const at = await gateWithRobot({ tokenEndpointAuthSigningAlg: 'PS256' })
  const es256 = await assertionFor(at)
  expect(await verdict(await ask(at, es256))).toBe('401 invalid_client')
  const ps256 = await assertionFor(at, {}, { alg: 'PS256', key: privateKey('PS256') })
  expect((await ask(at, ps256)).status).toBe(200)
  await updateApplication(at.scene.ctx, 'machine', {
    oidcClientMetadata: { tokenEndpointAuthMethod: 'client_secret_post' },
  })
  const secret = 'the-secret-of-the-machine'
  const form = { grant_type: 'client_credentials' }
  expect(await verdict(await at.post('/oidc/token', form, basic('machine', secret)))).toBe(
    '401 invalid_client',
  )
  const inBody = { ...form, client_id: 'machine', client_secret: secret }
  expect((await at.post('/oidc/token', inBody)).status).toBe(200)
})

test('who guesses assertions is stopped, and an address elsewhere is not (9700-22)', async () => {
  const at = await gateWithRobot()
  for (let guess = 0; guess < 20; guess += 1) {
    const wrong = await assertionFor(at, {}, { key: strange.privateKey })
    expect(await verdict(await ask(at, wrong))).toBe('401 invalid_client')
  }
  const stopped = await ask(at, await assertionFor(at, {}, { key: strange.privateKey }))
  expect(stopped.headers.get('retry-after')).toBe('600')
  expect(await verdict(stopped)).toBe('429 slow_down')
})

test('keys at an address are fetched, kept, and read again for one that is new (F4)', async () => {
  const at = await gateWithRobot({ jwks: undefined, jwksUri: 'https://robot.example.com/keys' })
  let keys = [await publicJwk('ES256', { kid: 'one' })]
  let asked = 0
  serveKeys(at, async () => {
    asked += 1
    return Response.json({ keys })
  })
  expect((await ask(at, await assertionFor(at, {}, { kid: 'one' }))).status).toBe(200)
  expect((await ask(at, await assertionFor(at, {}, { kid: 'one' }))).status).toBe(200)
  expect(asked).toBe(1)
  keys = [await publicJwk('PS256', { kid: 'two' })]
  const two = () => assertionFor(at, {}, { alg: 'PS256', key: privateKey('PS256'), kid: 'two' })
  // Whoever makes up names of keys does not make us ask at every one.
  expect(await verdict(await ask(at, await two()))).toBe('401 invalid_client')
  expect(asked).toBe(1)
  at.scene.pass(61 * second)
  expect((await ask(at, await two())).status).toBe(200)
  expect(asked).toBe(2)
  at.scene.pass(11 * minute)
  expect((await ask(at, await two())).status).toBe(200)
  expect(asked).toBe(3)
})

test.each<[string, () => Promise<Response>]>([
  ['no answer', () => Promise.reject(new Error('down'))],
  ['an error', async () => new Response('', { status: 500 })],
  ['nonsense', async () => new Response('nonsense')],
  ['private keys', async () => Response.json({ keys: [{ kty: 'oct', k: 'AAAA' }] })],
  ['a flood', async () => new Response('a'.repeat(100_000))],
])('with %s at the address of its keys an application is not believed (E10)', async (_, serve) => {
  const at = await gateWithRobot({ jwks: undefined, jwksUri: 'https://robot.example.com/keys' })
  serveKeys(at, serve)
  expect(await verdict(await ask(at, await assertionFor(at)))).toBe('401 invalid_client')
})

test('a secret is good until it expires, and one is as good as another', async () => {
  const at = await gate()
  const { db } = at.scene.ctx
  const form = { grant_type: 'client_credentials', client_id: 'machine' }
  const right = basic('machine', 'the-secret-of-the-machine')
  await db
    .updateTable('idp.application_secrets')
    .set({ expires_at: new Date(at.scene.ctx.now().getTime() + 1 * hour) })
    .where('application_id', '=', 'machine')
    .execute()
  expect((await at.post('/oidc/token', form, right)).status).toBe(200)
  at.scene.pass(1 * hour)
  expect(await verdict(await at.post('/oidc/token', form, right))).toBe('401 invalid_client')
})

test('what does not fit together cannot be registered', async () => {
  const { ctx } = (await gate()).scene
  const keys = [await publicJwk('ES256')]
  const pair = pairs.get('ES256')
  const secretKey = await exportJWK(pair?.privateKey ?? Buffer.alloc(32))
  const machine = { name: 'x', type: 'MachineToMachine' } as const
  for (const oidcClientMetadata of [
    { tokenEndpointAuthMethod: 'private_key_jwt' },
    { tokenEndpointAuthMethod: 'none' },
    { tokenEndpointAuthMethod: 'client_secret_jwt' },
    { jwks: { keys }, jwksUri: 'https://robot.example.com/keys' },
    { jwks: { keys: [] } },
    { jwks: { keys: [secretKey] } },
    { jwks: { keys: [{ kty: 'oct', k: 'AAAA' }] } },
    { jwks: { keys: [{ kty: 'RSA', n: 'AQAB', e: 'AQAB' }] } },
    { jwksUri: 'file:///etc/passwd' },
    { tokenEndpointAuthSigningAlg: 'HS256' },
    { tokenEndpointAuthSigningAlg: 'none' },
  ]) {
    const made = createApplication(ctx, { ...machine, oidcClientMetadata } as never)
    await expect(made, JSON.stringify(oidcClientMetadata)).rejects.toThrow(/oidcClientMetadata/)
  }
  const spa = { tokenEndpointAuthMethod: 'private_key_jwt', jwks: { keys } } as const
  await expect(
    createApplication(ctx, { name: 'x', type: 'SPA', oidcClientMetadata: spa }),
  ).rejects.toThrow(/oidcClientMetadata/)
  const made = await createApplication(ctx, { ...machine, oidcClientMetadata: spa })
  expect(made.secret).toBeNull()
})
