import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import {
  type Application,
  createApplication,
  ensureSigningKey,
  findApplication,
  forgetApplication,
} from './application.ts'
import { newApplication } from './application-input.ts'
import type { Introduction } from './client-metadata.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recording } from './event.ts'

/** What an application that introduced itself says, beside what we made of it. */
export interface Registration {
  metadata: Record<string, unknown>
  createdAt: Date
}

/** Writes an application that registers itself (RFC 7591), and the hash of the token by which it comes again. */
export async function registerApplication(
  ctx: Tx,
  { application, metadata }: Introduction,
  token: string,
): Promise<{ application: Application; secret: string | null }> {
  const made = await createApplication(ctx, application)
  const { id } = made.application
  await sql`
    with theirs as (update idp.applications set origin = 'registration' where id = ${id} returning id)
    insert into idp.registrations (application_id, token_hash, metadata, created_at)
    select id, ${sha256(token)}, ${JSON.stringify(metadata)}::text::jsonb, ${sqlNow(ctx)} from theirs`.execute(
    ctx.db,
  )
  forgetApplication(ctx, id)
  return { ...made, application: { ...made.application, origin: 'registration' } }
}

/** The registration that the token belongs to; null for a wrong token or another application's. */
export async function findRegistration(
  ctx: Tx,
  id: string,
  token: string,
): Promise<Registration | null> {
  const { rows } = await sql<{ metadata: Record<string, unknown>; created_at: Date }>`
    select metadata, created_at from idp.registrations
    where application_id = ${id} and token_hash = ${sha256(token)}`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { metadata: row.metadata, createdAt: row.created_at }
}

/** Puts what it says now in the place of all that it said before (RFC 7592 § 2.2); null when it is gone. */
export async function replaceIntroduction(
  ctx: Tx,
  id: string,
  { application, metadata }: Introduction,
): Promise<Application | null> {
  const one = newApplication.parse(application)
  await ensureSigningKey(ctx, one)
  await sql`
    with changed as (
      update idp.applications set name = ${one.name}, type = ${one.type}, appearance = ${json(one.appearance)},
        oidc_client_metadata = ${json(one.oidcClientMetadata)}, custom_client_metadata = ${json(one.customClientMetadata)},
        updated_at = ${sqlNow(ctx)}
      where id = ${id} and origin = 'registration' returning id),
    kept as (
      update idp.registrations r set metadata = ${json(metadata)} from changed where r.application_id = changed.id),
    ${recording(ctx, [{ type: 'application.updated', applicationId: id, details: { changed: ['registration'] } }], sql`exists (select from changed)`)}
    select id from changed`.execute(ctx.db)
  forgetApplication(ctx, id)
  return findApplication(ctx, id)
}

/** Until when a document that was read counts as read; null when it never was. */
export async function documentFreshUntil(ctx: Tx, id: string): Promise<Date | null> {
  const { rows } = await sql<{ fresh_until: Date | null }>`
    select fresh_until from idp.registrations where application_id = ${id}`.execute(ctx.db)
  return rows[0]?.fresh_until ?? null
}

/** Writes what a document at the address `id` says, whether it was read before or not. */
export async function saveDocument(
  ctx: Tx,
  id: string,
  { application, metadata }: Introduction,
  freshFor: number,
): Promise<void> {
  const one = newApplication.parse(application)
  await ensureSigningKey(ctx, one)
  await sql`
    with saved as (
      insert into idp.applications as a (id, name, type, oidc_client_metadata, custom_client_metadata, is_third_party,
        appearance, origin, created_at, updated_at)
      values (${id}, ${one.name}, ${one.type}, ${json(one.oidcClientMetadata)}, ${json(one.customClientMetadata)}, true,
        ${json(one.appearance)}, 'document', ${sqlNow(ctx)}, ${sqlNow(ctx)})
      on conflict (id) do update set name = excluded.name, type = excluded.type, appearance = excluded.appearance,
        oidc_client_metadata = excluded.oidc_client_metadata, custom_client_metadata = excluded.custom_client_metadata,
        updated_at = excluded.updated_at
      where a.origin = 'document' returning id),
    kept as (
      insert into idp.registrations as r (application_id, metadata, fresh_until, created_at)
      select id, ${json(metadata)}, ${sqlAfter(ctx, freshFor)}, ${sqlNow(ctx)} from saved
      on conflict (application_id) do update set metadata = excluded.metadata, fresh_until = excluded.fresh_until),
    ${recording(ctx, [{ type: 'application.updated', applicationId: id, details: { changed: ['document'] } }], sql`exists (select from saved)`)}
    select id from saved`.execute(ctx.db)
  forgetApplication(ctx, id)
}

function json(value: object) {
  return sql`${JSON.stringify(value)}::text::jsonb`
}
