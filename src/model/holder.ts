import type { RawBuilder } from 'kysely'
import { sql } from '../base/sql.ts'
import type { Json, User } from './user.ts'

/** Whom a token speaks for, as far as tokens tell of them: a part of the user, for a part of the price. */
export interface Holder
  extends Pick<
    User,
    | 'id'
    | 'email'
    | 'emailVerifiedAt'
    | 'phone'
    | 'phoneVerifiedAt'
    | 'username'
    | 'name'
    | 'avatar'
    | 'details'
    | 'customData'
    | 'createdAt'
    | 'updatedAt'
  > {
  metadata: Pick<User['metadata'], 'app'>
}

/** `holderColumns`. */
export interface HolderRow {
  id: string
  email: string | null
  email_confirmed_at: Date | null
  phone: string | null
  phone_confirmed_at: Date | null
  raw_app_meta_data: Json | null
  created_at: Date | null
  updated_at: Date | null
  username: string | null
  name: string | null
  avatar: string | null
  details: Json | null
  custom_data: Json | null
}

export function toHolder(row: HolderRow): Holder {
  return {
    id: row.id,
    email: row.email || null,
    emailVerifiedAt: row.email_confirmed_at,
    phone: row.phone || null,
    phoneVerifiedAt: row.phone_confirmed_at,
    username: row.username,
    name: row.name,
    avatar: row.avatar,
    details: row.details ?? {},
    customData: row.custom_data ?? {},
    metadata: { app: row.raw_app_meta_data ?? {} },
    createdAt: row.created_at ?? new Date(0),
    updatedAt: row.updated_at ?? row.created_at ?? new Date(0),
  }
}

/** These columns of a user `u` and their profile `p`. */
export const holderColumns = sql`u.id, u.email, u.email_confirmed_at, u.phone, u.phone_confirmed_at, u.raw_app_meta_data, u.created_at, u.updated_at,
  p.username, p.name, p.avatar, p.details, p.custom_data`

/** `select` of holders from `source`, which must yield rows of `auth.users` named `u`, with `extra` columns. */
export function holdersSql<Extra extends object>(
  source: RawBuilder<unknown>,
  extra: RawBuilder<unknown>,
): RawBuilder<HolderRow & Extra> {
  return sql<HolderRow & Extra>`
    select ${holderColumns}, ${extra}
    from ${source} left join idp.profiles p on p.user_id = u.id`
}
