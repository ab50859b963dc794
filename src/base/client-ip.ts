import { BlockList, isIP } from 'node:net'

/** Who stands before this server and may say where a request came from. */
export type ProxyTrust =
  | { kind: 'nobody' }
  /** So many proxies stand in a row; each appends the address that it saw. */
  | { kind: 'hops'; count: number }
  | { kind: 'networks'; list: BlockList }

/**
 * `SEKISHO_TRUST_PROXY`: empty for nobody, a number of hops, or networks and addresses such as `10.0.0.0/8, ::1`. `true`
 * is one hop. Throws on anything else.
 */
export function parseProxyTrust(text: string): ProxyTrust {
  const value = text.trim().toLowerCase()
  if (['', '0', 'false', 'no', 'off'].includes(value)) return { kind: 'nobody' }
  if (['true', 'yes', 'on'].includes(value)) return { kind: 'hops', count: 1 }
  if (/^\d{1,2}$/.test(value)) return { kind: 'hops', count: Number(value) }
  const list = new BlockList()
  for (const part of value.split(',').map((one) => one.trim())) addNetwork(list, part)
  return { kind: 'networks', list }
}

function addNetwork(list: BlockList, text: string): void {
  const [address = '', prefix] = text.split('/')
  const family = familyOf(address)
  const longest = family === 'ipv4' ? 32 : 128
  const length = prefix === undefined ? longest : Number(prefix)
  if (family === null || !Number.isInteger(length) || length < 0 || length > longest) {
    throw new Error('must be a number of proxies, or addresses and networks such as 10.0.0.0/8')
  }
  list.addSubnet(address, length, family)
}

/**
 * The client's address. The header is read from its right end, where trusted proxies write: what a client itself put at
 * the left never counts. A header that holds no address ends the reading at the last good one.
 */
export function clientIp(
  peer: string | null,
  forwardedFor: string | undefined,
  trust: ProxyTrust,
): string | null {
  let current = peer === null ? null : bareAddress(peer)
  if (trust.kind === 'nobody' || current === null || forwardedFor === undefined) return current
  let hopsLeft = trust.kind === 'hops' ? trust.count : Number.POSITIVE_INFINITY
  for (const entry of forwardedFor.split(',').reverse()) {
    if (hopsLeft-- <= 0) break
    if (trust.kind === 'networks' && !isIn(trust.list, current)) break
    const next = bareAddress(entry.trim())
    if (next === null) break
    current = next
  }
  return current
}

/** The address in a header that holds one, such as `Sb-Forwarded-For`, if who brings it is believed; else null. */
export function namedIp(
  peer: string | null,
  header: string | undefined,
  trust: ProxyTrust,
): string | null {
  const [first = ''] = (header ?? '').split(',')
  return isTrustedProxy(peer, trust) ? bareAddress(first.trim()) : null
}

/** Whether who is connected to us is one of the proxies whose headers are believed. */
export function isTrustedProxy(peer: string | null, trust: ProxyTrust): boolean {
  if (trust.kind === 'nobody' || peer === null) return false
  const current = bareAddress(peer)
  return current !== null && (trust.kind === 'hops' || isIn(trust.list, current))
}

/**
 * Whom an address stands for, where something is counted or shared by client: of IPv6 the network of 64 bits, since that much
 * is one customer's, and one spelling of it.
 */
export function networkOf(ip: string | null): string {
  if (ip === null) return 'nowhere'
  if (isIP(ip) !== 6) return ip
  const [head = '', tail] = new URL(`http://[${ip}]`).hostname.slice(1, -1).split('::')
  const groups = head.split(':').filter(Boolean)
  const after = (tail ?? '').split(':').filter(Boolean)
  const zeros = Array<string>(tail === undefined ? 0 : 8 - groups.length - after.length).fill('0')
  return `${[...groups, ...zeros, ...after].slice(0, 4).join(':')}::/64`
}

function isIn(list: BlockList, address: string): boolean {
  const family = familyOf(address)
  return family !== null && list.check(address, family)
}

/** Without brackets, port, zone and IPv4's disguise as IPv6; null for what is no address. */
function bareAddress(text: string): string | null {
  const bracketed = /^\[([^\]]+)\](?::\d+)?$/.exec(text)?.[1]
  const ported = /^(\d+\.\d+\.\d+\.\d+):\d+$/.exec(text)?.[1]
  const address = (bracketed ?? ported ?? text)
    .replace(/%.*$/, '')
    .replace(/^::ffff:(?=\d+\.)/i, '')
  return isIP(address) === 0 ? null : address
}

function familyOf(address: string): 'ipv4' | 'ipv6' | null {
  const version = isIP(address)
  return version === 0 ? null : version === 4 ? 'ipv4' : 'ipv6'
}
