import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { type NewOrganization, newOrganization } from './authorization-input.ts'
import { sqlNow } from './clock.ts'
import { recording } from './event.ts'
import { forgetApplicationRights } from './rights.ts'

/** A customer of the applications: users and machines are its members, with roles of their own in it. */
export interface Organization {
  id: string
  name: string
  description: string | null
  customData: Record<string, unknown>
  isMfaRequired: boolean
}

export async function listOrganizations(ctx: Tx): Promise<Organization[]> {
  const { rows } = await sql<Organization>`
    select id, name, description, custom_data as "customData", is_mfa_required as "isMfaRequired"
    from idp.organizations order by created_at, id`.execute(ctx.db)
  return rows
}

/** Throws a ZodError on a wrong shape, and `conflict` where the id is taken. */
export async function createOrganization(ctx: Tx, input: NewOrganization): Promise<string> {
  const one = newOrganization.parse(input)
  const id = one.id ?? ctx.random.id(21)
  const { rows } = await sql`
    with made as (
      insert into idp.organizations (id, name, description, custom_data, is_mfa_required, created_at, updated_at)
      values (${id}, ${one.name}, ${one.description}, ${JSON.stringify(one.customData)}::text::jsonb, ${one.isMfaRequired},
        ${sqlNow(ctx)}, ${sqlNow(ctx)})
      on conflict (id) do nothing returning id),
    ${recording(ctx, [{ type: 'organization.created', details: { id, name: one.name } }], sql`exists (select from made)`)}
    select id from made`.execute(ctx.db)
  if (rows.length === 0) throw new Fault('conflict', { field: 'id', organization: id })
  return id
}

/** What is not named stays; custom data is replaced. */
export async function updateOrganization(
  ctx: Tx,
  id: string,
  change: Partial<Omit<NewOrganization, 'id'>>,
): Promise<void> {
  const { name, description, customData, isMfaRequired } = newOrganization
    .omit({ id: true })
    .partial()
    .parse(change)
  const data = change.customData === undefined ? null : JSON.stringify(customData)
  await sql`
    with changed as (
      update idp.organizations set name = coalesce(${name ?? null}, name),
        description = case when ${change.description === undefined} then description else ${description ?? null} end,
        custom_data = coalesce(${data}::text::jsonb, custom_data),
        is_mfa_required = coalesce(${change.isMfaRequired === undefined ? null : (isMfaRequired ?? null)}, is_mfa_required),
        updated_at = ${sqlNow(ctx)}
      where id = ${id} returning id),
    ${recording(ctx, [{ type: 'organization.updated', details: { id, changed: Object.keys(change) } }], sql`exists (select from changed)`)}
    select 1`.execute(ctx.db)
}

/** Deletes an organization with its memberships; returns whether there was one. */
export async function deleteOrganization(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`
    with gone as (delete from idp.organizations where id = ${id} returning id),
    ${recording(ctx, [{ type: 'organization.deleted', details: { id } }], sql`exists (select from gone)`)}
    select id from gone`.execute(ctx.db)
  return rows.length > 0
}

/** Who is in an organization, and with which roles, by name. */
export interface Member {
  id: string
  roles: string[]
}

export async function listMembers(ctx: Tx, organizationId: string): Promise<Member[]> {
  const { rows } = await sql<Member>`
    select m.user_id as id, array(
      select r.name from idp.organization_member_roles x join idp.organization_roles r on r.id = x.role_id
      where x.organization_id = m.organization_id and x.user_id = m.user_id order by r.name) as roles
    from idp.organization_members m where m.organization_id = ${organizationId} order by m.created_at, m.user_id`.execute(
    ctx.db,
  )
  return rows
}

export async function listMemberApplications(ctx: Tx, organizationId: string): Promise<Member[]> {
  const { rows } = await sql<Member>`
    select m.application_id as id, array(
      select r.name from idp.organization_application_roles x join idp.organization_roles r on r.id = x.role_id
      where x.organization_id = m.organization_id and x.application_id = m.application_id order by r.name) as roles
    from idp.organization_applications m where m.organization_id = ${organizationId} order by m.created_at, m.application_id`.execute(
    ctx.db,
  )
  return rows
}

/** Makes a user a member with exactly these roles. Throws `not_found` for a name that is no organization role of users. */
export async function saveMember(ctx: Tx, organizationId: string, member: Member): Promise<void> {
  const ids = await roleIds(ctx, member.roles, 'User')
  await sql`
    with ${membershipTold(ctx, { organizationId, added: member.id })}
    insert into idp.organization_members (organization_id, user_id, created_at)
    values (${organizationId}, ${member.id}, ${sqlNow(ctx)}) on conflict do nothing`.execute(ctx.db)
  await sql`
    with gone as (delete from idp.organization_member_roles
      where organization_id = ${organizationId} and user_id = ${member.id} and role_id <> all(${ids}::text[]))
    insert into idp.organization_member_roles (organization_id, user_id, role_id)
    select ${organizationId}, ${member.id}::uuid, id from unnest(${ids}::text[]) id on conflict do nothing`.execute(
    ctx.db,
  )
}

export async function deleteMember(ctx: Tx, organizationId: string, userId: string): Promise<void> {
  await sql`
    with ${membershipTold(ctx, { organizationId, removed: userId })}
    delete from idp.organization_members where organization_id = ${organizationId} and user_id = ${userId}`.execute(
    ctx.db,
  )
}

/** The same for an application, whose roles are those of machines. */
export async function saveMemberApplication(
  ctx: Tx,
  organizationId: string,
  member: Member,
): Promise<void> {
  const ids = await roleIds(ctx, member.roles, 'MachineToMachine')
  await sql`
    with ${membershipTold(ctx, { organizationId, addedApplication: member.id })}
    insert into idp.organization_applications (organization_id, application_id, created_at)
    values (${organizationId}, ${member.id}, ${sqlNow(ctx)}) on conflict do nothing`.execute(ctx.db)
  await sql`
    with gone as (delete from idp.organization_application_roles
      where organization_id = ${organizationId} and application_id = ${member.id} and role_id <> all(${ids}::text[]))
    insert into idp.organization_application_roles (organization_id, application_id, role_id)
    select ${organizationId}, ${member.id}, id from unnest(${ids}::text[]) id on conflict do nothing`.execute(
    ctx.db,
  )
  forgetApplicationRights(ctx, member.id)
}

export async function deleteMemberApplication(
  ctx: Tx,
  organizationId: string,
  applicationId: string,
): Promise<void> {
  await sql`
    with ${membershipTold(ctx, { organizationId, removedApplication: applicationId })}
    delete from idp.organization_applications
    where organization_id = ${organizationId} and application_id = ${applicationId}`.execute(ctx.db)
  forgetApplicationRights(ctx, applicationId)
}

async function roleIds(
  ctx: Tx,
  names: readonly string[],
  type: 'User' | 'MachineToMachine',
): Promise<string[]> {
  const { rows } = await sql<{ id: string; name: string }>`
    select id, name from idp.organization_roles where name = any(${[...names]}::text[]) and type = ${type}`.execute(
    ctx.db,
  )
  const missing = names.find((name) => !rows.some((row) => row.name === name))
  if (missing !== undefined) throw new Fault('not_found', { organizationRole: missing, type })
  return rows.map(({ id }) => id)
}

function membershipTold(ctx: Tx, details: Record<string, unknown>) {
  return recording(ctx, [{ type: 'organization.membership-updated', details }])
}
