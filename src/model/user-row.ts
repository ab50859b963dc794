import type { RawBuilder } from 'kysely'
import { sql } from '../base/sql.ts'
import { type HolderRow, toHolder } from './holder.ts'
import { type IdentityRow, toIdentity } from './identity.ts'
import type { Factor, Json, User } from './user.ts'

/** The columns of `auth.users` and `idp.profiles` as `usersSql` selects them. */
export interface UserRow extends HolderRow {
  aud: string | null
  role: string | null
  encrypted_password: string | null
  invited_at: Date | null
  confirmation_token: string | null
  confirmation_sent_at: Date | null
  recovery_token: string | null
  recovery_sent_at: Date | null
  email_change_token_new: string | null
  email_change: string | null
  email_change_sent_at: Date | null
  email_change_token_current: string | null
  email_change_confirm_status: number | null
  last_sign_in_at: Date | null
  raw_user_meta_data: Json | null
  phone_change: string | null
  phone_change_token: string | null
  phone_change_sent_at: Date | null
  confirmed_at: Date | null
  banned_until: Date | number | null
  reauthentication_token: string | null
  reauthentication_sent_at: Date | null
  is_sso_user: boolean
  deleted_at: Date | null
  is_anonymous: boolean
  identities: IdentityRow[]
  factors: FactorRow[]
}

interface FactorRow {
  id: string
  factor_type: Factor['type']
  status: Factor['status']
  friendly_name: string | null
  phone: string | null
  created_at: string
  updated_at: string
  last_challenged_at: string | null
  web_authn_aaguid: string | null
}

const endOfTime = new Date(8.64e15)

export function toUser(row: UserRow): User {
  const holder = toHolder(row)
  return {
    ...holder,
    audience: row.aud ?? '',
    databaseRole: row.role ?? '',
    metadata: { ...holder.metadata, own: row.raw_user_meta_data ?? {} },
    passwordHash: row.encrypted_password || null,
    bannedUntil: typeof row.banned_until === 'number' ? endOfTime : row.banned_until,
    isAnonymous: row.is_anonymous,
    isSso: row.is_sso_user,
    pending: {
      confirmationToken: row.confirmation_token ?? '',
      confirmationSentAt: row.confirmation_sent_at,
      recoveryToken: row.recovery_token ?? '',
      recoverySentAt: row.recovery_sent_at,
      newEmail: row.email_change ?? '',
      newEmailToken: row.email_change_token_new ?? '',
      currentEmailToken: row.email_change_token_current ?? '',
      emailChangeSentAt: row.email_change_sent_at,
      emailChangeConfirmations: row.email_change_confirm_status ?? 0,
      newPhone: row.phone_change ?? '',
      phoneChangeToken: row.phone_change_token ?? '',
      phoneChangeSentAt: row.phone_change_sent_at,
      reauthenticationToken: row.reauthentication_token ?? '',
      reauthenticationSentAt: row.reauthentication_sent_at,
    },
    invitedAt: row.invited_at,
    confirmedAt: row.confirmed_at,
    lastSignInAt: row.last_sign_in_at,
    deletedAt: row.deleted_at,
    identities: row.identities.map(toIdentity),
    factors: row.factors.map(toFactor),
  }
}

function toFactor(row: FactorRow): Factor {
  return {
    id: row.id,
    type: row.factor_type,
    status: row.status,
    friendlyName: row.friendly_name,
    phone: row.phone,
    createdAt: new Date(row.created_at),
    updatedAt: new Date(row.updated_at),
    lastChallengedAt: row.last_challenged_at === null ? null : new Date(row.last_challenged_at),
    aaguid: row.web_authn_aaguid,
  }
}

/**
 * `select` of whole users from `source`, which must yield rows of `auth.users` named `u`: the table itself, or a
 * common table expression with `returning *`. One query, whatever a user has. `extra` columns end in a comma.
 */
export function usersSql<Extra extends object = object>(
  source: RawBuilder<unknown> = sql`auth.users u`,
  extra: RawBuilder<unknown> = sql``,
): RawBuilder<UserRow & Extra> {
  return sql<UserRow & Extra>`
    select u.*, p.username, p.name, p.avatar, p.details, p.custom_data, ${extra}
      coalesce((select json_agg(i order by i.created_at, i.id) from auth.identities i where i.user_id = u.id), '[]') as identities,
      coalesce((select json_agg(json_build_object('id', f.id, 'factor_type', f.factor_type, 'status', f.status,
          'friendly_name', f.friendly_name, 'phone', f.phone, 'created_at', f.created_at, 'updated_at', f.updated_at,
          'last_challenged_at', f.last_challenged_at, 'web_authn_aaguid', f.web_authn_aaguid) order by f.created_at, f.id)
        from auth.mfa_factors f where f.user_id = u.id), '[]') as factors
    from ${source} left join idp.profiles p on p.user_id = u.id`
}
