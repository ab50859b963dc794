import { expect, test } from 'vitest'
import { isPlainAddress, readMailbox } from './address.ts'

const good = [
  'u@example.com',
  'Ann.Lee+shop@mail.example.co.jp',
  "o'brien@example.com",
  // Japanese carriers gave addresses with dots at odd places.
  'a..b@docomo.example',
  'a.@docomo.example',
  'root@localhost',
  'x@xn--bcher-kva.example',
]

test.each(good)('%s is one plain address', (address) => {
  expect(isPlainAddress(address)).toBe(true)
})

const odd = [
  '',
  'nobody',
  '@example.com',
  'a@',
  'a@b,c@d',
  'a@b;c@d',
  'a@b c@d',
  'a@b\nc@d',
  'a@b\r\nRCPT TO:<c@d>',
  'a@b\u0000',
  'a@ok.example@evil.example',
  '"a@evil.example x"@corp.example',
  'Ann <a@b.example>',
  '<a@b.example>',
  'a(comment)@b.example',
  'friends: a@b.example, c@d.example;',
  'g0:g1:g2:a@b.example;;;',
  'a@b.example.',
  'a@-b.example',
  'a@b..example',
  'a@[127.0.0.1]',
  'a\uff20b.example',
  'a@b\uff0eexample',
  'a@bücher.example',
  '\u202ea@b.example',
  ' a@b.example',
  'a@b.example ',
  `${'a'.repeat(65)}@b.example`,
  `a@${'b'.repeat(64)}.example`,
  `a@${'b.'.repeat(130)}example`,
]

test.each(odd.map((address) => [JSON.stringify(address), address]))(
  '%s is refused as an address (B2, B3)',
  (_shown, address) => {
    expect(isPlainAddress(address)).toBe(false)
  },
)

test('an address of fifty thousand characters is refused at once (B16)', () => {
  const begun = performance.now()
  expect(isPlainAddress('g:'.repeat(25_000))).toBe(false)
  expect(isPlainAddress(`${'a'.repeat(50_000)}@`)).toBe(false)
  expect(readMailbox('<'.repeat(50_000))).toBeNull()
  expect(performance.now() - begun).toBeLessThan(50)
})

test('a sender is an address, or a name with an address', () => {
  expect(readMailbox('no-reply@example.com')).toEqual({ name: '', address: 'no-reply@example.com' })
  expect(readMailbox(' 株式会社 Acme <no-reply@example.com> ')).toEqual({
    name: '株式会社 Acme',
    address: 'no-reply@example.com',
  })
  expect(readMailbox('"Acme, Inc." <no-reply@example.com>')?.name).toBe('Acme, Inc.')
})

test.each([
  'Acme',
  'a@b.example, c@d.example',
  'A <a@b.example> <c@d.example>',
  'A\r\nBcc: x <a@b.example>',
])('%j is no sender', (text) => {
  expect(readMailbox(text)).toBeNull()
})
