import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import type { Application, ApplicationOrigin } from './application.ts'
import type { Appearance } from './application-input.ts'
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
  /** Microseconds since 1970: which one it is, for there may be another after it was taken back. */
  since: number
  scopes: string[]
  resource_scopes: Record<string, string[]>
  organization_scopes: string[]
  organization_ids: string[]
}

/** A consent `c` as one JSON column. */
export const consentObject = sql`json_build_object('since', ${sinceOf('c')}, 'scopes', c.scopes, 'resource_scopes', c.resource_scopes,
  'organization_scopes', c.organization_scopes,
  'organization_ids', array(select o.organization_id from idp.consent_organizations o
    where o.user_id = c.user_id and o.application_id = c.application_id order by 1))`

/** When the consent of that name in a statement was given first, exactly. */
export function sinceOf(consent: string): RawBuilder<number> {
  return sql<number>`(extract(epoch from ${sql.ref(`${consent}.created_at`)}) * 1000000)::bigint`
}

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

/** What a user allowed an application of somebody else, and since when. */
export interface GivenConsent extends Consent {
  application: Pick<Application, 'id' | 'name' | 'origin' | 'appearance'>
  organizations: string[]
  givenAt: Date
}

/** The last allowed first. Organizations are told by their names. */
export async function listConsents(ctx: Tx, userId: string): Promise<GivenConsent[]> {
  const { rows } = await sql<{
    id: string
    name: string
    origin: ApplicationOrigin
    appearance: Appearance
    consent: ConsentRow
    organizations: string[]
    created_at: Date
  }>`
    select a.id, a.name, a.origin, a.appearance, c.created_at, ${consentObject} as consent,
      array(select g.name from idp.consent_organizations o join idp.organizations g on g.id = o.organization_id
        where o.user_id = c.user_id and o.application_id = c.application_id order by g.name, g.id) as organizations
    from idp.consents c join idp.applications a on a.id = c.application_id and a.is_third_party
    where c.user_id = ${userId}
    order by c.created_at desc, a.id`.execute(ctx.db)
  return rows.map(({ id, name, origin, appearance, consent, organizations, created_at }) => ({
    ...toConsent(consent),
    application: { id, name, origin, appearance },
    organizations,
    givenAt: created_at,
  }))
}

/**
 * Takes a consent back; whether there was one. Within a transaction that ends the grants next, by a statement of its own:
 * whoever makes a grant holds the consent until it stands, so that by then it can be seen.
 */
export async function deleteConsent(
  ctx: Tx,
  { userId, applicationId }: { userId: string; applicationId: string },
): Promise<boolean> {
  // What takes grants along when it ends is held before them, or each would wait for the other: user, application, sessions.
  const { rows } = await sql`
    with held as (
      select u.id as user_id, a.id as application_id from auth.users u cross join idp.applications a
      where u.id = ${userId} and a.id = ${applicationId} for key share of u, a),
    going_on as (
      select s.id from held join auth.sessions s on s.user_id = held.user_id for key share of s),
    withdrawn as (
      delete from idp.consents c using held, (select count(*) from going_on) all_of_them where c.user_id = held.user_id and c.application_id = held.application_id
      returning c.user_id, c.application_id, null::uuid as session_id),
    ${recordingOf(ctx, 'consent.revoked', 'withdrawn')}
    select user_id from withdrawn`.execute(ctx.db)
  return rows.length > 0
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
