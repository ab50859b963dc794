import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { second } from '../base/time.ts'
import { type NewResource, newResource, type ResourceChange } from './authorization-input.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'

/** An API that tokens are made for: its indicator is their audience (RFC 8707). */
export interface Resource {
  id: string
  name: string
  indicator: string
  isDefault: boolean
  /** Milliseconds. */
  accessTokenLifetime: number
  /** What its tokens are signed with; null for the provider's own choice. */
  signingAlgorithm: 'ES256' | 'ES384' | 'RS256' | 'EdDSA' | null
  /** Applications that introduced themselves may ask for it, and its metadata is published (RFC 9728). */
  isOpen: boolean
  scopes: ResourceScope[]
}

export interface ResourceScope {
  id: string
  name: string
  description: string | null
}

/** All that may be asked for beside a user's own data. */
export interface Catalog {
  resources: ReadonlyMap<string, Resource>
  /** The resource that is meant where none is named. */
  defaultResource: Resource | null
  /** Names of the organization template's scopes. */
  organizationScopes: ReadonlySet<string>
}

/** Cached for seconds: no query on the hot paths, and none for names that nobody registered. */
export function findCatalog(ctx: Tx): Promise<Catalog> {
  return ctx.cache.get('catalog', ctx.now(), async () => {
    const resources = await listResources(ctx)
    const { rows } = await sql<{ name: string }>`
      select name from idp.organization_scopes order by name`.execute(ctx.db)
    return {
      resources: new Map(resources.map((one) => [one.indicator, one])),
      defaultResource: resources.find(({ isDefault }) => isDefault) ?? null,
      organizationScopes: new Set(rows.map(({ name }) => name)),
    }
  })
}

/** To be called after every change of what the catalog holds. */
export function forgetCatalog(ctx: Tx): void {
  ctx.cache.forget('catalog')
}

export async function listResources(ctx: Tx): Promise<Resource[]> {
  const { rows } = await sql<ResourceRow>`
    select r.id, r.name, r.indicator, r.is_default, r.access_token_ttl, r.signing_algorithm, r.is_open,
      coalesce((select json_agg(json_build_object('id', s.id, 'name', s.name, 'description', s.description) order by s.name)
        from idp.scopes s where s.resource_id = r.id), '[]') as scopes
    from idp.resources r order by r.indicator`.execute(ctx.db)
  return rows.map(toResource)
}

/** Throws a ZodError on a wrong shape, and `conflict` where the indicator is taken. */
export async function createResource(ctx: Tx, input: NewResource): Promise<string> {
  const { name, indicator, isDefault, isOpen, accessTokenTtl, signingAlgorithm, scopes } =
    newResource.parse(input)
  const id = ctx.random.id(21)
  if (isDefault) await clearDefault(ctx, id)
  const { rows } = await sql`
    with made as (
      insert into idp.resources (id, name, indicator, is_default, access_token_ttl, signing_algorithm, is_open, created_at)
      values (${id}, ${name}, ${indicator}, ${isDefault}, ${accessTokenTtl}, ${signingAlgorithm}, ${isOpen}, ${sqlNow(ctx)})
      on conflict (indicator) do nothing returning id),
    ${recording(ctx, [{ type: 'resource.created', details: { id, indicator } }], sql`exists (select from made)`)}
    select id from made`.execute(ctx.db)
  if (rows.length === 0) throw new Fault('conflict', { field: 'indicator', indicator })
  await setScopes(ctx, id, scopes)
  forgetCatalog(ctx)
  return id
}

/** Changes a resource; its scopes, where they are named, become exactly those. The indicator never changes. */
export async function updateResource(ctx: Tx, id: string, change: ResourceChange): Promise<void> {
  const { name, isDefault, isOpen, accessTokenTtl, signingAlgorithm, scopes } = newResource
    .omit({ indicator: true })
    .partial()
    .parse(change)
  if (isDefault) await clearDefault(ctx, id)
  await sql`
    with changed as (
      update idp.resources set name = coalesce(${name ?? null}, name), is_default = coalesce(${isDefault ?? null}, is_default),
        is_open = coalesce(${isOpen ?? null}, is_open),
        access_token_ttl = coalesce(${accessTokenTtl ?? null}, access_token_ttl),
        signing_algorithm = case when ${signingAlgorithm === undefined} then signing_algorithm else ${signingAlgorithm ?? null} end
      where id = ${id} returning id),
    ${recording(ctx, [{ type: 'resource.updated', details: { id, changed: Object.keys(change) } }], sql`exists (select from changed)`)}
    select 1`.execute(ctx.db)
  if (change.scopes !== undefined) await setScopes(ctx, id, scopes ?? [])
  forgetCatalog(ctx)
}

export async function deleteResource(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from idp.resources where id = ${id} returning id),
    ${recording(ctx, [{ type: 'resource.deleted', details: { id } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  forgetCatalog(ctx)
  return rows.length > 0
}

/** A scope that stays keeps its id, and so the roles that hold it. */
async function setScopes(
  ctx: Tx,
  resourceId: string,
  scopes: readonly { name: string; description: string | null }[],
): Promise<void> {
  const wanted = scopes.map((scope) => ({ id: ctx.random.id(21), ...scope }))
  await sql`
    with wanted as (
      select * from jsonb_to_recordset(${JSON.stringify(wanted)}::text::jsonb) as w(id text, name text, description text)),
    gone as (
      delete from idp.scopes s where s.resource_id = ${resourceId} and s.name not in (select name from wanted))
    insert into idp.scopes (id, resource_id, name, description, created_at)
    select id, ${resourceId}, name, description, ${sqlNow(ctx)} from wanted
    on conflict (resource_id, name) do update set description = excluded.description`.execute(
    ctx.db,
  )
}

async function clearDefault(ctx: Tx, except: string): Promise<void> {
  await sql`update idp.resources set is_default = false where is_default and id <> ${except}`.execute(
    ctx.db,
  )
}

interface ResourceRow {
  id: string
  name: string
  indicator: string
  is_default: boolean
  access_token_ttl: number
  signing_algorithm: Resource['signingAlgorithm']
  is_open: boolean
  scopes: ResourceScope[]
}

function toResource(row: ResourceRow): Resource {
  return {
    id: row.id,
    name: row.name,
    indicator: row.indicator,
    isDefault: row.is_default,
    accessTokenLifetime: row.access_token_ttl * second,
    signingAlgorithm: row.signing_algorithm,
    isOpen: row.is_open,
    scopes: row.scopes,
  }
}
