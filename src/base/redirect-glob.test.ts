import { expect, test } from 'vitest'
import { isAllowedRedirect, matchesGlob } from './redirect-glob.ts'

const site = { siteUrl: 'https://app.example.com', patterns: [] }

test.each([
  ['the site itself', 'https://app.example.com', true],
  ['a page of the site', 'https://app.example.com/welcome?a=b#c', true],
  ['another port of the site', 'https://app.example.com:8443/', false],
  ['the site without TLS', 'http://app.example.com/', false],
  ['a name that begins like the site', 'https://app.example.com.evil.test/', false],
  ['the site as a user name', 'https://app.example.com@evil.test/', false],
  ['a password in the address', 'https://a:b@app.example.com/', false],
  ['a backslash before another host', 'https://evil.test\\@app.example.com/', false],
  ['a backslash for a slash', 'https:\\\\app.example.com/', false],
  ['one slash only', 'https:/app.example.com/', false],
  ['no slash at all', 'https:app.example.com', false],
  ['a tab that browsers drop', 'https://evil\t.test/', false],
  ['a line break', 'https://app.example.com/\r\nSet-Cookie:a', false],
  ['a space in front', ' https://app.example.com/', false],
  ['another scheme on the site', 'ftp://app.example.com/', false],
  ['a script', 'javascript://app.example.com/%0aalert(1)', false],
  ['data', 'data:text/html,hello', false],
  ['a relative address', '/welcome', false],
  ['a relative address with a host', '//evil.test/', false],
  ['nothing', '', false],
  ['loopback, whatever the port', 'http://127.0.0.1:5173/callback', true],
  ['loopback of the sixth version', 'http://[::1]:5173/', true],
  ['loopback in hexadecimal', 'http://0x7f.0.0.1/', false],
  ['loopback as one number', 'http://2130706433/', false],
  ['another address', 'http://10.0.0.1/', false],
  ['a host in other digits', 'http://\uff11\uff12\uff17.0.0.1/', false],
  ['the site with a dot behind it', 'https://app.example.com./', false],
  ['an address without end', `https://app.example.com/${'x'.repeat(5000)}`, false],
  ['a dot behind percent signs', 'https://app.example.com%2eevil.test/', false],
  ['loopback, whatever the scheme', 'com.app://127.0.0.1:9/x', true],
  ['another address of the sixth version', 'http://[2001:db8::1]/', false],
  ['loopback of the fourth version in the sixth', 'http://[::ffff:10.0.0.1]/', false],
  ['a host behind percent signs', 'https://%61pp.example.com/', false],
])('%s', (_case, address, isAllowed) => {
  expect(isAllowedRedirect(address, site)).toBe(isAllowed)
})

test.each([
  ['https://*.example.com/*', 'https://a.example.com/b', true],
  ['https://*.example.com/*', 'https://a.b.example.com/c', false],
  ['https://*.example.com/*', 'https://a.example.com/b/c', false],
  ['https://*.example.com/**', 'https://a.example.com/b/c.html?d=e', true],
  ['https://*.example.com/**', 'https://evil.test/a.example.com/', false],
  ['com.app://callback', 'com.app://callback', true],
  ['com.app://callback', 'com.app://callback/', false],
  ['https://a.test/?', 'https://a.test/x', true],
  ['https://a.test/?', 'https://a.test/.', false],
  ['https://{a,b}.test/', 'https://b.test/', true],
  ['https://{a,b}.test/', 'https://c.test/', false],
  ['https://{a,b{c,d}}.test/', 'https://bd.test/', true],
  ['https://[ab].test/', 'https://b.test/', true],
  ['https://[!ab].test/', 'https://b.test/', false],
  ['https://[a-c]1.test/', 'https://b1.test/', true],
  ['https://a.test/x', 'https://A.test/x', false],
  ['https://a.test/\\*', 'https://a.test/*', true],
  ['https://a.test/\\*', 'https://a.test/b', false],
  ['**', 'https://anything.test/at/all', true],
  ['https://*.example.com/**', 'https://evil.test/?.example.com/', false],
  ['https://a.test/{', 'https://a.test/{', true],
  ['https://a.test/[', 'https://a.test/[', true],
])('%s for %s', (pattern, text, isMatch) => {
  expect(matchesGlob(pattern, text)).toBe(isMatch)
})

test('an address behind a pattern is judged without its fragment', () => {
  const rules = { ...site, patterns: ['https://other.test/cb'] }
  expect(isAllowedRedirect('https://other.test/cb#x', rules)).toBe(true)
  expect(isAllowedRedirect('https://other.test/cb?x', rules)).toBe(false)
})

test('a pattern for everything lets no script through (E1)', () => {
  const rules = { ...site, patterns: ['**'] }
  expect(isAllowedRedirect('javascript:alert(1)', rules)).toBe(false)
  expect(isAllowedRedirect('http://10.0.0.1/', rules)).toBe(false)
  expect(isAllowedRedirect('https://evil.test/', rules)).toBe(true)
})

test.each([
  ['https://*.example.com/**', 'https://evil#.example.com/', false],
  ['https://*.example.com/**', 'https://evil?.example.com/', false],
  ['https://**.example.com/**', 'https://evil.test/?.example.com/', false],
  ['https://**.example.com/**', 'https://evil.test?x=y.example.com/', false],
  ['https://**.example.com/**', 'https://a.b.example.com/c?d=e', true],
  ['https://{a.test,b.test/in}/**', 'https://b.test/in/x', true],
  ['https://{a.test,b.test/in}/**', 'https://b.test/out/x', false],
  ['https://a.test**', 'https://a.test/x?y', true],
  ['https://a.test*', 'https://a.test?x', true],
  ['http*://a.test/**', 'http://a.test/x', true],
  ['com.app://**', 'com.app://call/back?x=y', true],
  ['**', 'com.app://call/back?x=y', true],
])('what %s says of the host is said of the host in %s (E1)', (pattern, address, isAllowed) => {
  expect(isAllowedRedirect(address, { ...site, patterns: [pattern] })).toBe(isAllowed)
})

test('a pattern of many choices is not tried in all of its ways (M4)', () => {
  const began = performance.now()
  expect(matchesGlob('{a,b}'.repeat(40), 'c')).toBe(false)
  expect(matchesGlob('{a,b}'.repeat(9), 'bbbbbbbbb')).toBe(true)
  expect(performance.now() - began).toBeLessThan(5000)
})

test('a long address against many stars takes no time (M4)', () => {
  const began = performance.now()
  expect(matchesGlob('https://**a**a**a**a**a**b', `https://${'a'.repeat(4000)}`)).toBe(false)
  expect(performance.now() - began).toBeLessThan(1000)
})

/** Addresses whose host is not what it seems; `app.example` is the only one that is allowed. */
function deceits(): string[] {
  const good = 'app.example'
  const bad = 'evil.example'
  const between = [
    '@',
    '\\@',
    '%40',
    '/',
    '\\',
    '\\\\',
    '//',
    '#',
    '?',
    '.',
    ':',
    ';',
    ',',
    '%2f',
    '%5c',
    '%00',
    '\t',
    '\n',
    '\r',
    '。',
    '／',
    '＠',
    ' ',
    '&',
    '=',
    '%09',
    '..',
    '@@',
    ':80@',
    ':@',
    '[',
    ']',
    '|',
    '^',
    '`',
  ]
  const schemes = [
    'https://',
    'https:',
    'https:/',
    'https:///',
    'https:\\\\',
    '//',
    '\\\\',
    '/\\',
    'HTTPS://',
    'http://',
    'javascript://',
    'data://',
    'https://https://',
    ' https://',
    '\thttps://',
  ]
  const hosts = between.flatMap((one) => [
    `${good}${one}${bad}`,
    `${bad}${one}${good}`,
    `${good}${one}${bad}/here`,
    `${bad}${one}${good}/here`,
  ])
  return [
    ...schemes.flatMap((scheme) => hosts.map((host) => scheme + host)),
    ...[
      'https://2130706433/',
      'https://0x7f.1/',
      'https://app.example.',
      'https://app.example:0/',
      'https://app.example:99999/',
      'https://аpp.example/',
      'https://app.example%E3%80%82evil.example',
      'javascript:alert(1)//app.example',
      'data:text/html,app.example',
      'blob:https://app.example/x',
      'https:app.example@evil.example',
    ],
  ]
}

test('whatever an address says, it is allowed only where a browser finds the allowed host (E1)', () => {
  const rules = {
    siteUrl: 'https://site.example/',
    patterns: ['https://app.example/**', 'https://*.apps.example/*'],
  }
  const all = deceits()
  expect(all.length).toBeGreaterThan(500)
  for (const address of all) {
    if (!isAllowedRedirect(address, rules)) continue
    const { protocol, hostname, username } = new URL(address, 'https://base.example')
    expect([address, protocol, hostname, username]).toEqual([address, 'https:', 'app.example', ''])
  }
  expect(isAllowedRedirect('https://app.example/here', rules)).toBe(true)
  expect(isAllowedRedirect('https://one.apps.example/', rules)).toBe(true)
})
