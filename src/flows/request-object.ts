import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import type { Application } from '../model/application.ts'
import { readSignedJwt } from './application-keys.ts'
import { issuerOf } from './authorize.ts'

/** What a JWT says of itself, and is no parameter. */
const ownClaims = ['iss', 'aud', 'exp', 'nbf', 'iat', 'jti']

/** They would lead to another object, or take this one for an assertion of the client's (RFC 9101 §§ 4, 10.8). */
const forbidden = ['request', 'request_uri', 'sub']

/**
 * The parameters of an authorization request that the application signed (RFC 9101): these and no others count. It is
 * signed by a key of the application's, never by its secret, which is kept for nothing but its own authentication.
 * Throws `invalid_request_object`.
 */
export async function readRequestObject(
  ctx: Context,
  application: Application,
  object: string,
): Promise<URLSearchParams> {
  const claims = await readSignedJwt(ctx, application, object, {
    audiences: [issuerOf(ctx)],
    types: ['oauth-authz-req+jwt', 'jwt'],
    algorithm: application.oidcClientMetadata.requestObjectSigningAlg ?? null,
  })
  if (claims === null) throw invalid('signature')
  if (claims.client_id !== application.id) throw invalid('client_id')
  const params = new URLSearchParams()
  for (const [name, value] of Object.entries(claims)) {
    if (ownClaims.includes(name)) continue
    if (forbidden.includes(name)) throw invalid(name)
    for (const one of Array.isArray(value) && name === 'resource' ? value : [value]) {
      params.append(name, textOf(name, one))
    }
  }
  return params
}

/** A claim in the form that it would have in a query: `claims` is an object, `max_age` a number (RFC 9101 § 4). */
function textOf(name: string, value: unknown): string {
  if (typeof value === 'string') return value
  if (typeof value === 'number' && Number.isSafeInteger(value)) return String(value)
  if (typeof value === 'object' && value !== null && !Array.isArray(value)) {
    return JSON.stringify(value)
  }
  throw invalid(name)
}

function invalid(claim: string): Fault {
  return new Fault('invalid_request_object', { claim })
}
