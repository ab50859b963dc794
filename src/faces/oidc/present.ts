import type { Context } from '../../base/context.ts'
import { signJwt } from '../../base/jwt.ts'
import { second, unixSeconds } from '../../base/time.ts'
import type { Back } from '../../flows/authorize.ts'
import { issuerOf } from '../../flows/authorize.ts'
import type { TokenSet } from '../../flows/grants/grant-type.ts'
import type { Application } from '../../model/application.ts'
import type { Granted } from '../../model/grant.ts'
import { signingKey } from '../../model/key.ts'
import type { TokenFacts } from '../../model/token.ts'
import { idTokenClaims } from './claims.ts'

/** The token endpoint's answer (RFC 6749 § 5.1). `scope` is always there, as Logto's SDKs expect. */
export async function tokenJson(
  ctx: Context,
  application: Application,
  { access, refreshToken, granted }: TokenSet,
): Promise<Record<string, unknown>> {
  const isOpenId = granted?.grantedScope.split(' ').includes('openid') ?? false
  return {
    access_token: access.value,
    expires_in: access.lifetime / second,
    ...(granted !== null && isOpenId && { id_token: await idTokenOf(ctx, application, granted) }),
    ...(refreshToken !== null && { refresh_token: refreshToken }),
    scope: access.scope,
    token_type: access.type,
  }
}

/** Issued now, at a refresh too: Logto's Go SDK refuses an `iat` more than a minute away. `aud` is a string for it. */
async function idTokenOf(
  ctx: Context,
  { id, customClientMetadata }: Application,
  granted: Granted,
): Promise<string> {
  const now = unixSeconds(ctx.now())
  return signJwt(await signingKey(ctx, 'oidc'), {
    ...idTokenClaims(granted.user, granted.grantedScope),
    sub: granted.user.id,
    ...(granted.nonce !== null && { nonce: granted.nonce }),
    ...(granted.wantsAuthTime && { auth_time: unixSeconds(granted.authenticatedAt) }),
    aud: id,
    exp: now + (customClientMetadata.idTokenTtl ?? 3600),
    iat: now,
    iss: issuerOf(ctx),
  })
}

/** RFC 7662 § 2.2. */
export function introspectionJson(ctx: Context, facts: TokenFacts | null): Record<string, unknown> {
  if (facts === null) return { active: false }
  return {
    active: true,
    sub: facts.userId ?? facts.applicationId,
    client_id: facts.applicationId,
    ...(facts.username !== null && { username: facts.username }),
    exp: unixSeconds(facts.expiresAt),
    iat: unixSeconds(facts.createdAt),
    iss: issuerOf(ctx),
    scope: facts.scope,
    token_type: facts.kind === 'access' ? 'Bearer' : 'refresh_token',
  }
}

/** The redirect URI with the answer, which always names us (RFC 9207). The address stays as it was registered. */
export function answerAt(
  ctx: Context,
  { redirectUri, state }: Back,
  answer: Record<string, string>,
): string {
  const params = new URLSearchParams(answer)
  if (state !== null) params.set('state', state)
  params.set('iss', issuerOf(ctx))
  return `${redirectUri}${redirectUri.includes('?') ? '&' : '?'}${params}`
}
