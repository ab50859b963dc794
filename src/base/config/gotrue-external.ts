import { hour } from '../time.ts'
import { duration, flag, integer, list, optional, url, type Variable } from './variables.ts'

/** The providers that GoTrue has of its own, by the names that its clients, its rows and its variables use. */
export const providerNames = [
  'apple',
  'azure',
  'bitbucket',
  'discord',
  'facebook',
  'figma',
  'fly',
  'github',
  'gitlab',
  'google',
  'kakao',
  'keycloak',
  'linkedin',
  'linkedin_oidc',
  'notion',
  'slack',
  'slack_oidc',
  'snapchat',
  'spotify',
  'twitch',
  'twitter',
  'vercel_marketplace',
  'workos',
  'x',
  'zoom',
] as const

export type ProviderName = (typeof providerNames)[number]

/** The eight variables of each: `GOTRUE_EXTERNAL_GITHUB_CLIENT_ID` … */
function settingsOf(name: ProviderName) {
  const prefix = `GOTRUE_EXTERNAL_${name.toUpperCase()}`
  return {
    enabled: flag(`${prefix}_ENABLED`, false),
    /** The first one is used for the browser's way; ID tokens may be made for any of them. */
    clientIds: list(`${prefix}_CLIENT_ID`, []),
    secret: optional(`${prefix}_SECRET`),
    redirectUri: url(`${prefix}_REDIRECT_URI`),
    url: url(`${prefix}_URL`),
    apiUrl: url(`${prefix}_API_URL`),
    skipNonceCheck: flag(`${prefix}_SKIP_NONCE_CHECK`, false),
    emailOptional: flag(`${prefix}_EMAIL_OPTIONAL`, false),
  }
}

type SettingVariables = ReturnType<typeof settingsOf>
type SettingName = keyof SettingVariables
type ProviderKey<Setting extends SettingName> = `provider.${ProviderName}.${Setting}`
type ProviderVariables = {
  [Setting in SettingName as ProviderKey<Setting>]: SettingVariables[Setting]
}

const providerVariables = Object.fromEntries(
  providerNames.flatMap((name) =>
    Object.entries(settingsOf(name)).map(([key, variable]) => [
      `provider.${name}.${key}`,
      variable,
    ]),
  ),
) as ProviderVariables

/** What was set of one provider. */
export type ProviderSettings = {
  readonly [Setting in SettingName]: ReturnType<SettingVariables[Setting]['parse']>
}

type ProviderValues = { readonly [Key in ProviderKey<SettingName>]: unknown }

export function providerSettings(values: ProviderValues, name: ProviderName): ProviderSettings {
  const keys = Object.keys(settingsOf(name)) as SettingName[]
  return Object.fromEntries(
    keys.map((key) => [key, values[`provider.${name}.${key}`]]),
  ) as ProviderSettings
}

/** For whom ID tokens may be made: Apple makes those of its phones for the app itself. */
export function idTokenAudiences(
  values: ProviderValues & { readonly iosBundleId: string | null },
  name: ProviderName,
): readonly string[] {
  const { clientIds } = providerSettings(values, name)
  const bundleId = name === 'apple' ? values.iosBundleId : null
  return bundleId === null ? clientIds : [...clientIds, bundleId]
}

export function isProviderName(name: string): name is ProviderName {
  return providerNames.some((known) => known === name)
}

/** `provider=domain` pairs; `=` and not `:`, which custom providers have in their names. */
function linkingDomains(name: string): Variable<Readonly<Record<string, string>>> {
  return {
    names: [name],
    fallback: {},
    parse(value) {
      const pairs = value
        .split(',')
        .filter((pair) => pair.trim() !== '')
        .map((pair) => pair.split('=').map((part) => part.trim()))
      for (const [provider, domain, ...more] of pairs) {
        if (!provider || !domain || more.length > 0) {
          throw new Error('must be pairs such as github=work,custom:corp=work')
        }
      }
      return Object.fromEntries(pairs)
    },
  }
}

/** Providers, custom providers, ID tokens, and which accounts are joined by an address. */
export const externalVariables = {
  ...providerVariables,
  iosBundleId: optional('GOTRUE_EXTERNAL_IOS_BUNDLE_ID'),
  /** Where every callback ends, instead of where the sign-in was asked for. */
  externalRedirectUrl: url('GOTRUE_EXTERNAL_REDIRECT_URL'),
  allowedIdTokenIssuers: list('GOTRUE_EXTERNAL_ALLOWED_ID_TOKEN_ISSUERS', [
    'https://appleid.apple.com',
    'https://accounts.google.com',
  ]),
  oidcProviderCacheTtl: duration('GOTRUE_EXTERNAL_OIDC_PROVIDER_CACHE_TTL', 1 * hour),
  customOauthEnabled: flag('GOTRUE_CUSTOM_OAUTH_ENABLED', true),
  /** 0 for any number. */
  customOauthMaxProviders: integer(['GOTRUE_CUSTOM_OAUTH_MAX_PROVIDERS'], 0),
  customOauthExternalUrl: url('GOTRUE_CUSTOM_OAUTH_EXTERNAL_URL'),
  manualLinkingEnabled: flag('GOTRUE_SECURITY_MANUAL_LINKING_ENABLED', false),
  linkingDomains: linkingDomains('GOTRUE_EXPERIMENTAL_PROVIDER_LINKING_DOMAINS'),
  providersWithOwnLinkingDomain: list('GOTRUE_EXPERIMENTAL_PROVIDERS_WITH_OWN_LINKING_DOMAIN', []),
}
