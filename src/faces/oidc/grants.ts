import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { redeemAuthorizationCode } from '../../flows/grants/authorization-code.ts'
import { issueClientToken } from '../../flows/grants/client-credentials.ts'
import { redeemDevice } from '../../flows/grants/device-code.ts'
import type { GrantType, TokenRequest, TokenSet } from '../../flows/grants/grant-type.ts'
import { refreshTokens } from '../../flows/grants/refresh-token.ts'
import { exchangeToken } from '../../flows/grants/token-exchange.ts'
import type { Application } from '../../model/application.ts'
import { required, scopeOf, single } from './schema.ts'

/** Reads what a grant type needs of the form, and asks its flow. */
type Exchange = (
  ctx: Context,
  asked: { application: Application; form: URLSearchParams; request: TokenRequest },
) => Promise<TokenSet>

/** Every grant type of the token endpoint; discovery lists these names. */
const exchanges: Record<GrantType, Exchange> = {
  authorization_code: (ctx, { application, form, request }) =>
    redeemAuthorizationCode(ctx, application, {
      ...request,
      code: required(form, 'code'),
      redirectUri: required(form, 'redirect_uri'),
      codeVerifier: single(form, 'code_verifier'),
    }),
  refresh_token: (ctx, { application, form, request }) =>
    refreshTokens(ctx, application, {
      ...request,
      refreshToken: required(form, 'refresh_token'),
      scope: scopeOf(form),
    }),
  client_credentials: (ctx, { application, form, request }) =>
    issueClientToken(ctx, application, { ...request, scope: scopeOf(form) }),
  'urn:ietf:params:oauth:grant-type:device_code': (ctx, { application, form, request }) =>
    redeemDevice(ctx, application, { ...request, deviceCode: required(form, 'device_code') }),
  'urn:ietf:params:oauth:grant-type:token-exchange': (ctx, { application, form, request }) => {
    const actorToken = single(form, 'actor_token')
    if (actorToken === null && single(form, 'actor_token_type') !== null) {
      throw new Fault('invalid_request', { parameter: 'actor_token', problem: 'missing' })
    }
    const audience = single(form, 'audience')
    return exchangeToken(ctx, application, {
      ...request,
      // The name of an API is its indicator, by whichever parameter it comes (RFC 8693 § 2.1).
      resources: audience === null ? request.resources : [...request.resources, audience],
      subject: {
        token: required(form, 'subject_token'),
        type: required(form, 'subject_token_type'),
      },
      actor:
        actorToken === null
          ? null
          : { token: actorToken, type: required(form, 'actor_token_type') },
      requestedType: single(form, 'requested_token_type'),
      scope: scopeOf(form),
    })
  },
}

export const grantTypes = Object.keys(exchanges)

export function findExchange(grantType: string): Exchange | null {
  return Object.hasOwn(exchanges, grantType) ? exchanges[grantType as GrantType] : null
}
