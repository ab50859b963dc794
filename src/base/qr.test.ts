import { expect, test } from 'vitest'
import { qrSvg } from './qr.ts'

test('a code is an SVG that may stand in a data address as it is, however much it holds', () => {
  for (const text of ['otpauth://totp/a:b?secret=ABC', 'x'.repeat(1500)]) {
    expect(qrSvg(text)).toMatch(/^<svg [^#%]+<\/svg>$/)
  }
})

test('another text is another picture', () => {
  expect(qrSvg('a')).not.toBe(qrSvg('b'))
})
