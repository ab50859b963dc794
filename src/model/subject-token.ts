import type { Tx } from '../base/context.ts'
import { sha256 } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { isForeignKeyViolation } from '../base/sql-error.ts'
import { sqlAfter, sqlNow } from './clock.ts'
import { recordingOf } from './event.ts'

/** What a user's token says when it is exchanged: for whom it stands. */
export interface StandsFor {
  userId: string
}

/** The same with what its maker attached to it, for custom claims. */
export interface Impersonated extends StandsFor {
  context: Readonly<Record<string, unknown>>
}

/** Keeps a token that stands for a user, once, and returns it; null when there is no such user. */
export async function createSubjectToken(
  ctx: Tx,
  asked: {
    userId: string
    context: Record<string, unknown>
    /** Milliseconds. */
    lifetime: number
    applicationId: string | null
  },
): Promise<string | null> {
  const value = `sub_${ctx.random.token()}`
  const { rows } = await sql`
    with made as (
      insert into idp.subject_tokens (hash, user_id, context, created_at, expires_at)
      select ${sha256(value)}, u.id, ${JSON.stringify(asked.context)}::text::jsonb, ${sqlNow(ctx)},
        ${sqlAfter(ctx, asked.lifetime)}
      from auth.users u where u.id = ${asked.userId} and u.deleted_at is null
      returning user_id, null::uuid as session_id, ${asked.applicationId}::text as application_id),
    ${recordingOf(ctx, 'subject-token.created', 'made')}
    select 1 from made`.execute(ctx.db)
  return rows.length === 0 ? null : value
}

/** Spends a subject token: of many who come with it at once, one hears what it says. */
export async function spendSubjectToken(ctx: Tx, value: string): Promise<Impersonated | null> {
  const { rows } = await sql<{ user_id: string; context: Impersonated['context'] }>`
    update idp.subject_tokens set used_at = ${sqlNow(ctx)}
    where hash = ${sha256(value)} and used_at is null and expires_at > ${sqlNow(ctx)}
    returning user_id, context`.execute(ctx.db)
  const [row] = rows
  return row === undefined ? null : { userId: row.user_id, context: row.context }
}

/** What a user sees of a token of theirs. */
export interface PersonalAccessToken {
  /** Unique among the user's. */
  name: string
  createdAt: Date
  /** Null for one that lasts. */
  expiresAt: Date | null
}

/**
 * Keeps a user's own token, for a program of theirs, and returns it. Throws `conflict` where they have one of this name,
 * and `user_not_found`.
 */
export async function createPersonalAccessToken(
  ctx: Tx,
  asked: { userId: string; name: string; expiresAt: Date | null },
): Promise<PersonalAccessToken & { value: string }> {
  const value = `pat_${ctx.random.token()}`
  const { userId, name, expiresAt } = asked
  const { rows } = await sql<{ created_at: Date }>`
    with made as (
      insert into idp.personal_access_tokens (user_id, name, hash, created_at, expires_at)
      values (${userId}, ${name}, ${sha256(value)}, ${sqlNow(ctx)}, ${expiresAt}::timestamptz)
      on conflict (user_id, name) do nothing
      returning user_id, null::uuid as session_id, null::text as application_id, created_at),
    ${recordingOf(ctx, 'personal-access-token.created', 'made')}
    select created_at from made`
    .execute(ctx.db)
    .catch((error: unknown) => {
      throw isForeignKeyViolation(error) ? new Fault('user_not_found') : error
    })
  const [row] = rows
  if (row === undefined) throw new Fault('conflict', { field: 'name', name })
  return { name, createdAt: row.created_at, expiresAt, value }
}

/** For whom a personal access token stands; null when it has expired or is none. */
export async function findPersonalAccessToken(ctx: Tx, value: string): Promise<StandsFor | null> {
  const { rows } = await sql<{ user_id: string }>`
    select user_id from idp.personal_access_tokens
    where hash = ${sha256(value)} and (expires_at is null or expires_at > ${sqlNow(ctx)})`.execute(
    ctx.db,
  )
  return rows[0] === undefined ? null : { userId: rows[0].user_id }
}

/** The tokens themselves are not kept, only their hashes. */
export async function listPersonalAccessTokens(
  ctx: Tx,
  userId: string,
): Promise<PersonalAccessToken[]> {
  const { rows } = await sql<PersonalAccessToken>`
    select name, created_at as "createdAt", expires_at as "expiresAt" from idp.personal_access_tokens
    where user_id = ${userId} order by created_at, name`.execute(ctx.db)
  return rows
}

export async function deletePersonalAccessToken(
  ctx: Tx,
  userId: string,
  name: string,
): Promise<boolean> {
  const { rows } = await sql`
    with gone as (
      delete from idp.personal_access_tokens where user_id = ${userId} and name = ${name}
      returning user_id, null::uuid as session_id, null::text as application_id),
    ${recordingOf(ctx, 'personal-access-token.deleted', 'gone')}
    select 1 from gone`.execute(ctx.db)
  return rows.length > 0
}
