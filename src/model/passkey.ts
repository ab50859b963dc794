import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { type AuditActor, record } from './event.ts'
import { methodOf } from './factor.ts'
import { auditActorOf, lockUser, type User } from './user.ts'
import { isUuid } from './uuid.ts'

/** A factor that a user holds in a device or a password manager: a row of `auth.webauthn_credentials`. */
export interface Passkey {
  id: string
  userId: string
  /** Base64url, as browsers say it. */
  credentialId: string
  /** COSE. */
  publicKey: Uint8Array<ArrayBuffer>
  counter: number
  transports: string[]
  /** What keeps it, e.g. `iCloud Keychain`; empty where that is unknown. */
  name: string
  createdAt: Date
  lastUsedAt: Date | null
}

export interface NewPasskey {
  credentialId: string
  publicKey: Uint8Array
  counter: number
  transports: readonly string[]
  name: string
  aaguid: string | null
  attestationType: string
  isBackupEligible: boolean
  isBackedUp: boolean
}

/** Throws a unique violation when the credential is known. */
export async function createPasskey(ctx: Tx, user: User, passkey: NewPasskey): Promise<Passkey> {
  const now = sqlNow(ctx)
  const { rows } = await sql<PasskeyRow>`
    insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, attestation_type, aaguid, sign_count,
      transports, backup_eligible, backed_up, friendly_name, created_at, updated_at)
    values (${ctx.random.uuid()}, ${user.id}, ${Buffer.from(passkey.credentialId, 'base64url')},
      ${Buffer.from(passkey.publicKey)}, ${passkey.attestationType}, ${passkey.aaguid}::uuid, ${passkey.counter},
      ${JSON.stringify(passkey.transports)}::text::jsonb, ${passkey.isBackupEligible}, ${passkey.isBackedUp},
      ${passkey.name}, ${now}, ${now})
    returning ${columns}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The passkey was not returned.')
  await recordChange(ctx, user, { type: 'factor.created', action: 'passkey_created', id: row.id })
  return toPasskey(row)
}

export async function findPasskey(ctx: Tx, credentialId: string): Promise<Passkey | null> {
  const { rows } = await sql<PasskeyRow>`
    select ${columns} from auth.webauthn_credentials
    where credential_id = ${Buffer.from(credentialId, 'base64url')}`.execute(ctx.db)
  return rows[0] === undefined ? null : toPasskey(rows[0])
}

/** The oldest first. */
export async function listPasskeys(ctx: Tx, userId: string): Promise<Passkey[]> {
  if (!isUuid(userId)) return []
  const { rows } = await sql<PasskeyRow>`
    select ${columns} from auth.webauthn_credentials
    where user_id = ${userId} order by created_at, id`.execute(ctx.db)
  return rows.map(toPasskey)
}

/**
 * Counts a use. False when the counter does not rise, as it does not with a copied key; keys that are synchronised
 * between devices do not count, and stay at 0 (WebAuthn § 6.1.1).
 */
export async function usePasskey(
  ctx: Tx,
  passkey: Passkey,
  { counter, isBackedUp }: { counter: number; isBackedUp: boolean },
): Promise<boolean> {
  const { rows } = await sql`
    update auth.webauthn_credentials
    set sign_count = ${counter}::bigint, backed_up = ${isBackedUp}, last_used_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
    where id = ${passkey.id} and (sign_count < ${counter}::bigint or (sign_count = 0 and ${counter}::bigint = 0))
    returning id`.execute(ctx.db)
  if (rows.length === 0) return false
  await record(ctx, {
    type: 'factor.used',
    userId: passkey.userId,
    details: { factor: 'passkey', id: passkey.id },
  })
  return true
}

/** A second factor was shown by it: the session reaches aal2. False where it ended meanwhile. */
export async function raiseByPasskey(
  ctx: Tx,
  { id, userId }: Passkey,
  sessionId: string,
): Promise<boolean> {
  const now = sqlNow(ctx)
  const { rows } = await sql`
    with raised as (
      update auth.sessions set aal = 'aal2', factor_id = ${id}::uuid, updated_at = ${now}
      where id = ${sessionId}::uuid and user_id = ${userId}::uuid returning id),
    claimed as (
      insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
      select ${ctx.random.uuid()}::uuid, id, ${methodOf.webauthn}, ${now}, ${now} from raised
      on conflict (session_id, authentication_method) do update set updated_at = excluded.updated_at)
    select id from raised`.execute(ctx.db)
  return rows.length > 0
}

/** Null where the user has no such passkey. */
export async function renamePasskey(
  ctx: Tx,
  user: User,
  { id, name }: { id: string; name: string },
): Promise<Passkey | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<PasskeyRow>`
    update auth.webauthn_credentials set friendly_name = ${name}, updated_at = ${sqlNow(ctx)}
    where id = ${id} and user_id = ${user.id} returning ${columns}`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  await recordChange(ctx, user, { type: 'factor.updated', action: 'passkey_updated', id })
  return toPasskey(row)
}

/** False where the user has no such passkey. */
export async function deletePasskey(ctx: Tx, user: User, id: string): Promise<boolean> {
  if (!(await deleteRow(ctx, user, id))) return false
  await recordChange(ctx, user, { type: 'factor.deleted', action: 'passkey_deleted', id })
  return true
}

/** The same by somebody else, whom GoTrue's log names. */
export async function deletePasskeyByAdmin(
  ctx: Tx,
  { user, id, actor }: { user: User; id: string; actor: AuditActor },
): Promise<boolean> {
  if (!(await deleteRow(ctx, user, id))) return false
  const traits = { user_id: user.id, passkey_id: id }
  await recordChange(ctx, user, {
    type: 'factor.deleted',
    action: 'passkey_deleted',
    id,
    actor,
    traits,
  })
  return true
}

/** Sessions that rest upon it fall back; also one that is just being raised by it, for which this waits. */
async function deleteRow(ctx: Tx, user: User, id: string): Promise<boolean> {
  if (!isUuid(id) || !(await lockUser(ctx, user.id))) return false
  const { rows } = await sql`
    with gone as (
      delete from auth.webauthn_credentials where id = ${id} and user_id = ${user.id} returning id),
    lowered as (
      update auth.sessions s set aal = 'aal1', factor_id = null, updated_at = ${sqlNow(ctx)}
      from gone where s.user_id = ${user.id} and s.factor_id = gone.id returning s.id),
    unclaimed as (
      delete from auth.mfa_amr_claims c using lowered
      where c.session_id = lowered.id and c.authentication_method = ${methodOf.webauthn})
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

interface Change {
  type: 'factor.created' | 'factor.updated' | 'factor.deleted'
  action: string
  id: string
  actor?: AuditActor
  traits?: Record<string, unknown>
}

function recordChange(
  ctx: Tx,
  user: User,
  { type, action, id, actor = auditActorOf(user), traits = { passkey_id: id } }: Change,
): Promise<void> {
  return record(ctx, {
    type,
    userId: user.id,
    details: { factor: 'passkey', id },
    audit: { action, logType: 'user', actor, traits, ipAddress: ctx.client.ip ?? '' },
  })
}

interface PasskeyRow {
  id: string
  user_id: string
  credential_id: Uint8Array
  public_key: Uint8Array
  counter: number
  transports: unknown
  friendly_name: string
  created_at: Date
  last_used_at: Date | null
}

const columns = sql`id, user_id, credential_id, public_key, sign_count::float8 as counter, transports, friendly_name,
  created_at, last_used_at`

function toPasskey(row: PasskeyRow): Passkey {
  return {
    id: row.id,
    userId: row.user_id,
    credentialId: Buffer.from(row.credential_id).toString('base64url'),
    publicKey: new Uint8Array(row.public_key),
    counter: row.counter,
    transports: Array.isArray(row.transports) ? row.transports.map(String) : [],
    name: row.friendly_name,
    createdAt: row.created_at,
    lastUsedAt: row.last_used_at,
  }
}
