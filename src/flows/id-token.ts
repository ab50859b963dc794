import { createHash } from 'node:crypto'
import {
  idTokenAudiences,
  isProviderName,
  type ProviderName,
  type ProviderSettings,
  providerSettings,
} from '../base/config/gotrue-external.ts'
import type { Context, Tx } from '../base/context.ts'
import { sameSecret } from '../base/crypto.ts'
import { Fault } from '../base/fault.ts'
import {
  type Claims,
  discoveryUrlOf,
  type IdTokenRules,
  profileOfClaims,
  readIssuer,
  type SocialOutside,
  type SocialProfile,
  type SocialSettings,
  socialConnectors,
  verifyIdToken,
} from '../connectors/social/index.ts'
import { findCustomProviderWithSecret } from '../model/custom-provider.ts'
import type { User } from '../model/user.ts'
import { admit } from './admit.ts'
import { arrive } from './external-account.ts'
import { readExternal } from './external-claims.ts'
import { customOf, guardedOutside, isCustomName, trustedOutside } from './external-provider.ts'
import { linkIdentity } from './identities.ts'
import type { SignedIn } from './sign-in.ts'

export interface IdTokenRequest {
  idToken: string
  provider: string
  clientId: string
  issuer: string
  accessToken: string
  nonce: string
  /** Somebody who is signed in, and adds the identity to their account. */
  linkingUserId: string | null
  redirectTo: string
}

/** Whose token it has to be, and what is asked of it. */
interface Expected {
  provider: string
  issuer: string
  keys: { jwksUri: string } | { discoveryUrl: string }
  audiences: readonly string[]
  skipsNonceCheck: boolean
  isEmailOptional: boolean
  profile(claims: Claims): SocialProfile
  out: SocialOutside
}

/** Signs in by an ID token that an app got from a provider itself. Throws `id_token_refused` with the reason. */
export async function signInWithIdToken(ctx: Context, request: IdTokenRequest): Promise<SignedIn> {
  const expected = await expectedOf(ctx, request)
  const { issuer, keys: place, out } = expected
  const verified = await verifyIdToken(out, request.idToken, {
    issuer,
    place,
    accessToken: request.accessToken || null,
  })
  if (verified.outcome === 'invalid') {
    ctx.log.info({ provider: expected.provider, why: verified.why }, 'An ID token was refused.')
    throw refuse('bad')
  }
  const { claims, audiences } = verified
  if (typeof claims.sub !== 'string' || claims.sub === '') throw refuse('no-subject')
  if (!audiences.some((audience) => audience !== '' && expected.audiences.includes(audience))) {
    throw refuse('audience', { audiences })
  }
  if (!expected.skipsNonceCheck) checkNonce(claims, request.nonce)
  const { provider, isEmailOptional } = expected
  // An ID token may be without an address where its person is known already, or brings only a subject.
  const external = readExternal(provider, expected.profile(claims), { isEmailOptional: true })
  const settle = (ctx: Tx, user: User) => finish(ctx, provider, user)
  const { linkingUserId, redirectTo } = request
  return linkingUserId === null
    ? arrive(ctx, { external, isEmailOptional, redirectTo }, settle)
    : linkIdentity(ctx, { userId: linkingUserId, external, redirectTo }, settle)
}

async function finish(ctx: Tx, provider: string, user: User): Promise<SignedIn> {
  const session = await admit(ctx, user, {
    method: 'oauth',
    traits: { provider },
    audit: null,
    isVouchedFor: true,
  })
  return { user, session }
}

function refuse(why: string, details: Record<string, unknown> = {}): Fault {
  return new Fault('id_token_refused', { why, ...details })
}

/** The app keeps the nonce, and gave its hash to the provider: who only saw the token does not know it. */
function checkNonce({ nonce: hashed }: Claims, nonce: string): void {
  const isInToken = typeof hashed === 'string' && hashed !== ''
  if (isInToken !== (nonce !== '')) throw refuse('one-nonce')
  if (!isInToken) return
  if (!sameSecret(hashed, createHash('sha256').update(nonce).digest('hex'))) throw refuse('nonce')
}

async function expectedOf(ctx: Context, request: IdTokenRequest): Promise<Expected> {
  const { provider, issuer } = request
  const connector = connectorOf(ctx, request)
  if (connector !== null) return expectedOfBuiltIn(ctx, connector, request)
  if (isCustomName(provider)) return expectedOfCustom(ctx, provider)
  if (!ctx.config.gotrue.allowedIdTokenIssuers.includes(issuer)) {
    throw refuse('issuer-not-allowed', { issuer: provider || issuer })
  }
  return {
    provider: issuer,
    issuer,
    keys: { discoveryUrl: discoveryUrlOf(issuer) },
    audiences: [request.clientId],
    skipsNonceCheck: false,
    isEmailOptional: false,
    profile: profileOfClaims,
    out: trustedOutside(ctx),
  }
}

interface BuiltIn {
  name: ProviderName
  rules: IdTokenRules
}

/** The provider by its name or, where an app names an issuer, the one whose tokens come from there. */
function connectorOf(ctx: Context, { provider, issuer }: IdTokenRequest): BuiltIn | null {
  const all = socialConnectors.flatMap(({ id, idTokens: rules }) =>
    rules !== undefined && isProviderName(id) ? [{ name: id, rules }] : [],
  )
  const named = all.find(({ name }) => name === provider)
  if (named !== undefined || issuer === '') return named ?? null
  return all.find(({ name, rules }) => rules.keysOf(issuer, settingsOf(ctx, name))) ?? null
}

function settingsOf(ctx: Context, name: ProviderName): SocialSettings & ProviderSettings {
  const values = providerSettings(ctx.config.gotrue, name)
  return { ...values, secret: values.secret ?? '', redirectUri: values.redirectUri ?? '' }
}

function expectedOfBuiltIn(
  ctx: Context,
  { name, rules }: BuiltIn,
  request: IdTokenRequest,
): Expected {
  const settings = settingsOf(ctx, name)
  const own = rules.issuerOf(settings)
  const issuer = own ?? readIssuer(request.idToken)
  if (issuer === null) throw refuse('no-issuer', { provider: name })
  const keys = rules.keysOf(issuer, settings)
  if (own === null && keys === null) throw refuse('strange-issuer', { provider: name })
  if (own === null && request.issuer !== '' && request.issuer !== issuer) {
    throw refuse('other-issuer')
  }
  if (!settings.enabled || keys === null) throw refuse('disabled', { issuer })
  return {
    provider: name,
    issuer,
    keys,
    audiences: idTokenAudiences(ctx.config.gotrue, name),
    skipsNonceCheck: settings.skipNonceCheck || rules.ignoresNonce === true,
    isEmailOptional: settings.emailOptional,
    profile: rules.profile,
    out: trustedOutside(ctx),
  }
}

async function expectedOfCustom(ctx: Context, name: string): Promise<Expected> {
  if (!ctx.config.gotrue.customOauthEnabled) throw refuse('custom-off')
  const found = await findCustomProviderWithSecret(ctx, name)
  if (found === null) throw refuse('custom-unknown', { provider: name })
  if (!found.provider.isEnabled) throw refuse('custom-disabled', { provider: name })
  const { connector, settings, isEmailOptional, skipsNonceCheck } = customOf(ctx, found)
  const { idTokens } = connector
  const issuer = found.provider.issuer ?? ''
  const keys = idTokens?.keysOf(issuer, settings) ?? null
  if (idTokens === undefined || keys === null) throw refuse('custom-oauth2', { provider: name })
  return {
    provider: name,
    issuer,
    keys,
    audiences: settings.clientIds,
    skipsNonceCheck,
    isEmailOptional,
    profile: idTokens.profile,
    out: guardedOutside(ctx),
  }
}
