import type { Context } from '../../base/context.ts'
import type { Application } from '../../model/application.ts'
import { mintAccessToken } from '../mint.ts'
import { actingFor, checkAudience, mayUse, type TokenRequest, type TokenSet } from './grant-type.ts'

/** A token for the application itself. Without resources there is nothing it could be narrowed to: its scope is empty. */
export async function issueClientToken(
  ctx: Context,
  application: Application,
  asked: TokenRequest,
): Promise<TokenSet> {
  mayUse(application, 'client_credentials')
  checkAudience(asked)
  const access = await mintAccessToken(actingFor(ctx, application), {
    application,
    holder: null,
    scope: '',
    audience: null,
    cnf: asked.cnf,
    act: null,
  })
  return { access, refreshToken: null, granted: null }
}
