import type { Context } from '../../base/context.ts'
import { Fault, isFault } from '../../base/fault.ts'
import type { AuthorizationRequest, ParameterProblem } from '../../flows/authorize.ts'
import { findPushed, isPushed } from '../../flows/push-request.ts'
import { readRequestObject } from '../../flows/request-object.ts'
import { type Application, findApplication, hasRedirectUri } from '../../model/application.ts'
import { parseAuthorization, single, unclearParameter } from './schema.ts'

/** An authorization request by whatever way it came, and the parameters that count. */
export interface Asked {
  params: URLSearchParams
  request: AuthorizationRequest
}

/**
 * Reads a request that a browser brings: in its parameters, as a signed object (RFC 9101), or left here before
 * (RFC 9126), which this spends.
 */
export async function readAsked(ctx: Context, outer: URLSearchParams): Promise<Asked> {
  const application = await findApplication(ctx, single(outer, 'client_id') ?? '')
  if (application === null || unclearParameter(outer) !== null) return plain(outer)
  const requestUri = single(outer, 'request_uri')
  if (requestUri !== null && isPushed(requestUri)) {
    if (single(outer, 'request') !== null) throw new Fault('invalid_request', both)
    const { query, subject } = await findPushed(ctx, application, requestUri)
    const { params, request } = plain(new URLSearchParams(query))
    return { params, request: { ...request, subject } }
  }
  if (application.oidcClientMetadata.requirePushedAuthorizationRequests) {
    return wrong(outer, { parameter: 'request_uri', problem: 'missing' })
  }
  // Another address is refused as what it is, and never asked.
  return requestUri === null ? readDirect(ctx, application, outer) : plain(outer)
}

const both = { parameter: 'request', problem: 'repeated' }

/** The same for a request that does not lead elsewhere: in parameters, or in a signed object. */
export async function readDirect(
  ctx: Context,
  application: Application,
  outer: URLSearchParams,
): Promise<Asked> {
  const object = single(outer, 'request')
  if (object !== null) return plain(await parametersOf(ctx, application, outer, object))
  return application.oidcClientMetadata.requireSignedRequestObject
    ? wrong(outer, { parameter: 'request', problem: 'missing' })
    : plain(outer)
}

/** What is wrong with an object is told to the application, if its address stands outside, too. */
async function parametersOf(
  ctx: Context,
  application: Application,
  outer: URLSearchParams,
  object: string,
): Promise<URLSearchParams> {
  try {
    return await readRequestObject(ctx, application, object)
  } catch (error) {
    const redirectUri = single(outer, 'redirect_uri')
    if (!isFault(error) || redirectUri === null || !hasRedirectUri(application, redirectUri)) {
      throw error
    }
    const back = { redirectUri, state: single(outer, 'state'), mode: 'query' }
    throw new Fault(error.code, { ...error.details, back })
  }
}

function plain(params: URLSearchParams): Asked {
  return { params, request: parseAuthorization(params) }
}

function wrong(params: URLSearchParams, problem: ParameterProblem): Asked {
  return { params, request: { ...parseAuthorization(params), problem } }
}
