import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'

/** What a user allows an application; also what a request asks for, so that the two can be compared. */
export interface Consent {
  /** Scopes of the user's own data: `profile`, `email` … */
  scopes: readonly string[]
  /** Names of scopes by the indicator of their API resource. */
  resourceScopes: Readonly<Record<string, readonly string[]>>
  organizationScopes: readonly string[]
  /** The organizations in whose name the application may act. A request names none: the user chooses. */
  organizationIds: readonly string[]
}

/** What the user allowed before, in whatever session; null when nothing. */
export async function findConsent(
  ctx: Tx,
  userId: string,
  applicationId: string,
): Promise<Consent | null> {
  const { rows } = await sql<{ consent: ConsentRow }>`
    select ${consentObject} as consent from idp.consents c
    where c.user_id = ${userId} and c.application_id = ${applicationId}`.execute(ctx.db)
  return rows[0] === undefined ? null : toConsent(rows[0].consent)
}

export interface ConsentRow {
  scopes: string[]
  resource_scopes: Record<string, string[]>
  organization_scopes: string[]
  organization_ids: string[]
}

/** A consent `c` as one JSON column. */
export const consentObject = sql`json_build_object('scopes', c.scopes, 'resource_scopes', c.resource_scopes,
  'organization_scopes', c.organization_scopes,
  'organization_ids', array(select o.organization_id from idp.consent_organizations o
    where o.user_id = c.user_id and o.application_id = c.application_id order by 1))`

export function toConsent(row: ConsentRow): Consent {
  return {
    scopes: row.scopes,
    resourceScopes: row.resource_scopes,
    organizationScopes: row.organization_scopes,
    organizationIds: row.organization_ids,
  }
}

/** Adds to what the user allowed before. Organizations of which the user is no member are passed over. */
export async function saveConsent(
  ctx: Tx,
  { userId, applicationId }: { userId: string; applicationId: string },
  given: Consent,
): Promise<void> {
  const { scopes, resourceScopes, organizationScopes, organizationIds } = given
  await sql`
    with kept as (
      insert into idp.consents as c (user_id, application_id, scopes, resource_scopes, organization_scopes, created_at, updated_at)
      values (${userId}, ${applicationId}, ${[...scopes]}::text[], ${JSON.stringify(resourceScopes)}::text::jsonb,
        ${[...organizationScopes]}::text[], ${sqlNow(ctx)}, ${sqlNow(ctx)})
      on conflict (user_id, application_id) do update set
        scopes = array(select distinct unnest(c.scopes || excluded.scopes) order by 1),
        resource_scopes = coalesce((
          select jsonb_object_agg(indicator, names) from (
            select all_of.key as indicator, jsonb_agg(distinct name) as names
            from (select * from jsonb_each(c.resource_scopes) union all select * from jsonb_each(excluded.resource_scopes)) all_of
              cross join jsonb_array_elements_text(all_of.value) name
            group by all_of.key) merged), '{}'),
        organization_scopes = array(select distinct unnest(c.organization_scopes || excluded.organization_scopes) order by 1),
        updated_at = excluded.updated_at
      returning user_id, application_id, null::uuid as session_id),
    shared as (
      insert into idp.consent_organizations (user_id, application_id, organization_id)
      select kept.user_id, kept.application_id, m.organization_id
      from kept join idp.organization_members m on m.user_id = kept.user_id
      where m.organization_id = any(${[...organizationIds]}::text[])
      on conflict do nothing),
    ${recordingOf(ctx, 'consent.given', 'kept')}
    select 1`.execute(ctx.db)
}

/** What of a request the user has not allowed yet; null when there is nothing left to ask. */
export function missingConsent(asked: Consent, given: Consent | null): Consent | null {
  if (given === null) return asked
  const without = (names: readonly string[], known: readonly string[] = []) =>
    names.filter((name) => !known.includes(name))
  const missing: Consent = {
    scopes: without(asked.scopes, given.scopes),
    resourceScopes: Object.fromEntries(
      Object.entries(asked.resourceScopes)
        .map(
          ([resource, names]) =>
            [resource, without(names, given.resourceScopes[resource])] as const,
        )
        .filter(([, names]) => names.length > 0),
    ),
    organizationScopes: without(asked.organizationScopes, given.organizationScopes),
    organizationIds: without(asked.organizationIds, given.organizationIds),
  }
  const isNothing =
    missing.scopes.length === 0 &&
    Object.keys(missing.resourceScopes).length === 0 &&
    missing.organizationScopes.length === 0 &&
    missing.organizationIds.length === 0
  return isNothing ? null : missing
}
