import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { scopeIds } from './application-consent.ts'
import { type NewRole, newRole, type ScopeOfResource } from './authorization-input.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'
import { forgetApplicationRights } from './rights.ts'

/** What may be done at APIs, under a name that people and machines are given. */
export interface Role {
  id: string
  name: string
  description: string | null
  type: 'User' | 'MachineToMachine'
  /** Every user who is made from now on has it. */
  isDefault: boolean
  scopes: ScopeOfResource[]
}

export async function listRoles(ctx: Tx): Promise<Role[]> {
  const { rows } = await sql<Role>`
    select r.id, r.name, r.description, r.type, r.is_default as "isDefault",
      coalesce((select json_agg(json_build_object('resource', a.indicator, 'name', s.name) order by a.indicator, s.name)
        from idp.role_scopes x join idp.scopes s on s.id = x.scope_id join idp.resources a on a.id = s.resource_id
        where x.role_id = r.id), '[]') as scopes
    from idp.roles r order by r.name`.execute(ctx.db)
  return rows
}

/** Throws a ZodError on a wrong shape, `conflict` where the name is taken, `not_found` for an unknown scope. */
export async function createRole(ctx: Tx, input: NewRole): Promise<string> {
  const { name, description, type, isDefault, scopes } = newRole.parse(input)
  const id = ctx.random.id(21)
  const { rows } = await sql`
    with made as (
      insert into idp.roles (id, name, description, type, is_default, created_at)
      values (${id}, ${name}, ${description}, ${type}, ${isDefault}, ${sqlNow(ctx)})
      on conflict (name) do nothing returning id),
    ${recording(ctx, [{ type: 'role.created', details: { id, name } }], sql`exists (select from made)`)}
    select id from made`.execute(ctx.db)
  if (rows.length === 0) throw new Fault('conflict', { field: 'name', role: name })
  await setScopes(ctx, id, scopes)
  return id
}

/** Changes a role; its scopes, where they are named, become exactly those. Its type never changes. */
export async function updateRole(
  ctx: Tx,
  id: string,
  change: Partial<Omit<NewRole, 'type'>>,
): Promise<void> {
  const { name, description, isDefault, scopes } = newRole
    .omit({ type: true })
    .partial()
    .parse(change)
  await sql`
    with changed as (
      update idp.roles set name = coalesce(${name ?? null}, name), is_default = coalesce(${isDefault ?? null}, is_default),
        description = case when ${change.description === undefined} then description else ${description ?? null} end
      where id = ${id} returning id),
    ${recording(ctx, [{ type: 'role.updated', details: { id, changed: Object.keys(change) } }], sql`exists (select from changed)`)}
    select 1`.execute(ctx.db)
  if (change.scopes !== undefined) await setScopes(ctx, id, scopes ?? [])
}

/** Deletes a role, and so takes it from everybody; returns whether there was one. */
export async function deleteRole(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from idp.roles where id = ${id} returning id),
    ${recording(ctx, [{ type: 'role.deleted', details: { id } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

/** The names of a user's roles. */
export async function listUserRoles(ctx: Tx, userId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select r.name from idp.user_roles x join idp.roles r on r.id = x.role_id
    where x.user_id = ${userId} order by r.name`.execute(ctx.db)
  return rows.map(({ name }) => name)
}

/** Makes a user's roles exactly these. Throws `not_found` for a name that is no role of users. */
export async function setUserRoles(
  ctx: Tx,
  userId: string,
  names: readonly string[],
): Promise<void> {
  const ids = await roleIds(ctx, names, 'User')
  await sql`
    with gone as (delete from idp.user_roles where user_id = ${userId} and role_id <> all(${ids}::text[])),
    ${recording(ctx, [{ type: 'role.assigned', userId, details: { roles: [...names] } }])}
    insert into idp.user_roles (user_id, role_id) select ${userId}::uuid, id from unnest(${ids}::text[]) id
    on conflict do nothing`.execute(ctx.db)
}

/** The names of an application's roles. */
export async function listApplicationRoles(ctx: Tx, applicationId: string): Promise<string[]> {
  const { rows } = await sql<{ name: string }>`
    select r.name from idp.application_roles x join idp.roles r on r.id = x.role_id
    where x.application_id = ${applicationId} order by r.name`.execute(ctx.db)
  return rows.map(({ name }) => name)
}

/** Makes an application's roles exactly these. Throws `not_found` for a name that is no role of machines. */
export async function setApplicationRoles(
  ctx: Tx,
  applicationId: string,
  names: readonly string[],
): Promise<void> {
  const ids = await roleIds(ctx, names, 'MachineToMachine')
  await sql`
    with gone as (
      delete from idp.application_roles where application_id = ${applicationId} and role_id <> all(${ids}::text[])),
    ${recording(ctx, [{ type: 'role.assigned', applicationId, details: { roles: [...names] } }])}
    insert into idp.application_roles (application_id, role_id) select ${applicationId}, id from unnest(${ids}::text[]) id
    on conflict do nothing`.execute(ctx.db)
  forgetApplicationRights(ctx, applicationId)
}

async function setScopes(
  ctx: Tx,
  roleId: string,
  scopes: readonly ScopeOfResource[],
): Promise<void> {
  const ids = await scopeIds(ctx, scopes)
  await sql`
    with gone as (delete from idp.role_scopes where role_id = ${roleId} and scope_id <> all(${ids}::text[]))
    insert into idp.role_scopes (role_id, scope_id) select ${roleId}, id from unnest(${ids}::text[]) id
    on conflict do nothing`.execute(ctx.db)
}

async function roleIds(ctx: Tx, names: readonly string[], type: Role['type']): Promise<string[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select id, name from idp.roles where name = any(${[...names]}::text[]) and type = ${type}`.execute(
    ctx.db,
  )
  const missing = names.find((name) => !rows.some((row) => row.name === name))
  if (missing !== undefined) throw new Fault('not_found', { role: missing, type })
  return rows.map(({ id }) => id)
}
