import { createSecretKey, generateKeyPairSync, verify } from 'node:crypto'
import { jwtVerify, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { type Algorithm, type SigningKey, signJwt, type VerifyingKey, verifyJwt } from './jwt.ts'

const now = new Date('2026-11-22T12:00:00Z')
const seconds = now.getTime() / 1000

const pairs = {
  ES256: generateKeyPairSync('ec', { namedCurve: 'P-256' }),
  ES384: generateKeyPairSync('ec', { namedCurve: 'P-384' }),
  RS256: generateKeyPairSync('rsa', { modulusLength: 2048 }),
  EdDSA: generateKeyPairSync('ed25519'),
}
const secret = Buffer.from('a secret of thirty-two characters')

function keysOf(algorithm: Algorithm): { signing: SigningKey; verifying: VerifyingKey } {
  if (algorithm === 'HS256') {
    return {
      signing: { kid: null, algorithm, private: secret },
      verifying: { kid: null, algorithm, public: secret },
    }
  }
  const { privateKey, publicKey } = pairs[algorithm]
  return {
    signing: { kid: algorithm, algorithm, private: privateKey },
    verifying: { kid: algorithm, algorithm, public: publicKey },
  }
}

const algorithms = ['HS256', 'RS256', 'ES256', 'ES384', 'EdDSA'] as const

test.each(algorithms)('what we sign with %s, jose accepts, and we do too', async (algorithm) => {
  const { signing, verifying } = keysOf(algorithm)
  const token = signJwt(signing, { sub: 'ann', exp: seconds + 60 })
  const key =
    verifying.public instanceof Uint8Array ? createSecretKey(verifying.public) : verifying.public
  const { payload } = await jwtVerify(token, key, { algorithms: [algorithm], currentDate: now })
  expect(payload.sub).toBe('ann')
  expect(verifyJwt(token, [verifying], now)).toMatchObject({
    outcome: 'valid',
    claims: { sub: 'ann' },
  })
})

test('what jose signs with ES256, we accept', async () => {
  const token = await new SignJWT({ sub: 'bob' })
    .setProtectedHeader({ alg: 'ES256', kid: 'ES256' })
    .sign(pairs.ES256.privateKey)
  expect(verifyJwt(token, [keysOf('ES256').verifying], now)).toMatchObject({ outcome: 'valid' })
})

test('a token ends in the second that it names', () => {
  const { signing, verifying } = keysOf('ES256')
  const token = signJwt(signing, { exp: seconds })
  expect(verifyJwt(token, [verifying], new Date(now.getTime() - 1000)).outcome).toBe('valid')
  expect(verifyJwt(token, [verifying], now).outcome).toBe('expired')
})

test('an end that is no number is no end that we trust (F7)', () => {
  const { signing, verifying } = keysOf('ES256')
  expect(verifyJwt(signJwt(signing, { exp: 'never' }), [verifying], now).outcome).toBe('expired')
})

test('a token is not good before it begins', () => {
  const { signing, verifying } = keysOf('ES256')
  expect(verifyJwt(signJwt(signing, { nbf: seconds + 1 }), [verifying], now).outcome).toBe(
    'not-yet-valid',
  )
})

test('the algorithm of the header must be that of the key (F1)', () => {
  const { verifying } = keysOf('ES256')
  const publicPem = pairs.ES256.publicKey.export({ type: 'spki', format: 'pem' })
  const confused = signJwt(
    { kid: 'ES256', algorithm: 'HS256', private: Buffer.from(publicPem) },
    { sub: 'mallory' },
  )
  expect(verifyJwt(confused, [verifying], now).outcome).toBe('unknown-key')
})

test('a token without signature is refused (F6)', () => {
  const header = Buffer.from('{"alg":"none","kid":"ES256"}').toString('base64url')
  const body = Buffer.from('{"sub":"mallory"}').toString('base64url')
  expect(verifyJwt(`${header}.${body}.`, [keysOf('ES256').verifying], now).outcome).toBe(
    'unknown-key',
  )
})

test('a changed claim breaks the signature', () => {
  const { signing, verifying } = keysOf('ES256')
  const [head, , mark] = signJwt(signing, { sub: 'ann' }).split('.')
  const body = Buffer.from('{"sub":"mallory"}').toString('base64url')
  expect(verifyJwt(`${head}.${body}.${mark}`, [verifying], now).outcome).toBe('bad-signature')
})

test.each(['', 'a.b', 'a.b.c', 'a.b.c.d', '..', 'null.null.x'])('%j is no token (F6)', (token) => {
  expect(verifyJwt(token, [keysOf('ES256').verifying], now).outcome).toBe('malformed')
})

test.each(['ES256', 'ES384'] as const)(
  '%s is sound whatever its numbers begin with',
  (algorithm) => {
    const { signing } = keysOf(algorithm)
    const { publicKey } = pairs[algorithm]
    const beginnings = new Set<number>()
    for (let count = 0; count < 700; count += 1) {
      const [head, body, mark = ''] = signJwt(signing, { count }).split('.')
      const bytes = Buffer.from(mark, 'base64url')
      const key = { key: publicKey, dsaEncoding: 'ieee-p1363' as const }
      const digest = algorithm === 'ES256' ? 'sha256' : 'sha384'
      expect(verify(digest, Buffer.from(`${head}.${body}`), key, bytes)).toBe(true)
      beginnings.add(bytes[0] ?? 0)
    }
    expect(beginnings.size).toBeGreaterThan(100)
  },
)

test('a token that was found good before is held to its times, its key and its every character', () => {
  const { signing, verifying } = keysOf('ES256')
  const token = signJwt(signing, { sub: 'ann', exp: seconds + 60, nbf: seconds })
  const first = verifyJwt(token, [verifying], now)
  expect(first.outcome).toBe('valid')
  expect(verifyJwt(token, [verifying], now)).toEqual(first)
  expect(verifyJwt(token, [verifying], new Date((seconds + 60) * 1000)).outcome).toBe('expired')
  expect(verifyJwt(token, [verifying], new Date((seconds - 1) * 1000)).outcome).toBe(
    'not-yet-valid',
  )
  expect(verifyJwt(token, [], now).outcome).toBe('unknown-key')
  expect(verifyJwt(token, [keysOf('ES384').verifying], now).outcome).toBe('unknown-key')
  const stranger = generateKeyPairSync('ec', { namedCurve: 'P-256' }).publicKey
  expect(verifyJwt(token, [{ ...verifying, public: stranger }], now).outcome).toBe('bad-signature')
  const [head, body, mark] = token.split('.')
  const otherBody = Buffer.from(JSON.stringify({ sub: 'bob' })).toString('base64url')
  expect(verifyJwt(`${head}.${otherBody}.${mark}`, [verifying], now).outcome).toBe('bad-signature')
  expect(verifyJwt(`${head}.${body}.${mark?.slice(1)}`, [verifying], now).outcome).toBe(
    'bad-signature',
  )
})

test('nobody can change what a token says for who shows it next', () => {
  const { signing, verifying } = keysOf('HS256')
  const token = signJwt(signing, { sub: 'ann' })
  const read = verifyJwt(token, [verifying], now)
  if (read.outcome !== 'valid') throw new Error(read.outcome)
  expect(() => Object.assign(read.claims, { sub: 'bob' })).toThrow(TypeError)
  expect(verifyJwt(token, [verifying], now)).toMatchObject({ claims: { sub: 'ann' } })
})
