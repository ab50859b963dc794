import type { Context } from '../base/context.ts'
import { Fault, type FaultCode, isFault } from '../base/fault.ts'
import {
  type Application,
  alwaysRefreshes,
  findApplication,
  hasRedirectUri,
  needsPkce,
} from '../model/application.ts'
import { verifyIssued } from '../model/key.ts'
import { type Aal, isAal } from './assurance.ts'
import { scopeOfClaim, scopesOfClaims } from './claim-scopes.ts'
import { readWish, type Wish } from './consent.ts'

/** What is wrong with a parameter, seen without knowing anything else. */
export interface ParameterProblem {
  parameter: string
  problem: 'missing' | 'repeated' | 'malformed' | 'unsupported'
}

export type Prompt = 'none' | 'login' | 'consent' | 'select_account' | 'create'

/** How the answer travels: in the redirect URI's query, or in a form that the browser posts there. */
export type ResponseMode = 'query' | 'form_post'

/** What the `claims` parameter asks for (OpenID Connect Core § 5.5). */
export interface ClaimsRequest {
  /** Names of claims for the ID token, and for UserInfo, beside those of the scopes. */
  idToken: readonly string[]
  userInfo: readonly string[]
  /** The user who has to be there: `sub` with a value. */
  subject: string | null
  acrValues: readonly string[]
  /** Then no other assurance will do. */
  isAcrEssential: boolean
}

/** An authorization request as a face reads it. */
export interface AuthorizationRequest {
  clientId: string | null
  redirectUri: string | null
  state: string | null
  /** The first thing that could not be read; told to the application once its address is trusted. */
  problem: ParameterProblem | null
  responseType: string
  responseMode: ResponseMode
  scope: readonly string[]
  resources: readonly string[]
  nonce: string | null
  codeChallenge: string | null
  codeChallengeMethod: string | null
  /** The thumbprint of the key that is to be proved with the code (`dpop_jkt`, RFC 9449 § 10). */
  keyThumbprint: string | null
  prompt: readonly Prompt[]
  maxAgeSeconds: number | null
  acrValues: readonly string[]
  claims: ClaimsRequest
  idTokenHint: string | null
  /** Whom the hint named, when the request comes a second time. */
  subject: string | null
}

/** Where a fault is told, once that is known to be safe. */
export interface Back {
  redirectUri: string
  state: string | null
  mode: ResponseMode
}

/** A request of which everything is known to be right; a device's has nowhere to go back to. */
export interface Authorization<To extends Back | null = Back> extends Wish {
  application: Application
  back: To
  challenge: string | null
  keyThumbprint: string | null
  nonce: string | null
  prompt: readonly Prompt[]
  maxAgeSeconds: number | null
  /** The least that the session has to have; null where nothing was asked that we know. */
  aal: Aal | null
  /** Whether the ID token has to say how sure we are. */
  wantsAcr: boolean
  wantsAuthTime: boolean
  /** Standard claims beside those of the scope. */
  claims: { idToken: string[]; userInfo: string[] }
  subject: string | null
}

/**
 * Checks a request. Before application and redirect URI are trusted, a fault has no `details.back`, and must be told to
 * the person: whoever is sent to an address that nobody registered is sent to a thief.
 */
export async function checkAuthorization(
  ctx: Context,
  request: AuthorizationRequest,
): Promise<Authorization> {
  const application = await findApplication(ctx, request.clientId ?? '')
  if (application === null) throw new Fault('invalid_client', { problem: 'unknown' })
  const { redirectUri, state } = request
  if (redirectUri === null || !hasRedirectUri(application, redirectUri)) {
    throw new Fault('invalid_request', { parameter: 'redirect_uri', problem: 'unregistered' })
  }
  const back = { redirectUri, state, mode: request.responseMode }
  const refuse = (code: FaultCode, details: object = {}) => new Fault(code, { ...details, back })
  if (request.problem !== null) throw refuse('invalid_request', request.problem)
  if (request.responseType !== 'code') throw refuse('unsupported_response_type')
  const problem = challengeProblem(application, request)
  if (problem !== null) throw refuse('invalid_request', problem)
  if (!/^[\w-]{43}$/.test(request.keyThumbprint ?? 'x'.repeat(43))) {
    throw refuse('invalid_request', { parameter: 'dpop_jkt', problem: 'malformed' })
  }
  return checkAsked(ctx, request, { application, back })
}

/** The same for everything but the way back, and what comes with it. */
export async function checkAsked<To extends Back | null>(
  ctx: Context,
  request: AuthorizationRequest,
  { application, back }: { application: Application; back: To },
): Promise<Authorization<To>> {
  const refuse = (code: FaultCode, details: object = {}) => new Fault(code, { ...details, back })
  const { prompt, maxAgeSeconds, nonce } = request
  if (prompt.includes('none') && prompt.length > 1) {
    throw refuse('invalid_request', { parameter: 'prompt', problem: 'malformed' })
  }
  const subject = await subjectAsked(ctx, request, application.id)
  if (subject === 'unreadable') {
    throw refuse('invalid_request', { parameter: 'id_token_hint', problem: 'malformed' })
  }
  const acrValues = [...request.claims.acrValues, ...request.acrValues]
  const known = acrValues.filter(isAal).sort()
  if (request.claims.isAcrEssential && known.length === 0) {
    throw refuse('unmet_authentication_requirements')
  }
  return {
    application,
    back,
    ...(await wishOf(ctx, request, { application, back })),
    challenge: request.codeChallenge,
    keyThumbprint: request.keyThumbprint,
    nonce,
    prompt,
    maxAgeSeconds,
    aal: known[0] ?? null,
    wantsAcr: acrValues.length > 0 || request.claims.idToken.includes('acr'),
    wantsAuthTime: maxAgeSeconds !== null || request.claims.idToken.includes('auth_time'),
    subject,
  }
}

/** What is asked for by scopes and by the names of claims, which need the same consent. */
async function wishOf(
  ctx: Context,
  { scope, resources, claims }: AuthorizationRequest,
  { application, back }: Pick<Authorization<Back | null>, 'application' | 'back'>,
): Promise<Wish & Pick<Authorization, 'claims'>> {
  const implied = scopesOfClaims([...claims.idToken, ...claims.userInfo])
  const wish = await readWish(ctx, application, { scope: [...scope, ...implied], resources }).catch(
    (error: unknown) => {
      throw isFault(error) ? new Fault(error.code, { ...error.details, back }) : error
    },
  )
  const permitted = (names: readonly string[]) =>
    names.filter((name) => wish.scope.some((one) => one === scopeOfClaim(name)))
  // Access while the user is away is a thing to be asked for (OpenID Connect Core § 11).
  const isAway = wish.scope.includes('offline_access') || alwaysRefreshes(application)
  const away = isAway ? ['offline_access'] : []
  return {
    ...wish,
    scope: wish.scope.filter((name) => scope.includes(name)),
    consent: { ...wish.consent, scopes: [...wish.consent.scopes, ...away] },
    claims: { idToken: permitted(claims.idToken), userInfo: permitted(claims.userInfo) },
  }
}

/** Who has to be there: by an ID token, or by the value of the claim `sub`. */
async function subjectAsked(
  ctx: Context,
  { idTokenHint, subject, claims }: AuthorizationRequest,
  applicationId: string,
): Promise<string | 'unreadable' | null> {
  const hinted = idTokenHint === null ? subject : await subjectOf(ctx, idTokenHint, applicationId)
  if (hinted === null || claims.subject === null) return hinted ?? claims.subject
  return hinted === claims.subject ? hinted : 'unreadable'
}

/** PKCE: for everybody who was not let off; only S256 (RFC 9700 § 2.1.1). */
function challengeProblem(
  application: Application,
  { codeChallenge, codeChallengeMethod }: AuthorizationRequest,
): ParameterProblem | null {
  if (codeChallenge === null) {
    const isNeeded = needsPkce(application) || codeChallengeMethod !== null
    return isNeeded ? { parameter: 'code_challenge', problem: 'missing' } : null
  }
  // Without a method the challenge would be the verifier itself (RFC 7636 § 4.3).
  if (codeChallengeMethod !== 'S256') {
    return { parameter: 'code_challenge_method', problem: 'unsupported' }
  }
  return /^[\w-]{43}$/.test(codeChallenge)
    ? null
    : { parameter: 'code_challenge', problem: 'malformed' }
}

/** The user of an ID token of ours, good or expired, that was made for this application. */
export async function subjectOf(
  ctx: Context,
  idToken: string,
  applicationId: string | null,
): Promise<string | 'unreadable'> {
  // A hint may be long expired (OpenID Connect Core § 3.1.2.1): it is read as of the beginning of time.
  const read = await verifyIssued(ctx, 'oidc', { token: idToken, at: new Date(0) })
  // The same keys sign logout tokens and access tokens, which are no proof of a sign-in here.
  if (read.outcome !== 'valid' || read.header.typ !== 'JWT') return 'unreadable'
  const { sub, aud, iss } = read.claims
  if (typeof sub !== 'string' || iss !== issuerOf(ctx)) return 'unreadable'
  return applicationId === null || aud === applicationId ? sub : 'unreadable'
}

/** The issuer, and the place of all its endpoints; no header of a request decides it. */
export function issuerOf({ config }: Pick<Context, 'config'>): string {
  return `${config.publicUrl}/oidc`
}
