import { generateKeyPairSync } from 'node:crypto'
import { calculateJwkThumbprint } from 'jose'
import { sql } from 'kysely'
import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import {
  type Algorithm,
  privateKeyOf,
  publicKeyOf,
  type SigningKey,
  type VerifyingKey,
} from '../base/jwt.ts'
import { sqlNow } from './clock.ts'
import { record } from './event.ts'

/** Keys are separate by what they sign: the tokens of GoTrue's face, and those of the OpenID Provider. */
export type KeyPurpose = 'gotrue' | 'oidc'

/** P-384 is what Logto signs with: API servers of its users name ES384 in their configuration. */
const algorithms = { gotrue: 'ES256', oidc: 'ES384' } as const satisfies Record<
  KeyPurpose,
  Algorithm
>

export interface Key {
  id: string
  purpose: KeyPurpose
  algorithm: Algorithm
  state: 'next' | 'current' | 'retiring'
  /** What JWKS publishes; every member is a string, as Logto's Go SDK wants. */
  publicJwk: Record<string, string>
  private: SigningKey
  public: VerifyingKey
  createdAt: Date
}

interface KeyRow {
  id: string
  purpose: KeyPurpose
  algorithm: Algorithm
  public_jwk: Record<string, string>
  sealed_private: string
  state: Key['state']
  created_at: Date
}

/** All keys of a purpose, the current one first; made at first need. Cached: no query on the hot paths. */
export function listKeys(ctx: Tx, purpose: KeyPurpose): Promise<Key[]> {
  return ctx.cache.get(`keys:${purpose}`, ctx.now(), async () => {
    const found = await readKeys(ctx, purpose)
    if (found.some(({ state }) => state === 'current')) return found
    await createKey(ctx, purpose)
    return readKeys(ctx, purpose)
  })
}

/** The key that signs now. GoTrue's secret, where one is configured, signs in its place. */
export async function signingKey(ctx: Tx, purpose: KeyPurpose): Promise<SigningKey> {
  const { jwtSecret, jwtKeyId } = ctx.config.gotrue
  if (purpose === 'gotrue' && jwtSecret !== null) {
    return { kid: jwtKeyId, algorithm: 'HS256', private: Buffer.from(jwtSecret) }
  }
  const [current] = await listKeys(ctx, purpose)
  if (current === undefined) throw new Error(`There is no key for ${purpose}.`)
  return current.private
}

/** The keys whose signatures we accept. */
export async function verifyingKeys(ctx: Tx, purpose: KeyPurpose): Promise<VerifyingKey[]> {
  const { jwtSecret, jwtKeyId } = ctx.config.gotrue
  if (purpose === 'gotrue' && jwtSecret !== null) {
    return [{ kid: jwtKeyId, algorithm: 'HS256', public: Buffer.from(jwtSecret) }]
  }
  return (await listKeys(ctx, purpose)).map((key) => key.public)
}

/** What the key set of a face publishes; a secret is never among them. */
export async function publicJwks(ctx: Tx, purpose: KeyPurpose): Promise<Record<string, string>[]> {
  if (purpose === 'gotrue' && ctx.config.gotrue.jwtSecret !== null) return []
  return (await listKeys(ctx, purpose)).map((key) => key.publicJwk)
}

async function readKeys(ctx: Tx, purpose: KeyPurpose): Promise<Key[]> {
  const { rows } = await sql<KeyRow>`
    select * from idp.keys where purpose = ${purpose} and (expires_at is null or expires_at > ${sqlNow(ctx)})
    order by state = 'current' desc, created_at desc`.execute(ctx.db)
  return rows.map((row) => toKey(ctx, row))
}

function toKey(ctx: Tx, row: KeyRow): Key {
  const jwk = JSON.parse(unseal(secretOf(ctx.config), placeOf(row.id), row.sealed_private))
  return {
    id: row.id,
    purpose: row.purpose,
    algorithm: row.algorithm,
    state: row.state,
    publicJwk: row.public_jwk,
    private: { kid: row.id, algorithm: row.algorithm, private: privateKeyOf(jwk) },
    public: { kid: row.id, algorithm: row.algorithm, public: publicKeyOf(row.public_jwk) },
    createdAt: row.created_at,
  }
}

/** Two nodes that start at once make one key: the second insert meets the index and does nothing. */
async function createKey(ctx: Tx, purpose: KeyPurpose): Promise<void> {
  const algorithm = algorithms[purpose]
  const { privateKey, publicKey } = generateKeyPairSync('ec', {
    namedCurve: algorithm === 'ES384' ? 'P-384' : 'P-256',
  })
  const { kty, crv, x, y } = publicKey.export({ format: 'jwk' }) as Record<string, string>
  const bare = { kty: String(kty), crv: String(crv), x: String(x), y: String(y) }
  const id = await calculateJwkThumbprint(bare)
  const sealed = seal(
    secretOf(ctx.config),
    placeOf(id),
    JSON.stringify(privateKey.export({ format: 'jwk' })),
  )
  const publicJwk = { ...bare, use: 'sig', alg: algorithm, kid: id }
  const { rows } = await sql`
    insert into idp.keys (id, purpose, algorithm, public_jwk, sealed_private, state, created_at)
    values (${id}, ${purpose}, ${algorithm}, ${JSON.stringify(publicJwk)}::text::jsonb, ${sealed}, 'current', ${sqlNow(ctx)})
    on conflict do nothing returning id`.execute(ctx.db)
  if (rows.length > 0)
    await record(ctx, { type: 'key.created', details: { purpose, algorithm, kid: id } })
}

function placeOf(id: string): string {
  return `idp.keys.sealed_private:${id}`
}
