import { isProviderName, providerSettings } from '../base/config/gotrue-external.ts'
import type { Context } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import { askOutside } from '../base/outgoing.ts'
import { second } from '../base/time.ts'
import {
  customConnector,
  discoveryUrlOf,
  findSocialConnector,
  type SocialConnector,
  type SocialOutside,
  type SocialSettings,
} from '../connectors/social/index.ts'
import { type CustomProvider, findCustomProviderWithSecret } from '../model/custom-provider.ts'

/** A provider that is set up: the code that speaks to it, how we are known there, and what is asked of its people. */
export interface Provider {
  name: string
  connector: SocialConnector
  settings: SocialSettings
  out: SocialOutside
  /** Whether somebody without an address may come. */
  isEmailOptional: boolean
  skipsNonceCheck: boolean
}

const customPrefix = 'custom:'

export function isCustomName(name: string): boolean {
  return name.startsWith(customPrefix)
}

/** By the name that apps use. Throws `provider_not_enabled` with the reason. */
export async function findProvider(ctx: Context, asked: string): Promise<Provider> {
  const name = asked.toLowerCase()
  return isCustomName(name) ? findCustom(ctx, name) : findBuiltIn(ctx, name)
}

function findBuiltIn(ctx: Context, name: string): Provider {
  const refuse = (why: string) => new Fault('provider_not_enabled', { provider: name, why })
  const connector = findSocialConnector(name)
  if (!isProviderName(name) || connector === null) throw refuse('unknown')
  const values = providerSettings(ctx.config.gotrue, name)
  if (!values.enabled) throw refuse('disabled')
  if (values.clientIds.length === 0) throw refuse('no-client-id')
  if (values.secret === null) throw refuse('no-secret')
  if (connector.needsUrl && values.url === null) throw refuse('no-url')
  return {
    name,
    connector,
    settings: {
      clientIds: values.clientIds,
      secret: values.secret,
      redirectUri: values.redirectUri ?? `${ctx.config.gotrue.externalUrl}/callback`,
      url: values.url,
      apiUrl: values.apiUrl,
    },
    out: trustedOutside(ctx),
    isEmailOptional: values.emailOptional,
    skipsNonceCheck: values.skipNonceCheck,
  }
}

async function findCustom(ctx: Context, name: string): Promise<Provider> {
  const refuse = (why: string) => new Fault('provider_not_enabled', { provider: name, why })
  if (!ctx.config.gotrue.customOauthEnabled) throw refuse('custom-off')
  const found = await findCustomProviderWithSecret(ctx, name)
  if (found === null) throw refuse('custom-unknown')
  if (!found.provider.isEnabled) throw refuse('custom-disabled')
  return customOf(ctx, found)
}

/** The provider of a row, whether it is enabled or not. */
export function customOf(
  ctx: Context,
  { provider, clientSecret }: { provider: CustomProvider; clientSecret: string },
): Provider {
  const { customOauthExternalUrl, externalUrl } = ctx.config.gotrue
  return {
    name: provider.identifier,
    connector: customConnector({
      id: provider.identifier,
      name: provider.name,
      scopes: provider.scopes,
      usesPkce: provider.usesPkce,
      mapping: provider.attributeMapping,
      keptClaims: provider.customClaimsAllowlist,
      parameters: textsOf(provider.authorizationParams),
      protocol: protocolOf(provider),
    }),
    settings: {
      clientIds: [provider.clientId, ...provider.acceptableClientIds],
      secret: clientSecret,
      redirectUri: `${customOauthExternalUrl ?? externalUrl}/callback`,
      url: null,
      apiUrl: null,
    },
    out: guardedOutside(ctx),
    isEmailOptional: provider.isEmailOptional,
    skipsNonceCheck: provider.skipsNonceCheck,
  }
}

function protocolOf(provider: CustomProvider) {
  const { issuer } = provider
  return provider.protocol === 'oidc'
    ? {
        kind: 'openid' as const,
        issuer: issuer ?? '',
        discoveryUrl: provider.discoveryUrl || discoveryUrlOf(issuer ?? ''),
      }
    : {
        kind: 'oauth2' as const,
        authorize: provider.authorizationUrl ?? '',
        token: provider.tokenUrl ?? '',
        userinfo: provider.userinfoUrl ?? '',
      }
}

function textsOf(values: Readonly<Record<string, unknown>>): Record<string, string> {
  return Object.fromEntries(
    Object.entries(values).filter(
      (entry): entry is [string, string] => typeof entry[1] === 'string',
    ),
  )
}

/** How long a provider may take for one answer: GoTrue's, as somebody is waiting in front of a browser. */
const patience = 10 * second

/** For addresses that came over the network: nobody inside our own. */
export function guardedOutside(ctx: Context): SocialOutside {
  return {
    now: ctx.now,
    random: ctx.random,
    cache: ctx.cache,
    discoveryLifetime: ctx.config.gotrue.oidcProviderCacheTtl,
    ask: (address, request) => askOutside(ctx, address, { timeout: patience, ...request }),
  }
}

/** For the public providers, and for those that whoever runs the server wrote into the environment: also inside. */
export function trustedOutside(ctx: Context): SocialOutside {
  return {
    ...guardedOutside(ctx),
    ask(address, request) {
      const { config } = ctx
      const host = URL.canParse(address) ? new URL(address).hostname.replace(/^\[|\]$/g, '') : ''
      const trusting = { ...config, privateHosts: [...config.privateHosts, host] }
      return askOutside({ ...ctx, config: trusting }, address, { timeout: patience, ...request })
    },
  }
}
