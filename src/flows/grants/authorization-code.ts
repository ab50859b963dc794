import { createHash } from 'node:crypto'
import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Application } from '../../model/application.ts'
import { redeemCode, revokeReusedCode } from '../../model/code.ts'
import { finishAccessToken, opaqueToken } from '../mint.ts'
import {
  actingFor,
  checkAudience,
  issueFor,
  mayUse,
  type TokenRequest,
  type TokenSet,
} from './grant-type.ts'

/** Redeems an authorization code: exactly once, with its verifier, by the application that it was made for. */
export async function redeemAuthorizationCode(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { code: string; redirectUri: string; codeVerifier: string | null },
): Promise<TokenSet> {
  mayUse(application, 'authorization_code')
  checkAudience(asked)
  const { code, redirectUri, codeVerifier, cnf } = asked
  const acting = actingFor(ctx, application)
  const challenge = codeVerifier === null ? null : challengeOf(codeVerifier)
  const opaque = opaqueToken(ctx, { application, cnf, act: null })
  const issued = await redeemCode(acting, code, {
    ...issueFor(application, asked, opaque),
    redirectUri,
    challenge,
    alwaysRefresh:
      application.type === 'Traditional' &&
      application.customClientMetadata.alwaysIssueRefreshToken === true,
  })
  if (issued === null) {
    await revokeReusedCode(acting, code, application.id)
    throw new Fault('invalid_grant')
  }
  const { user, grantId, scope, refreshToken } = issued
  const access = await finishAccessToken(ctx, opaque, {
    ...{ application, holder: { userId: user.id, grantId }, scope, audience: null, cnf, act: null },
  })
  return { access, refreshToken, granted: issued }
}

/** RFC 7636 § 4.2: S256 only. A verifier of another form fits no challenge. */
function challengeOf(verifier: string): string {
  if (!/^[\w.~-]{43,128}$/.test(verifier)) throw new Fault('invalid_grant')
  return createHash('sha256').update(verifier).digest('base64url')
}
