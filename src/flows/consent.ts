/** What an application may ask of a user; names beside these are ignored, as Logto does. */
export const knownScopes = [
  'openid',
  'offline_access',
  'profile',
  'email',
  'phone',
  'address',
  'custom_data',
  'identities',
  'roles',
  'urn:logto:scope:organizations',
  'urn:logto:scope:organization_roles',
] as const

export type Scope = (typeof knownScopes)[number]

/** A resource that Logto's SDKs name for organization scopes; it is no audience. */
const organizations = 'urn:logto:resource:organizations'

/**
 * The known names among those asked for, each once, in the order of asking. They are what a sign-in grants: every
 * application is the house's own, and so needs no consent page. That is also the other condition under which OpenID
 * Connect Core § 11 lets `offline_access` pass without `prompt=consent`.
 */
export function keepKnown(asked: readonly string[]): Scope[] {
  return [...new Set(asked)].filter((name): name is Scope =>
    knownScopes.some((known) => known === name),
  )
}

/** The first resource that nobody registered; there are no API resources yet, so any but Logto's own. */
export function unknownResource(asked: readonly string[]): string | null {
  return asked.find((resource) => resource !== organizations) ?? null
}
