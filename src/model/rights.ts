import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { recording } from './event.ts'

/** What an access token is asked for: an API, an organization, or an API in an organization's name. */
export interface Target {
  indicator: string | null
  organizationId: string | null
}

/** Whose grant it is that asks; other people's applications see no more than the user allowed them. */
export interface Asker {
  applicationId: string
  isThirdParty: boolean
}

export interface OrganizationFacts {
  id: string
  name: string
  description: string | null
}

/** What a user is and may, as far as the granted scope or the target needs it; null where it does not. */
export interface Rights {
  roles: string[] | null
  organizations: OrganizationFacts[] | null
  /** `<organization id>:<role name>`. */
  organizationRoles: string[] | null
  /** Names of the target's scopes that the user's roles hold. */
  targetScopes: string[] | null
}

export const noRights: Rights = {
  roles: null,
  organizations: null,
  organizationRoles: null,
  targetScopes: null,
}

export const organizationsScope = 'urn:logto:scope:organizations'
export const organizationRolesScope = 'urn:logto:scope:organization_roles'

/** Whether tokens of this scope tell of roles or organizations. */
export function tellsRights(scope: string): boolean {
  const names = scope.split(' ')
  return ['roles', organizationsScope, organizationRolesScope].some((name) => names.includes(name))
}

/**
 * The rights of user `u` as one JSON column `rights`, for a query whose rows are users. `scope` is the granted scope in
 * SQL, `applicationId` the grant's application: nothing is read that the scope does not ask for.
 */
export function rightsColumn({
  scope,
  applicationId,
  target,
  asker,
}: {
  scope: RawBuilder<unknown>
  applicationId: RawBuilder<unknown>
  target: Target | null
  asker: Asker | null
}): RawBuilder<unknown> {
  const has = (name: string) => sql`${name} = any(string_to_array(${scope}, ' '))`
  const userId = sql.ref('u.id')
  return sql`json_build_object(
    'roles', case when ${has('roles')} or ${target !== null} then coalesce((
      select json_agg(r.name order by r.name) from idp.user_roles x join idp.roles r on r.id = x.role_id
      where x.user_id = ${userId}), '[]') end,
    'organizations', case when ${has(organizationsScope)} then coalesce((
      select json_agg(json_build_object('id', o.id, 'name', o.name, 'description', o.description) order by o.id)
      from idp.organization_members m join idp.organizations o on o.id = m.organization_id
      where m.user_id = ${userId} and ${isShown(applicationId)}), '[]') end,
    'organizationRoles', case when ${has(organizationRolesScope)} then coalesce((
      select json_agg(m.organization_id || ':' || r.name order by m.organization_id, r.name)
      from idp.organization_member_roles m join idp.organization_roles r on r.id = m.role_id
      where m.user_id = ${userId} and ${isShown(applicationId)}), '[]') end,
    'targetScopes', ${target === null || asker === null ? sql`null` : targetScopes(target, asker)}) as rights`
}

/** Whether the application may hear of membership `m`. */
function isShown(applicationId: RawBuilder<unknown>): RawBuilder<unknown> {
  return sql`(not exists (select from idp.applications a where a.id = ${applicationId} and a.is_third_party)
    or exists (select from idp.consent_organizations c where c.user_id = m.user_id
      and c.application_id = ${applicationId} and c.organization_id = m.organization_id))`
}

/** Names of scopes by the roles of user `u`: a user's own for an API, else those that they have in the organization. */
function targetScopes(
  { indicator, organizationId }: Target,
  { applicationId, isThirdParty }: Asker,
): RawBuilder<unknown> {
  const allowed = (isOrganization: boolean) =>
    isThirdParty
      ? sql`and (exists (select from idp.application_resource_scopes x
          where x.application_id = ${applicationId} and x.scope_id = s.id and x.is_organization = ${isOrganization})
          or (${!isOrganization} and a.is_open
            and exists (select from idp.applications o where o.id = ${applicationId} and o.origin <> 'admin')))
        and exists (select from idp.consents c where c.user_id = u.id and c.application_id = ${applicationId}
          and jsonb_exists(c.resource_scopes->(${indicator}::text), s.name))`
      : sql``
  if (organizationId === null) {
    return sql`(select coalesce(json_agg(distinct s.name), '[]')
      from idp.user_roles x join idp.roles r on r.id = x.role_id and r.type = 'User' join idp.role_scopes y on y.role_id = r.id
        join idp.scopes s on s.id = y.scope_id join idp.resources a on a.id = s.resource_id
      where x.user_id = u.id and a.indicator = ${indicator} ${allowed(false)})`
  }
  const mine = sql`idp.organization_member_roles x join idp.organization_roles r on r.id = x.role_id and r.type = 'User'`
  if (indicator === null) {
    const ceiling = isThirdParty
      ? sql`and exists (select from idp.application_organization_scopes z
          where z.application_id = ${applicationId} and z.scope_id = s.id)
        and exists (select from idp.consents c where c.user_id = u.id and c.application_id = ${applicationId}
          and s.name = any(c.organization_scopes))`
      : sql``
    return sql`(select coalesce(json_agg(distinct s.name), '[]')
      from ${mine} join idp.organization_role_scopes y on y.role_id = r.id join idp.organization_scopes s on s.id = y.scope_id
      where x.user_id = u.id and x.organization_id = ${organizationId} ${ceiling})`
  }
  return sql`(select coalesce(json_agg(distinct s.name), '[]')
    from ${mine} join idp.organization_role_resource_scopes y on y.role_id = r.id join idp.scopes s on s.id = y.scope_id
      join idp.resources a on a.id = s.resource_id
    where x.user_id = u.id and x.organization_id = ${organizationId} and a.indicator = ${indicator} ${allowed(true)})`
}

/** By what a target is measured, in SQL. */
export interface Grounds {
  resources: RawBuilder<unknown>
  scope: RawBuilder<unknown>
  userId: RawBuilder<unknown>
}

export const ofGrant: Grounds = {
  resources: sql.ref('g.resources'),
  scope: sql.ref('g.scope'),
  userId: sql.ref('g.user_id'),
}

/**
 * Why a grant, `g` where no other `grounds` are named, gives no token for this target, as an SQL expression; null where
 * it does. What the grant did not name it never gives (RFC 8707 § 2.2), whatever the user's roles are.
 */
export function targetProblem(
  target: Target | null,
  { applicationId, isThirdParty }: Asker,
  { resources, scope, userId }: Grounds = ofGrant,
): RawBuilder<TargetProblem | null> {
  if (target === null) return sql`null::text`
  const { indicator, organizationId } = target
  const isForeign = indicator === null ? sql`false` : sql`not (${indicator} = any(${resources}))`
  if (organizationId === null) {
    return sql`case when ${isForeign} then 'resource-not-granted' end`
  }
  const consented = isThirdParty
    ? sql`and exists (select from idp.consent_organizations c where c.user_id = ${userId}
        and c.application_id = ${applicationId} and c.organization_id = m.organization_id)`
    : sql``
  return sql`case when ${isForeign} then 'resource-not-granted'
    when not (${organizationsScope} = any(string_to_array(${scope}, ' '))) then 'organizations-not-granted'
    when not exists (
      select from idp.organization_members m join idp.organizations o on o.id = m.organization_id
      where m.user_id = ${userId} and m.organization_id = ${organizationId} ${consented}
        and (not o.is_mfa_required or exists (
          select from auth.mfa_factors f where f.user_id = ${userId} and f.status = 'verified')))
      then 'not-a-member' end`
}

export type TargetProblem = 'resource-not-granted' | 'organizations-not-granted' | 'not-a-member'

/** What an application may in its own name. */
export interface ApplicationRights {
  /** Names of scopes by the indicator of their resource. */
  resources: Record<string, string[]>
  organizations: Record<string, { scopes: string[]; resources: Record<string, string[]> }>
}

/**
 * Cached for seconds, so that a machine's JWT costs no round trip; for so long another node's change of its roles may
 * stay unseen. Whoever reads anew leaves the event: one for all tokens that are made of this reading.
 */
export function findApplicationRights(ctx: Tx, applicationId: string): Promise<ApplicationRights> {
  return ctx.cache.get(`application-rights:${applicationId}`, ctx.now(), async () => {
    const { rows } = await sql<ApplicationRights>`
      with ${recording(ctx, [{ type: 'token.issued', applicationId }])}
      select
        coalesce((select json_object_agg(indicator, names) from (
          select a.indicator, json_agg(distinct s.name) as names
          from idp.application_roles x join idp.roles r on r.id = x.role_id and r.type = 'MachineToMachine'
            join idp.role_scopes y on y.role_id = r.id join idp.scopes s on s.id = y.scope_id join idp.resources a on a.id = s.resource_id
          where x.application_id = ${applicationId} group by a.indicator) own), '{}') as resources,
        coalesce((select json_object_agg(m.organization_id, json_build_object(
          'scopes', coalesce((select json_agg(distinct s.name) from idp.organization_application_roles x
            join idp.organization_roles r on r.id = x.role_id and r.type = 'MachineToMachine'
            join idp.organization_role_scopes y on y.role_id = r.id join idp.organization_scopes s on s.id = y.scope_id
            where x.application_id = m.application_id and x.organization_id = m.organization_id), '[]'),
          'resources', coalesce((select json_object_agg(indicator, names) from (
            select a.indicator, json_agg(distinct s.name) as names
            from idp.organization_application_roles x
              join idp.organization_roles r on r.id = x.role_id and r.type = 'MachineToMachine'
              join idp.organization_role_resource_scopes y on y.role_id = r.id join idp.scopes s on s.id = y.scope_id
              join idp.resources a on a.id = s.resource_id
            where x.application_id = m.application_id and x.organization_id = m.organization_id group by a.indicator) of_api), '{}')))
          from idp.organization_applications m where m.application_id = ${applicationId}), '{}') as organizations`.execute(
      ctx.db,
    )
    return rows[0] ?? { resources: {}, organizations: {} }
  })
}

/** To be called after a change on this node of what an application may; a change of a role shows within seconds. */
export function forgetApplicationRights(ctx: Tx, applicationId: string): void {
  ctx.cache.forget(`application-rights:${applicationId}`)
  ctx.cache.forget(`consent-scopes:${applicationId}`)
}
