import type { AdapterExtras, SekishoAdapter } from '../../src/faces/authjs/types.ts'

/** An adapter that is looked at: Auth.js' nineteen methods, and ours where it has them. */
export type Subject = Omit<SekishoAdapter, keyof AdapterExtras> & Partial<AdapterExtras>

/** One rule of the contract. `check` throws when the adapter breaks it. */
export interface Rule {
  /** A sentence, and the rule's name: no two are the same. */
  name: string
  /** Where it is written: the methods it is about, and the behaviours that naive adapters get wrong, by number. */
  about: readonly string[]
  /** Only an adapter that has these methods beside Auth.js' own is asked. */
  needs?: readonly (keyof AdapterExtras)[]
  check(adapter: Subject): Promise<void>
}

/** Long after, and long before, any run of these rules. */
export const future = (milliseconds = 0) => new Date(4_070_908_800_000 + milliseconds)
export const past = () => new Date('2020-02-03T04:05:06.789Z')

export const fresh = () => crypto.randomUUID()
export const freshEmail = () => `${fresh()}@example.com`

export function userBy(adapter: Subject, more: object = {}) {
  return adapter.createUser({
    id: fresh(),
    name: 'Ann',
    email: freshEmail(),
    image: 'https://example.com/ann.png',
    emailVerified: null,
    ...more,
  })
}

export function accountOf(userId: string, more: object = {}) {
  return { userId, type: 'oauth' as const, provider: 'github', providerAccountId: fresh(), ...more }
}

export async function sessionOf(adapter: Subject, userId: string, expires = future()) {
  return adapter.createSession({ sessionToken: fresh(), userId, expires })
}

export const tokenFor = (identifier = freshEmail(), expires = future(789)) => ({
  identifier,
  token: `${fresh()}${fresh()}`.replaceAll('-', ''),
  expires,
})

export function passkeyOf(userId: string, more: object = {}) {
  const credentialID = base64(fresh())
  return {
    userId,
    credentialID,
    providerAccountId: credentialID,
    credentialPublicKey: base64(`the public key of ${credentialID}`),
    credentialDeviceType: 'multiDevice',
    credentialBackedUp: true,
    counter: 0,
    transports: 'internal,hybrid',
    ...more,
  }
}

export function base64(text: string): string {
  return btoa(text)
}

/** Calls `work` so many times at once. */
export async function atOnce<T>(times: number, work: (index: number) => Promise<T> | T) {
  const all = await Promise.allSettled(
    Array.from({ length: times }, async (_, index) => work(index)),
  )
  return {
    values: all.flatMap((one) => (one.status === 'fulfilled' ? [one.value] : [])),
    errors: all.flatMap((one) => (one.status === 'rejected' ? [one.reason] : [])),
  }
}

export function assert(isTrue: boolean, what: string): void {
  if (!isTrue) throw new Error(what)
}

export function isNull(value: unknown, what: string): void {
  assert(value === null, `${what}: expected null, got ${shown(value)}`)
}

/** Quiet: no throw, and nothing that passes for a row. */
export function isNothing(value: unknown, what: string): void {
  assert(value === null || value === undefined, `${what}: expected nothing, got ${shown(value)}`)
}

/** The very same value: dates by their time, objects by all of their keys, those that are undefined left out. */
export function equal(actual: unknown, expected: unknown, what: string): void {
  assert(same(actual, expected), `${what}: expected ${shown(expected)}, got ${shown(actual)}`)
}

/** Every key of `expected` is there; others may be. */
export function holds(actual: unknown, expected: object, what: string): void {
  assert(typeof actual === 'object' && actual !== null, `${what}: got ${shown(actual)}`)
  for (const [key, value] of Object.entries(expected)) {
    if (value !== undefined) equal(Reflect.get(actual as object, key), value, `${what}: ${key}`)
  }
}

export async function refuses(work: () => unknown, what: string): Promise<unknown> {
  try {
    await work()
  } catch (error) {
    // A method that is not there refuses nothing.
    if (error instanceof TypeError && error.message.endsWith('is not a function')) throw error
    return error
  }
  throw new Error(`${what}: expected it to throw`)
}

function same(one: unknown, other: unknown): boolean {
  if (Object.is(one, other)) return true
  if (typeof one !== 'object' || typeof other !== 'object' || !one || !other) return false
  if (one instanceof Date || other instanceof Date) {
    return one instanceof Date && other instanceof Date && Number(one) === Number(other)
  }
  if (Array.isArray(one) !== Array.isArray(other)) return false
  const keys = new Set([...Object.keys(one), ...Object.keys(other)])
  return [...keys].every((key) => same(Reflect.get(one, key), Reflect.get(other, key)))
}

function shown(value: unknown): string {
  const text = value instanceof Date ? `Date ${Number(value)}` : JSON.stringify(value)
  return String(text).slice(0, 300)
}
