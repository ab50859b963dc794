import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import type { ConsentScopes, ScopeOfResource } from './authorization-input.ts'
import { recording } from './event.ts'
import { forgetApplicationRights } from './rights.ts'

/** What a third-party application may ask of users at most. Cached for seconds. */
export function findConsentScopes(ctx: Tx, applicationId: string): Promise<ConsentScopes> {
  return ctx.cache.get(`consent-scopes:${applicationId}`, ctx.now(), async () => {
    const ofApi = (isOrganization: boolean) => sql`coalesce((
      select json_agg(json_build_object('resource', r.indicator, 'name', s.name) order by r.indicator, s.name)
      from idp.application_resource_scopes x join idp.scopes s on s.id = x.scope_id join idp.resources r on r.id = s.resource_id
      where x.application_id = ${applicationId} and x.is_organization = ${isOrganization}), '[]')`
    const { rows } = await sql<ConsentScopes>`
      select array(select scope from idp.application_user_scopes where application_id = ${applicationId} order by 1) as "userScopes",
        array(select s.name from idp.application_organization_scopes x join idp.organization_scopes s on s.id = x.scope_id
          where x.application_id = ${applicationId} order by 1) as "organizationScopes",
        ${ofApi(false)} as "resourceScopes", ${ofApi(true)} as "organizationResourceScopes"`.execute(
      ctx.db,
    )
    const [row] = rows
    if (row === undefined) throw new Error('A select without from has one row.')
    return row
  })
}

/** Makes the ceiling exactly this. Throws `not_found` for a scope that does not exist. */
export async function setConsentScopes(
  ctx: Tx,
  applicationId: string,
  wanted: ConsentScopes,
): Promise<void> {
  const { userScopes, organizationScopes, resourceScopes, organizationResourceScopes } = wanted
  await sql`
    with ${recording(ctx, [{ type: 'application.updated', applicationId, details: { changed: ['userConsentScopes'] } }])},
    gone as (delete from idp.application_user_scopes
      where application_id = ${applicationId} and scope <> all(${userScopes}::text[]))
    insert into idp.application_user_scopes (application_id, scope)
    select ${applicationId}, scope from unnest(${userScopes}::text[]) scope on conflict do nothing`.execute(
    ctx.db,
  )
  const { rows: known } = await sql<{ id: string; name: string }>`
    select id, name from idp.organization_scopes where name = any(${organizationScopes}::text[])`.execute(
    ctx.db,
  )
  const missing = organizationScopes.find((name) => !known.some((one) => one.name === name))
  if (missing !== undefined) throw new Fault('not_found', { organizationScope: missing })
  await sql`
    with gone as (delete from idp.application_organization_scopes
      where application_id = ${applicationId} and scope_id <> all(${known.map(({ id }) => id)}::text[]))
    insert into idp.application_organization_scopes (application_id, scope_id)
    select ${applicationId}, id from unnest(${known.map(({ id }) => id)}::text[]) id on conflict do nothing`.execute(
    ctx.db,
  )
  for (const [isOrganization, scopes] of [
    [false, resourceScopes],
    [true, organizationResourceScopes],
  ] as const) {
    const ids = await scopeIds(ctx, scopes)
    await sql`
      with gone as (delete from idp.application_resource_scopes
        where application_id = ${applicationId} and is_organization = ${isOrganization} and scope_id <> all(${ids}::text[]))
      insert into idp.application_resource_scopes (application_id, scope_id, is_organization)
      select ${applicationId}, id, ${isOrganization} from unnest(${ids}::text[]) id on conflict do nothing`.execute(
      ctx.db,
    )
  }
  forgetApplicationRights(ctx, applicationId)
}

/** The ids of scopes by the names that people give. Throws `not_found` for one that does not exist. */
export async function scopeIds(ctx: Tx, scopes: readonly ScopeOfResource[]): Promise<string[]> {
  const { rows } = await sql<{ id: string | null; resource: string; name: string }>`
    select s.id, w.resource, w.name
    from jsonb_to_recordset(${JSON.stringify(scopes)}::text::jsonb) as w(resource text, name text)
      left join idp.resources r on r.indicator = w.resource left join idp.scopes s on s.resource_id = r.id and s.name = w.name`.execute(
    ctx.db,
  )
  return rows.map(({ id, resource, name }) => {
    if (id === null) throw new Fault('not_found', { resource, scope: name })
    return id
  })
}
