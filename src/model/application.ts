import type { Tx } from '../base/context.ts'
import { Fault, isFault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import {
  type Appearance,
  type ApplicationChange,
  type ApplicationType,
  applicationChange,
  type CustomClientMetadata,
  isPublicType,
  type NewApplication,
  newApplication,
  type OidcClientMetadata,
} from './application-input.ts'
import type { AuthMethod } from './application-proofs.ts'
import { firstSecret, forgetSecrets, hashOfSecret, sealedSecret } from './application-secret.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'
import { ensureKey } from './key.ts'

export type ApplicationOrigin = 'admin' | 'registration' | 'document'

/** Who asks for tokens, in the Management API's shape. Its secrets are not part of it. */
export interface Application {
  id: string
  name: string
  description: string | null
  type: ApplicationType
  oidcClientMetadata: OidcClientMetadata
  customClientMetadata: CustomClientMetadata
  customData: Record<string, unknown>
  isThirdParty: boolean
  /** Who brought it: an administrator, or itself, by registration (RFC 7591) or by a document at its address. */
  origin: ApplicationOrigin
  appearance: Appearance
  createdAt: Date
  updatedAt: Date
}

/** Whether the application keeps no secret, so that anybody may say its id. */
export function isPublic(application: Application): boolean {
  return isPublicType(application.type)
}

/** The ways in which the application may say who it is: the one that is registered, else what fits its type. */
export function authMethodsOf({ type, oidcClientMetadata }: Application): readonly AuthMethod[] {
  const registered = oidcClientMetadata.tokenEndpointAuthMethod
  if (registered != null) return [registered]
  return isPublicType(type) ? ['none'] : ['client_secret_basic', 'client_secret_post']
}

/** PKCE is for everybody, but for a confidential application that was let off (RFC 9700 § 2.1.1). */
export function needsPkce(application: Application): boolean {
  return isPublic(application) || application.customClientMetadata.isPkceOptional !== true
}

/** A refresh token also without `offline_access`: by an administrator's word, or since it registered for one (RFC 7591). */
export function alwaysRefreshes(application: Application): boolean {
  const { type, origin, customClientMetadata } = application
  const mayBe = type === 'Traditional' || origin !== 'admin'
  return mayBe && customClientMetadata.alwaysIssueRefreshToken === true
}

function keepsSecret({
  type,
  oidcClientMetadata,
}: Pick<Application, 'type' | 'oidcClientMetadata'>): boolean {
  return !isPublicType(type) && oidcClientMetadata.tokenEndpointAuthMethod !== 'private_key_jwt'
}

/** Writes an application; throws a ZodError on a wrong shape and `conflict` when the id is taken. */
export async function createApplication(
  ctx: Tx,
  input: NewApplication,
): Promise<{ application: Application; secret: string | null }> {
  const one = newApplication.parse(input)
  const id = one.id ?? ctx.random.id(21)
  const secret = keepsSecret(one) ? (one.secret ?? ctx.random.token()) : null
  await ensureSigningKey(ctx, one)

  const { rows } = await sql<ApplicationRow>`
    with made as (
      insert into idp.applications (id, name, description, type, oidc_client_metadata, custom_client_metadata,
        custom_data, is_third_party, appearance, created_at, updated_at)
      values (${id}, ${one.name}, ${one.description ?? null}, ${one.type}, ${json(one.oidcClientMetadata)},
        ${json(one.customClientMetadata)}, ${json(one.customData)}, ${one.isThirdParty},
        ${json(one.appearance)}, ${sqlNow(ctx)}, ${sqlNow(ctx)})
      on conflict (id) do nothing returning *),
    kept as (
      insert into idp.application_secrets (application_id, name, hash, sealed, created_at)
      select id, ${firstSecret}, ${hashOfSecret(ctx, id, secret ?? '')}, ${sealedSecret(ctx, id, { name: firstSecret, value: secret ?? '' })},
        ${sqlNow(ctx)} from made where ${secret !== null}),
    ${recording(ctx, [{ type: 'application.created', applicationId: id, details: { name: one.name } }], sql`exists (select from made)`)}
    select * from made`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Fault('conflict', { field: 'id', id })
  forgetApplication(ctx, id)
  return { application: toApplication(row), secret }
}

/** To be called before an application is written: its key is in the key set before anybody asks. */
export async function ensureSigningKey(
  ctx: Tx,
  { oidcClientMetadata }: Pick<ApplicationChange, 'oidcClientMetadata'>,
): Promise<void> {
  const algorithm = oidcClientMetadata?.idTokenSignedResponseAlg
  if (algorithm != null) await ensureKey(ctx, 'oidc', algorithm)
}

/** An id may be the address of a document. */
const longestId = 512

/** Null for an unknown id. Cached for seconds: no query on the hot paths. */
export async function findApplication(ctx: Tx, id: string): Promise<Application | null> {
  if (id === '' || id.length > longestId || id.includes('\0')) return null
  try {
    return await ctx.cache.get(`application:${id}`, ctx.now(), async () => {
      const { rows } = await sql<ApplicationRow>`
        select * from idp.applications where id = ${id} and type <> 'SAML'`.execute(ctx.db)
      // Unknown ids are not kept: whoever asks for many of them would fill the memory.
      if (rows[0] === undefined) throw new Fault('not_found')
      return toApplication(rows[0])
    })
  } catch (error) {
    if (isFault(error, 'not_found')) return null
    throw error
  }
}

export async function listApplications(ctx: Tx): Promise<Application[]> {
  const { rows } = await sql<ApplicationRow>`
    select * from idp.applications where type <> 'SAML' order by created_at desc, id`.execute(
    ctx.db,
  )
  return rows.map(toApplication)
}

/** Changes an application and returns it whole; null when there is none. Throws a ZodError on a wrong shape. */
export async function updateApplication(
  ctx: Tx,
  id: string,
  input: ApplicationChange,
): Promise<Application | null> {
  const change = applicationChange.parse(input)
  forgetApplication(ctx, id)
  const found = await findApplication(ctx, id)
  if (found === null) return null
  // What was there and what comes must fit together: redirect URIs depend on the type.
  newApplication.parse({
    name: found.name,
    type: found.type,
    oidcClientMetadata: { ...found.oidcClientMetadata, ...change.oidcClientMetadata },
    customClientMetadata: { ...found.customClientMetadata, ...change.customClientMetadata },
  })
  await ensureSigningKey(ctx, change)
  const { rows } = await sql<ApplicationRow>`
    with changed as (
      update idp.applications set name = coalesce(${change.name ?? null}, name),
        description = case when ${change.description === undefined} then description else ${change.description ?? null} end,
        oidc_client_metadata = oidc_client_metadata || ${json(change.oidcClientMetadata ?? {})},
        custom_client_metadata = custom_client_metadata || ${json(change.customClientMetadata ?? {})},
        appearance = coalesce(${change.appearance === undefined ? null : JSON.stringify(change.appearance)}::text::jsonb, appearance),
        custom_data = coalesce(${change.customData === undefined ? null : JSON.stringify(change.customData)}::text::jsonb, custom_data),
        updated_at = ${sqlNow(ctx)}
      where id = ${id} returning *),
    ${recording(
      ctx,
      [
        {
          type: 'application.updated',
          applicationId: id,
          details: { changed: Object.keys(change) },
        },
      ],
      sql`exists (select from changed)`,
    )}
    select * from changed`.execute(ctx.db)
  forgetApplication(ctx, id)
  return rows[0] === undefined ? null : toApplication(rows[0])
}

/** Deletes an application with its grants and tokens; returns whether there was one. */
export async function deleteApplication(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from idp.applications where id = ${id} returning id),
    ${recording(ctx, [{ type: 'application.deleted', applicationId: id }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  forgetApplication(ctx, id)
  return rows.length > 0
}

/** To be called after every change of an application. */
export function forgetApplication(ctx: Tx, id: string): void {
  ctx.cache.forget(`application:${id}`)
  forgetSecrets(ctx, id)
  ctx.cache.forget('application-origins')
}

const loopback = /^http:\/\/(127\.0\.0\.1|\[::1\])(?::([1-9]\d{0,4}))?(\/.*)?$/

/**
 * Whether a redirect URI is registered: the very same string (RFC 9700 § 2.1), but for the port of a native
 * application's loopback address, which the system chooses for it (RFC 8252 § 7.3).
 */
export function hasRedirectUri(application: Application, uri: string): boolean {
  const { redirectUris } = application.oidcClientMetadata
  if (redirectUris.includes(uri)) return true
  if (application.type !== 'Native') return false
  const asked = loopback.exec(uri)
  if (asked === null || Number(asked[2] ?? 80) > 65_535) return false
  return redirectUris.some((registered) => {
    const known = loopback.exec(registered)
    return known !== null && known[1] === asked[1] && (known[3] ?? '') === (asked[3] ?? '')
  })
}

/** Whether pages of `origin` may call for this application: it redirects there, or names it. */
export function allowsOrigin(application: Application, origin: string): boolean {
  return originsOf(application).includes(origin)
}

/** The origins of all applications, for answers that come before one is known. Cached. */
export function listOrigins(ctx: Tx): Promise<ReadonlySet<string>> {
  return ctx.cache.get('application-origins', ctx.now(), async () => {
    const all = await listApplications(ctx)
    return new Set(all.flatMap(originsOf))
  })
}

function originsOf({ oidcClientMetadata, customClientMetadata }: Application): string[] {
  const { redirectUris } = oidcClientMetadata
  return [
    ...redirectUris
      .filter((uri) => /^https?:/i.test(uri) && URL.canParse(uri))
      .map((uri) => new URL(uri).origin),
    ...(customClientMetadata.corsAllowedOrigins ?? []).map((one) => one.replace(/\/$/, '')),
  ]
}

interface ApplicationRow {
  id: string
  name: string
  description: string | null
  type: ApplicationType
  oidc_client_metadata: OidcClientMetadata
  custom_client_metadata: CustomClientMetadata
  custom_data: Record<string, unknown>
  is_third_party: boolean
  origin: ApplicationOrigin
  appearance: Appearance
  created_at: Date
  updated_at: Date
}

function toApplication(row: ApplicationRow): Application {
  return {
    id: row.id,
    name: row.name,
    description: row.description,
    type: row.type,
    oidcClientMetadata: { ...row.oidc_client_metadata },
    customClientMetadata: row.custom_client_metadata,
    customData: row.custom_data,
    isThirdParty: row.is_third_party,
    origin: row.origin,
    appearance: row.appearance,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

function json(value: object) {
  return sql`${JSON.stringify(value)}::text::jsonb`
}
