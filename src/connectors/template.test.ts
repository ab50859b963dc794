import { expect, test } from 'vitest'
import { fill, fillHeader, fillHtml } from './template.ts'

test('a placeholder becomes the value of its name, with or without spaces', () => {
  expect(fill('{{code}}, {{ code }}, {{\tcode }}', { code: '000000' })).toBe(
    '000000, 000000, 000000',
  )
})

test('a name that the payload does not have stays as it is written', () => {
  expect(fill('<b>{{code}}</b> {{missing}} {{missing.part}}', { code: '1' })).toBe(
    '<b>1</b> {{missing}} {{missing.part}}',
  )
})

test('a missing part of a known name becomes empty', () => {
  const payload = { user: { name: 'Ann', profile: null }, code: '1' }
  expect(fill('{{user.name}}|{{user.nickname}}|{{user.profile.a}}|{{code.a}}', payload)).toBe(
    'Ann|||',
  )
})

test('numbers and booleans are written out, and null is empty', () => {
  expect(fill('{{a}} {{b}} {{c.d}} [{{e}}]', { a: 5, b: false, c: { d: 0 }, e: null })).toBe(
    '5 false 0 []',
  )
})

test('a template reaches no constructor and no prototype (B10)', () => {
  const payload = { code: '1', user: { name: 'Ann' } }
  expect(fill('{{constructor}} {{__proto__.x}} {{toString}}', payload)).toBe(
    '{{constructor}} {{__proto__.x}} {{toString}}',
  )
  expect(
    fill('[{{user.constructor}}{{user.__proto__.constructor}}{{user.name.length}}]', payload),
  ).toBe('[]')
})

test('what a user wrote is not filled in again, and dollar signs mean nothing (B10)', () => {
  expect(fill('{{name}} {{code}}', { name: '{{code}} $& $1', code: '7' })).toBe('{{code}} $& $1 7')
})

test('other template languages stay what they are', () => {
  // biome-ignore lint/suspicious/noTemplateCurlyInString: it is what must stay as it is.
  const text = '{{ .ConfirmationURL }} ${7*7} <%= 1 %> {{#if code}} {{this code}} {code}'
  expect(fill(text, { code: '1' })).toBe(text)
})

test('in HTML a value is text: a name cannot bring a link (B8)', () => {
  const payload = { name: `"><a href='//evil.example'>win</a> & co`, code: '000000' }
  expect(fillHtml('<p title="{{name}}">{{code}}</p>', payload)).toBe(
    '<p title="&quot;&gt;&lt;a href=&#39;//evil.example&#39;&gt;win&lt;/a&gt; &amp; co">000000</p>',
  )
})

test('a link in HTML still leads to the same address', () => {
  const link = 'https://app.example.com/verify?token=a&type=signup'
  const html = fillHtml('<a href="{{link}}">go</a>', { link })
  expect(html.replaceAll('&amp;', '&')).toBe(`<a href="${link}">go</a>`)
})

test('in a header field a value stays on its line (B9)', () => {
  const payload = { name: 'Ann\r\nBcc: eve@example.com\u2028x\u0000y' }
  expect(fillHeader('Hello {{name}}!', payload)).toBe('Hello Ann Bcc: eve@example.com x y!')
})

test('fifty thousand braces are read at once (M4)', () => {
  const begun = performance.now()
  const template = '{{ '.repeat(50_000)
  expect(fill(template, { code: '1' })).toBe(template)
  expect(performance.now() - begun).toBeLessThan(1000)
})
