import { Fault } from '../../base/fault.ts'
import { readForm } from '../../base/http.ts'
import { authenticateApplication } from '../../flows/authenticate-application.ts'
import { meetApplication } from '../../flows/client-document.ts'
import { introspectToken, revokeApplicationToken, whoHolds } from '../../flows/token.ts'
import { type Application, findApplication } from '../../model/application.ts'
import { userInfoClaims } from './claims.ts'
import type { Call } from './cors.ts'
import { checkHolderNonce, holderOf, senderOf } from './dpop.ts'
import { findExchange } from './grants.ts'
import { introspectionJson, tokenJson } from './present.ts'
import { audienceOf, checkForm, credentialsOf, required, single } from './schema.ts'

/** `POST /oidc/token`. */
export async function token(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const { form, application } = await authenticated(c)
  const exchange = findExchange(required(form, 'grant_type'))
  if (exchange === null) throw new Fault('unsupported_grant_type')
  const request = { ...audienceOf(form), cnf: await senderOf(c, application) }
  const tokens = await exchange(ctx, { application, form, request })
  return answer(c, await tokenJson(ctx, application, tokens))
}

/** `POST /oidc/token/introspection` (RFC 7662). */
export async function introspection(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const { form, application } = await authenticated(c)
  const facts = await introspectToken(ctx, application, required(form, 'token'))
  return answer(c, introspectionJson(ctx, facts))
}

/** `POST /oidc/token/revocation` (RFC 7009): 200 and nothing, whether the token was one or not. */
export async function revocation(c: Call): Promise<Response> {
  const { form, application } = await authenticated(c)
  await revokeApplicationToken(c.get('ctx'), application, required(form, 'token'))
  noStore(c)
  return c.body(null, 200)
}

/** `GET` and `POST /oidc/me` (OpenID Connect Core § 5.3). */
export async function userInfo(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const { token, scheme } = await shownBy(c)
  const holder = scheme === 'DPoP' ? await holderOf(c, token) : null
  const granted = await whoHolds(ctx, token, holder)
  const application = await findApplication(ctx, granted.applicationId)
  if (holder !== null) checkHolderNonce(holder, application)
  if (application !== null) c.set('application', application)
  return answer(c, userInfoClaims(granted, application))
}

/** Who asks, by the form of a request that only applications make. */
export async function authenticated(
  c: Call,
): Promise<{ form: URLSearchParams; application: Application }> {
  return proved(c, await readProofs(c))
}

/** The same where a request begins: who is known by its own document may be here for the first time. */
export async function authenticatedFirst(
  c: Call,
): Promise<{ form: URLSearchParams; application: Application }> {
  const read = await readProofs(c)
  await meetApplication(c.get('ctx'), read.credentials.id)
  return proved(c, read)
}

async function readProofs(c: Call) {
  const form = checkForm(await readOAuthForm(c))
  return { form, credentials: credentialsOf(c.req.header('authorization'), form) }
}

async function proved(c: Call, { form, credentials }: Awaited<ReturnType<typeof readProofs>>) {
  const application = await authenticateApplication(c.get('ctx'), credentials)
  c.set('application', application)
  return { form, application }
}

/** The parameters of a request that is kept: without what proves the application, and with its name. */
export function withoutProofs(form: URLSearchParams, { id }: Application): URLSearchParams {
  const params = new URLSearchParams(form)
  for (const name of ['client_secret', 'client_assertion', 'client_assertion_type']) {
    params.delete(name)
  }
  params.set('client_id', id)
  return params
}

/** RFC 6749 § 3.2: parameters come in the body, as a form, and nowhere else. */
async function readOAuthForm(c: Call): Promise<URLSearchParams> {
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  if (type !== undefined && type !== 'application/x-www-form-urlencoded') {
    throw new Fault('invalid_request', { parameter: 'Content-Type', problem: 'unsupported' })
  }
  return readForm(c)
}

/** RFC 6750 § 2: by the header or in a form, by one of them, and never in the address; with a proof, by the header. */
export async function shownBy(c: Call): Promise<{ token: string; scheme: 'Bearer' | 'DPoP' }> {
  if (c.req.query('access_token') !== undefined) {
    throw new Fault('invalid_request', { parameter: 'access_token', problem: 'unsupported' })
  }
  const authorization = c.req.header('authorization')
  const type = c.req.header('content-type')?.split(';')[0]?.trim().toLowerCase()
  const isForm = c.req.method === 'POST' && type === 'application/x-www-form-urlencoded'
  const form = isForm ? checkForm(await readForm(c)) : new URLSearchParams()
  const inForm = single(form, 'access_token')
  if (authorization === undefined) {
    if (inForm === null) throw new Fault('invalid_token', { isBare: true })
    return { token: inForm, scheme: 'Bearer' }
  }
  if (inForm !== null) {
    throw new Fault('invalid_request', { parameter: 'access_token', problem: 'repeated' })
  }
  const [, scheme, token] = /^(Bearer|DPoP) +([\w.~+/-]+=*)$/i.exec(authorization) ?? []
  if (scheme === undefined || token === undefined || token.length > 4096) {
    throw new Fault('invalid_token')
  }
  return { token, scheme: scheme.toLowerCase() === 'dpop' ? 'DPoP' : 'Bearer' }
}

function answer(c: Call, body: Record<string, unknown>): Response {
  noStore(c)
  return c.json(body)
}

/** RFC 6749 § 5.1. */
export function noStore(c: Call): void {
  c.header('cache-control', 'no-store')
  c.header('pragma', 'no-cache')
}
