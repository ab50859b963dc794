import { expect, test } from 'vitest'
import { systemRandom } from './random.ts'

test('nobody gets bytes that somebody else has', () => {
  const taken = Array.from({ length: 20_000 }, (_, at) => systemRandom.bytes(8 + (at % 40)))
  const beginnings = taken.map((bytes) => Buffer.from(bytes.subarray(0, 8)).toString('hex'))
  expect(new Set(beginnings).size).toBe(taken.length)
  // They are a copy: what is made of them later changes nothing here.
  const [first] = taken
  const before = beginnings[0]
  for (let at = 0; at < 1000; at += 1) systemRandom.bytes(64)
  expect(Buffer.from(first?.subarray(0, 8) ?? []).toString('hex')).toBe(before)
})

test.each([0, 1, 12, 4096, 4097, 10_000])(
  '%i bytes are as many, and all of them chance',
  (length) => {
    const bytes = systemRandom.bytes(length)
    expect(bytes).toHaveLength(length)
    const zeros = bytes.filter((byte) => byte === 0).length
    expect(zeros).toBeLessThan(length / 64 + 20)
  },
)

test('a token has 256 bits', () => {
  const tokens = Array.from({ length: 1000 }, () => systemRandom.token())
  for (const token of tokens) expect(token).toMatch(/^[\w-]{43}$/)
  expect(new Set(tokens).size).toBe(tokens.length)
})
