import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import type { Json } from './user.ts'

/** Who a user is elsewhere: (provider, subject). The e-mail address itself is the provider `email`. */
export interface Identity {
  id: string
  userId: string
  provider: string
  /** GoTrue's `provider_id`: the subject at the provider; of an `email` identity the user's id. */
  subject: string
  data: Json
  email: string | null
  lastSignInAt: Date | null
  createdAt: Date | null
  updatedAt: Date | null
}

/** A row as `json_agg` gives it inside the query for users. */
export interface IdentityRow {
  id: string
  user_id: string
  provider: string
  provider_id: string
  identity_data: Json | null
  email: string | null
  last_sign_in_at: string | Date | null
  created_at: string | Date | null
  updated_at: string | Date | null
}

export function toIdentity(row: IdentityRow): Identity {
  return {
    id: row.id,
    userId: row.user_id,
    provider: row.provider,
    subject: row.provider_id,
    data: row.identity_data ?? {},
    email: row.email,
    lastSignInAt: toDate(row.last_sign_in_at),
    createdAt: toDate(row.created_at),
    updatedAt: toDate(row.updated_at),
  }
}

function toDate(value: string | Date | null): Date | null {
  return value === null ? null : new Date(value)
}

/** Throws a unique violation when somebody has this identity already; it is never taken over. */
export async function createIdentity(
  ctx: Tx,
  identity: { userId: string; provider: string; subject: string; data: Json; signedIn?: boolean },
): Promise<Identity> {
  const { rows } = await sql<IdentityRow>`
    insert into auth.identities (id, user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at)
    values (${ctx.random.uuid()}, ${identity.userId}, ${identity.provider}, ${identity.subject},
      ${JSON.stringify(identity.data)}::text::jsonb, ${sqlNow(ctx)}, ${sqlNow(ctx)}, ${sqlNow(ctx)})
    returning *`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The identity was not returned.')
  return toIdentity(row)
}

export async function findIdentity(
  ctx: Tx,
  { provider, subject }: { provider: string; subject: string },
): Promise<Identity | null> {
  const { rows } = await sql<IdentityRow>`
    select * from auth.identities where provider = ${provider} and provider_id = ${subject}`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : toIdentity(rows[0])
}

/** Somebody came by this identity: what the provider says of them now stands in the place of what it said before. */
export async function useIdentity(ctx: Tx, id: string, data: Json): Promise<void> {
  await sql`
    update auth.identities set identity_data = ${JSON.stringify(data)}::text::jsonb, last_sign_in_at = ${sqlNow(ctx)},
      updated_at = ${sqlNow(ctx)} where id = ${id}`.execute(ctx.db)
}

/** Whose identity, at which provider, has one of these addresses; only those whose provider made sure of it. */
export async function listVerifiedIdentities(
  ctx: Tx,
  emails: readonly string[],
): Promise<{ userId: string; provider: string }[]> {
  const { rows } = await sql<{ user_id: string; provider: string }>`
    select user_id, provider from auth.identities
    where email = any(${emails}::text[]) and identity_data->'email_verified' in ('true', '"true"')`.execute(
    ctx.db,
  )
  return rows.map((row) => ({ userId: row.user_id, provider: row.provider }))
}

/** Adds to an identity's data (a shallow merge) and returns whether it was there. */
export async function updateIdentityData(
  ctx: Tx,
  key: { provider: string; userId: string },
  data: Json,
): Promise<boolean> {
  const { rows } = await sql`
    update auth.identities set identity_data = identity_data || ${JSON.stringify(data)}::text::jsonb, updated_at = ${sqlNow(ctx)}
    where user_id = ${key.userId} and provider = ${key.provider} returning id`.execute(ctx.db)
  return rows.length > 0
}

/** Returns whether there was one. */
export async function deleteIdentity(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`delete from auth.identities where id = ${id} returning id`.execute(
    ctx.db,
  )
  return rows.length > 0
}

/** Deletes a user's identity of one provider and returns whether there was one. */
export async function deleteIdentityOf(
  ctx: Tx,
  key: { provider: string; userId: string },
): Promise<boolean> {
  const { rows } = await sql`
    delete from auth.identities where user_id = ${key.userId} and provider = ${key.provider} returning id`.execute(
    ctx.db,
  )
  return rows.length > 0
}

/** Writes into the user's metadata of which providers its identities are, the oldest first (reference/gotrue.md § 3.3). */
export async function updateProviders(ctx: Tx, userId: string): Promise<void> {
  await sql`with ${writingProviders(ctx, userId)} select 1`.execute(ctx.db)
}

/**
 * The same as common table expressions, for the statement that makes an identity: it does not see its own rows, and
 * selects `provider, created_at` of them as `more`.
 */
export function writingProviders(
  ctx: Tx,
  userId: string,
  more: RawBuilder<unknown> = sql`select null::text, null::timestamptz where false`,
): RawBuilder<unknown> {
  return sql`named as (
      select coalesce(jsonb_agg(provider order by first, provider), '[]') as providers
      from (
        select provider, min(created_at) as first
        from (select provider, created_at from auth.identities where user_id = ${userId} union all ${more}) i
        group by provider) p),
    provided as (
      update auth.users u set raw_app_meta_data = case
        when providers = '[]' then coalesce(raw_app_meta_data, '{}') - 'provider' - 'providers'
        else coalesce(raw_app_meta_data, '{}') || jsonb_build_object('providers', providers, 'provider',
          case when providers @> (raw_app_meta_data->'provider') then raw_app_meta_data->'provider' else providers->0 end)
      end, updated_at = ${sqlNow(ctx)}
      from named where u.id = ${userId})`
}
