import { generateKeyPair, type KeyObject } from 'node:crypto'
import { promisify } from 'node:util'
import { calculateJwkThumbprint } from 'jose'
import type { Tx } from '../base/context.ts'
import { seal, secretOf } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { record, recordAll } from './event.ts'
import type { KeyAlgorithm, KeyPurpose } from './key.ts'

/** Which key is meant: of each purpose and algorithm one is `next` at most, and one `current`. */
export interface KeyPlace {
  purpose: KeyPurpose
  algorithm: KeyAlgorithm
}

/**
 * Makes a key where none is. Two nodes at once make one: the second insert meets the index and does nothing. Returns
 * its id, or null when another one was there.
 */
export async function makeKey(
  ctx: Tx,
  { purpose, algorithm, state }: KeyPlace & { state: 'current' | 'next' },
): Promise<string | null> {
  const { privateKey, publicKey } = await generate(algorithm)
  const bare = stringMembers(publicKey.export({ format: 'jwk' }))
  const id = await calculateJwkThumbprint(bare)
  const sealed = seal(
    secretOf(ctx.config),
    `idp.keys.sealed_private:${id}`,
    JSON.stringify(privateKey.export({ format: 'jwk' })),
  )
  const publicJwk = { ...bare, use: 'sig', alg: algorithm, kid: id }
  const { rows } = await sql`
    insert into idp.keys (id, purpose, algorithm, public_jwk, sealed_private, state, created_at, promoted_at)
    values (${id}, ${purpose}, ${algorithm}, ${JSON.stringify(publicJwk)}::text::jsonb, ${sealed}, ${state}, ${sqlNow(ctx)},
      ${state === 'current' ? sqlNow(ctx) : null})
    on conflict do nothing returning id`.execute(ctx.db)
  if (rows.length === 0) return null
  await record(ctx, { type: 'key.created', details: { purpose, algorithm, kid: id, state } })
  return id
}

const generatePair = promisify(generateKeyPair)

/** In libuv's pool: an RSA key takes a tenth of a second and more. */
function generate(
  algorithm: KeyAlgorithm,
): Promise<{ privateKey: KeyObject; publicKey: KeyObject }> {
  switch (algorithm) {
    case 'RS256':
      return generatePair('rsa', { modulusLength: 2048 })
    case 'EdDSA':
      return generatePair('ed25519')
    case 'ES256':
      return generatePair('ec', { namedCurve: 'P-256' })
    case 'ES384':
      return generatePair('ec', { namedCurve: 'P-384' })
  }
}

function stringMembers(jwk: object): Record<string, string> {
  return Object.fromEntries(
    Object.entries(jwk).filter(
      (member): member is [string, string] => typeof member[1] === 'string',
    ),
  )
}

/** The places of a purpose that have signed so far. */
export async function listKeyPlaces(ctx: Tx, purpose: KeyPurpose): Promise<KeyPlace[]> {
  const { rows } = await sql<KeyPlace>`
    select purpose, algorithm from idp.keys where purpose = ${purpose} and state = 'current' order by algorithm`.execute(
    ctx.db,
  )
  return rows
}

/** The places whose current key has signed for `age`, and which have no next one. */
export async function listOldKeyPlaces(
  ctx: Tx,
  { purpose, age }: { purpose: KeyPurpose; age: number },
): Promise<KeyPlace[]> {
  const { rows } = await sql<KeyPlace>`
    select k.purpose, k.algorithm from idp.keys k
    where k.purpose = ${purpose} and k.state = 'current'
      and coalesce(k.promoted_at, k.created_at) <= ${sqlAfter(ctx, -age)}
      and not exists (select from idp.keys n where n.purpose = k.purpose and n.algorithm = k.algorithm and n.state = 'next')
    order by k.algorithm`.execute(ctx.db)
  return rows
}

/**
 * Lets every next key sign that was published for `published` milliseconds; the one before it retires. One statement:
 * the next key is locked first, and whoever comes second finds none. The tokens of an old key of the OpenID Provider
 * live as long as the longest that an application asked for; GoTrue's signed API keys, which live for ten years, so
 * that one stays until an administrator deletes it.
 */
export async function promoteKeys(
  ctx: Tx,
  { published, only }: { published: number; only?: KeyPlace },
): Promise<KeyPlace[]> {
  const where =
    only === undefined
      ? sql`true`
      : sql`purpose = ${only.purpose} and algorithm = ${only.algorithm}`
  const { rows } = await sql<KeyPlace & { id: string }>`
    with due as (
      select id, purpose, algorithm from idp.keys
      where state = 'next' and created_at <= ${sqlAfter(ctx, -published)} and ${where}
      order by purpose, algorithm for update),
    retired as (
      update idp.keys k set state = 'retiring', expires_at = case k.purpose when 'oidc' then ${sqlNow(ctx)} + ${longestLife} end
      from due where k.purpose = due.purpose and k.algorithm = due.algorithm and k.state = 'current' returning k.id)
    update idp.keys k set state = 'current', promoted_at = ${sqlNow(ctx)} from due
    -- Counted, so that the old key has left its place in the index before the new one takes it.
    where k.id = due.id and (select count(*) from retired) >= 0
    returning k.id, k.purpose, k.algorithm`.execute(ctx.db)
  await recordAll(
    ctx,
    rows.map(({ id, purpose, algorithm }) => ({
      type: 'key.promoted',
      details: { purpose, algorithm, kid: id },
    })),
  )
  return rows.map(({ purpose, algorithm }) => ({ purpose, algorithm }))
}

/** An hour more than the longest-lived token of the provider; a day at least. */
const longestLife = sql`(greatest(86400::double precision,
  (select max((custom_client_metadata->>'idTokenTtl')::double precision) from idp.applications),
  (select max(access_token_ttl)::double precision from idp.resources)) + 3600) * interval '1 second'`

/** Takes a key out of use at once: nothing that it signed is accepted any more. The current one cannot be. */
export async function deleteKey(ctx: Tx, id: string): Promise<KeyPlace | null> {
  const { rows } = await sql<KeyPlace>`
    delete from idp.keys where id = ${id} and state <> 'current' returning purpose, algorithm`.execute(
    ctx.db,
  )
  const [place] = rows
  if (place === undefined) return null
  await record(ctx, { type: 'key.deleted', details: { ...place, kid: id } })
  return place
}
