import { type Context, type Tx, transaction } from '../base/context.ts'
import { record } from '../model/event.ts'
import { type Challenge, challengeLength, isChallenge } from '../model/flow-state.ts'
import {
  approveOAuthAuthorization,
  assignOAuthAuthorization,
  createOAuthAuthorization,
  denyOAuthAuthorization,
  expireOAuthAuthorization,
  lockOAuthAuthorization,
  type OAuthAuthorization,
} from '../model/oauth-authorization.ts'
import { findOAuthClient, type OAuthClient } from '../model/oauth-client.ts'
import { findConsentedScopes, saveOAuthConsent, scopesOf } from '../model/oauth-consent.ts'
import type { User } from '../model/user.ts'

/** What a client of GoTrue's OAuth server may ask for. */
export const clientScopes = ['openid', 'profile', 'email', 'phone', 'offline_access'] as const

/** An authorization request as it came; what was not said is empty. */
export interface OAuthRequest {
  clientId: string
  redirectUri: string
  responseType: string
  scope: string
  state: string
  resource: string
  nonce: string
  codeChallenge: string
  codeChallengeMethod: string
}

/** What is wrong with a request whose client and address are right, so that the client may be told. */
export type OAuthRequestProblem =
  | 'response-type'
  | 'no-scope'
  | { unknownScope: string }
  | 'resource-relative'
  | 'resource-malformed'
  | 'resource-fragment'
  | 'resource-query'
  | 'no-challenge'
  | 'challenge-method'
  | 'challenge-length'
  | 'challenge-characters'
  | { tooLong: 'state' | 'resource' | 'nonce' }

export type StartedAuthorization =
  /** Nobody may be sent anywhere: who asks is not known, or the address is not theirs. */
  | { outcome: 'unknown-client' }
  | { outcome: 'foreign-address' }
  | { outcome: 'refused'; problem: OAuthRequestProblem }
  /** The site's page that asks the user is not configured. */
  | { outcome: 'no-page' }
  | { outcome: 'started'; name: string }

/** Takes a client's request down; the site's own page then asks the user. */
export async function startOAuthAuthorization(
  ctx: Context,
  request: OAuthRequest,
): Promise<StartedAuthorization> {
  const { gotrue } = ctx.config
  const client = await findOAuthClient(ctx, request.clientId)
  if (client === null) return { outcome: 'unknown-client' }
  // RFC 9700 § 2.1: compared as text. What cannot be registered is no address of theirs either.
  if (!client.redirectUris.includes(request.redirectUri)) return { outcome: 'foreign-address' }
  const asked = { ...request, scope: request.scope || gotrue.oauthServerDefaultScope }
  const scopes = scopesOf(asked.scope.trim())
  const problem = problemOf(asked, scopes)
  if (problem !== null) return { outcome: 'refused', problem }
  if (gotrue.oauthServerPath === null) return { outcome: 'no-page' }
  const { redirectUri, state, resource, nonce } = asked
  const name = await createOAuthAuthorization(ctx, {
    clientId: client.id,
    redirectUri,
    scope: scopes.join(' '),
    state,
    resource,
    nonce,
    challenge: challengeOf(asked),
  })
  return { outcome: 'started', name }
}

function problemOf(asked: OAuthRequest, scopes: readonly string[]): OAuthRequestProblem | null {
  const { responseType, codeChallenge, codeChallengeMethod } = asked
  if (responseType !== '' && responseType !== 'code') return 'response-type'
  if (scopes.length === 0) return 'no-scope'
  const unknown = scopes.find((scope) => !clientScopes.some((known) => known === scope))
  if (unknown !== undefined) return { unknownScope: unknown }
  const resource = resourceProblem(asked.resource)
  if (resource !== null) return resource
  if (codeChallenge === '' || codeChallengeMethod === '') return 'no-challenge'
  if (!['s256', 'plain'].includes(codeChallengeMethod.toLowerCase())) return 'challenge-method'
  const { min, max } = challengeLength
  if (codeChallenge.length < min || codeChallenge.length > max) return 'challenge-length'
  if (!isChallenge(codeChallenge)) return 'challenge-characters'
  for (const [name, longest] of [
    ['state', 4096],
    ['resource', 2048],
    ['nonce', 255],
  ] as const) {
    if (asked[name].length > longest) return { tooLong: name }
  }
  return null
}

/** RFC 8707 § 2. */
function resourceProblem(resource: string): OAuthRequestProblem | null {
  if (resource === '') return null
  if (!/^[a-z][a-z0-9+.-]*:/i.test(resource)) return 'resource-relative'
  if (!URL.canParse(resource)) return 'resource-malformed'
  if (resource.includes('#')) return 'resource-fragment'
  return resource.includes('?') ? 'resource-query' : null
}

function challengeOf({ codeChallenge: value, codeChallengeMethod }: OAuthRequest): Challenge {
  return { method: codeChallengeMethod.toLowerCase() === 's256' ? 's256' : 'plain', value }
}

export type OpenedAuthorization =
  | { outcome: 'unknown' | 'decided' }
  /** The user has to be asked. */
  | { outcome: 'asked'; authorization: OAuthAuthorization; client: OAuthClient }
  /** They allowed all of it before. */
  | { outcome: 'approved'; authorization: OAuthAuthorization; code: string }

/** Whoever opens a request first is asked, and nobody else. */
export function openOAuthAuthorization(
  ctx: Context,
  name: string,
  user: User,
): Promise<OpenedAuthorization> {
  return transaction(ctx, async (ctx) => {
    const found = await findPending(ctx, name)
    if ('outcome' in found) return found
    if (found.userId !== null && found.userId !== user.id) return { outcome: 'unknown' }
    const client = await findOAuthClient(ctx, found.clientId)
    if (client === null) return { outcome: 'unknown' }
    if (found.userId !== null) return { outcome: 'asked', authorization: found, client }
    await assignOAuthAuthorization(ctx, name, user.id)
    const allowed = await findConsentedScopes(ctx, { userId: user.id, clientId: client.id })
    const isCovered = scopesOf(found.scope).every((scope) => allowed.includes(scope))
    if (!isCovered) return { outcome: 'asked', authorization: found, client }
    const code = await approveOAuthAuthorization(ctx, name)
    await recordCode(ctx, found, user)
    return { outcome: 'approved', authorization: found, code }
  })
}

export type DecidedAuthorization =
  | { outcome: 'unknown' | 'decided' }
  | { outcome: 'approved'; authorization: OAuthAuthorization; code: string }
  | { outcome: 'denied'; authorization: OAuthAuthorization }

/** The user's answer; the first one counts. Only who opened the request may give it. */
export function decideOAuthAuthorization(
  ctx: Context,
  { name, user, action }: { name: string; user: User; action: 'approve' | 'deny' },
): Promise<DecidedAuthorization> {
  return transaction(ctx, async (ctx) => {
    const found = await findPending(ctx, name)
    if ('outcome' in found) return found
    if (found.userId !== user.id) return { outcome: 'unknown' }
    const { clientId, scope } = found
    if (action === 'deny') {
      await denyOAuthAuthorization(ctx, name)
      await record(ctx, { type: 'consent.refused', userId: user.id, applicationId: clientId })
      return { outcome: 'denied', authorization: found }
    }
    if ((await findOAuthClient(ctx, clientId)) === null) return { outcome: 'unknown' }
    const code = await approveOAuthAuthorization(ctx, name)
    await saveOAuthConsent(ctx, { userId: user.id, clientId, scope })
    await recordCode(ctx, found, user)
    return { outcome: 'approved', authorization: found, code }
  })
}

async function recordCode(ctx: Tx, { clientId }: OAuthAuthorization, user: User): Promise<void> {
  await record(ctx, { type: 'grant.created', userId: user.id, applicationId: clientId })
}

/** The request while an answer to it counts. */
async function findPending(
  ctx: Tx,
  name: string,
): Promise<OAuthAuthorization | { outcome: 'unknown' | 'decided' }> {
  const found = await lockOAuthAuthorization(ctx, name)
  if (found === null) return { outcome: 'unknown' }
  if (found.isExpired) {
    await expireOAuthAuthorization(ctx, name)
    return { outcome: 'unknown' }
  }
  return found.status === 'pending' ? found : { outcome: 'decided' }
}
