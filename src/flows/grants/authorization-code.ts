import { createHash } from 'node:crypto'
import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { type Application, alwaysRefreshes } from '../../model/application.ts'
import { redeemCode, refuseCode } from '../../model/code.ts'
import { finishAccessToken, opaqueToken } from '../mint.ts'
import {
  actingFor,
  issueFor,
  mayUse,
  refuseTarget,
  type TokenRequest,
  type TokenSet,
  targetOf,
  targetScope,
} from './grant-type.ts'

/** Redeems an authorization code: exactly once, with its verifier, by the application that it was made for. */
export async function redeemAuthorizationCode(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { code: string; redirectUri: string; codeVerifier: string | null },
): Promise<TokenSet> {
  mayUse(application, 'authorization_code')
  const { code, redirectUri, codeVerifier, cnf } = asked
  const challenge = codeVerifier === null ? null : challengeOf(codeVerifier)
  const target = await targetOf(ctx, asked)
  const acting = actingFor(ctx, application)
  const opaque = target === null ? opaqueToken(ctx, { application, cnf, act: null }) : null
  const issue = issueFor(application, asked, { target, opaque })
  const issued = await redeemCode(acting, code, {
    ...issue,
    redirectUri,
    challenge,
    alwaysRefresh: alwaysRefreshes(application),
  })
  if (issued === null) {
    const problem = await refuseCode(acting, code, issue)
    throw problem === null ? new Fault('invalid_grant') : refuseTarget(problem, target)
  }
  const access = await finishAccessToken(acting, opaque, {
    application,
    holder: issued,
    scope: target === null ? issued.grantedScope : targetScope(issued, []),
    target,
    cnf,
    act: null,
  })
  return { access, refreshToken: issued.refreshToken, granted: issued }
}

/** RFC 7636 § 4.2: S256 only. A verifier of another form fits no challenge. */
function challengeOf(verifier: string): string {
  if (!/^[\w.~-]{43,128}$/.test(verifier)) throw new Fault('invalid_grant')
  return createHash('sha256').update(verifier).digest('base64url')
}
