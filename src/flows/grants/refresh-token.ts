import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { type Application, isPublic } from '../../model/application.ts'
import { keepRefreshToken, rotateRefreshToken } from '../../model/grant-refresh.ts'
import { keepKnown } from '../consent.ts'
import { finishAccessToken, opaqueToken } from '../mint.ts'
import {
  actingFor,
  checkAudience,
  issueFor,
  mayUse,
  type TokenRequest,
  type TokenSet,
} from './grant-type.ts'

/** Exchanges a refresh token for its child and an access token; `scope` may only narrow. */
export async function refreshTokens(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { refreshToken: string; scope: readonly string[] },
): Promise<TokenSet> {
  mayUse(application, 'refresh_token')
  checkAudience(asked)
  const { cnf } = asked
  const opaque = opaqueToken(ctx, { application, cnf, act: null })
  const refresh = {
    ...issueFor(application, asked, opaque),
    token: asked.refreshToken,
    scope: keepKnown(asked.scope),
  }
  const acting = actingFor(ctx, application)
  const stays =
    !isPublic(application) && application.customClientMetadata.rotateRefreshToken === false
  const rotation = stays
    ? await keepRefreshToken(acting, refresh)
    : await rotateRefreshToken(acting, refresh)
  switch (rotation.outcome) {
    case 'rotated': {
      const { user, grantId, scope, refreshToken } = rotation.issued
      const holder = { userId: user.id, grantId }
      const minting = { application, holder, scope, audience: null, cnf, act: null }
      const access = await finishAccessToken(ctx, opaque, minting)
      return { access, refreshToken, granted: rotation.issued }
    }
    case 'scope-too-wide':
      throw new Fault('invalid_scope')
    case 'reused':
    case 'unknown':
      throw new Fault('invalid_grant')
  }
}
