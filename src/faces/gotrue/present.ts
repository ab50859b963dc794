import type { Context } from '../../base/context.ts'
import { signJwt } from '../../base/jwt.ts'
import { after, unixSeconds } from '../../base/time.ts'
import type { Carried } from '../../flows/refresh.ts'
import type { AuditEntry } from '../../model/audit.ts'
import type { Identity } from '../../model/identity.ts'
import { signingKey } from '../../model/key.ts'
import type { Passkey } from '../../model/passkey.ts'
import type { Session } from '../../model/session.ts'
import type { Factor, Json, User } from '../../model/user.ts'

/** A time as Go prints it: RFC 3339, without zeros at its end. */
export function goTime(date: Date): string {
  // A ban without end has a year that no client can read.
  if (date.getUTCFullYear() > 9999) return '9999-12-31T23:59:59Z'
  return date.toISOString().replace(/\.?0+Z$/, 'Z')
}

/** Leaves out what is null. */
function times(values: Record<string, Date | null>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).flatMap(([name, date]) => (date === null ? [] : [[name, goTime(date)]])),
  )
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
function userMetadata({ username, name, avatar, metadata }: User): Json {
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

export function passkeyJson({ id, name, createdAt, lastUsedAt }: Passkey): Json {
  return {
    id,
    ...(name === '' ? {} : { friendly_name: name }),
    ...times({ created_at: createdAt, last_used_at: lastUsedAt }),
  }
}

/** What somebody gets who signed up with an address that is taken: nothing in it says so but the missing identity. */
export function pretendedUserJson(
  ctx: Context,
  { email, phone, data }: { email: string; phone: string; data: Json },
): Json {
  const now = goTime(ctx.now())
  const provider = email === '' ? 'phone' : 'email'
  return {
    id: ctx.random.uuid(),
    aud: ctx.config.gotrue.jwtAudience,
    role: '',
    email,
    phone,
    confirmation_sent_at: now,
    app_metadata: { provider, providers: [provider] },
    user_metadata: data,
    identities: [],
    created_at: now,
    updated_at: now,
    is_anonymous: false,
  }
}

/** Signs the access token: what row-level security, PostgREST and every API read. */
export async function accessToken(
  ctx: Context,
  { user, session }: { user: User; session: Session },
): Promise<{ token: string; expiresAt: number }> {
  const { gotrue } = ctx.config
  const issuedAt = unixSeconds(ctx.now())
  const expiresAt = Math.min(issuedAt + gotrue.jwtExpSeconds, lowAalEnd(ctx, { user, session }))
  const token = signJwt(await signingKey(ctx, 'gotrue'), {
    iss: gotrue.jwtIssuer ?? gotrue.externalUrl,
    sub: user.id,
    aud: user.audience,
    exp: expiresAt,
    iat: issuedAt,
    email: user.email ?? '',
    phone: user.phone ?? '',
    app_metadata: user.metadata.app,
    user_metadata: userMetadata(user),
    role: user.databaseRole,
    aal: session.aal,
    amr: session.amr.map(({ method, at }) => ({ method, timestamp: unixSeconds(at) })),
    session_id: session.id,
    is_anonymous: user.isAnonymous,
  })
  return { token, expiresAt }
}

/** A session that has to be raised soon gets no token that outlives it; one second there is always. */
function lowAalEnd(ctx: Context, { user, session }: { user: User; session: Session }): number {
  const allowed = ctx.config.gotrue.sessionsAllowLowAal
  const isLow = session.aal === 'aal1' && user.factors.some(({ status }) => status === 'verified')
  if (allowed === null || !isLow) return Number.POSITIVE_INFINITY
  return Math.max(unixSeconds(after(session.createdAt, allowed)), unixSeconds(ctx.now()) + 1)
}

export interface TokenJson {
  access_token: string
  token_type: 'bearer'
  expires_in: number
  expires_at: number
  refresh_token: string
  user: Json
}

export async function tokenJson(ctx: Context, carried: Carried): Promise<TokenJson> {
  const { token, expiresAt } = await accessToken(ctx, carried)
  return {
    access_token: token,
    token_type: 'bearer',
    expires_in: expiresAt - unixSeconds(ctx.now()),
    expires_at: expiresAt,
    refresh_token: carried.refreshToken,
    user: userJson(carried.user),
  }
}

export function auditJson({ id, payload, createdAt, ipAddress }: AuditEntry): Json {
  return { id, payload, ...times({ created_at: createdAt }), ip_address: ipAddress }
}
