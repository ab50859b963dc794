import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { seal, secretOf, unseal } from '../base/crypto.ts'
import { discloseFor, encloseFor } from '../base/gotrue-envelope.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'
import type { Json } from './user.ts'

/** A provider that an administrator described: a row of GoTrue's `custom_oauth_providers`. */
export interface CustomProvider {
  id: string
  protocol: 'oauth2' | 'oidc'
  /** Begins with `custom:`. */
  identifier: string
  name: string
  clientId: string
  acceptableClientIds: readonly string[]
  scopes: readonly string[]
  usesPkce: boolean
  attributeMapping: Json
  customClaimsAllowlist: readonly string[]
  authorizationParams: Json
  isEnabled: boolean
  isEmailOptional: boolean
  issuer: string | null
  discoveryUrl: string | null
  skipsNonceCheck: boolean
  /** What the provider said of itself when it was set up. */
  discovery: Json | null
  authorizationUrl: string | null
  tokenUrl: string | null
  userinfoUrl: string | null
  jwksUri: string | null
  createdAt: Date
  updatedAt: Date
}

export type NewCustomProvider = Omit<CustomProvider, 'id' | 'createdAt' | 'updatedAt'> & {
  clientSecret: string
}

interface Row {
  id: string
  provider_type: 'oauth2' | 'oidc'
  identifier: string
  name: string
  client_id: string
  client_secret: string
  acceptable_client_ids: string[]
  scopes: string[]
  pkce_enabled: boolean
  attribute_mapping: Json
  custom_claims_allowlist: string[]
  authorization_params: Json
  enabled: boolean
  email_optional: boolean
  issuer: string | null
  discovery_url: string | null
  skip_nonce_check: boolean
  cached_discovery: Json | null
  authorization_url: string | null
  token_url: string | null
  userinfo_url: string | null
  jwks_uri: string | null
  created_at: Date
  updated_at: Date
}

function toCustomProvider(row: Row): CustomProvider {
  return {
    id: row.id,
    protocol: row.provider_type,
    identifier: row.identifier,
    name: row.name,
    clientId: row.client_id,
    acceptableClientIds: row.acceptable_client_ids,
    scopes: row.scopes,
    usesPkce: row.pkce_enabled,
    attributeMapping: row.attribute_mapping,
    customClaimsAllowlist: row.custom_claims_allowlist,
    authorizationParams: row.authorization_params,
    isEnabled: row.enabled,
    isEmailOptional: row.email_optional,
    issuer: row.issuer,
    discoveryUrl: row.discovery_url,
    skipsNonceCheck: row.skip_nonce_check,
    discovery: row.cached_discovery,
    authorizationUrl: row.authorization_url,
    tokenUrl: row.token_url,
    userinfoUrl: row.userinfo_url,
    jwksUri: row.jwks_uri,
    createdAt: row.created_at,
    updatedAt: row.updated_at,
  }
}

/** The columns that are set from outside; arrays and objects go as JSON text. */
function valuesOf(ctx: Tx, provider: Omit<NewCustomProvider, 'clientSecret'>) {
  const list = (items: readonly string[]) =>
    sql`array(select jsonb_array_elements_text(${JSON.stringify(items)}::text::jsonb))`
  const object = (value: Json | null) =>
    value === null ? sql`null` : sql`${JSON.stringify(value)}::text::jsonb`
  const values: Record<string, RawBuilder<unknown>> = {
    provider_type: sql`${provider.protocol}`,
    identifier: sql`${provider.identifier}`,
    name: sql`${provider.name}`,
    client_id: sql`${provider.clientId}`,
    acceptable_client_ids: list(provider.acceptableClientIds),
    scopes: list(provider.scopes),
    pkce_enabled: sql`${provider.usesPkce}`,
    attribute_mapping: object(provider.attributeMapping),
    custom_claims_allowlist: list(provider.customClaimsAllowlist),
    authorization_params: object(provider.authorizationParams),
    enabled: sql`${provider.isEnabled}`,
    email_optional: sql`${provider.isEmailOptional}`,
    issuer: sql`${provider.issuer}`,
    discovery_url: sql`${provider.discoveryUrl}`,
    skip_nonce_check: sql`${provider.skipsNonceCheck}`,
    cached_discovery: object(provider.discovery),
    discovery_cached_at: provider.discovery === null ? sql`null` : sqlNow(ctx),
    authorization_url: sql`${provider.authorizationUrl}`,
    token_url: sql`${provider.tokenUrl}`,
    userinfo_url: sql`${provider.userinfoUrl}`,
    jwks_uri: sql`${provider.jwksUri}`,
    updated_at: sqlNow(ctx),
  }
  return Object.entries(values).map(([column, value]) => ({ column: sql.ref(column), value }))
}

/** Throws a unique violation when there is one of this identifier. */
export async function createCustomProvider(
  ctx: Tx,
  provider: NewCustomProvider,
): Promise<CustomProvider> {
  const id = ctx.random.uuid()
  const values = valuesOf(ctx, provider)
  const { rows } = await sql<Row>`
    with made as (
      insert into auth.custom_oauth_providers (id, client_secret, created_at, ${sql.join(values.map(({ column }) => column))})
      values (${id}, ${restingSecret(ctx, id, provider.clientSecret)}, ${sqlNow(ctx)},
        ${sql.join(values.map(({ value }) => value))})
      returning *),
    ${recording(ctx, [{ type: 'connector.created', details: { id, identifier: provider.identifier } }])}
    select * from made`.execute(ctx.db)
  return one(rows)
}

/** Without a secret the old one stays. Null where there is none of this id. */
export async function updateCustomProvider(
  ctx: Tx,
  id: string,
  { clientSecret, ...provider }: NewCustomProvider,
): Promise<CustomProvider | null> {
  const assigned = valuesOf(ctx, provider).map(({ column, value }) => sql`${column} = ${value}`)
  if (clientSecret !== '') {
    assigned.push(sql`client_secret = ${restingSecret(ctx, id, clientSecret)}`)
  }
  const event = {
    type: 'connector.updated',
    details: { id, identifier: provider.identifier },
  } as const
  const { rows } = await sql<Row>`
    with changed as (
      update auth.custom_oauth_providers set ${sql.join(assigned)} where id = ${id} returning *),
    ${recording(ctx, [event], sql`exists (select from changed)`)}
    select * from changed`.execute(ctx.db)
  return rows[0] === undefined ? null : toCustomProvider(rows[0])
}

/** Returns whether there was one. */
export async function deleteCustomProvider(ctx: Tx, identifier: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (
      delete from auth.custom_oauth_providers where identifier = ${identifier} returning id),
    ${recording(ctx, [{ type: 'connector.deleted', details: { identifier } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

/** The newest first; with `protocol` only those that speak it. */
export async function listCustomProviders(
  ctx: Tx,
  { protocol }: { protocol: 'oauth2' | 'oidc' | null },
): Promise<CustomProvider[]> {
  const { rows } = await sql<Row>`
    select * from auth.custom_oauth_providers where ${protocol}::text is null or provider_type = ${protocol}::text
    order by created_at desc, id`.execute(ctx.db)
  return rows.map(toCustomProvider)
}

export async function countCustomProviders(ctx: Tx): Promise<number> {
  const { rows } = await sql<{ count: number }>`
    select count(*)::int as count from auth.custom_oauth_providers`.execute(ctx.db)
  return rows[0]?.count ?? 0
}

export async function findCustomProvider(
  ctx: Tx,
  identifier: string,
): Promise<CustomProvider | null> {
  return (await findWithSecret(ctx, identifier))?.provider ?? null
}

/** For reaching the provider, and nothing else. */
export async function findCustomProviderWithSecret(
  ctx: Tx,
  identifier: string,
): Promise<{ provider: CustomProvider; clientSecret: string } | null> {
  const found = await findWithSecret(ctx, identifier)
  if (found === null) return null
  const { provider, resting } = found
  return { provider, clientSecret: openedSecret(ctx, provider.id, resting) }
}

async function findWithSecret(ctx: Tx, identifier: string) {
  const { rows } = await sql<Row>`
    select * from auth.custom_oauth_providers where identifier = ${identifier}`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { provider: toCustomProvider(row), resting: row.client_secret }
}

function one(rows: Row[]): CustomProvider {
  const [row] = rows
  if (row === undefined) throw new Error('The provider was not returned.')
  return toCustomProvider(row)
}

/** In GoTrue's envelope where that is set up, so that it can be taken back there; else sealed by us. */
function restingSecret(ctx: Tx, id: string, secret: string): string {
  return ctx.config.gotrue.databaseEncryption
    ? encloseFor(ctx, id, secret)
    : seal(secretOf(ctx.config), placeOf(id), secret)
}

function openedSecret(ctx: Tx, id: string, resting: string): string {
  return resting.startsWith('v1.')
    ? unseal(secretOf(ctx.config), placeOf(id), resting)
    : discloseFor(ctx, id, resting)
}

function placeOf(id: string): string {
  return `auth.custom_oauth_providers.client_secret:${id}`
}
