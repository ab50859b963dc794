import { type Context, type Tx, transaction } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { type Application, isPublic } from '../../model/application.ts'
import { record } from '../../model/event.ts'
import { findExchanged } from '../../model/exchanged.ts'
import { createGrant } from '../../model/grant.ts'
import type { ActingParty, Confirmation } from '../../model/issue.ts'
import { organizationsScope, type Target } from '../../model/rights.ts'
import {
  findPersonalAccessToken,
  type Impersonated,
  spendSubjectToken,
} from '../../model/subject-token.ts'
import { keepKnown } from '../consent.ts'
import { mintAccessToken, organizationOf } from '../mint.ts'
import { findGoodToken } from '../token.ts'
import {
  actingFor,
  apiScopesOf,
  mayUse,
  refuseTarget,
  type TokenRequest,
  type TokenSet,
  targetOf,
} from './grant-type.ts'

/** RFC 8693 § 3: of these kinds of token we know what they are worth. An ID token opens nothing, and is none of them. */
export const accessTokenType = 'urn:ietf:params:oauth:token-type:access_token'
const jwtType = 'urn:ietf:params:oauth:token-type:jwt'
const personalAccessTokenType = 'urn:logto:token-type:personal_access_token'

/** A chain of parties that act for each other ends somewhere. */
const longestChain = 8

export interface ExchangeRequest extends TokenRequest {
  subject: { token: string; type: string }
  actor: { token: string; type: string } | null
  requestedType: string | null
  scope: readonly string[]
}

/** For whom a subject token stands, and what it gives at most. */
interface Subject {
  kind: 'subject-token' | 'personal-access-token' | 'access-token'
  userId: string
  /** What is exchanged ends with the session from which it comes; null where none stands behind it. */
  sessionId: string | null
  authenticatedAt: Date
  /** Null where nothing but the user's own rights limits what is asked for. */
  ceiling: { scope: readonly string[]; organizationId: string | null } | null
  act: ActingParty | null
  cnf: Confirmation | null
  /** What its maker attached to a subject token. */
  context: Impersonated['context'] | null
}

/**
 * Exchanges a token that stands for a user for another one (RFC 8693): impersonation, and delegation where an actor's
 * token comes along. What comes of it is never more than the subject's token gave, nor than the user's roles.
 */
export async function exchangeToken(
  ctx: Context,
  application: Application,
  asked: ExchangeRequest,
): Promise<TokenSet> {
  mayUse(application, 'urn:ietf:params:oauth:grant-type:token-exchange')
  if (![null, accessTokenType].includes(asked.requestedType)) {
    throw unacceptable('requested_token_type', 'unsupported')
  }
  const acting = actingFor(ctx, application)
  const actor = asked.actor === null ? null : await actorOf(acting, application, asked.actor)
  const requested = await targetOf(acting, asked)
  const apiScopes = await apiScopesOf(acting, asked.scope)
  const shown = await readSubject(acting, application, asked.subject)
  const exchanged = await transaction(acting, async (ctx) => {
    const subject = shown ?? (await spendSubject(ctx, asked.subject))
    if (subject === null) throw unacceptable('subject_token', 'unacceptable')
    checkHolder(application, subject, asked.cnf)
    const act = chainOf(actor, subject.act)
    const target = withinCeiling(subject, requested)
    const { own, names } = scopesWithin(subject, asked.scope, apiScopes)
    const grantId = await createGrant(ctx, {
      userId: subject.userId,
      sessionId: subject.sessionId,
      applicationId: application.id,
      scope: target === null ? own.join(' ') : '',
      resources: target?.indicator == null ? [] : [target.indicator],
      apiScopes: names ?? [],
      authenticatedAt: subject.authenticatedAt,
    })
    const asker = { applicationId: application.id, isThirdParty: application.isThirdParty }
    const holder = grantId === null ? null : await findExchanged(ctx, grantId, { target, asker })
    if (holder === null) throw unacceptable('subject_token', 'unacceptable')
    if (holder.problem !== null) throw refuseTarget(holder.problem, target)
    await record(ctx, {
      type: 'token.exchanged',
      userId: subject.userId,
      sessionId: subject.sessionId,
      applicationId: application.id,
      details: { subject: subject.kind, ...(act !== null && { act }) },
    })
    const held = holder.rights.targetScopes ?? []
    // Whoever names no scope of an API gets what the subject's token has, or, where nothing limits it, the user's roles.
    const scope =
      target === null ? own : held.filter((name) => names === null || names.includes(name))
    return { holder, target, act, scope: scope.join(' '), subjectContext: subject.context }
  })
  const access = await mintAccessToken(acting, {
    ...exchanged,
    application,
    cnf: asked.cnf,
  })
  return { access, refreshToken: null, granted: null, issuedTokenType: accessTokenType }
}

/** What a token that is shown, and stays good, stands for; null for one that is spent by being exchanged. */
async function readSubject(
  ctx: Context,
  application: Application,
  { token, type }: ExchangeRequest['subject'],
): Promise<Subject | null> {
  if (type === personalAccessTokenType) {
    const found = await findPersonalAccessToken(ctx, token)
    if (found === null) throw unacceptable('subject_token', 'unacceptable')
    return { ...unlimited(ctx, found.userId), kind: 'personal-access-token', context: null }
  }
  if (type !== accessTokenType && type !== jwtType) {
    throw unacceptable('subject_token_type', 'unsupported')
  }
  if (isSubjectToken(token)) return null
  // An API exchanges what it was shown; everybody else what was made for themselves.
  const owner = application.type === 'MachineToMachine' ? null : application.id
  const found = await findGoodToken(ctx, token, owner)
  if (found === null || found.kind !== 'access' || found.userId === null) {
    throw unacceptable('subject_token', 'unacceptable')
  }
  return {
    kind: 'access-token',
    userId: found.userId,
    sessionId: found.signIn?.sessionId ?? null,
    authenticatedAt: found.signIn?.at ?? found.createdAt,
    ceiling: {
      scope: found.scope.split(' '),
      organizationId: found.organizationId ?? organizationOf(found.audience),
    },
    act: found.act,
    cnf: found.cnf,
    context: null,
  }
}

async function spendSubject(
  ctx: Tx,
  { token }: ExchangeRequest['subject'],
): Promise<Subject | null> {
  const found = await spendSubjectToken(ctx, token)
  if (found === null) return null
  return { ...unlimited(ctx, found.userId), kind: 'subject-token', context: found.context }
}

/** What limits a token that stands for a user, and comes from no sign-in: their own rights alone. */
function unlimited(ctx: Tx, userId: string): Omit<Subject, 'kind' | 'context'> {
  return {
    ...{ userId, sessionId: null, authenticatedAt: ctx.now() },
    ...{ ceiling: null, act: null, cnf: null },
  }
}

/** Ours are opaque and have a name before them; a token by any other name is looked up as what it is. */
function isSubjectToken(token: string): boolean {
  return token.startsWith('sub_') && !token.includes('.')
}

/** Who acts: by a good access token that was made for the application itself. */
async function actorOf(
  ctx: Context,
  application: Application,
  { token, type }: { token: string; type: string },
): Promise<string> {
  if (type !== accessTokenType && type !== jwtType) {
    throw unacceptable('actor_token_type', 'unsupported')
  }
  const found = await findGoodToken(ctx, token, application.id)
  if (found === null || found.kind !== 'access') throw unacceptable('actor_token', 'unacceptable')
  return found.userId ?? found.applicationId
}

/** The new actor stands before those who acted already (RFC 8693 § 4.1); nobody is left out by exchanging again. */
function chainOf(actor: string | null, before: ActingParty | null): ActingParty | null {
  if (actor === null) return before
  const chain: ActingParty = before === null ? { sub: actor } : { sub: actor, act: before }
  let length = 0
  for (let one: ActingParty | undefined = chain; one !== undefined; one = one.act) length += 1
  if (length > longestChain) throw unacceptable('actor_token', 'unacceptable')
  return chain
}

/** A bound token is not made into one that anybody may use; and its holder is who has the key, or an API. */
function checkHolder(application: Application, { cnf }: Subject, shown: Confirmation | null): void {
  if (cnf === null) return
  if (shown === null) throw new Fault('invalid_dpop_proof', { problem: 'missing' })
  if (isPublic(application) && shown.jkt !== cnf.jkt) {
    throw unacceptable('subject_token', 'unacceptable')
  }
}

/** A token of an organization stays in it; one that may speak of organizations may be exchanged for one of each. */
function withinCeiling({ ceiling }: Subject, target: Target | null): Target | null {
  if (ceiling === null) return target
  const { scope, organizationId: own } = ceiling
  const asked = target?.organizationId ?? null
  if (own !== null) {
    if (asked !== null && asked !== own) throw new Fault('access_denied', { organizationId: asked })
    return { indicator: target?.indicator ?? null, organizationId: own }
  }
  if (asked !== null && !scope.includes(organizationsScope)) {
    throw new Fault('insufficient_scope', { scope: organizationsScope })
  }
  return target
}

/**
 * Scopes of the user's own data, and names of scopes of APIs; null for as many as the user's roles hold. What the
 * subject's token lacks is refused, not passed over: the application would not notice before it fails.
 */
function scopesWithin(
  { ceiling }: Subject,
  asked: readonly string[],
  apiScopes: readonly string[],
): { own: string[]; names: string[] | null } {
  const own = keepKnown(asked).filter((name) => name !== 'offline_access')
  if (ceiling === null) return { own, names: apiScopes.length > 0 ? [...apiScopes] : null }
  const known = [...own, ...apiScopes]
  if (known.some((name) => !ceiling.scope.includes(name))) throw new Fault('invalid_scope')
  if (known.length > 0) return { own, names: [...apiScopes] }
  const all = keepKnown(ceiling.scope).filter((name) => name !== 'offline_access')
  return { own: all, names: [...ceiling.scope] }
}

/** RFC 8693 § 2.2.2: whatever is wrong with a token, the request is. */
function unacceptable(parameter: string, problem: 'unacceptable' | 'unsupported'): Fault {
  return new Fault('invalid_request', { parameter, problem })
}
