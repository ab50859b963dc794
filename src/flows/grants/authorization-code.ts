import { createHash } from 'node:crypto'
import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Application } from '../../model/application.ts'
import { redeemCode, refuseCode } from '../../model/code.ts'
import { actingFor, mayUse, type TokenRequest, type TokenSet } from './grant-type.ts'
import { redeemForTokens } from './redeem.ts'

/** Redeems an authorization code: exactly once, with its verifier, by the application that it was made for. */
export async function redeemAuthorizationCode(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { code: string; redirectUri: string; codeVerifier: string | null },
): Promise<TokenSet> {
  mayUse(application, 'authorization_code')
  const { code, redirectUri, codeVerifier } = asked
  const challenge = codeVerifier === null ? null : challengeOf(codeVerifier)
  const acting = actingFor(ctx, application)
  return redeemForTokens(
    acting,
    { application, asked },
    {
      redeem: (redeeming) => redeemCode(acting, code, { ...redeeming, redirectUri, challenge }),
      problemOf: (issue) => refuseCode(acting, code, issue),
    },
  )
}

/** RFC 7636 § 4.2: S256 only. A verifier of another form fits no challenge. */
function challengeOf(verifier: string): string {
  if (!/^[\w.~-]{43,128}$/.test(verifier)) throw new Fault('invalid_grant')
  return createHash('sha256').update(verifier).digest('base64url')
}
