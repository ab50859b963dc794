import { expect, test } from 'vitest'
import { rootSecret, sameHash, sameSecret, seal, unseal } from './crypto.ts'

const secret = rootSecret('a root secret of thirty-two characters')

test('what is sealed opens at its own place', () => {
  const sealed = seal(secret, 'idp.keys.sealed_private:a', 'the key of the gate')
  expect(sealed).not.toContain('gate')
  expect(unseal(secret, 'idp.keys.sealed_private:a', sealed)).toBe('the key of the gate')
})

test('what is sealed in one row does not open in another', () => {
  const sealed = seal(secret, 'idp.keys.sealed_private:a', 'the key of the gate')
  expect(() => unseal(secret, 'idp.keys.sealed_private:b', sealed)).toThrow('SEKISHO_SECRET')
})

test('another root secret does not open it', () => {
  const sealed = seal(secret, 'place', 'text')
  expect(() =>
    unseal(rootSecret('another root secret, as long as it was'), 'place', sealed),
  ).toThrow()
})

test('a changed byte does not open', () => {
  const sealed = seal(secret, 'place', 'text')
  const changed = sealed.slice(0, -2) + (sealed.endsWith('AA') ? 'BB' : 'AA')
  expect(() => unseal(secret, 'place', changed)).toThrow()
})

test('the same text is sealed differently each time', () => {
  expect(seal(secret, 'place', 'text')).not.toBe(seal(secret, 'place', 'text'))
})

test('each purpose has a key of its own', () => {
  expect(secret.key('one')).toHaveLength(32)
  expect(secret.key('one').equals(secret.key('two'))).toBe(false)
  expect(secret.key('one').equals(secret.key('one'))).toBe(true)
})

test('secrets of different lengths are different, and may be compared (L2)', () => {
  expect(sameSecret('gate', 'gate')).toBe(true)
  expect(sameSecret('gate', 'gates')).toBe(false)
  const [hash, other] = [Buffer.from('gate'), Buffer.from('gape')]
  expect(sameHash(hash, Buffer.from('gate'))).toBe(true)
  expect(sameHash(hash, other)).toBe(false)
  expect(sameHash(hash, hash.subarray(1))).toBe(false)
})
