import type { Context } from '../../base/context.ts'
import { signJwt } from '../../base/jwt.ts'
import { after, unixSeconds } from '../../base/time.ts'
import { customClaimsOf } from '../../flows/hooks/access-token.ts'
import { goTime, times, userJson, userMetadata } from '../../flows/hooks/present.ts'
import type { Carried } from '../../flows/refresh.ts'
import type { AuditEntry } from '../../model/audit.ts'
import { signingKey } from '../../model/key.ts'
import type { Passkey } from '../../model/passkey.ts'
import type { Session } from '../../model/session.ts'
import type { Json, User } from '../../model/user.ts'

// What hooks are told of a user as well.
export { factorJson, goTime, userJson } from '../../flows/hooks/present.ts'

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
  { user, session, method }: { user: User; session: Session; method: string },
): Promise<{ token: string; expiresAt: number }> {
  const { gotrue } = ctx.config
  const issuedAt = unixSeconds(ctx.now())
  const expiresAt = Math.min(issuedAt + gotrue.jwtExpSeconds, lowAalEnd(ctx, { user, session }))
  const claims = {
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
    amr: session.amr.map(({ method, at }) => ({
      method,
      timestamp: unixSeconds(at),
      ...(method === 'sso/saml' ? ssoProviderOf(user) : {}),
    })),
    session_id: session.id,
    is_anonymous: user.isAnonymous,
    ...(session.client === null
      ? {}
      : { client_id: session.client.id, scope: session.client.scope }),
  }
  const custom = await customClaimsOf(ctx, { userId: user.id, claims, method })
  const token = signJwt(await signingKey(ctx, 'gotrue'), custom)
  return { token, expiresAt }
}

/** Which company's provider somebody came by. */
function ssoProviderOf({ identities }: User): { provider?: string } {
  const found = identities.find(({ provider }) => provider.startsWith('sso:'))
  return found === undefined ? {} : { provider: found.provider.slice('sso:'.length) }
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

export async function tokenJson(
  ctx: Context,
  carried: Carried,
  method: string,
): Promise<TokenJson> {
  const { token, expiresAt } = await accessToken(ctx, { ...carried, method })
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
