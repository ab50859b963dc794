import type { Context } from '../../base/context.ts'
import { signJwt } from '../../base/jwt.ts'
import { second, unixSeconds } from '../../base/time.ts'
import { issuerOf } from '../../flows/authorize.ts'
import type { TokenSet } from '../../flows/grants/grant-type.ts'
import type { Application } from '../../model/application.ts'
import type { Granted } from '../../model/grant.ts'
import { defaultAlgorithm, signingKeyFor } from '../../model/key.ts'
import type { TokenFacts } from '../../model/token.ts'
import { idTokenClaims } from './claims.ts'

/** The token endpoint's answer (RFC 6749 § 5.1). `scope` is always there, as Logto's SDKs expect. */
export async function tokenJson(
  ctx: Context,
  application: Application,
  { access, refreshToken, granted, issuedTokenType }: TokenSet,
): Promise<Record<string, unknown>> {
  const isOpenId = granted?.grantedScope.split(' ').includes('openid') ?? false
  return {
    access_token: access.value,
    expires_in: access.lifetime / second,
    ...(granted !== null && isOpenId && { id_token: await idTokenOf(ctx, application, granted) }),
    ...(refreshToken !== null && { refresh_token: refreshToken }),
    ...(issuedTokenType !== undefined && { issued_token_type: issuedTokenType }),
    scope: access.scope,
    token_type: access.type,
  }
}

/** Issued now, at a refresh too: Logto's Go SDK refuses an `iat` more than a minute away. `aud` is a string for it. */
async function idTokenOf(
  ctx: Context,
  application: Application,
  granted: Granted,
): Promise<string> {
  const { id, customClientMetadata, oidcClientMetadata } = application
  const now = unixSeconds(ctx.now())
  const algorithm = oidcClientMetadata.idTokenSignedResponseAlg ?? defaultAlgorithm.oidc
  return signJwt(await signingKeyFor(ctx, 'oidc', algorithm), {
    ...idTokenClaims(granted, application),
    sub: granted.user.id,
    // What a logout token will name (OpenID Connect Back-Channel Logout 1.0 § 2.4).
    ...(granted.sessionId !== null && { sid: granted.sessionId }),
    ...(granted.acr !== null && { acr: granted.acr }),
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
    ...(facts.audience !== null && { aud: facts.audience }),
    ...(facts.organizationId !== null && { organization_id: facts.organizationId }),
    ...(facts.cnf !== null && { cnf: facts.cnf }),
    ...(facts.act !== null && { act: facts.act }),
    ...(facts.acr !== null && { acr: facts.acr }),
    ...(facts.authenticatedAt !== null && { auth_time: unixSeconds(facts.authenticatedAt) }),
    token_type: facts.kind === 'refresh' ? 'refresh_token' : facts.cnf === null ? 'Bearer' : 'DPoP',
  }
}
