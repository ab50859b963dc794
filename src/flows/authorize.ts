import { type Context, transaction } from '../base/context.ts'
import { Fault, type FaultCode } from '../base/fault.ts'
import { verifyJwt } from '../base/jwt.ts'
import { second } from '../base/time.ts'
import {
  type Application,
  findApplication,
  hasRedirectUri,
  isPublic,
} from '../model/application.ts'
import { deleteInteraction, type Interaction } from '../model/interaction.ts'
import { verifyingKeys } from '../model/key.ts'
import type { Session } from '../model/session.ts'
import { createCode } from '../model/token.ts'
import { keepKnown, type Scope, unknownResource } from './consent.ts'

/** What is wrong with a parameter, seen without knowing anything else. */
export interface ParameterProblem {
  parameter: string
  problem: 'missing' | 'repeated' | 'malformed' | 'unsupported'
}

export type Prompt = 'none' | 'login' | 'consent' | 'select_account' | 'create'

/** An authorization request as a face reads it. */
export interface AuthorizationRequest {
  clientId: string | null
  redirectUri: string | null
  state: string | null
  /** The first thing that could not be read; told to the application once its address is trusted. */
  problem: ParameterProblem | null
  responseType: string
  scope: readonly string[]
  resources: readonly string[]
  nonce: string | null
  codeChallenge: string | null
  codeChallengeMethod: string | null
  prompt: readonly Prompt[]
  maxAgeSeconds: number | null
  idTokenHint: string | null
  /** Whom the hint named, when the request comes a second time. */
  subject: string | null
}

/** Where a fault is told, once that is known to be safe. */
export interface Back {
  redirectUri: string
  state: string | null
}

/** A request of which everything is known to be right. */
export interface Authorization {
  application: Application
  back: Back
  scope: Scope[]
  challenge: string | null
  nonce: string | null
  prompt: readonly Prompt[]
  maxAgeSeconds: number | null
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
  const back = { redirectUri, state }
  const refuse = (code: FaultCode, details: object = {}) => new Fault(code, { ...details, back })
  if (request.problem !== null) throw refuse('invalid_request', request.problem)
  if (request.responseType !== 'code') throw refuse('unsupported_response_type')
  const problem = challengeProblem(application, request)
  if (problem !== null) throw refuse('invalid_request', problem)
  const resource = unknownResource(request.resources)
  if (resource !== null) throw refuse('invalid_target', { resource })
  const { prompt, maxAgeSeconds, nonce } = request
  if (prompt.includes('none') && prompt.length > 1) {
    throw refuse('invalid_request', { parameter: 'prompt', problem: 'malformed' })
  }
  const subject =
    request.idTokenHint === null
      ? request.subject
      : await subjectOf(ctx, request.idTokenHint, application.id)
  if (subject === 'unreadable') {
    throw refuse('invalid_request', { parameter: 'id_token_hint', problem: 'malformed' })
  }
  return {
    application,
    back,
    scope: keepKnown(request.scope),
    challenge: request.codeChallenge,
    nonce,
    prompt,
    maxAgeSeconds,
    subject,
  }
}

/** PKCE: public applications must, all may; only S256 (RFC 9700 § 2.1.1). */
function challengeProblem(
  application: Application,
  { codeChallenge, codeChallengeMethod }: AuthorizationRequest,
): ParameterProblem | null {
  if (codeChallenge === null) {
    const isNeeded = isPublic(application) || codeChallengeMethod !== null
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
  const read = verifyJwt(idToken, await verifyingKeys(ctx, 'oidc'), new Date(0))
  if (read.outcome !== 'valid') return 'unreadable'
  const { sub, aud, iss } = read.claims
  if (typeof sub !== 'string' || iss !== issuerOf(ctx)) return 'unreadable'
  return applicationId === null || aud === applicationId ? sub : 'unreadable'
}

/** The issuer, and the place of all its endpoints; no header of a request decides it. */
export function issuerOf({ config }: Pick<Context, 'config'>): string {
  return `${config.publicUrl}/oidc`
}

/**
 * Answers a checked request for the browser's session: a code, or null when somebody has to sign in first. Throws
 * `login_required` where no page may be shown (`prompt=none`).
 */
export async function authorize(
  ctx: Context,
  authorization: Authorization,
  session: Session | null,
): Promise<string | null> {
  const fits = session !== null && isEnough(ctx, authorization, { session, since: null })
  const code = fits ? await issueCode(ctx, authorization, session) : null
  if (code === null && authorization.prompt.includes('none')) {
    throw new Fault('login_required', { back: authorization.back })
  }
  return code
}

/**
 * The same when the user comes back from the pages: the interaction ends with its code. Null when the browser's session
 * does not fit the request still, so that the pages must ask again.
 */
export async function resumeAuthorization(
  ctx: Context,
  authorization: Authorization,
  asked: { session: Session | null; interaction: Interaction; browser: string },
): Promise<string | null> {
  const { session, interaction, browser } = asked
  const fits =
    session !== null && isEnough(ctx, authorization, { session, since: interaction.createdAt })
  if (!fits) {
    // Somebody has signed in, but this browser's cookie is not theirs: the pages would send it here again.
    if (interaction.sessionId !== null) throw new Fault('interaction_not_found')
    return null
  }
  return transaction(ctx, async (ctx) => {
    const taken = await deleteInteraction(ctx, interaction.id, browser)
    const code = taken === null ? null : await issueCode(ctx, authorization, session)
    if (code === null) throw new Fault('interaction_not_found')
    return code
  })
}

/** Whether the session is of the right user, and as fresh as was asked; `since` is when the pages were asked to sign in. */
function isEnough(
  ctx: Context,
  { prompt, maxAgeSeconds, subject, back }: Authorization,
  { session, since }: { session: Session; since: Date | null },
): boolean {
  const at = authenticatedAt(session)
  const isNew = since !== null && at >= since
  if (subject !== null && subject !== session.userId) {
    // Who was asked for did not sign in, but somebody else did.
    if (isNew) throw new Fault('login_required', { back })
    return false
  }
  if (isNew) return true
  if (prompt.some((one) => one === 'login' || one === 'select_account' || one === 'create')) {
    return false
  }
  return maxAgeSeconds === null || ctx.now().getTime() - at.getTime() <= maxAgeSeconds * second
}

function authenticatedAt(session: Session): Date {
  return session.amr[0]?.at ?? session.createdAt
}

function issueCode(
  ctx: Parameters<typeof createCode>[0],
  authorization: Authorization,
  session: Session,
): Promise<string | null> {
  const { application, back, scope, challenge, nonce, maxAgeSeconds } = authorization
  return createCode(ctx, {
    sessionId: session.id,
    applicationId: application.id,
    scope: scope.join(' '),
    authenticatedAt: authenticatedAt(session),
    details: {
      redirectUri: back.redirectUri,
      challenge,
      nonce,
      wantsAuthTime: maxAgeSeconds !== null,
    },
  })
}
