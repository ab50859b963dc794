import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { type Application, isPublic } from '../../model/application.ts'
import { keepRefreshToken, rotateRefreshToken } from '../../model/grant-refresh.ts'
import { keepKnown } from '../consent.ts'
import { mintAccessToken } from '../mint.ts'
import {
  actingFor,
  apiScopesOf,
  issueFor,
  mayUse,
  refuseTarget,
  type TokenRequest,
  type TokenSet,
  targetOf,
  targetScope,
} from './grant-type.ts'

/** Exchanges a refresh token for its child and an access token; `scope` may only narrow. */
export async function refreshTokens(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { refreshToken: string; scope: readonly string[] },
): Promise<TokenSet> {
  mayUse(application, 'refresh_token')
  const { cnf, scope } = asked
  const target = await targetOf(ctx, asked)
  const apiScopes = await apiScopesOf(ctx, scope)
  const acting = actingFor(ctx, application)
  const refresh = {
    ...issueFor(application, asked, target),
    token: asked.refreshToken,
    scope: keepKnown(scope),
    apiScopes,
  }
  const stays =
    !isPublic(application) && application.customClientMetadata.rotateRefreshToken === false
  const rotation = stays
    ? await keepRefreshToken(acting, refresh)
    : await rotateRefreshToken(acting, refresh)
  switch (rotation.outcome) {
    case 'rotated': {
      const { issued } = rotation
      const own = refresh.scope.length > 0 ? refresh.scope.join(' ') : issued.grantedScope
      const access = await mintAccessToken(acting, {
        application,
        holder: issued,
        scope: target === null ? own : targetScope(issued, scope),
        target,
        cnf,
        act: null,
        subjectContext: null,
      })
      // The ID token tells no more than what was asked for, either.
      const granted = { ...issued, grantedScope: own }
      return { access, refreshToken: issued.refreshToken, granted }
    }
    case 'scope-too-wide':
      throw new Fault('invalid_scope')
    case 'reused':
    case 'unknown':
      throw new Fault('invalid_grant')
    default:
      throw refuseTarget(rotation.outcome, target)
  }
}
