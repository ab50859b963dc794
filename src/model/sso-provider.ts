import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'
import type { Json } from './user.ts'
import { isUuid } from './uuid.ts'

/** A company's identity provider: rows of GoTrue's `sso_providers`, `saml_providers` and `sso_domains`. */
export interface SsoProvider {
  id: string
  /** How whoever set it up calls it. */
  resourceId: string | null
  isDisabled: boolean
  entityId: string
  metadataXml: string
  /** Where the metadata is fetched again. */
  metadataUrl: string | null
  attributeMapping: Json
  nameIdFormat: string | null
  /** Whose people are sent there, in lower case. */
  domains: readonly string[]
  /** When the metadata was read. */
  readAt: Date
  createdAt: Date
  updatedAt: Date
}

export type NewSsoProvider = Omit<SsoProvider, 'id' | 'readAt' | 'createdAt' | 'updatedAt'>

interface Row {
  id: string
  resource_id: string | null
  disabled: boolean | null
  created_at: Date | null
  updated_at: Date | null
  entity_id: string
  metadata_xml: string
  metadata_url: string | null
  attribute_mapping: Json | null
  name_id_format: string | null
  read_at: Date | null
  domains: string[]
}

const longAgo = new Date(0)

function toSsoProvider(row: Row): SsoProvider {
  return {
    id: row.id,
    resourceId: row.resource_id,
    isDisabled: row.disabled ?? false,
    entityId: row.entity_id,
    metadataXml: row.metadata_xml,
    metadataUrl: row.metadata_url,
    attributeMapping: row.attribute_mapping ?? {},
    nameIdFormat: row.name_id_format,
    domains: row.domains,
    readAt: row.read_at ?? longAgo,
    createdAt: row.created_at ?? longAgo,
    updatedAt: row.updated_at ?? longAgo,
  }
}

const selection = sql`
  select p.id, p.resource_id, p.disabled, p.created_at, p.updated_at, s.entity_id, s.metadata_xml, s.metadata_url,
    s.attribute_mapping, s.name_id_format, s.updated_at as read_at,
    array(select lower(d.domain) from auth.sso_domains d where d.sso_provider_id = p.id order by lower(d.domain)) as domains
  from auth.sso_providers p join auth.saml_providers s on s.sso_provider_id = p.id`

async function one(ctx: Tx, where: RawBuilder<unknown>): Promise<SsoProvider | null> {
  const { rows } = await sql<Row>`${selection} where ${where} limit 1`.execute(ctx.db)
  return rows[0] === undefined ? null : toSsoProvider(rows[0])
}

export async function findSsoProvider(ctx: Tx, id: string): Promise<SsoProvider | null> {
  return isUuid(id) ? one(ctx, sql`p.id = ${id}`) : null
}

export async function findSsoProviderByResource(
  ctx: Tx,
  resourceId: string,
): Promise<SsoProvider | null> {
  return one(ctx, sql`lower(p.resource_id) = lower(${resourceId})`)
}

export async function findSsoProviderByDomain(
  ctx: Tx,
  domain: string,
): Promise<SsoProvider | null> {
  return one(
    ctx,
    sql`p.id = (select sso_provider_id from auth.sso_domains where lower(domain) = lower(${domain}))`,
  )
}

export async function findSsoProviderByEntity(
  ctx: Tx,
  entityId: string,
): Promise<SsoProvider | null> {
  return one(ctx, sql`s.entity_id = ${entityId}`)
}

/** The oldest first. */
export async function listSsoProviders(ctx: Tx): Promise<SsoProvider[]> {
  const { rows } = await sql<Row>`${selection} order by p.created_at, p.id`.execute(ctx.db)
  return rows.map(toSsoProvider)
}

/** Which provider has which of these domains. */
export async function listDomainOwners(
  ctx: Tx,
  domains: readonly string[],
): Promise<{ domain: string; providerId: string }[]> {
  const { rows } = await sql<{ domain: string; provider_id: string }>`
    select lower(domain) as domain, sso_provider_id as provider_id from auth.sso_domains
    where lower(domain) = any(${domains}::text[]) order by 1`.execute(ctx.db)
  return rows.map((row) => ({ domain: row.domain, providerId: row.provider_id }))
}

/** Throws a unique violation when another one has the entity, the resource id, or a domain. */
export async function createSsoProvider(ctx: Tx, provider: NewSsoProvider): Promise<string> {
  const id = ctx.random.uuid()
  const now = sqlNow(ctx)
  await sql`
    with made as (
      insert into auth.sso_providers (id, resource_id, disabled, created_at, updated_at)
      values (${id}, ${provider.resourceId}, ${provider.isDisabled}, ${now}, ${now}) returning id),
    described as (
      insert into auth.saml_providers (id, sso_provider_id, entity_id, metadata_xml, metadata_url, attribute_mapping,
        name_id_format, created_at, updated_at)
      select ${ctx.random.uuid()}::uuid, made.id, ${provider.entityId}, ${provider.metadataXml}, ${provider.metadataUrl},
        ${JSON.stringify(provider.attributeMapping)}::text::jsonb, ${provider.nameIdFormat}, ${now}, ${now} from made
      returning id),
    ${addingDomains(ctx, sql`made`, provider.domains)},
    ${recording(ctx, [{ type: 'connector.created', details: detailsOf(id, provider) }])}
    select id from made`.execute(ctx.db)
  return id
}

/** All but the entity, which is what the provider is known by. Returns whether there was one. */
export async function updateSsoProvider(
  ctx: Tx,
  id: string,
  provider: NewSsoProvider,
): Promise<boolean> {
  const now = sqlNow(ctx)
  await sql`
    delete from auth.sso_domains
    where sso_provider_id = ${id} and lower(domain) <> all(${provider.domains}::text[])`.execute(
    ctx.db,
  )
  const { rows } = await sql`
    with changed as (
      update auth.sso_providers set resource_id = ${provider.resourceId}, disabled = ${provider.isDisabled}, updated_at = ${now}
      where id = ${id} returning id),
    described as (
      update auth.saml_providers s set metadata_xml = ${provider.metadataXml}, metadata_url = ${provider.metadataUrl},
        attribute_mapping = ${JSON.stringify(provider.attributeMapping)}::text::jsonb,
        name_id_format = ${provider.nameIdFormat}, updated_at = ${now}
      from changed where s.sso_provider_id = changed.id returning s.id),
    ${addingDomains(ctx, sql`changed`, provider.domains)},
    ${recording(ctx, [{ type: 'connector.updated', details: detailsOf(id, provider) }], sql`exists (select from changed)`)}
    select id from changed`.execute(ctx.db)
  return rows.length > 0
}

/** What was fetched takes the place of what was read before; of two nodes that fetched, the later one finds nothing to do. */
export async function replaceMetadata(
  ctx: Tx,
  { id, entityId, readAt }: SsoProvider,
  metadataXml: string,
): Promise<void> {
  await sql`
    with changed as (
      update auth.saml_providers set metadata_xml = ${metadataXml}, updated_at = ${sqlNow(ctx)}
      where sso_provider_id = ${id} and date_trunc('milliseconds', updated_at) <= ${readAt} returning id),
    ${recording(ctx, [{ type: 'connector.updated', details: { id, entityId, by: 'refresh' } }], sql`exists (select from changed)`)}
    select id from changed`.execute(ctx.db)
}

/** Its people stay; they cannot come in by it any more. Returns whether there was one. */
export async function deleteSsoProvider(ctx: Tx, { id, entityId }: SsoProvider): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from auth.sso_providers where id = ${id} returning id),
    ${recording(ctx, [{ type: 'connector.deleted', details: { id, entityId } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

/** The domains that it does not have yet, as a common table expression. */
function addingDomains(
  ctx: Tx,
  provider: RawBuilder<unknown>,
  domains: readonly string[],
): RawBuilder<unknown> {
  const named = domains.map((domain) => ({ id: ctx.random.uuid(), domain }))
  return sql`domains as (
      insert into auth.sso_domains (id, sso_provider_id, domain, created_at, updated_at)
      select d.id, p.id, d.domain, ${sqlNow(ctx)}, ${sqlNow(ctx)}
      from jsonb_to_recordset(${JSON.stringify(named)}::text::jsonb) as d (id uuid, domain text), ${provider} p
      where not exists (
        select from auth.sso_domains o where o.sso_provider_id = p.id and lower(o.domain) = d.domain)
      returning id)`
}

function detailsOf(id: string, { entityId }: NewSsoProvider) {
  return { id, entityId }
}
