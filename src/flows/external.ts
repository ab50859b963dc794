import { type Context, type Tx, transaction } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import {
  createExternalFlow,
  type ExternalFlow,
  findExternalFlow,
  finishExternalFlow,
  type NewExternalFlow,
  spendExternalFlow,
} from '../model/external-flow.ts'
import type { Challenge } from '../model/flow-state.ts'
import { createOAuthClientState, spendOAuthClientState } from '../model/oauth-client-state.ts'
import { findHashOwner } from '../model/one-time-token.ts'
import type { ProviderTokens } from '../model/provider-tokens.ts'
import { findUser, type User } from '../model/user.ts'
import { isUuid } from '../model/uuid.ts'
import { admit } from './admit.ts'
import { arrive } from './external-account.ts'
import { type External, readExternal } from './external-claims.ts'
import { acceptInvite } from './external-invite.ts'
import { findProvider, isCustomName, type Provider } from './external-provider.ts'
import { linkIdentity } from './identities.ts'
import type { SignedIn } from './sign-in.ts'

export interface Departure {
  provider: string
  /** Beside the connector's own; of a built-in provider by commas, of a custom one by spaces. */
  scopes: string
  /** What the app adds to the provider's address. */
  parameters: readonly (readonly [string, string])[]
  challenge: Challenge | null
  inviteToken: string
  redirectTo: string
  /** Somebody who is signed in, and adds an identity. */
  linkingUserId: string | null
}

/** Where the browser is to go for signing in at a provider; its `state` is good once, for some minutes. */
export async function departTo(ctx: Context, departure: Departure): Promise<string> {
  const provider = await findProvider(ctx, departure.provider)
  const { inviteToken, challenge, redirectTo, linkingUserId } = departure
  if (
    inviteToken !== '' &&
    (await findHashOwner(ctx, inviteToken, 'confirmation_token')) === null
  ) {
    throw new Fault('invite_not_found', { at: 'authorize' })
  }
  const id = ctx.random.uuid()
  const { url, remember } = await provider.connector.begin(
    provider.settings,
    {
      state: id,
      scopes: departure.scopes.split(isCustomName(provider.name) ? /\s+/ : ',').filter(Boolean),
      parameters: departure.parameters.filter(([name]) => !reserved.has(name.toLowerCase())),
    },
    provider.out,
  )
  const flow = {
    id,
    provider: provider.name,
    challenge,
    inviteToken,
    redirectTo,
    linkingUserId,
    isEmailOptional: provider.isEmailOptional,
  }
  if (remember === null) await createExternalFlow(ctx, { ...flow, clientStateId: null })
  else await rememberWith(ctx, flow, remember)
  return url
}

function rememberWith(
  ctx: Context,
  flow: Omit<NewExternalFlow, 'clientStateId'>,
  remembered: string,
): Promise<void> {
  return transaction(ctx, async (ctx) => {
    const { provider } = flow
    const clientStateId = await createOAuthClientState(ctx, { provider, remembered })
    await createExternalFlow(ctx, { ...flow, clientStateId })
  })
}

/** What belongs to the conversation between the provider and us; an app may not speak into it. */
const reserved = new Set([
  ...['client_id', 'client_secret', 'redirect_uri', 'response_type', 'state'],
  ...['code_challenge', 'code_challenge_method', 'code_verifier'],
])

/** Reads where somebody came back to, who is not known yet. Throws `provider_state_invalid` with the reason. */
export async function findReturn(ctx: Context, state: string): Promise<ExternalFlow> {
  const refuse = (why: string) => new Fault('provider_state_invalid', { why })
  if (state === '') throw refuse('missing')
  if (!isUuid(state)) throw refuse('malformed')
  const flow = await findExternalFlow(ctx, state)
  if (flow === null) throw refuse('unknown')
  if (flow.isExpired) throw refuse('expired')
  if (flow.isUsed) throw refuse('used')
  return flow
}

export type Returned =
  | ({ outcome: 'signed-in'; tokens: ProviderTokens } & SignedIn)
  /** For the app that began it, and knows the verifier. */
  | { outcome: 'code'; authCode: string }

/** Somebody is back from a provider: asks it who they are, and gives them their account. */
export async function returnFrom(
  ctx: Context,
  flow: ExternalFlow,
  { parameters, redirectTo }: { parameters: URLSearchParams; redirectTo: string },
): Promise<Returned> {
  const error = parameters.get('error') ?? ''
  if (error !== '') {
    const description = parameters.get('error_description') ?? ''
    throw new Fault('provider_refused', { error, description })
  }
  const provider = await findProvider(ctx, flow.provider).catch((error: unknown) => {
    if (error instanceof Fault) throw new Fault(error.code, { ...error.details, at: 'callback' })
    throw error
  })
  if (!provider.connector.hasReturned(parameters)) {
    throw new Fault('provider_state_invalid', { why: 'no-code' })
  }
  const target = flow.linkingUserId === null ? null : await findUser(ctx, flow.linkingUserId)
  if (flow.linkingUserId !== null && target === null) {
    throw new Fault('provider_state_invalid', { why: 'no-target' })
  }
  // Spent before the provider is asked: a code is worth one question, however many browsers bring it.
  if (!(await spendExternalFlow(ctx, flow.id))) {
    throw new Fault('provider_state_invalid', { why: flow.isPkce ? 'used' : 'unknown' })
  }
  const remembered = await recall(ctx, flow, provider)
  const { granted, profile } = await provider.connector.finish(
    provider.settings,
    { parameters, remembered },
    provider.out,
  )
  const external = readExternal(provider.name, profile, flow)
  const tokens = { accessToken: granted.accessToken, refreshToken: granted.refreshToken }
  const settle = (ctx: Tx, user: User) => finish(ctx, flow, { user, tokens })
  return welcome(ctx, flow, { external, target, redirectTo, settle })
}

async function welcome(
  ctx: Context,
  flow: ExternalFlow,
  guest: {
    external: External
    target: User | null
    redirectTo: string
    settle(ctx: Tx, user: User): Promise<Returned>
  },
): Promise<Returned> {
  const { external, target, redirectTo, settle } = guest
  if (target !== null) {
    return linkIdentity(ctx, { userId: target.id, external, redirectTo }, settle)
  }
  if (flow.inviteToken !== null) {
    return acceptInvite(ctx, { external, token: flow.inviteToken }, settle)
  }
  return arrive(ctx, { external, redirectTo, isEmailOptional: flow.isEmailOptional }, settle)
}

/** What was kept for the way back; another provider's, an old or a spent one is refused. */
async function recall(
  ctx: Context,
  flow: ExternalFlow,
  provider: Provider,
): Promise<string | null> {
  const refuse = (why: string) => new Fault('provider_state_invalid', { why })
  if (flow.clientStateId === null) {
    if (provider.connector.remembers) throw refuse('client-missing')
    return null
  }
  const state = await spendOAuthClientState(ctx, flow.clientStateId)
  if (state === null) throw refuse('client-unknown')
  if (state.provider !== provider.name) throw refuse('client-mismatch')
  if (state.isExpired) throw refuse('client-expired')
  return state.remembered
}

async function finish(
  ctx: Tx,
  flow: ExternalFlow,
  { user, tokens }: { user: User; tokens: ProviderTokens },
): Promise<Returned> {
  if (flow.isPkce) {
    const authCode = await finishExternalFlow(ctx, flow.id, { userId: user.id, tokens })
    return { outcome: 'code', authCode }
  }
  // GoTrue's log said that they came when their identity was read.
  const session = await admit(ctx, user, {
    method: 'oauth',
    traits: { provider: flow.provider },
    audit: null,
    isVouchedFor: true,
  })
  return { outcome: 'signed-in', user, session, tokens }
}
