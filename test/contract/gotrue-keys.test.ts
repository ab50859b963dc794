import { generateKeyPairSync, type JsonWebKey } from 'node:crypto'
import { createLocalJWKSet, exportJWK, jwtVerify, SignJWT } from 'jose'
import { describe, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { signatureAlgorithms } from '../../src/base/jwt.ts'
import { claimsOf, type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

// The instances of auth-js' own test suite (reference/gotrue.md § 5.1): a secret and an RSA key, of which one signs.

const secretKid = '12580317-221c-49b6-894a-f4473b8afe39'
const rsaKid = '638c54b8-28c2-4b12-9598-ba12ef610a29'
const k = 'Z7-AyPyChGNcQsX16cPBV-pPBo4q-zckDxkq1VZjATo'
const rsa = keyPair('RS256')

type Jwk = JsonWebKey & { kid?: string; key_ops?: string[]; alg?: string }

const sharedSecret: Jwk = { kty: 'oct', k, kid: secretKid, alg: 'HS256' }
const signs = ['sign', 'verify']
const verifies = ['verify']

function keyPair(algorithm: 'RS256' | 'ES256' | 'ES384' | 'EdDSA') {
  switch (algorithm) {
    case 'RS256':
      return generateKeyPairSync('rsa', { modulusLength: 2048 })
    case 'EdDSA':
      return generateKeyPairSync('ed25519')
    default:
      return generateKeyPairSync('ec', {
        namedCurve: algorithm === 'ES256' ? 'P-256' : 'P-384',
      })
  }
}

function rsaJwk(key_ops: string[]): Jwk {
  const half = key_ops.includes('sign') ? rsa.privateKey : rsa.publicKey
  return { ...half.export({ format: 'jwk' }), kid: rsaKid, alg: 'RS256', key_ops }
}

function keys(...jwks: Jwk[]): Record<string, string> {
  return { GOTRUE_JWT_KEYS: JSON.stringify(jwks) }
}

const bareSecret = 'the-secret-that-was-there-before-keys-had-names'
const bySecret = {
  ...keys({ ...sharedSecret, key_ops: signs }, rsaJwk(verifies)),
  GOTRUE_JWT_SECRET: bareSecret,
}
const byRsa = {
  ...keys({ ...sharedSecret, key_ops: verifies }, rsaJwk(signs)),
  GOTRUE_JWT_SECRET: bareSecret,
}

type Signer = Parameters<SignJWT['sign']>[0]

/** An admin's token as those who hold a key make it. */
function adminToken(key: Signer, header: { alg: string; kid?: string }): Promise<string> {
  return new SignJWT({ role: 'service_role' }).setProtectedHeader(header).sign(key)
}

async function usersFor(at: GotrueWorld, bearer: string): Promise<number> {
  return (await at.ask('GET', '/admin/users', { bearer })).status
}

function headerOf(token: string) {
  return JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString())
}

describe('GOTRUE_JWT_KEYS', () => {
  test('the key that signs signs, under its name, and the public ones are published', async () => {
    const at = await gotrueWorld(byRsa)
    await at.createAccount()
    const { access_token } = await at.signIn()
    expect(headerOf(access_token)).toEqual({ alg: 'RS256', typ: 'JWT', kid: rsaKid })
    const { body, headers } = await at.ask('GET', '/.well-known/jwks.json')
    expect(headers.get('cache-control')).toBe('public, max-age=600')
    const { n, e } = rsa.publicKey.export({ format: 'jwk' })
    expect(body).toEqual({
      keys: [{ kty: 'RSA', n, e, kid: rsaKid, alg: 'RS256', use: 'sig', key_ops: ['verify'] }],
    })
    const options = { currentDate: at.ctx.now() }
    await jwtVerify(access_token, createLocalJWKSet(body), options)
    expect((await at.ask('GET', '/user', { bearer: access_token })).status).toBe(200)
  })

  test('a secret signs, and is never published', async () => {
    const at = await gotrueWorld(bySecret)
    await at.createAccount()
    const { access_token } = await at.signIn()
    expect(headerOf(access_token)).toEqual({ alg: 'HS256', typ: 'JWT', kid: secretKid })
    await jwtVerify(access_token, Buffer.from(k, 'base64url'), { currentDate: at.ctx.now() })
    const { body } = await at.ask('GET', '/.well-known/jwks.json')
    expect(body.keys.map((key: Jwk) => key.kid)).toEqual([rsaKid])
    expect(JSON.stringify(body)).not.toMatch(/"(d|p|q|dp|dq|qi|k)"/)
    expect(claimsOf(access_token)).toMatchObject({ role: 'authenticated' })
  })

  test('an admin comes with any of the keys, and with the bare secret', async () => {
    const at = await gotrueWorld(bySecret)
    const named = Buffer.from(k, 'base64url')
    const bare = Buffer.from(bareSecret)
    const good = [
      await adminToken(rsa.privateKey, { alg: 'RS256', kid: rsaKid }),
      await adminToken(named, { alg: 'HS256', kid: secretKid }),
      await adminToken(bare, { alg: 'HS256' }),
      await adminToken(bare, { alg: 'HS256', kid: 'nobody knows it' }),
    ]
    for (const token of good) expect(await usersFor(at, token)).toBe(200)
    const stranger = keyPair('RS256').privateKey
    const bad = [
      await adminToken(stranger, { alg: 'RS256', kid: rsaKid }),
      await adminToken(rsa.privateKey, { alg: 'RS256', kid: 'nobody knows it' }),
      await adminToken(rsa.privateKey, { alg: 'RS256' }),
      await adminToken(bare, { alg: 'HS256', kid: secretKid }),
      // The public key as a secret: the oldest trick.
      await adminToken(
        Buffer.from(rsa.publicKey.export({ format: 'pem', type: 'spki' }).toString()),
        { alg: 'HS256', kid: rsaKid },
      ),
      `${good[0]?.split('.').slice(0, 2).join('.')}.`,
    ]
    for (const token of bad) expect(await usersFor(at, token)).toBe(403)
  })

  test('the bare secret is refused where no key is one, unless it is named as a method', async () => {
    const environment = { ...keys(rsaJwk(signs)), GOTRUE_JWT_SECRET: bareSecret }
    const at = await gotrueWorld(environment)
    const token = await adminToken(Buffer.from(bareSecret), { alg: 'HS256' })
    expect(await usersFor(at, token)).toBe(403)
    const lenient = at.under({ ...environment, GOTRUE_JWT_VALID_METHODS: 'HS256,RS256' })
    expect(await usersFor(lenient, token)).toBe(200)
    const strict = at.under({ ...byRsa, GOTRUE_JWT_VALID_METHODS: 'HS256' })
    const rsaToken = await adminToken(rsa.privateKey, { alg: 'RS256', kid: rsaKid })
    expect(await usersFor(strict, rsaToken)).toBe(403)
  })

  test.each(signatureAlgorithms)('%s signs and is published', async (algorithm) => {
    const { privateKey } = keyPair(algorithm)
    const jwk = { ...(await exportJWK(privateKey)), kid: 'the one', key_ops: ['sign'] } as Jwk
    const at = await gotrueWorld(keys(jwk))
    await at.createAccount()
    const { access_token } = await at.signIn()
    expect(headerOf(access_token)).toMatchObject({ alg: algorithm, kid: 'the one' })
    const { body } = await at.ask('GET', '/.well-known/jwks.json')
    await jwtVerify(access_token, createLocalJWKSet(body), { currentDate: at.ctx.now() })
    const answer = await at.ask('GET', '/user', { bearer: access_token })
    expect(answer.status).toBe(200)
  })
})

describe('a set that cannot be used is told at the start:', () => {
  const weak = generateKeyPairSync('rsa', { modulusLength: 1024 })
  test.each<[string, Jwk[] | string]>([
    ['must be a JSON array', '{"kty":"oct"}'],
    ['exactly one key must have "sign"', [rsaJwk(verifies)]],
    ['not 2', [rsaJwk(signs), { ...sharedSecret, key_ops: signs }]],
    ['two keys have the kid', [rsaJwk(signs), { ...sharedSecret, kid: rsaKid }]],
    ['key 1 has no kid', [{ ...rsaJwk(signs), kid: '' }]],
    ['key 1 is for no algorithm', [{ kty: 'EC', crv: 'P-521', kid: 'a', key_ops: signs }]],
    ['key 1 does not fit its alg', [{ ...rsaJwk(signs), alg: 'ES256' }]],
    ['key 1 is too short', [{ ...sharedSecret, k: 'c2hvcnQ', key_ops: signs }]],
    [
      'key 1 is too short',
      [{ ...weak.privateKey.export({ format: 'jwk' }), kid: 'weak', key_ops: signs }],
    ],
    ['key 1 is to sign, and is not private', [{ ...rsaJwk(verifies), key_ops: signs }]],
    ['key 1 cannot be read', [{ kty: 'RSA', kid: 'a', key_ops: signs }]],
  ])('%s', (problem, jwks) => {
    const GOTRUE_JWT_KEYS = typeof jwks === 'string' ? jwks : JSON.stringify(jwks)
    const read = () =>
      readConfig({
        mode: 'dev',
        environment: { GOTRUE_JWT_KEYS },
        storedSecret: 'the secret of a small world, 32+ characters',
      })
    expect(read).toThrow(problem)
    expect(read).not.toThrow(k)
  })
})
