import { createCipheriv, createHmac } from 'node:crypto'
import { expect, test } from 'vitest'
import { discloseFor, type EnvelopeKeys, encloseFor } from './gotrue-envelope.ts'
import { systemRandom } from './random.ts'

const key = Buffer.alloc(32, 7).toString('base64url')
const keys: EnvelopeKeys = {
  databaseEncryption: true,
  databaseKeyId: 'k1',
  databaseKey: key,
  databaseKeys: {},
}
const holding = (change: Partial<EnvelopeKeys> = {}) => ({
  config: { gotrue: { ...keys, ...change } },
  random: systemRandom,
})
const id = '11111111-1111-4111-8111-111111111111'

test('what is enclosed is disclosed for its own row alone, and to who has the key', () => {
  const resting = encloseFor(holding(), id, 'JBSWY3DP')
  expect(resting).not.toContain('JBSWY3DP')
  expect(discloseFor(holding(), id, resting)).toBe('JBSWY3DP')
  expect(() => discloseFor(holding(), id.replace('1', '2'), resting)).toThrow()
  expect(() => discloseFor(holding({ databaseKeyId: 'k2' }), id, resting)).toThrow(/the key k1/)
  const older = { databaseKeyId: 'k2', databaseKeys: { k1: key } }
  expect(discloseFor(holding(older), id, resting)).toBe('JBSWY3DP')
})

test('the key of a row is HKDF-SHA256 without salt over its id (RFC 5869)', () => {
  // Extract and expand, spelt out: one block is all that 32 bytes need.
  const prk = createHmac('sha256', Buffer.alloc(32)).update(Buffer.from(key, 'base64url')).digest()
  const derived = createHmac('sha256', prk).update(`${id}\u0001`).digest()
  const nonce = Buffer.alloc(12, 1)
  const cipher = createCipheriv('aes-256-gcm', derived, nonce)
  const data = Buffer.concat([cipher.update('a secret'), cipher.final(), cipher.getAuthTag()])
  const resting = JSON.stringify({
    key_id: 'k1',
    alg: 'aes-gcm-hkdf',
    data: data.toString('base64'),
    nonce: nonce.toString('base64'),
  })
  expect(discloseFor(holding(), id, resting)).toBe('a secret')
})

test('what is in no envelope is itself, and nothing is enclosed unless that is wished', () => {
  for (const text of ['JBSWY3DP', '{', '{"key_id":7}', '$2b$10$x', '']) {
    expect(discloseFor(holding(), id, text)).toBe(text)
  }
  expect(encloseFor(holding({ databaseEncryption: false }), id, 'x')).toBe('x')
})
