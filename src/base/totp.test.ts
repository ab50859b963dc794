import { expect, test } from 'vitest'
import { totpSecret, totpStep, totpUri } from './totp.ts'

const secret = totpSecret(Buffer.from('12345678901234567890'))

// RFC 6238, appendix B, the last six of eight digits.
test.each([
  [59, '287082', 1],
  [1_111_111_109, '081804', 37_037_036],
  [1_111_111_111, '050471', 37_037_037],
  [1_234_567_890, '005924', 41_152_263],
  [2_000_000_000, '279037', 66_666_666],
])('at %d the code is %s', (time, code, step) => {
  expect(totpStep(secret, code, new Date(time * 1000))).toBe(step)
})

test('a code is good one step early or late, and says which step it is of', () => {
  const at = (time: number) => totpStep(secret, '287082', new Date(time * 1000))
  expect([at(0), at(29), at(30), at(60), at(89), at(90)]).toEqual([1, 1, 1, 1, 1, null])
  expect(at(29.999)).toBe(1)
})

test.each(['', '28708', '2870822', '２８７０８２', '287 082', 'abcdef'])(
  '%j is no code (C6)',
  (code) => {
    expect(totpStep(secret, code, new Date(59_000))).toBeNull()
  },
)

test('an address is written as apps read it', () => {
  expect(totpUri({ secret: 'ABC', issuer: 'My shop/ä', account: 'ann+1@example.com' })).toBe(
    'otpauth://totp/My%20shop%2F%C3%A4:ann%2B1@example.com?algorithm=SHA1&digits=6&issuer=My%20shop%2F%C3%A4&period=30&secret=ABC',
  )
})
