import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'

/** A security key that is a second factor, as the library of GoTrue keeps one in `auth.mfa_factors`. */
export interface FactorKey {
  /** Base64url, as browsers say it. */
  credentialId: string
  /** COSE. */
  publicKey: Uint8Array<ArrayBuffer>
  counter: number
  transports: string[]
}

interface Resting {
  id?: string
  publicKey?: string
  transport?: string[] | null
  authenticator?: { signCount?: number }
}

/** Null for a factor that has none yet. */
export async function findFactorKey(ctx: Tx, factorId: string): Promise<FactorKey | null> {
  const { rows } = await sql<{ credential: Resting | null }>`
    select web_authn_credential as credential from auth.mfa_factors where id = ${factorId}`.execute(
    ctx.db,
  )
  return toFactorKey(rows[0]?.credential)
}

/** The keys that a user can show, by their factors. */
export async function listFactorKeys(ctx: Tx, userId: string): Promise<Map<string, FactorKey>> {
  const { rows } = await sql<{ id: string; credential: Resting | null }>`
    select id, web_authn_credential as credential from auth.mfa_factors
    where user_id = ${userId} and factor_type = 'webauthn' and status = 'verified'
    order by created_at, id`.execute(ctx.db)
  const keys = new Map<string, FactorKey>()
  for (const { id, credential } of rows) {
    const key = toFactorKey(credential)
    if (key !== null) keys.set(id, key)
  }
  return keys
}

function toFactorKey(resting: Resting | null | undefined): FactorKey | null {
  const { id, publicKey, transport, authenticator } = resting ?? {}
  if (id === undefined || publicKey === undefined) return null
  return {
    credentialId: Buffer.from(id, 'base64').toString('base64url'),
    publicKey: new Uint8Array(Buffer.from(publicKey, 'base64')),
    counter: authenticator?.signCount ?? 0,
    transports: transport ?? [],
  }
}

export interface NewFactorKey {
  credentialId: string
  publicKey: Uint8Array
  counter: number
  transports: readonly string[]
  aaguid: string
  attestationType: string
  isBackupEligible: boolean
  isBackedUp: boolean
  isUserVerified: boolean
}

/** False where the factor has its key already, or is gone. */
export async function keepFactorKey(
  ctx: Tx,
  factorId: string,
  key: NewFactorKey,
): Promise<boolean> {
  const aaguid = Buffer.from(key.aaguid.replaceAll('-', ''), 'hex')
  const resting = {
    id: Buffer.from(key.credentialId, 'base64url').toString('base64'),
    publicKey: Buffer.from(key.publicKey).toString('base64'),
    attestationType: key.attestationType,
    transport: key.transports,
    flags: {
      userPresent: true,
      userVerified: key.isUserVerified,
      backupEligible: key.isBackupEligible,
      backupState: key.isBackedUp,
    },
    authenticator: {
      AAGUID: aaguid.toString('base64'),
      signCount: key.counter,
      cloneWarning: false,
      attachment: '',
    },
  }
  const { rows } = await sql`
    update auth.mfa_factors set web_authn_credential = ${JSON.stringify(resting)}::text::jsonb,
      web_authn_aaguid = ${key.aaguid}::uuid, updated_at = ${sqlNow(ctx)}
    where id = ${factorId} and factor_type = 'webauthn' and status = 'unverified' returning id`.execute(
    ctx.db,
  )
  return rows.length > 0
}

/**
 * Counts a use. False when the counter does not rise, as it does not with a copied key; keys that do not count stay at
 * 0 (WebAuthn § 6.1.1).
 */
export async function useFactorKey(
  ctx: Tx,
  factorId: string,
  { counter, isBackedUp }: { counter: number; isBackedUp: boolean },
): Promise<boolean> {
  const known = sql`coalesce((web_authn_credential->'authenticator'->>'signCount')::bigint, 0)`
  const { rows } = await sql`
    update auth.mfa_factors set web_authn_credential = jsonb_set(
      jsonb_set(web_authn_credential, '{authenticator,signCount}', to_jsonb(${counter}::bigint)),
      '{flags,backupState}', to_jsonb(${isBackedUp}::boolean))
    where id = ${factorId} and status = 'verified'
      and (${known} < ${counter}::bigint or (${known} = 0 and ${counter}::bigint = 0))
    returning id`.execute(ctx.db)
  return rows.length > 0
}
