import type { Tx } from '../base/context.ts'
import { type RootSecret, secretOf, unseal } from '../base/crypto.ts'
import {
  type JwtOutcome,
  privateKeyOf,
  publicKeyOf,
  type SigningKey,
  signatureAlgorithms,
  type VerifyingKey,
  verifyJwt,
} from '../base/jwt.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { sqlNow } from './clock.ts'
import { configuredKeys } from './configured-key.ts'
import { makeKey } from './key-stage.ts'

/** Keys are separate by what they sign: the tokens of GoTrue's face, and those of the OpenID Provider. */
export type KeyPurpose = 'gotrue' | 'oidc'

/** What we make keys for. A secret is only ever configured. */
export type KeyAlgorithm = (typeof signatureAlgorithms)[number]

/** P-384 is what Logto signs with: API servers of its users name ES384 in their configuration. */
export const defaultAlgorithm = { gotrue: 'ES256', oidc: 'ES384' } as const satisfies Record<
  KeyPurpose,
  KeyAlgorithm
>

export interface Key {
  id: string
  purpose: KeyPurpose
  algorithm: KeyAlgorithm
  /** `next` is published and does not sign yet; `retiring` signs no more, and is published while its tokens live. */
  state: 'next' | 'current' | 'retiring'
  /** What JWKS publishes; every member is a string, as Logto's Go SDK wants. */
  publicJwk: Record<string, string>
  private: SigningKey
  public: VerifyingKey
  createdAt: Date
  /** Since when it signs. */
  promotedAt: Date | null
  expiresAt: Date | null
}

export interface KeyRow {
  id: string
  purpose: KeyPurpose
  algorithm: KeyAlgorithm
  public_jwk: Record<string, string>
  sealed_private: string
  state: Key['state']
  created_at: Date
  promoted_at: Date | null
  expires_at: Date | null
}

/** All keys of a purpose, current ones first; the first is made at first need. Cached: no query on the hot paths. */
export function listKeys(ctx: Tx, purpose: KeyPurpose): Promise<Key[]> {
  return ctx.cache.get(cacheKey(purpose), ctx.now(), async () => {
    const algorithm = defaultAlgorithm[purpose]
    const keys = await readKeys(ctx, purpose)
    if (keys.some((key) => key.state === 'current' && key.algorithm === algorithm)) return keys
    await makeKey(ctx, { purpose, algorithm, state: 'current' })
    return readKeys(ctx, purpose)
  })
}

/** Those that are there, where none is to be made. */
export function findKeys(ctx: Tx, purpose: KeyPurpose): Promise<Key[]> {
  return readKeys(ctx, purpose)
}

/** After a change on this node; the others read theirs anew within five seconds. */
export function forgetKeys(ctx: Tx, purpose: KeyPurpose): void {
  ctx.cache.forget(cacheKey(purpose))
}

function cacheKey(purpose: KeyPurpose): string {
  return `keys:${purpose}`
}

/** The key that signs now. Of GoTrue's face, the one that is configured goes before one of our own. */
export async function signingKey(ctx: Tx, purpose: KeyPurpose): Promise<SigningKey> {
  const configured = purpose === 'gotrue' ? configuredKeys(ctx.config) : null
  return configured?.signing ?? signingKeyFor(ctx, purpose, defaultAlgorithm[purpose])
}

/** The key that signs now by an algorithm; made when nobody has needed one before. */
export async function signingKeyFor(
  ctx: Tx,
  purpose: KeyPurpose,
  algorithm: KeyAlgorithm,
): Promise<SigningKey> {
  const isIt = (key: Key) => key.state === 'current' && key.algorithm === algorithm
  const known = (await listKeys(ctx, purpose)).find(isIt)
  if (known !== undefined) return known.private
  await makeKey(ctx, { purpose, algorithm, state: 'current' })
  forgetKeys(ctx, purpose)
  const made = (await listKeys(ctx, purpose)).find(isIt)
  if (made === undefined) throw new Error(`There is no key of ${purpose} for ${algorithm}.`)
  return made.private
}

/**
 * Makes the key that an application will be answered with, if there is none yet: who reads the key set before the first
 * token, and keeps it, has to find the key there. No cache, since the caller may be in a transaction.
 */
export async function ensureKey(
  ctx: Tx,
  purpose: KeyPurpose,
  algorithm: KeyAlgorithm,
): Promise<void> {
  const keys = await findKeys(ctx, purpose)
  if (keys.some((key) => key.state === 'current' && key.algorithm === algorithm)) return
  await makeKey(ctx, { purpose, algorithm, state: 'current' })
  forgetKeys(ctx, purpose)
}

/**
 * The key for ID tokens of GoTrue's face. Who gets one has to be able to verify it, so no secret signs it: where the face
 * has nothing else, a key of our own does, which is good for these alone.
 */
export async function idTokenKey(ctx: Tx): Promise<SigningKey> {
  const key = await signingKey(ctx, 'gotrue')
  return key.algorithm === 'HS256' ? signingKeyFor(ctx, 'gotrue', defaultAlgorithm.gotrue) : key
}

/** The keys whose signatures we accept. */
export async function verifyingKeys(ctx: Tx, purpose: KeyPurpose): Promise<VerifyingKey[]> {
  const configured = purpose === 'gotrue' ? configuredKeys(ctx.config) : null
  return configured?.verifying ?? (await listKeys(ctx, purpose)).map((key) => key.public)
}

/** How often unknown keys make us look: a stranger's tokens must not become queries. */
const rereadEvery = 1 * second

/**
 * Verifies a token that we should have issued, as of `at`. A key that is not known may be another node's newest: the
 * keys are read once more, at most once a second.
 */
export async function verifyIssued(
  ctx: Tx,
  purpose: KeyPurpose,
  { token, at }: { token: string; at: Date },
): Promise<JwtOutcome> {
  const verified = verifyJwt(token, await verifyingKeys(ctx, purpose), at)
  const isConfigured = purpose === 'gotrue' && configuredKeys(ctx.config) !== null
  if (verified.outcome !== 'unknown-key' || isConfigured) return verified
  const last = await ctx.cache.get(`keys-reread:${purpose}`, ctx.now(), async () => ({ at: 0 }))
  if (ctx.now().getTime() - last.at < rereadEvery) return verified
  last.at = ctx.now().getTime()
  forgetKeys(ctx, purpose)
  return verifyJwt(token, await verifyingKeys(ctx, purpose), at)
}

/** What the key set of a face publishes, also before it signs and after; a secret is never among them. */
export async function publicJwks(ctx: Tx, purpose: KeyPurpose): Promise<Record<string, string>[]> {
  if (purpose === 'oidc') await makeKeysForStrangers(ctx)
  const configured = purpose === 'gotrue' ? configuredKeys(ctx.config) : null
  const signsIdTokens =
    configured?.signing.algorithm === 'HS256' && ctx.config.gotrue.oauthServerEnabled
  const own =
    configured === null || signsIdTokens
      ? (await listKeys(ctx, purpose)).map((key) => key.publicJwk)
      : []
  return [...(configured?.published ?? []), ...own]
}

/**
 * Applications that introduce themselves have read the key set before we know of them, and may choose any algorithm that
 * discovery names: where they may come, a key of each is there.
 */
async function makeKeysForStrangers(ctx: Tx): Promise<void> {
  const { registration, clientDocuments } = ctx.config
  if (registration === 'off' && !clientDocuments) return
  for (const algorithm of signatureAlgorithms) await signingKeyFor(ctx, 'oidc', algorithm)
}

async function readKeys(ctx: Tx, purpose: KeyPurpose): Promise<Key[]> {
  const { rows } = await sql<KeyRow>`
    select * from idp.keys where purpose = ${purpose} and (expires_at is null or expires_at > ${sqlNow(ctx)})
    order by state = 'current' desc, created_at desc, id`.execute(ctx.db)
  return openAll(ctx, purpose, rows).map(([row, opened]) => toKey(row, opened))
}

type Opened = Pick<Key, 'private' | 'public'>

/** By root secret and purpose, what the last reading opened. */
const lastOpened = new WeakMap<
  RootSecret,
  Partial<Record<KeyPurpose, ReadonlyMap<string, Opened>>>
>()

/** Rows are read anew every few seconds, and say the same: what was verified with a key stands with its object. */
function openAll(ctx: Tx, purpose: KeyPurpose, rows: readonly KeyRow[]): [KeyRow, Opened][] {
  const secret = secretOf(ctx.config)
  const last = lastOpened.get(secret) ?? {}
  const all = rows.map((row): [KeyRow, Opened] => [
    row,
    last[purpose]?.get(row.sealed_private) ?? open(secret, row),
  ])
  const bySeal = new Map(all.map(([row, opened]) => [row.sealed_private, opened]))
  lastOpened.set(secret, { ...last, [purpose]: bySeal })
  return all
}

function open(secret: RootSecret, { id, algorithm, public_jwk, sealed_private }: KeyRow): Opened {
  const jwk = JSON.parse(unseal(secret, sealedAt(id), sealed_private))
  return {
    private: { kid: id, algorithm, private: privateKeyOf(jwk) },
    public: { kid: id, algorithm, public: publicKeyOf(public_jwk) },
  }
}

function toKey(row: KeyRow, opened: Opened): Key {
  return {
    id: row.id,
    purpose: row.purpose,
    algorithm: row.algorithm,
    state: row.state,
    publicJwk: row.public_jwk,
    ...opened,
    createdAt: row.created_at,
    promotedAt: row.promoted_at,
    expiresAt: row.expires_at,
  }
}

function sealedAt(id: string): string {
  return `idp.keys.sealed_private:${id}`
}
