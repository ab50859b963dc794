import type { RawBuilder } from 'kysely'
import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { discloseFor } from '../base/gotrue-envelope.ts'
import { sql } from '../base/sql.ts'
import { sqlNow } from './clock.ts'
import type { AuditActor } from './event.ts'
import type { Identity } from './identity.ts'
import { toUser, type UserRow, usersSql } from './user-row.ts'
import { isUuid, nilUuid } from './uuid.ts'

export type Json = Record<string, unknown>

/** A second factor that the user enrolled (GoTrue's `mfa_factors`); secrets are not read with the user. */
export interface Factor {
  id: string
  type: 'totp' | 'phone' | 'webauthn'
  status: 'verified' | 'unverified'
  friendlyName: string | null
  phone: string | null
  createdAt: Date
  updatedAt: Date
  lastChallengedAt: Date | null
  /** The model of a security key. */
  aaguid: string | null
}

/**
 * One person, for all faces: the row of `auth.users` joined with its profile, its identities and factors.
 * A date says that something was verified, never a flag.
 */
export interface User {
  id: string
  audience: string
  /** Postgres' role for row-level security, e.g. `authenticated`. */
  databaseRole: string
  email: string | null
  emailVerifiedAt: Date | null
  /** Digits without `+`. */
  phone: string | null
  phoneVerifiedAt: Date | null
  username: string | null
  name: string | null
  avatar: string | null
  /** OpenID Connect's standard claims without a column of their own, in snake_case. */
  details: Json
  customData: Json
  /** `own` the user may write, `app` only administrators. */
  metadata: { own: Json; app: Json }
  /** Names its own algorithm (PHC, `$2b$`); what verifies passwords asks `passwordHashOf`. */
  passwordHash: string | null
  /** `Infinity` in the database (suspended for good) is the end of JavaScript's time. */
  bannedUntil: Date | null
  isAnonymous: boolean
  /** Came by enterprise single sign-on; never found by e-mail. */
  isSso: boolean
  /** GoTrue's one-time tokens that wait to be used. */
  pending: {
    confirmationToken: string
    confirmationSentAt: Date | null
    recoveryToken: string
    recoverySentAt: Date | null
    newEmail: string
    newEmailToken: string
    currentEmailToken: string
    emailChangeSentAt: Date | null
    /** 0: none of the two addresses said yes; 1: one did. */
    emailChangeConfirmations: number
    newPhone: string
    phoneChangeToken: string
    phoneChangeSentAt: Date | null
    reauthenticationToken: string
    reauthenticationSentAt: Date | null
  }
  invitedAt: Date | null
  confirmedAt: Date | null
  lastSignInAt: Date | null
  deletedAt: Date | null
  createdAt: Date
  updatedAt: Date
  identities: Identity[]
  factors: Factor[]
}

async function oneUser(ctx: Tx, where: RawBuilder<unknown>): Promise<User | null> {
  const { rows } =
    await sql<UserRow>`${usersSql()} where u.instance_id = ${nilUuid} and ${where} limit 1`.execute(
      ctx.db,
    )
  return rows[0] === undefined ? null : toUser(rows[0])
}

/** By id; null for an unknown id and for one that is none. */
export async function findUser(ctx: Tx, id: string): Promise<User | null> {
  return isUuid(id) ? oneUser(ctx, sql`u.id = ${id}`) : null
}

/** The same where the user was there a statement ago. Throws `user_not_found` where somebody deleted them meanwhile. */
export async function existingUser(ctx: Tx, id: string): Promise<User> {
  const user = await findUser(ctx, id)
  if (user === null) throw new Fault('user_not_found')
  return user
}

/**
 * By address, which is kept in lower case. Users of enterprise single sign-on are not found: their address belongs
 * to somebody else's directory.
 */
export async function findUserByEmail(ctx: Tx, email: string): Promise<User | null> {
  if (email === '') return null
  return oneUser(ctx, sql`u.email = ${normalEmail(email)} and u.is_sso_user = false`)
}

/** By phone number: digits without `+`. */
export async function findUserByPhone(ctx: Tx, phone: string): Promise<User | null> {
  if (phone === '') return null
  return oneUser(ctx, sql`u.phone = ${phone} and u.is_sso_user = false`)
}

export async function findUserByUsername(ctx: Tx, username: string): Promise<User | null> {
  if (username === '') return null
  return oneUser(
    ctx,
    sql`u.id = (select user_id from idp.profiles where lower(username) = lower(${username}))`,
  )
}

/** The form in which an e-mail address is stored and compared. */
export function normalEmail(email: string): string {
  // The Kelvin sign and the dotted İ would become letters of somebody else's address.
  return email.replace(/[^\u0130\u212a]+/g, (part) => part.toLowerCase())
}

// GoTrue's form: no dot is needed in the domain, nothing outside ASCII is allowed.
const emailForm =
  /^[a-zA-Z0-9.!#$%&'*+/=?^_`{|}~-]+@[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?(?:\.[a-zA-Z0-9](?:[a-zA-Z0-9-]{0,61}[a-zA-Z0-9])?)*$/

export function isEmail(text: string): boolean {
  return text.length <= 255 && emailForm.test(text)
}

/** Nobody else changes what hangs on this user until the transaction ends. False where there is none. */
export async function lockUser(ctx: Tx, id: string): Promise<boolean> {
  const { rows } = await sql`select id from auth.users where id = ${id} for update`.execute(ctx.db)
  return rows.length > 0
}

/** What a new user may come with. `undefined` is left to the default. */
export interface NewUser {
  id?: string | undefined
  email?: string | null | undefined
  emailVerified?: boolean | undefined
  phone?: string | null | undefined
  phoneVerified?: boolean | undefined
  username?: string | null | undefined
  name?: string | null | undefined
  avatar?: string | null | undefined
  details?: Json | undefined
  customData?: Json | undefined
  passwordHash?: string | null | undefined
  metadata?: { own?: Json | undefined; app?: Json | undefined } | undefined
  audience?: string | undefined
  databaseRole?: string | undefined
  isAnonymous?: boolean | undefined
  isSso?: boolean | undefined
  bannedUntil?: Date | null | undefined
  invited?: boolean | undefined
}

/**
 * Writes both rows of a user. Triggers of the database's owner on `auth.users` run in this transaction, and may change
 * the row: read the user again where its values matter. Throws a unique violation when the e-mail address, phone
 * number or user name is taken. Records no event: the flow knows which it is.
 */
export async function createUser(ctx: Tx, user: NewUser): Promise<User> {
  const id = user.id ?? ctx.random.uuid()
  const { gotrue } = ctx.config
  const now = sqlNow(ctx)
  await sql`
    with made as (
      insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at, phone,
        phone_confirmed_at, raw_app_meta_data, raw_user_meta_data, is_anonymous, is_sso_user, banned_until, invited_at,
        confirmation_token, recovery_token, email_change_token_new, email_change, created_at, updated_at)
      values (${nilUuid}, ${id}, ${user.audience ?? gotrue.jwtAudience}, ${user.databaseRole ?? gotrue.jwtDefaultRole},
        ${user.email ? normalEmail(user.email) : null}, ${user.passwordHash ?? null},
        ${user.emailVerified ? now : null}, ${user.phone || null}, ${user.phoneVerified ? now : null},
        ${JSON.stringify(user.metadata?.app ?? {})}::text::jsonb, ${JSON.stringify(user.metadata?.own ?? {})}::text::jsonb,
        ${user.isAnonymous ?? false}, ${user.isSso ?? false}, ${user.bannedUntil ?? null}, ${user.invited ? now : null},
        '', '', '', '', ${now}, ${now})
      returning id),
    enrolled as (
      insert into idp.user_roles (user_id, role_id)
      select made.id, r.id from made, idp.roles r where r.is_default and r.type = 'User')
    insert into idp.profiles (user_id, username, name, avatar, details, custom_data, created_at, updated_at)
    select id, ${user.username ?? null}, ${user.name ?? null}, ${user.avatar ?? null},
      ${JSON.stringify(user.details ?? {})}::text::jsonb, ${JSON.stringify(user.customData ?? {})}::text::jsonb, ${now}, ${now}
    from made`.execute(ctx.db)
  const made = await findUser(ctx, id)
  if (made === null) throw new Error('The new user cannot be read.')
  return made
}

/** Columns of both rows that a change may set; `undefined` leaves, `null` clears. */
export interface UserChange {
  email?: string | null | undefined
  /** `true` verifies now, `false` takes the verification back. */
  emailVerified?: boolean | undefined
  phone?: string | null | undefined
  phoneVerified?: boolean | undefined
  username?: string | null | undefined
  name?: string | null | undefined
  avatar?: string | null | undefined
  details?: Json | undefined
  customData?: Json | undefined
  passwordHash?: string | null | undefined
  metadata?: { own?: Json | undefined; app?: Json | undefined } | undefined
  databaseRole?: string | undefined
  audience?: string | undefined
  isAnonymous?: boolean | undefined
  bannedUntil?: Date | null | undefined
}

/** Changes a user and returns it whole; null when there is none. Metadata is replaced: merge it first. */
export async function updateUser(ctx: Tx, id: string, change: UserChange): Promise<User | null> {
  if (!isUuid(id)) return null
  const now = sqlNow(ctx)
  const userColumns = assignments({
    email: change.email === undefined ? undefined : change.email && normalEmail(change.email),
    email_confirmed_at: verified(ctx, change.emailVerified, 'email_confirmed_at'),
    phone: change.phone,
    phone_confirmed_at: verified(ctx, change.phoneVerified, 'phone_confirmed_at'),
    encrypted_password: change.passwordHash,
    raw_user_meta_data: json(change.metadata?.own),
    raw_app_meta_data: json(change.metadata?.app),
    role: change.databaseRole,
    aud: change.audience,
    is_anonymous: change.isAnonymous,
    banned_until: change.bannedUntil,
    updated_at: now,
  })
  const profileColumns = assignments({
    username: change.username,
    name: change.name,
    avatar: change.avatar,
    details: json(change.details),
    custom_data: json(change.customData),
  })
  // A user whom GoTrue made has no profile yet.
  const profile =
    profileColumns.length === 0
      ? sql`profiled as (select 1)`
      : sql`profiled as (
          insert into idp.profiles as p (user_id, ${sql.join(profileColumns.map(({ column }) => sql.ref(column)))})
          select id, ${sql.join(profileColumns.map(({ value }) => value))} from changed
          on conflict (user_id) do update set ${sql.join(
            profileColumns.map(
              ({ column }) => sql`${sql.ref(column)} = excluded.${sql.ref(column)}`,
            ),
          )}, updated_at = ${now})`
  const { rows } = await sql`
    with changed as (
      update auth.users set ${sql.join(userColumns.map(({ column, value }) => sql`${sql.ref(column)} = ${value}`))}
      where id = ${id} and instance_id = ${nilUuid} returning id), ${profile}
    select id from changed`.execute(ctx.db)
  return rows.length === 0 ? null : findUser(ctx, id)
}

function assignments(
  columns: Record<string, unknown>,
): { column: string; value: RawBuilder<unknown> }[] {
  return Object.entries(columns).flatMap(([column, value]) =>
    value === undefined ? [] : [{ column, value: sql`${value}` }],
  )
}

function json(value: Json | undefined): RawBuilder<unknown> | undefined {
  return value === undefined ? undefined : sql`${JSON.stringify(value)}::text::jsonb`
}

/** The date of the first verification stays. */
function verified(
  ctx: Tx,
  change: boolean | undefined,
  column: string,
): RawBuilder<unknown> | null | undefined {
  if (change === undefined) return undefined
  return change ? sql`coalesce(${sql.ref(column)}, ${sqlNow(ctx)})` : null
}

/** Deletes the user and, by cascade, all that hangs on it: one DELETE, as customers' foreign keys expect. */
export async function deleteUser(ctx: Tx, id: string): Promise<boolean> {
  if (!isUuid(id)) return false
  const { rows } = await sql`
    delete from auth.users where id = ${id} and instance_id = ${nilUuid} returning id`.execute(
    ctx.db,
  )
  return rows.length > 0
}

/** One page of users, and how many there are: GoTrue's `filter` looks into the address and the full name. */
export async function listUsers(
  ctx: Tx,
  page: {
    limit: number
    offset: number
    filter?: string | undefined
    order?: 'asc' | 'desc' | undefined
  },
): Promise<{ users: User[]; total: number }> {
  const pattern = page.filter ? `%${page.filter.replace(/[\\%_]/g, '\\$&')}%` : null
  const where = sql`u.instance_id = ${nilUuid}${
    pattern === null
      ? sql``
      : sql` and (u.email like ${pattern} or u.raw_user_meta_data->>'full_name' ilike ${pattern})`
  }`
  const direction = page.order === 'asc' ? sql`asc` : sql`desc`
  const order = sql`order by u.created_at ${direction}, u.id ${direction}`
  // Who is on the page is found before anybody is read whole: else all that come before it would be, too.
  const onPage = sql`(select u.id from auth.users u where ${where} ${order} limit ${page.limit} offset ${page.offset}) page
    join auth.users u on u.id = page.id`
  const { rows } = await sql<UserRow>`${usersSql(onPage)} ${order}`.execute(ctx.db)
  const counted = await sql<{
    total: number
  }>`select count(*)::int as total from auth.users u where ${where}`.execute(ctx.db)
  return { users: rows.map(toUser), total: counted.rows[0]?.total ?? 0 }
}

/** The hash of a user's password, out of the envelope that GoTrue may have put it into. */
export function passwordHashOf(ctx: Tx, user: User | null): string | null {
  if (user === null || user.passwordHash === null) return null
  return discloseFor(ctx, user.id, user.passwordHash)
}

/** Puts a hash in another's place, unless the password was changed meanwhile. */
export async function replacePasswordHash(
  ctx: Tx,
  id: string,
  hash: { from: string; to: string },
): Promise<void> {
  await sql`update auth.users set encrypted_password = ${hash.to} where id = ${id} and encrypted_password = ${hash.from}`.execute(
    ctx.db,
  )
}

/** The user as the actor of an entry in GoTrue's audit log. */
export function auditActorOf(user: User): AuditActor {
  const name = user.metadata.own.full_name
  return {
    id: user.id,
    viaSso: user.isSso,
    username: user.phone ?? user.email ?? '',
    ...(typeof name === 'string' ? { name } : {}),
  }
}
