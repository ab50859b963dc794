import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import { type AuditActor, record, recording } from './event.ts'
import {
  createIdentity,
  deleteIdentityOf,
  updateIdentityData,
  updateProviders,
} from './identity.ts'
import { dropUnproved } from './shell.ts'
import { type Json, normalEmail } from './user.ts'
import { isUuid, nilUuid } from './uuid.ts'

/** A user as Auth.js sees one: few columns, and the keys that the app's providers added. */
export interface AuthjsUser {
  id: string
  email: string | null
  emailVerifiedAt: Date | null
  name: string | null
  avatar: string | null
  /** What a provider's `profile()` returned beside these: `idp.profiles.custom_data.authjs`. */
  extra: Json
  /** For the log, whose entries name who acts. */
  actor: AuditActor
}

export interface AuthjsUserRow {
  user_id: string
  email: string | null
  email_confirmed_at: Date | null
  name: string | null
  avatar: string | null
  extra: unknown
  phone: string | null
  full_name: string | null
  is_sso_user: boolean
}

export const authjsUserColumns = sql`u.id as user_id, u.email, u.email_confirmed_at, u.phone, u.is_sso_user,
  u.raw_user_meta_data->>'full_name' as full_name, p.name, p.avatar, p.custom_data->'authjs' as extra`

export function toAuthjsUser(row: AuthjsUserRow): AuthjsUser {
  return {
    id: row.user_id,
    email: row.email || null,
    emailVerifiedAt: row.email_confirmed_at,
    name: row.name,
    avatar: row.avatar,
    extra: isObject(row.extra) ? row.extra : {},
    actor: {
      id: row.user_id,
      viaSso: row.is_sso_user,
      username: row.phone || row.email || '',
      ...(row.full_name === null ? {} : { name: row.full_name }),
    },
  }
}

function isObject(value: unknown): value is Json {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** By id; null for an unknown id and for one that is none. */
export async function findAuthjsUser(ctx: Tx, id: string): Promise<AuthjsUser | null> {
  return isUuid(id) ? oneUser(ctx, sql`u.id = ${id}`) : null
}

/** By address, in whatever case. Users of enterprise single sign-on are not found. */
export async function findAuthjsUserByEmail(ctx: Tx, email: string): Promise<AuthjsUser | null> {
  if (email === '') return null
  return oneUser(ctx, sql`u.email = ${normalEmail(email)} and u.is_sso_user = false`)
}

/** By both keys of an account: another provider's `123` is somebody else. */
export async function findAuthjsUserByAccount(
  ctx: Tx,
  key: { provider: string; subject: string },
): Promise<AuthjsUser | null> {
  return oneUser(
    ctx,
    sql`u.id = (select i.user_id from auth.identities i
      where i.provider = ${key.provider} and i.provider_id = ${key.subject})`,
  )
}

async function oneUser(ctx: Tx, where: RawBuilder<unknown>): Promise<AuthjsUser | null> {
  const { rows } = await sql<AuthjsUserRow>`
    select ${authjsUserColumns} from auth.users u left join idp.profiles p on p.user_id = u.id
    where u.instance_id = ${nilUuid} and u.deleted_at is null and ${where} limit 1`.execute(ctx.db)
  return rows[0] === undefined ? null : toAuthjsUser(rows[0])
}

export interface NewAuthjsUser {
  id?: string | undefined
  email: string | null
  emailVerifiedAt: Date | null
  name: string | null
  avatar: string | null
  extra: Json
}

/**
 * Writes a user that every face knows, with an `email` identity where the address was proved by a mail: in one statement.
 * Throws a unique violation when the address is taken.
 */
export async function createAuthjsUser(ctx: Tx, user: NewAuthjsUser): Promise<AuthjsUser> {
  const { emailVerifiedAt, name, avatar, extra } = user
  const id = user.id ?? ctx.random.uuid()
  const email = user.email && normalEmail(user.email)
  const data = email !== null && emailVerifiedAt !== null ? emailData(id, email, true) : null
  // Which provider somebody else came by is known when the account is linked.
  const traits = data === null ? {} : { provider: 'email' }
  const signedUp = {
    type: 'user.signed-up' as const,
    userId: id,
    details: traits,
    audit: {
      action: 'user_signedup',
      logType: 'team' as const,
      actor: { id, viaSso: false, username: email ?? '' },
      traits,
    },
  }
  const { gotrue } = ctx.config
  const now = sqlNow(ctx)
  const metadata = data === null ? {} : { provider: 'email', providers: ['email'] }
  const custom = Object.keys(extra).length > 0 ? { authjs: extra } : {}
  // Triggers of the database's owner may change the row before it is written: what is returned is what was.
  const { rows } = await sql<AuthjsUserRow>`
    with u as (
      insert into auth.users (instance_id, id, aud, role, email, email_confirmed_at, raw_app_meta_data, raw_user_meta_data,
        is_anonymous, is_sso_user, confirmation_token, recovery_token, email_change_token_new, email_change,
        created_at, updated_at)
      values (${nilUuid}, ${id}, ${gotrue.jwtAudience}, ${gotrue.jwtDefaultRole}, ${email},
        ${data === null ? null : emailVerifiedAt}, ${JSON.stringify(metadata)}::text::jsonb,
        ${JSON.stringify(data ?? {})}::text::jsonb, false, false, '', '', '', '', ${now}, ${now})
      returning *),
    p as (
      insert into idp.profiles (user_id, name, avatar, custom_data, created_at, updated_at)
      select id, ${name}, ${avatar}, ${JSON.stringify(custom)}::text::jsonb, ${now}, ${now} from u returning *),
    i as (
      insert into auth.identities (id, user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at)
      select ${ctx.random.uuid()}, id, 'email', id::text, ${JSON.stringify(data ?? {})}::text::jsonb, ${now}, ${now}, ${now}
      from u where ${data !== null}::boolean),
    ${recording(ctx, [signedUp], sql`exists (select from u)`)}
    select ${authjsUserColumns} from u left join p on p.user_id = u.id`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) throw new Error('The new user was not returned.')
  return toAuthjsUser(row)
}

function emailData(id: string, email: string, isProved: boolean): Json {
  return { sub: id, email: normalEmail(email), email_verified: isProved, phone_verified: false }
}

/** `undefined` leaves, `null` clears; `extra` is merged key by key. */
export interface AuthjsUserChange {
  email?: string | null | undefined
  emailVerifiedAt?: Date | null | undefined
  name?: string | null | undefined
  avatar?: string | null | undefined
  extra?: Json
}

/**
 * Changes a user and returns it whole; null when there is none. To be called in a transaction. Who proves an address that
 * nobody had proved gets the account without what other faces let strangers put into it: see `dropUnproved`.
 */
export async function updateAuthjsUser(
  ctx: Tx,
  id: string,
  change: AuthjsUserChange,
): Promise<AuthjsUser | null> {
  const before = await lockUser(ctx, id)
  if (before === null) return null
  const email =
    change.email === undefined ? before.email : change.email && normalEmail(change.email)
  const verifiedAt =
    email === null || change.emailVerifiedAt === null
      ? null
      : (change.emailVerifiedAt ?? before.emailVerifiedAt)
  if (verifiedAt !== null && before.emailVerifiedAt === null) {
    // It is somebody's by their phone; an address that they never proved does not open it.
    if (before.phoneVerifiedAt !== null) throw new Fault('email_not_confirmed')
    await dropUnproved(ctx, id)
  }
  await writeUser(ctx, id, { ...change, email, emailVerifiedAt: verifiedAt })
  await writeEmailIdentity(ctx, id, email, verifiedAt)
  const after = await findAuthjsUser(ctx, id)
  if (after === null) return null
  await record(ctx, {
    type: 'user.updated',
    userId: id,
    details: { changed: Object.keys(change) },
    audit: { action: 'user_modified', logType: 'user', actor: after.actor },
  })
  return after
}

interface Locked {
  email: string | null
  emailVerifiedAt: Date | null
  phoneVerifiedAt: Date | null
}

async function lockUser(ctx: Tx, id: string): Promise<Locked | null> {
  if (!isUuid(id)) return null
  const { rows } = await sql<{
    email: string | null
    email_confirmed_at: Date | null
    phone_confirmed_at: Date | null
  }>`
    select email, email_confirmed_at, phone_confirmed_at from auth.users
    where id = ${id} and instance_id = ${nilUuid} and deleted_at is null for update`.execute(ctx.db)
  const [row] = rows
  if (row === undefined) return null
  return {
    email: row.email || null,
    emailVerifiedAt: row.email_confirmed_at,
    phoneVerifiedAt: row.phone_confirmed_at,
  }
}

async function writeUser(ctx: Tx, id: string, change: AuthjsUserChange): Promise<void> {
  const now = sqlNow(ctx)
  const { name, avatar, extra = {} } = change
  // A user whom GoTrue made has no profile yet.
  await sql`
    with changed as (
      update auth.users
      set email = ${change.email ?? null}, email_confirmed_at = ${change.emailVerifiedAt ?? null}, updated_at = ${now}
      where id = ${id} returning id)
    insert into idp.profiles as p (user_id, name, avatar, custom_data, created_at, updated_at)
    select id, ${name ?? null}, ${avatar ?? null}, ${JSON.stringify({ authjs: extra })}::text::jsonb, ${now}, ${now}
    from changed
    on conflict (user_id) do update set
      name = case when ${name !== undefined}::boolean then excluded.name else p.name end,
      avatar = case when ${avatar !== undefined}::boolean then excluded.avatar else p.avatar end,
      custom_data = case when ${Object.keys(extra).length > 0}::boolean
        then p.custom_data || jsonb_build_object('authjs',
          case when jsonb_typeof(p.custom_data->'authjs') = 'object' then p.custom_data->'authjs' else '{}' end
            || (excluded.custom_data->'authjs'))
        else p.custom_data end,
      updated_at = excluded.updated_at`.execute(ctx.db)
}

/** The `email` identity says what the user's row says: GoTrue's clients read the address there. */
async function writeEmailIdentity(
  ctx: Tx,
  userId: string,
  email: string | null,
  verifiedAt: Date | null,
): Promise<void> {
  if (email === null) {
    if (await deleteIdentityOf(ctx, { provider: 'email', userId }))
      await updateProviders(ctx, userId)
    return
  }
  const data = emailData(userId, email, verifiedAt !== null)
  const isThere = await updateIdentityData(
    ctx,
    { provider: 'email', userId },
    { email: data.email, email_verified: data.email_verified },
  )
  if (isThere || verifiedAt === null) return
  await createIdentity(ctx, { userId, provider: 'email', subject: userId, data })
  await updateProviders(ctx, userId)
}

/**
 * Deletes the user, by cascade all that hangs on it, and the open links and codes of its address; returns who it was.
 * To be called in a transaction.
 */
export async function deleteAuthjsUser(ctx: Tx, id: string): Promise<AuthjsUser | null> {
  const user = await findAuthjsUser(ctx, id)
  if (user === null) return null
  const { rows } = await sql`
    delete from auth.users where id = ${id} and instance_id = ${nilUuid} returning id`.execute(
    ctx.db,
  )
  if (rows.length === 0) return null
  if (user.email !== null) {
    await sql`delete from idp.verifications where recipient = ${user.email}`.execute(ctx.db)
  }
  await record(ctx, {
    type: 'user.deleted',
    userId: id,
    audit: {
      action: 'user_deleted',
      logType: 'team',
      actor: { id: nilUuid, viaSso: false, username: '', name: 'authjs' },
      traits: { user_id: id, user_email: user.email ?? '', user_phone: '' },
    },
  })
  return user
}
