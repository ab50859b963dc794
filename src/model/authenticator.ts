import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { findAuthjsUser } from './authjs-user.ts'
import { sqlNow } from './clock.ts'
import { record, recording } from './event.ts'
import { isUuid } from './uuid.ts'

/** A passkey as Auth.js sees one: a row of `auth.webauthn_credentials`, told in texts. */
export interface Authenticator {
  userId: string
  /** Base64 of the credential's id. */
  credentialId: string
  /** Base64 of the public key (COSE). */
  publicKey: string
  counter: number
  isBackedUp: boolean
  /** `multiDevice` where the key can be backed up, else `singleDevice`. */
  deviceType: string
  transports: string[]
  /** The account it belongs to: the credential's id again. */
  subject: string
}

/** Throws a unique violation when the credential is known, and a foreign key violation when there is no such user. */
export async function createAuthenticator(
  ctx: Tx,
  authenticator: Authenticator,
): Promise<Authenticator> {
  const { userId, counter, isBackedUp, transports } = authenticator
  const now = sqlNow(ctx)
  const id = ctx.random.uuid()
  const row = credentialRow(authenticator)
  await sql`
    with c as (
      insert into auth.webauthn_credentials (id, user_id, credential_id, public_key, sign_count, transports,
        backup_eligible, backed_up, created_at, updated_at)
      values (${id}, ${userId}, ${row.credential_id}, ${row.public_key}, ${counter},
        ${JSON.stringify(transports)}::text::jsonb, ${row.backup_eligible}, ${isBackedUp}, ${now}, ${now})
      returning id)
    insert into idp.authenticators (credential_id, verbatim, created_at)
    select id, ${JSON.stringify(row.verbatim)}::text::jsonb, ${now} from c`.execute(ctx.db)
  const user = await findAuthjsUser(ctx, userId)
  await record(ctx, {
    type: 'factor.created',
    userId,
    details: { factor: 'passkey', id },
    audit: {
      action: 'passkey_created',
      logType: 'user',
      actor: user?.actor ?? { id: userId, viaSso: false, username: '' },
      traits: { passkey_id: id },
    },
  })
  return authenticator
}

/** The columns that hold what Auth.js says in texts, and beside them what they cannot give back. */
export function credentialRow(authenticator: Authenticator) {
  const row = {
    credential_id: bytesOf(authenticator.credentialId),
    public_key: bytesOf(authenticator.publicKey),
    backup_eligible: authenticator.deviceType === 'multiDevice',
  }
  return { ...row, verbatim: verbatimOf(authenticator, row) }
}

/** By the id in Base64, in either alphabet. */
export async function findAuthenticator(
  ctx: Tx,
  credentialId: string,
): Promise<Authenticator | null> {
  const { rows } = await sql<AuthenticatorRow>`
    select ${columns} from auth.webauthn_credentials c left join idp.authenticators a on a.credential_id = c.id
    where c.credential_id = ${bytesOf(credentialId)}`.execute(ctx.db)
  return rows[0] === undefined ? null : toAuthenticator(rows[0])
}

/** The passkeys of a user, the oldest first; none for an id that is none. */
export async function listAuthenticators(ctx: Tx, userId: string): Promise<Authenticator[]> {
  if (!isUuid(userId)) return []
  const { rows } = await sql<AuthenticatorRow>`
    select ${columns} from auth.webauthn_credentials c left join idp.authenticators a on a.credential_id = c.id
    where c.user_id = ${userId} order by c.created_at, c.id`.execute(ctx.db)
  return rows.map(toAuthenticator)
}

/** Counts a use. The counter never goes back, in whatever order two sign-ins arrive. Null for an unknown credential. */
export async function updateAuthenticatorCounter(
  ctx: Tx,
  credentialId: string,
  counter: number,
): Promise<Authenticator | null> {
  const known = await findAuthenticator(ctx, credentialId)
  if (known === null) return null
  const used = {
    type: 'factor.used' as const,
    userId: known.userId,
    details: { factor: 'passkey' },
  }
  const { rows } = await sql<{ counter: number }>`
    with c as (
      update auth.webauthn_credentials
      set sign_count = greatest(sign_count, ${counter}::bigint), last_used_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
      where credential_id = ${bytesOf(credentialId)} returning sign_count),
    ${recording(ctx, [used], sql`exists (select from c)`)}
    select sign_count::float8 as counter from c`.execute(ctx.db)
  return rows[0] === undefined ? null : { ...known, counter: rows[0].counter }
}

interface AuthenticatorRow {
  user_id: string
  credential_id: Uint8Array
  public_key: Uint8Array
  counter: number
  backup_eligible: boolean
  backed_up: boolean
  transports: unknown
  verbatim: Partial<Verbatim> | null
}

const columns = sql`c.user_id, c.credential_id, c.public_key, c.sign_count::float8 as counter, c.backup_eligible, c.backed_up,
  c.transports, a.verbatim`

function toAuthenticator(row: AuthenticatorRow): Authenticator {
  const verbatim = row.verbatim ?? {}
  const credentialId = verbatim.credentialId ?? base64(row.credential_id)
  return {
    userId: row.user_id,
    credentialId,
    publicKey: verbatim.publicKey ?? base64(row.public_key),
    counter: row.counter,
    isBackedUp: row.backed_up,
    deviceType: verbatim.deviceType ?? deviceTypeOf(row.backup_eligible),
    transports: Array.isArray(row.transports) ? row.transports.map(String) : [],
    subject: verbatim.subject ?? credentialId,
  }
}

type Verbatim = Pick<Authenticator, 'credentialId' | 'publicKey' | 'deviceType' | 'subject'>

/** What the columns cannot give back as it came. For a passkey of a browser: nothing. */
function verbatimOf(
  given: Authenticator,
  row: { credential_id: Buffer; public_key: Buffer; backup_eligible: boolean },
): Partial<Verbatim> {
  const { credentialId, publicKey, deviceType, subject } = given
  return {
    ...(credentialId === base64(row.credential_id) ? {} : { credentialId }),
    ...(publicKey === base64(row.public_key) ? {} : { publicKey }),
    ...(deviceType === deviceTypeOf(row.backup_eligible) ? {} : { deviceType }),
    ...(subject === credentialId ? {} : { subject }),
  }
}

function deviceTypeOf(isBackupEligible: boolean): string {
  return isBackupEligible ? 'multiDevice' : 'singleDevice'
}

/** The bytes that Base64 means, in either alphabet, padded or not; a text that is no Base64 stands for itself. */
function bytesOf(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64')
  const bare = text.replace(/=+$/, '').replaceAll('+', '-').replaceAll('/', '_')
  return bytes.toString('base64url') === bare ? bytes : Buffer.from(text, 'utf8')
}

function base64(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('base64')
}
