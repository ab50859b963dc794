import { expect, test } from 'vitest'
import { clientIp, namedIp, networkOf, parseProxyTrust } from './client-ip.ts'

const nobody = parseProxyTrust('')

test('without a trusted proxy the header means nothing (K1)', () => {
  expect(clientIp('203.0.113.9', '1.2.3.4', nobody)).toBe('203.0.113.9')
  expect(clientIp('::ffff:203.0.113.9', undefined, nobody)).toBe('203.0.113.9')
  expect(clientIp(null, '1.2.3.4', parseProxyTrust('1'))).toBe(null)
})

test('one proxy is believed about the last entry only (K1)', () => {
  const one = parseProxyTrust('true')
  expect(clientIp('10.0.0.1', '6.6.6.6, 203.0.113.9', one)).toBe('203.0.113.9')
  expect(clientIp('10.0.0.1', '6.6.6.6, 203.0.113.9, 10.0.0.2', parseProxyTrust('2'))).toBe(
    '203.0.113.9',
  )
})

test('proxies known by their networks are walked from the right until a stranger (K1)', () => {
  const networks = parseProxyTrust('10.0.0.0/8, ::1')
  expect(clientIp('::1', '6.6.6.6, 203.0.113.9, 10.1.1.1', networks)).toBe('203.0.113.9')
  expect(clientIp('203.0.113.77', '6.6.6.6', networks)).toBe('203.0.113.77')
})

test('what is no address ends the walk, and never becomes one', () => {
  const one = parseProxyTrust('1')
  expect(clientIp('10.0.0.1', 'a', one)).toBe('10.0.0.1')
  expect(clientIp('10.0.0.1', "'; drop table", one)).toBe('10.0.0.1')
  expect(clientIp('10.0.0.1', '[2001:db8::7]:443', one)).toBe('2001:db8::7')
  expect(clientIp('10.0.0.1', '203.0.113.9:51000', one)).toBe('203.0.113.9')
  expect(clientIp('fe80::1%eth0', undefined, nobody)).toBe('fe80::1')
})

test('a setting that is neither a number nor a network is refused', () => {
  for (const wrong of ['loopback', '10.0.0.0/33', '10.0.0.0/8 ::1', '/8']) {
    expect(() => parseProxyTrust(wrong)).toThrow(/must be/)
  }
})

test.each([
  ['', '198.51.100.1', null],
  ['1', '198.51.100.1', '198.51.100.1'],
  ['10.0.0.0/8', '198.51.100.1', '198.51.100.1'],
  ['172.16.0.0/12', '198.51.100.1', null],
  ['1', '2001:db8::1, 10.0.0.9', '2001:db8::1'],
  ['1', 'nonsense', null],
  ['1', undefined, null],
])('trusting %j, a header that names %s means %s', (trust, header, expected) => {
  expect(namedIp('10.0.0.1', header, parseProxyTrust(trust))).toBe(expected)
})

test('a network of IPv6 is one client, however its addresses are written (K2)', () => {
  const spellings = [
    ...['2001:db8::1', '2001:0db8:0:0:0:0:0:1', '2001:DB8::0001', '2001:db8:0000::0:1'],
    ...['2001:db8::ffff:1.2.3.4', '2001:db8:0:0:ffff:ffff:ffff:ffff', '2001:db8::'],
  ]
  for (const ip of spellings) expect(networkOf(ip)).toBe('2001:db8:0:0::/64')
  expect(networkOf('2001:db8:0:1::1')).toBe('2001:db8:0:1::/64')
  expect(networkOf('::1')).toBe('0:0:0:0::/64')
  expect(networkOf('1:2:3:4:5:6:7:8')).toBe('1:2:3:4::/64')
  expect(networkOf('192.0.2.1')).toBe('192.0.2.1')
  expect(networkOf(null)).toBe('nowhere')
})
