import { createLocalJWKSet, errors, type JWTPayload, type JWTVerifyOptions, jwtVerify } from 'jose'
import type { Cache } from '../base/cache.ts'
import type { Context } from '../base/context.ts'
import { askOutside } from '../base/outgoing.ts'
import { hour, minute, second, unixSeconds } from '../base/time.ts'
import type { Application } from '../model/application.ts'
import { type KeySet, keySet, proofAlgorithms } from '../model/application-proofs.ts'

/** How far the application's clock may be from ours. */
const skew = 10 * second

/** Nobody needs a longer one: assertions and request objects are made when they are sent. */
const longestLife = 1 * hour

/** What a JWT has to be, beside signed by the application, which is its issuer. */
export interface Demand {
  audiences: readonly string[]
  /** The header's `typ`, if there is one: a JWT that was made for something else is not taken for this. */
  types: readonly string[]
  /** Null for any that we take. */
  algorithm: string | null
}

/** The claims of a JWT that the application signed for us, now; null for every other. */
export async function readSignedJwt(
  ctx: Context,
  application: Application,
  token: string,
  demand: Demand,
): Promise<JWTPayload | null> {
  const keys = await keysOf(ctx, application)
  if (keys === null) return null
  const options: JWTVerifyOptions = {
    algorithms: demand.algorithm === null ? [...proofAlgorithms] : [demand.algorithm],
    issuer: application.id,
    audience: [...demand.audiences],
    requiredClaims: ['exp'],
    currentDate: ctx.now(),
    clockTolerance: skew / second,
  }
  const read = await verify(token, keys, options)
  const again =
    read === 'no-key' && application.oidcClientMetadata.jwksUri != null
      ? await freshKeysOf(ctx, application)
      : null
  const found = again === null ? read : await verify(token, again, options)
  return typeof found === 'string' || !fits(ctx, found, demand) ? null : found.payload
}

interface Read {
  payload: JWTPayload
  type: string | null
}

function fits(ctx: Context, { payload, type }: Read, { audiences, types }: Demand): boolean {
  const { exp = 0, iat, aud } = payload
  const now = unixSeconds(ctx.now())
  return (
    (type === null || types.includes(type.toLowerCase().replace(/^application\//, ''))) &&
    exp <= now + (longestLife + skew) / second &&
    (iat === undefined || iat <= now + skew / second) &&
    // One that is good elsewhere, too, could have been handed to us by whoever got it there.
    [aud].flat().every((one) => one !== undefined && audiences.includes(one))
  )
}

async function verify(
  token: string,
  keys: KeySet,
  options: JWTVerifyOptions,
): Promise<Read | 'no-key' | 'wrong'> {
  try {
    return read(await jwtVerify(token, createLocalJWKSet(asJose(keys)), options))
  } catch (error) {
    if (error instanceof errors.JWKSNoMatchingKey) return 'no-key'
    if (!(error instanceof errors.JWKSMultipleMatchingKeys)) return 'wrong'
    for await (const key of error) {
      const found = await jwtVerify(token, key, options).then(read, () => null)
      if (found !== null) return found
    }
    return 'wrong'
  }
}

function read({ payload, protectedHeader }: Awaited<ReturnType<typeof jwtVerify>>): Read {
  return { payload, type: protectedHeader.typ ?? null }
}

function asJose(keys: KeySet): Parameters<typeof createLocalJWKSet>[0] {
  return keys as Parameters<typeof createLocalJWKSet>[0]
}

/** Every node remembers the keys that it fetched, for so long; and does not ask more often than that. */
const keptFor = 10 * minute
const askedAgainAfter = 1 * minute
const mostKept = 1000

interface Fetched {
  askedAt: number
  /** Network only: nobody who waits here holds a connection of the database. */
  keys: Promise<KeySet | null>
}

const fetched = new WeakMap<Cache, Map<string, Fetched>>()

async function keysOf(ctx: Context, application: Application): Promise<KeySet | null> {
  const { jwks, jwksUri } = application.oidcClientMetadata
  if (jwks != null) return jwks
  return jwksUri == null ? null : fetchKeys(ctx, jwksUri, keptFor)
}

/** For a key that is not among those we know: they may have been exchanged since. */
function freshKeysOf(ctx: Context, { oidcClientMetadata }: Application): Promise<KeySet | null> {
  return fetchKeys(ctx, oidcClientMetadata.jwksUri ?? '', askedAgainAfter)
}

async function fetchKeys(ctx: Context, address: string, oldest: number): Promise<KeySet | null> {
  const all = fetched.get(ctx.cache) ?? new Map<string, Fetched>()
  fetched.set(ctx.cache, all)
  const now = ctx.now().getTime()
  const known = all.get(address)
  if (known !== undefined && now - known.askedAt < oldest) {
    const keys = await known.keys
    // A failure is not kept as long as an answer is.
    if (keys !== null || now - known.askedAt < askedAgainAfter) return keys
  }
  const [first] = all.keys()
  if (all.size >= mostKept && first !== undefined) all.delete(first)
  const keys = askForKeys(ctx, address)
  all.set(address, { askedAt: now, keys })
  return keys
}

async function askForKeys(ctx: Context, address: string): Promise<KeySet | null> {
  const answer = await askOutside(ctx, address, { headers: { accept: 'application/json' } })
  if (answer.outcome !== 'answered' || answer.status !== 200) {
    ctx.log.warn({ address, outcome: answer.outcome }, 'An application’s keys cannot be read.')
    return null
  }
  try {
    return keySet.parse(JSON.parse(answer.text))
  } catch {
    ctx.log.warn({ address }, 'An application’s keys are no set of public keys.')
    return null
  }
}
