import type { Tx } from '../base/context.ts'
import { hmacSha256, sameHash, seal, secretOf, unseal } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { type ApplicationType, newApplication } from './application-input.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'

/** Whose secrets they are; an application is one. */
interface Owner {
  id: string
  name: string
  type: ApplicationType
}

/** The name under which a secret is kept that came with the application. */
export const firstSecret = 'Default secret'

export interface ApplicationSecret {
  name: string
  value: string
  createdAt: Date
  /** Null for one that is good until it is taken away. */
  expiresAt: Date | null
}

interface SecretRow {
  name: string
  hash: Uint8Array
  sealed: string
  created_at: Date
  expires_at: Date | null
}

/** Whether `secret` is one of the application's that has not expired. Cached like it; compared in constant time. */
export async function isSecretOf(ctx: Tx, { id }: Owner, secret: string): Promise<boolean> {
  const rows = await ctx.cache.get(`application-secrets:${id}`, ctx.now(), () =>
    readSecrets(ctx, id),
  )
  const hash = hashOfSecret(ctx, id, secret)
  return rows.some(
    (row) => (row.expires_at === null || row.expires_at > ctx.now()) && sameHash(row.hash, hash),
  )
}

/** The secrets in clear, for administrators: Logto's console shows them again. */
export async function listApplicationSecrets(ctx: Tx, id: string): Promise<ApplicationSecret[]> {
  const rows = await readSecrets(ctx, id)
  return rows.map((row) => ({
    name: row.name,
    value: unseal(secretOf(ctx.config), placeOf(id, row.name), row.sealed),
    createdAt: row.created_at,
    expiresAt: row.expires_at,
  }))
}

/**
 * Gives a confidential application a secret beside its others, or a new value to one of that name: so that a secret can
 * be changed without a minute in which neither works. Throws a ZodError where the application keeps none.
 */
export async function saveApplicationSecret(
  ctx: Tx,
  { id, name: ownerName, type }: Owner,
  { name, value, expiresAt }: Omit<ApplicationSecret, 'createdAt'>,
): Promise<void> {
  newApplication.parse({ name: ownerName, type, secret: value })
  await sql`
    with kept as (
      insert into idp.application_secrets as s (application_id, name, hash, sealed, created_at, expires_at)
      values (${id}, ${name}, ${hashOfSecret(ctx, id, value)}, ${sealedSecret(ctx, id, { name, value })}, ${sqlNow(ctx)},
        ${expiresAt}::timestamptz)
      on conflict (application_id, name) do update set hash = excluded.hash, sealed = excluded.sealed,
        created_at = excluded.created_at, expires_at = excluded.expires_at
      returning application_id),
    ${secretsTold(ctx, id)}
    select 1`.execute(ctx.db)
  forgetSecrets(ctx, id)
}

/** Gives a confidential application its first secret anew; the one it came with is good no longer. */
export function replaceApplicationSecret(ctx: Tx, owner: Owner, value: string): Promise<void> {
  return saveApplicationSecret(ctx, owner, { name: firstSecret, value, expiresAt: null })
}

/** Takes a secret away; returns whether there was one of that name. */
export async function deleteApplicationSecret(ctx: Tx, id: string, name: string): Promise<boolean> {
  const { rows } = await sql`
    with kept as (
      delete from idp.application_secrets where application_id = ${id} and name = ${name} returning application_id),
    ${secretsTold(ctx, id)}
    select 1 from kept`.execute(ctx.db)
  forgetSecrets(ctx, id)
  return rows.length > 0
}

/** Another node may take a secret for good that was taken away here, until its copy is old. */
export function forgetSecrets(ctx: Tx, id: string): void {
  ctx.cache.forget(`application-secrets:${id}`)
}

// Keyed, since a secret that somebody chose may be too weak for a bare hash.
export function hashOfSecret(ctx: Tx, id: string, secret: string): Buffer {
  return hmacSha256(secretOf(ctx.config).key('application-secret'), `${id}:${secret}`)
}

export function sealedSecret(
  ctx: Tx,
  id: string,
  { name, value }: { name: string; value: string },
): string {
  return seal(secretOf(ctx.config), placeOf(id, name), value)
}

async function readSecrets(ctx: Tx, id: string): Promise<SecretRow[]> {
  const { rows } = await sql<SecretRow>`
    select name, hash, sealed, created_at, expires_at from idp.application_secrets
    where application_id = ${id} order by created_at, name`.execute(ctx.db)
  return rows
}

function secretsTold(ctx: Tx, applicationId: string) {
  const details = { changed: ['secret'] }
  return recording(
    ctx,
    [{ type: 'application.updated', applicationId, details }],
    sql`exists (select from kept)`,
  )
}

function placeOf(id: string, name: string): string {
  return `idp.application_secrets.sealed:${id}:${name}`
}
