import type { Identity } from '../../model/identity.ts'
import type { Factor, Json, User } from '../../model/user.ts'

/** What hooks are told of a user, in GoTrue's words; its face says the same to clients. */

/** A time as Go prints it: RFC 3339, without zeros at its end. */
export function goTime(date: Date): string {
  const text = date.toISOString()
  // A ban without end has a year that no client can read.
  if (text.startsWith('+')) return '9999-12-31T23:59:59Z'
  if (!text.endsWith('0Z')) return text
  return text.endsWith('.000Z') ? `${text.slice(0, -5)}Z` : text.replace(/0+Z$/, 'Z')
}

/** Leaves out what is null. */
export function times(values: Record<string, Date | null>): Record<string, string> {
  const texts: Record<string, string> = {}
  for (const name in values) {
    const date = values[name] ?? null
    if (date !== null) texts[name] = goTime(date)
  }
  return texts
}

/** In lists GoTrue does not load identities: `null`. */
export function userJson(user: User, { inList = false }: { inList?: boolean } = {}): Json {
  const { pending } = user
  return {
    id: user.id,
    aud: user.audience,
    role: user.databaseRole,
    email: user.email ?? '',
    ...times({ email_confirmed_at: user.emailVerifiedAt, invited_at: user.invitedAt }),
    phone: user.phone ?? '',
    ...times({
      phone_confirmed_at: user.phoneVerifiedAt,
      confirmation_sent_at: pending.confirmationSentAt,
      confirmed_at: user.confirmedAt,
      recovery_sent_at: pending.recoverySentAt,
    }),
    ...(pending.newEmail === '' ? {} : { new_email: pending.newEmail }),
    ...times({ email_change_sent_at: pending.emailChangeSentAt }),
    ...(pending.newPhone === '' ? {} : { new_phone: pending.newPhone }),
    ...times({
      phone_change_sent_at: pending.phoneChangeSentAt,
      reauthentication_sent_at: pending.reauthenticationSentAt,
      last_sign_in_at: user.lastSignInAt,
    }),
    app_metadata: user.metadata.app,
    user_metadata: userMetadata(user),
    ...(user.factors.length === 0 ? {} : { factors: user.factors.map(factorJson) }),
    identities: inList ? null : user.identities.map(identityJson),
    created_at: goTime(user.createdAt),
    updated_at: goTime(user.updatedAt),
    ...times({ banned_until: user.bannedUntil, deleted_at: user.deletedAt }),
    is_anonymous: user.isAnonymous,
  }
}

/** The profile of the other faces shows where the user wrote nothing of their own. */
export function userMetadata({ username, name, avatar, metadata }: User): Json {
  return {
    ...(name === null ? {} : { full_name: name, name }),
    ...(avatar === null ? {} : { avatar_url: avatar, picture: avatar }),
    ...(username === null ? {} : { preferred_username: username, user_name: username }),
    ...metadata.own,
  }
}

/** GoTrue's names are crossed: `id` is the subject at the provider, `identity_id` the row. */
function identityJson(identity: Identity): Json {
  return {
    identity_id: identity.id,
    id: identity.subject,
    user_id: identity.userId,
    identity_data: identity.data,
    provider: identity.provider,
    ...times({
      last_sign_in_at: identity.lastSignInAt,
      created_at: identity.createdAt,
      updated_at: identity.updatedAt,
    }),
    ...(identity.email === null ? {} : { email: identity.email }),
  }
}

export function factorJson(factor: Factor): Json {
  return {
    id: factor.id,
    created_at: goTime(factor.createdAt),
    updated_at: goTime(factor.updatedAt),
    status: factor.status,
    ...(factor.friendlyName === null || factor.friendlyName === ''
      ? {}
      : { friendly_name: factor.friendlyName }),
    factor_type: factor.type,
    phone: factor.phone,
    last_challenged_at: factor.lastChallengedAt && goTime(factor.lastChallengedAt),
    ...(factor.aaguid === null ? {} : { web_authn_aaguid: factor.aaguid }),
  }
}
