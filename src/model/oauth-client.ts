import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sameSecret, sha256 } from '../base/crypto.ts'
import { sql } from '../base/sql.ts'
import { redirectUriProblem } from './application-input.ts'
import { sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'
import { isUuid } from './uuid.ts'

/** How a client of GoTrue's OAuth server proves itself. */
export const clientAuthMethods = ['none', 'client_secret_basic', 'client_secret_post'] as const

export type ClientAuthMethod = (typeof clientAuthMethods)[number]
export type ClientType = 'public' | 'confidential'

/** What a client may come with. */
export const clientGrantTypes = ['authorization_code', 'refresh_token'] as const

/**
 * An application of somebody else, registered at GoTrue's OAuth server: a row of `auth.oauth_clients`. The house's own
 * applications are in `idp.applications` (application.ts); these stay where GoTrue could take them back.
 */
export interface OAuthClient {
  id: string
  type: ClientType
  authMethod: string
  registration: 'dynamic' | 'manual'
  redirectUris: string[]
  grantTypes: string[]
  name: string
  uri: string
  logoUri: string
  secretHash: string | null
  createdAt: Date
  updatedAt: Date
}

export interface OAuthClientRow {
  id: string
  client_type: ClientType
  token_endpoint_auth_method: string
  registration_type: OAuthClient['registration']
  redirect_uris: string
  grant_types: string
  client_name: string | null
  client_uri: string | null
  logo_uri: string | null
  client_secret_hash: string | null
  created_at: Date
  updated_at: Date
}

export function toOAuthClient(row: OAuthClientRow): OAuthClient {
  return {
    id: row.id,
    type: row.client_type,
    authMethod: row.token_endpoint_auth_method,
    registration: row.registration_type,
    redirectUris: listOf(row.redirect_uris),
    grantTypes: listOf(row.grant_types),
    name: row.client_name ?? '',
    uri: row.client_uri ?? '',
    logoUri: row.logo_uri ?? '',
    secretHash: row.client_secret_hash || null,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** GoTrue keeps lists as text, joined by commas. */
function listOf(text: string): string[] {
  return text
    .split(',')
    .map((one) => one.trim())
    .filter((one) => one !== '')
}

/** Why an address may not be registered: GoTrue's reasons, then the OpenID Provider's (model/application-input.ts). */
export type RedirectProblem =
  | 'empty'
  | 'malformed'
  | 'no-host'
  | 'plain-http'
  | 'fragment'
  | { scheme: string }
  | { why: string }

const activeSchemes = ['javascript:', 'data:', 'file:', 'vbscript:', 'about:', 'blob:']
const loopback = ['localhost', '127.0.0.1', '[::1]']

/** Null for an address that may be registered. */
export function clientRedirectProblem(uri: string): RedirectProblem | null {
  if (uri === '') return 'empty'
  if (!URL.canParse(uri)) return /^[a-z][a-z0-9+.-]*:/i.test(uri) ? 'malformed' : 'no-host'
  const { protocol, hostname } = new URL(uri)
  if (activeSchemes.includes(protocol)) return { scheme: protocol.slice(0, -1) }
  if (hostname === '') return 'no-host'
  if (protocol === 'http:' && !loopback.includes(hostname)) return 'plain-http'
  if (uri.includes('#')) return 'fragment'
  // The list is joined by commas: an address with one would come back as two.
  if (uri.includes(',')) return { why: 'must not contain a comma' }
  const why = redirectUriProblem(uri, 'Native')
  return why === null ? null : { why }
}

export interface NewOAuthClient {
  type: ClientType
  authMethod: ClientAuthMethod
  registration: OAuthClient['registration']
  redirectUris: readonly string[]
  grantTypes: readonly string[]
  name: string
  uri: string
  logoUri: string
}

/** A new client; the secret of a confidential one is shown once, and kept hashed. */
export async function createOAuthClient(
  ctx: Tx,
  client: NewOAuthClient,
): Promise<{ client: OAuthClient; secret: string | null }> {
  const secret = client.type === 'confidential' ? ctx.random.token() : null
  const now = sqlNow(ctx)
  const { rows } = await sql<OAuthClientRow>`
    with made as (
      insert into auth.oauth_clients (id, client_secret_hash, registration_type, redirect_uris, grant_types, client_name,
        client_uri, logo_uri, created_at, updated_at, client_type, token_endpoint_auth_method)
      values (${ctx.random.uuid()}, ${secret === null ? '' : hashOf(secret)}, ${client.registration},
        ${client.redirectUris.join(',')}, ${client.grantTypes.join(',')}, ${client.name}, ${client.uri}, ${client.logoUri},
        ${now}, ${now}, ${client.type}, ${client.authMethod})
      returning *, ${eventColumns}),
    ${recordingOf(ctx, 'application.created', 'made')}
    select * from made`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The client was not returned.')
  return { client: toOAuthClient(row), secret }
}

const eventColumns = sql`null::uuid as user_id, null::uuid as session_id, id::text as application_id`

/** GoTrue's form of it, so that either server reads the other's. */
function hashOf(secret: string): string {
  return sha256(secret).toString('base64url')
}

export function clientSecretMatches({ secretHash }: OAuthClient, secret: string): boolean {
  return secretHash !== null && sameSecret(hashOf(secret), secretHash)
}

export async function findOAuthClient(ctx: Tx, id: string): Promise<OAuthClient | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<OAuthClientRow>`
    select * from auth.oauth_clients where id = ${id} and deleted_at is null`.execute(ctx.db)
  return rows[0] === undefined ? null : toOAuthClient(rows[0])
}

/** The newest first. */
export async function listOAuthClients(ctx: Tx): Promise<OAuthClient[]> {
  const { rows } = await sql<OAuthClientRow>`
    select * from auth.oauth_clients where deleted_at is null order by created_at desc, id`.execute(
    ctx.db,
  )
  return rows.map(toOAuthClient)
}

/** What stays undefined stays as it is. */
export interface OAuthClientChange {
  redirectUris?: readonly string[] | undefined
  grantTypes?: readonly string[] | undefined
  name?: string | undefined
  uri?: string | undefined
  logoUri?: string | undefined
  authMethod?: string | undefined
}

export async function updateOAuthClient(
  ctx: Tx,
  id: string,
  change: OAuthClientChange,
): Promise<OAuthClient | null> {
  const { redirectUris, grantTypes, name, uri, logoUri, authMethod } = change
  return changed(
    ctx,
    id,
    sql`redirect_uris = coalesce(${redirectUris?.join(',') ?? null}, redirect_uris),
      grant_types = coalesce(${grantTypes?.join(',') ?? null}, grant_types),
      client_name = coalesce(${name ?? null}, client_name),
      client_uri = coalesce(${uri ?? null}, client_uri),
      logo_uri = coalesce(${logoUri ?? null}, logo_uri),
      token_endpoint_auth_method = coalesce(${authMethod ?? null}, token_endpoint_auth_method)`,
  )
}

/** The old secret is good no more at once. Null for a client that keeps none, or is gone. */
export async function replaceOAuthClientSecret(
  ctx: Tx,
  id: string,
): Promise<{ client: OAuthClient; secret: string } | null> {
  const secret = ctx.random.token()
  const client = await changed(
    ctx,
    id,
    sql`client_secret_hash = case when client_type = 'confidential' then ${hashOf(secret)} else '' end`,
  )
  return client === null || client.secretHash === null ? null : { client, secret }
}

async function changed(
  ctx: Tx,
  id: string,
  assignments: RawBuilder<unknown>,
): Promise<OAuthClient | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<OAuthClientRow>`
    with changed as (
      update auth.oauth_clients set ${assignments}, updated_at = ${sqlNow(ctx)}
      where id = ${id} and deleted_at is null returning *, ${eventColumns}),
    ${recordingOf(ctx, 'application.updated', 'changed')}
    select * from changed`.execute(ctx.db)
  return rows[0] === undefined ? null : toOAuthClient(rows[0])
}

/** Softly, as GoTrue does; what it holds of its users ends with it. Returns whether there was one. */
export async function deleteOAuthClient(ctx: Tx, id: string): Promise<boolean> {
  if (!isUuid(id)) return false
  const { rows } = await sql`
    with gone as (
      update auth.oauth_clients set deleted_at = ${sqlNow(ctx)}, updated_at = ${sqlNow(ctx)}
      where id = ${id} and deleted_at is null returning id, ${eventColumns}),
    ended as (
      delete from auth.sessions s using gone where s.oauth_client_id = gone.id
      returning s.user_id, s.id as session_id, gone.application_id),
    ${recordingOf(ctx, 'application.deleted', 'gone')},
    ${recordingOf(ctx, 'session.ended', 'ended')}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}
