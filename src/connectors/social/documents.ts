import { createLocalJWKSet, type JSONWebKeySet } from 'jose'
import type { Cache } from '../../base/cache.ts'
import { minute } from '../../base/time.ts'
import { answerLimit, isObject, type SocialOutside } from './social.ts'

/** What a provider says of itself (OpenID Connect Discovery § 3), as far as we use it. */
export interface Discovery {
  issuer: string
  authorizationEndpoint: string
  tokenEndpoint: string
  userinfoEndpoint: string
  jwksUri: string
  document: Readonly<Record<string, unknown>>
}

export type Discovered =
  | { outcome: 'found'; discovery: Discovery }
  | { outcome: 'failed'; why: string }

interface Kept {
  readAt: number
  value: unknown
}

/** Descriptions and keys of providers, per process: they are public, and the same for everybody. */
const shelves = new WeakMap<Cache, Map<string, Kept>>()
const mostKept = 500

function shelfOf({ cache }: SocialOutside): Map<string, Kept> {
  const found = shelves.get(cache) ?? new Map<string, Kept>()
  shelves.set(cache, found)
  return found
}

function kept<T>(out: SocialOutside, key: string, lifetime: number): T | null {
  const found = shelfOf(out).get(key)
  const age = found === undefined ? -1 : out.now().getTime() - found.readAt
  return found !== undefined && age >= 0 && age < lifetime ? (found.value as T) : null
}

function keep(out: SocialOutside, key: string, value: unknown): void {
  const shelf = shelfOf(out)
  shelf.delete(key)
  shelf.set(key, { readAt: out.now().getTime(), value })
  const [oldest] = shelf.keys()
  if (shelf.size > mostKept && oldest !== undefined) shelf.delete(oldest)
}

export function discoveryUrlOf(issuer: string): string {
  return `${issuer.replace(/\/$/, '')}/.well-known/openid-configuration`
}

/** The provider's description; its `issuer` has to be the one that was asked for (Discovery § 4.3). */
export async function discover(
  out: SocialOutside,
  issuer: string,
  address: string,
): Promise<Discovered> {
  const key = `discovery ${address} ${issuer}`
  const found = kept<Discovery>(out, key, out.discoveryLifetime)
  if (found !== null) return { outcome: 'found', discovery: found }
  const answer = await readDocument(out, address)
  if (typeof answer === 'string') return { outcome: 'failed', why: answer }
  if (answer.issuer !== issuer) return { outcome: 'failed', why: 'the issuer is another one' }
  const text = (name: string) => (typeof answer[name] === 'string' ? answer[name] : '')
  const discovery: Discovery = {
    issuer,
    authorizationEndpoint: text('authorization_endpoint'),
    tokenEndpoint: text('token_endpoint'),
    userinfoEndpoint: text('userinfo_endpoint'),
    jwksUri: text('jwks_uri'),
    document: answer,
  }
  keep(out, key, discovery)
  return { outcome: 'found', discovery }
}

async function readDocument(
  out: SocialOutside,
  address: string,
): Promise<Record<string, unknown> | string> {
  const answer = await out.ask(address, {
    headers: { accept: 'application/json' },
    limit: answerLimit,
  })
  if (answer.outcome !== 'answered') return reasons[answer.outcome]
  if (answer.status !== 200) return `the status is ${answer.status}`
  try {
    const document: unknown = JSON.parse(answer.text)
    return isObject(document) ? document : 'the answer is no JSON object'
  } catch {
    return 'the answer is no JSON'
  }
}

const reasons = {
  'address-refused': 'the address may not be asked',
  unreachable: 'no answer came',
  redirected: 'the answer is a redirect',
  'too-large': 'the answer is too large',
}

export type KeySet = ReturnType<typeof createLocalJWKSet>

const keysLifetime = 10 * minute
const keysRest = 1 * minute

/**
 * A provider's keys. With `isFresh` they are read again, because a token names one that is not among them; at most once a
 * minute, so that tokens with invented names do not make us ask without end. Null where they cannot be read.
 */
export async function findKeys(
  out: SocialOutside,
  jwksUri: string,
  { isFresh }: { isFresh: boolean },
): Promise<KeySet | null> {
  const key = `keys ${jwksUri}`
  const found = kept<KeySet>(out, key, isFresh ? keysRest : keysLifetime)
  if (found !== null) return found
  const answer = await readDocument(out, jwksUri)
  if (typeof answer === 'string' || !Array.isArray(answer.keys)) return null
  try {
    const keys = createLocalJWKSet(answer as unknown as JSONWebKeySet)
    keep(out, key, keys)
    return keys
  } catch {
    return null
  }
}
