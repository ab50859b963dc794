import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { scopeIds } from './application-consent.ts'
import {
  type NewOrganizationRole,
  type NewOrganizationScope,
  newOrganizationRole,
  newOrganizationScope,
  type ScopeOfResource,
} from './authorization-input.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'
import { forgetCatalog } from './resource.ts'

/** What may be done in an organization; the names are the same in all of them. */
export interface OrganizationScope {
  id: string
  name: string
  description: string | null
}

export interface OrganizationRole {
  id: string
  name: string
  description: string | null
  type: 'User' | 'MachineToMachine'
  /** Names of the template's scopes. */
  scopes: string[]
  resourceScopes: ScopeOfResource[]
}

export async function listOrganizationScopes(ctx: Tx): Promise<OrganizationScope[]> {
  const { rows } = await sql<OrganizationScope>`
    select id, name, description from idp.organization_scopes order by name`.execute(ctx.db)
  return rows
}

/** Writes a scope, or its new description where the name is there. */
export async function saveOrganizationScope(ctx: Tx, input: NewOrganizationScope): Promise<string> {
  const { name, description } = newOrganizationScope.parse(input)
  const { rows } = await sql<{ id: string }>`
    with ${told(ctx, { scope: name })}
    insert into idp.organization_scopes (id, name, description, created_at)
    values (${ctx.random.id(21)}, ${name}, ${description}, ${sqlNow(ctx)})
    on conflict (name) do update set description = excluded.description returning id`.execute(
    ctx.db,
  )
  forgetCatalog(ctx)
  return rows[0]?.id ?? ''
}

export async function deleteOrganizationScope(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from idp.organization_scopes where id = ${id} returning id),
    ${recording(ctx, [{ type: 'organization-template.updated', details: { scope: id } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  forgetCatalog(ctx)
  return rows.length > 0
}

export async function listOrganizationRoles(ctx: Tx): Promise<OrganizationRole[]> {
  const { rows } = await sql<OrganizationRole>`
    select r.id, r.name, r.description, r.type,
      array(select s.name from idp.organization_role_scopes x join idp.organization_scopes s on s.id = x.scope_id
        where x.role_id = r.id order by s.name) as scopes,
      coalesce((select json_agg(json_build_object('resource', a.indicator, 'name', s.name) order by a.indicator, s.name)
        from idp.organization_role_resource_scopes x join idp.scopes s on s.id = x.scope_id
          join idp.resources a on a.id = s.resource_id where x.role_id = r.id), '[]') as "resourceScopes"
    from idp.organization_roles r order by r.name`.execute(ctx.db)
  return rows
}

/**
 * Writes a role with exactly these scopes, new or under a name that is there; its type never changes. Throws `not_found`
 * for a scope that does not exist.
 */
export async function saveOrganizationRole(ctx: Tx, input: NewOrganizationRole): Promise<string> {
  const { name, description, type, scopes, resourceScopes } = newOrganizationRole.parse(input)
  const { rows } = await sql<{ id: string; type: string }>`
    with ${told(ctx, { role: name })}
    insert into idp.organization_roles (id, name, description, type, created_at)
    values (${ctx.random.id(21)}, ${name}, ${description}, ${type}, ${sqlNow(ctx)})
    on conflict (name) do update set description = excluded.description returning id, type`.execute(
    ctx.db,
  )
  const id = rows[0]?.id ?? ''
  if (rows[0]?.type !== type) throw new Fault('conflict', { field: 'type', organizationRole: name })
  const own = await organizationScopeIds(ctx, scopes)
  await sql`
    with gone as (delete from idp.organization_role_scopes where role_id = ${id} and scope_id <> all(${own}::text[]))
    insert into idp.organization_role_scopes (role_id, scope_id) select ${id}, scope from unnest(${own}::text[]) scope
    on conflict do nothing`.execute(ctx.db)
  const ofApis = await scopeIds(ctx, resourceScopes)
  await sql`
    with gone as (
      delete from idp.organization_role_resource_scopes where role_id = ${id} and scope_id <> all(${ofApis}::text[]))
    insert into idp.organization_role_resource_scopes (role_id, scope_id)
    select ${id}, scope from unnest(${ofApis}::text[]) scope on conflict do nothing`.execute(ctx.db)
  return id
}

export async function deleteOrganizationRole(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from idp.organization_roles where id = ${id} returning id),
    ${recording(ctx, [{ type: 'organization-template.updated', details: { role: id } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

async function organizationScopeIds(ctx: Tx, names: readonly string[]): Promise<string[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select id, name from idp.organization_scopes where name = any(${[...names]}::text[])`.execute(
    ctx.db,
  )
  const missing = names.find((name) => !rows.some((row) => row.name === name))
  if (missing !== undefined) throw new Fault('not_found', { organizationScope: missing })
  return rows.map(({ id }) => id)
}

function told(ctx: Tx, details: Record<string, unknown>) {
  return recording(ctx, [{ type: 'organization-template.updated', details }])
}
