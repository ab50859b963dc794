import { type LookupAddress, type LookupOptions, lookup } from 'node:dns'
import { BlockList, isIP } from 'node:net'
import type { Agent } from 'undici'
import type { Context } from './context.ts'
import { second } from './time.ts'

/** Why an address that others chose was not asked, or did not answer. */
export type OutgoingProblem = 'address-refused' | 'unreachable' | 'redirected' | 'too-large'

export type OutgoingAnswer =
  | { outcome: 'answered'; status: number; headers: Headers; text: string }
  | { outcome: OutgoingProblem }

export interface OutgoingRequest {
  method?: 'GET' | 'POST'
  headers?: Record<string, string>
  body?: string
  /** Milliseconds for all of it. */
  timeout?: number
  /** The largest answer, in bytes. */
  limit?: number
}

/**
 * Asks an address that somebody else wrote down (an application's keys, its back-channel): https only, nobody inside
 * our own network, no redirects, within bounds. In development, and for the hosts of `SEKISHO_PRIVATE_HOSTS`, the inside
 * may be reached, and by plain http.
 */
export async function askOutside(
  ctx: Pick<Context, 'fetch' | 'config'>,
  address: string,
  request: OutgoingRequest = {},
): Promise<OutgoingAnswer> {
  const { timeout = 5 * second, limit = 64 * 1024, method = 'GET', headers = {}, body } = request
  const url = URL.canParse(address) ? new URL(address) : null
  if (url === null || !mayAsk(ctx, url)) return { outcome: 'address-refused' }
  const init: Guarded = {
    method,
    headers,
    ...(body !== undefined && { body }),
    // A redirect would lead past all that was checked.
    redirect: 'manual',
    signal: AbortSignal.timeout(timeout),
    ...(!isTrusted(ctx, url) && { dispatcher: await publicOnly() }),
  }
  try {
    const answer = await ctx.fetch(url, init as RequestInit)
    if (answer.status >= 300 && answer.status < 400) {
      await answer.body?.cancel()
      return { outcome: 'redirected' }
    }
    const text = await readUpTo(answer, limit)
    if (text === null) return { outcome: 'too-large' }
    return { outcome: 'answered', status: answer.status, headers: answer.headers, text }
  } catch {
    return { outcome: 'unreachable' }
  }
}

/** Node's `fetch` takes undici's dispatcher; the web's types do not know it. */
type Guarded = Omit<RequestInit, 'dispatcher'> & { dispatcher?: Agent }

/** The body as text, or null when it has more bytes than that. */
export async function readUpTo(answer: Response, limit: number): Promise<string | null> {
  const chunks: Uint8Array[] = []
  let size = 0
  for await (const chunk of answer.body ?? []) {
    size += chunk.byteLength
    if (size > limit) return null
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

function mayAsk(ctx: Pick<Context, 'config'>, url: URL): boolean {
  if (url.username !== '' || url.password !== '') return false
  if (isTrusted(ctx, url)) return url.protocol === 'https:' || url.protocol === 'http:'
  return url.protocol === 'https:' && !isPrivateAddress(hostOf(url))
}

function isTrusted({ config }: Pick<Context, 'config'>, url: URL): boolean {
  return config.mode === 'dev' || config.privateHosts.includes(hostOf(url))
}

function hostOf({ hostname }: URL): string {
  return hostname.replace(/^\[|\]$/g, '')
}

let publicAgent: Agent | null = null

/**
 * The check stands where the connection is made: a name that is looked up once to be checked and once more to be reached
 * may have moved between the two. The library is large, and read when somebody is asked.
 */
async function publicOnly(): Promise<Agent> {
  const undici = await import('undici')
  publicAgent ??= new undici.Agent({
    connect: {
      lookup(host, options, done) {
        lookup(host, { ...(options as LookupOptions), all: true }, (error, found) => {
          if (error !== null) return done(error, [])
          const outside = (found as LookupAddress[]).filter(
            ({ address }) => !isPrivateAddress(address),
          )
          const [first] = outside
          if (first === undefined) return done(new Error('The address is inside.'), [])
          if (options.all) return done(null, outside)
          return done(null, first.address, first.family)
        })
      },
    },
  })
  return publicAgent
}

/** IANA's special-purpose registries: all that is not the open network. */
const inside = new BlockList()
for (const [network, prefix] of [
  ['0.0.0.0', 8],
  ['10.0.0.0', 8],
  ['100.64.0.0', 10],
  ['127.0.0.0', 8],
  ['169.254.0.0', 16],
  ['172.16.0.0', 12],
  ['192.0.0.0', 24],
  ['192.0.2.0', 24],
  ['192.88.99.0', 24],
  ['192.168.0.0', 16],
  ['198.18.0.0', 15],
  ['198.51.100.0', 24],
  ['203.0.113.0', 24],
  ['224.0.0.0', 3],
] as const) {
  inside.addSubnet(network, prefix, 'ipv4')
}
/** Of IPv6 only 2000::/3 is given out; these are its parts that lead inside, or to an IPv4 address in disguise. */
const openV6 = new BlockList()
openV6.addSubnet('2000::', 3, 'ipv6')
for (const [network, prefix] of [
  ['2001::', 23],
  ['2001:db8::', 32],
  ['2002::', 16],
  ['3fff::', 20],
] as const) {
  inside.addSubnet(network, prefix, 'ipv6')
}

/** Whether `host` is an IP address that is not on the open network. A name is none. */
export function isPrivateAddress(host: string): boolean {
  switch (isIP(host)) {
    case 4:
      return inside.check(host, 'ipv4')
    case 6:
      return !openV6.check(host, 'ipv6') || inside.check(host, 'ipv6')
    default:
      return false
  }
}
