import type { Context, Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import {
  type Assertion,
  type AttributeMapping,
  personOf,
  readResponse,
  requestUrl,
  type SamlResponse,
  verifyResponse,
} from '../connectors/saml/index.ts'
import type { Challenge } from '../model/flow-state.ts'
import { spendProof } from '../model/replay.ts'
import {
  createRelayState,
  findRelayState,
  finishSamlFlow,
  type RelayState,
  spendRelayState,
} from '../model/saml-relay-state.ts'
import {
  findSsoProvider,
  findSsoProviderByDomain,
  findSsoProviderByEntity,
  type SsoProvider,
} from '../model/sso-provider.ts'
import { isEmail, type User } from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'
import { admit } from './admit.ts'
import { arrive } from './external-account.ts'
import { type External, readExternal } from './external-claims.ts'
import { serviceProviderOf } from './saml-service.ts'
import type { SignedIn } from './sign-in.ts'
import { withFreshMetadata } from './sso-metadata.ts'

/** By its id, or by the domain of somebody's address. */
export type SsoChoice = { providerId: string } | { domain: string }

const refuse = (why: string) => new Fault('sso_refused', { why })

/** Where the browser is to go for signing in at a company's identity provider. Throws `sso_refused` with the reason. */
export async function departToSso(
  ctx: Context,
  choice: SsoChoice,
  { redirectTo, challenge }: { redirectTo: string; challenge: Challenge | null },
): Promise<string> {
  const own = serviceProviderOf(ctx)
  const found =
    'providerId' in choice
      ? await findSsoProvider(ctx, choice.providerId)
      : await findSsoProviderByDomain(ctx, choice.domain)
  if (found === null) throw refuse('providerId' in choice ? 'no-provider' : 'no-domain')
  if (found.isDisabled) throw refuse('disabled')
  const { provider, described } = await withFreshMetadata(ctx, found)
  if (described === null || described.redirectUrl === null) throw refuse('no-place')
  const id = ctx.random.uuid()
  // An XML ID may not begin with a digit.
  const requestId = `id-${Buffer.from(ctx.random.bytes(20)).toString('hex')}`
  await createRelayState(ctx, { id, providerId: provider.id, requestId, redirectTo, challenge })
  return requestUrl(own, {
    id: requestId,
    redirectUrl: described.redirectUrl,
    nameIdFormat: provider.nameIdFormat,
    relayState: id,
  })
}

/** What a browser brought from an identity provider. */
export interface SamlPost {
  response: string
  relayState: string
  /** An identity provider may send a name of the response instead, to be fetched: we never ask for that. */
  artifact: string
}

export type SamlReturned = (
  | ({ outcome: 'signed-in' } & SignedIn)
  /** For the app that began it, and knows the verifier. */
  | { outcome: 'code'; authCode: string }
) & {
  /** Where it began, or wants to go: to be looked at before anybody is sent there. */
  redirectTo: string | null
}

/** Somebody is back from their identity provider, or comes from it unasked. Throws `sso_refused` with the reason. */
export async function returnFromSso(ctx: Context, post: SamlPost): Promise<SamlReturned> {
  const own = serviceProviderOf(ctx)
  const { relay, found, response, redirectTo } = isUuid(post.relayState)
    ? await readAnswer(ctx, post)
    : await readUnasked(ctx, post)
  const { provider, described } = await withFreshMetadata(ctx, found)
  const verified = await verifyResponse(response, {
    own,
    provider: { entityId: provider.entityId, certificates: described?.certificates ?? [] },
    requestId: relay?.requestId ?? null,
    now: ctx.now(),
  })
  if (verified.outcome === 'invalid') {
    ctx.log.warn({ id: provider.id, why: verified.why }, 'A SAML response was refused.')
    throw refuse('assertion')
  }
  const { assertion } = verified
  const external = readPerson(provider, assertion)
  const returned = await arrive(
    ctx,
    { external, isEmailOptional: false, redirectTo: redirectTo ?? '' },
    (ctx, user) => finish(ctx, { provider, relay, assertion, user }),
  )
  return { ...returned, redirectTo }
}

interface Coming {
  relay: RelayState | null
  found: SsoProvider
  response: SamlResponse
  redirectTo: string | null
}

/** An answer to our request: it says which one by the state that we gave along. */
async function readAnswer(ctx: Context, post: SamlPost): Promise<Coming> {
  const relay = await findRelayState(ctx, post.relayState)
  if (relay === null) throw refuse('relay-unknown')
  if (relay.isExpired) throw refuse('relay-expired')
  const found = await findSsoProvider(ctx, relay.providerId)
  if (found === null) throw refuse('idp-unknown')
  if (found.isDisabled) throw refuse('disabled-now')
  return { relay, found, response: messageOf(post), redirectTo: relay.redirectTo }
}

/** A sign-in that began at the identity provider; its state may be the address where it shall end. */
async function readUnasked(ctx: Context, post: SamlPost): Promise<Coming> {
  if (post.response === '' && post.artifact !== '') throw refuse('artifact')
  const response = messageOf(post)
  const { relayState } = post
  if (relayState !== '' && !URL.canParse(relayState)) throw refuse('relay-form')
  const found = await findSsoProviderByEntity(ctx, response.issuer)
  if (found === null) throw refuse('idp-unknown')
  if (found.isDisabled) throw refuse('disabled-now')
  return { relay: null, found, response, redirectTo: relayState || null }
}

function messageOf(post: SamlPost): SamlResponse {
  if (post.response === '') throw refuse('missing')
  const read = readResponse(post.response)
  if (read.outcome !== 'read') throw refuse(read.outcome)
  return read.response
}

/** The claims that have a name everywhere; what else a company maps is its own. */
const standardClaims = new Set([
  ...['name', 'full_name', 'family_name', 'given_name', 'middle_name', 'nickname', 'picture'],
  ...['preferred_username', 'profile', 'website', 'gender', 'birthdate', 'zoneinfo', 'locale'],
  ...['avatar_url', 'slug', 'user_name', 'phone'],
])

/** What an identity provider must not say of itself: these we say. */
const ownClaims = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'iat', 'email', 'email_verified', 'phone_verified'],
  ...['provider_id', 'custom_claims', '__proto__'],
])

function readPerson(provider: SsoProvider, assertion: Assertion): External {
  const { subject, email, claims } = personOf(assertion, mappingOf(provider))
  if (subject === null) throw refuse('no-subject')
  if (email === null || !isEmail(email)) throw refuse('no-email')
  const entries = Object.entries(claims).filter(([name]) => !ownClaims.has(name))
  const standard = entries.filter(([name]) => standardClaims.has(name))
  const extra = entries.filter(([name]) => !standardClaims.has(name))
  const fullName = claims.full_name
  return readExternal(
    providerNameOf(provider),
    {
      subject,
      issuer: provider.entityId,
      // A company says itself whose the addresses of its directory are.
      emails: [{ address: email, isVerified: true, isPrimary: true }],
      claims: Object.fromEntries(standard),
      ...(typeof fullName === 'string' ? { fullName } : {}),
      extra: Object.fromEntries(extra),
    },
    { isEmailOptional: false },
  )
}

function providerNameOf({ id }: SsoProvider): string {
  return `sso:${id}`
}

/** The face has looked at it when it was written; GoTrue may have written it as well. */
function mappingOf({ attributeMapping }: SsoProvider): AttributeMapping {
  const { keys } = attributeMapping
  return typeof keys === 'object' && keys !== null ? (keys as AttributeMapping) : {}
}

interface Ending {
  provider: SsoProvider
  relay: RelayState | null
  assertion: Assertion
  user: User
}

/** Of all who bring the same assertion, or the same state, to whatever node, one gets in. */
async function finish(
  ctx: Tx,
  { provider, relay, assertion, user }: Ending,
): Promise<({ outcome: 'signed-in' } & SignedIn) | { outcome: 'code'; authCode: string }> {
  if (relay !== null && !(await spendRelayState(ctx, relay.id))) throw refuse('relay-unknown')
  const isFirst = await spendProof(ctx, {
    kind: 'saml-assertion',
    owner: provider.entityId,
    name: assertion.id,
    lifetime: assertion.refusedAt.getTime() - ctx.now().getTime(),
  })
  if (!isFirst) throw refuse('assertion')
  const { sessionEndsAt } = assertion
  if (relay !== null && relay.flowStateId !== null) {
    const code = await finishSamlFlow(ctx, relay.flowStateId, { userId: user.id, sessionEndsAt })
    if (code === null) throw new Fault('provider_state_invalid', { why: 'used' })
    return { outcome: 'code', authCode: code }
  }
  // GoTrue's log said that they came when their identity was read.
  const session = await admit(ctx, user, {
    method: 'sso/saml',
    traits: { provider: providerNameOf(provider) },
    audit: null,
    isVouchedFor: true,
    sessionEndsAt,
  })
  return { outcome: 'signed-in', user, session }
}
