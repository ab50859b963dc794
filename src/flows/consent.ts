import type { Tx } from '../base/context.ts'
import { Fault } from '../base/fault.ts'
import type { Application } from '../model/application.ts'
import { findConsentScopes } from '../model/application-consent.ts'
import {
  type ConsentScopes,
  type ScopeOfResource,
  userScopes,
} from '../model/authorization-input.ts'
import type { Consent } from '../model/consent.ts'
import { type Catalog, findCatalog } from '../model/resource.ts'
import { organizationsScope } from '../model/rights.ts'

/** What an application may ask of a user's own data; names beside these and those of the catalog are ignored, as Logto does. */
export const knownScopes = [
  ...userScopes,
  'urn:logto:scope:organizations',
  'urn:logto:scope:organization_roles',
] as const

export type Scope = (typeof knownScopes)[number]

/** A resource that Logto's SDKs name for organization scopes; it is no audience. */
const organizationsResource = 'urn:logto:resource:organizations'

/** Whether an application is told who the user is needs nobody's leave: that is what signing in means. */
const unasked: readonly string[] = ['openid', 'offline_access']

/** What an authorization request wants, as far as we know it and the application may ask for it. */
export interface Wish {
  scope: Scope[]
  /** Indicators of the API resources that its grant will give tokens for. */
  resources: string[]
  /** Names of scopes of these resources, and of organizations. */
  apiScopes: string[]
  /** The same as a question to the user, for who has to be asked. */
  consent: Consent
}

/**
 * Reads scope and resources of a request (RFC 8707 § 2.1). Other people's applications get no more than their ceiling.
 * Throws `invalid_target` for a resource that nobody registered. No query while the catalog is fresh.
 */
export async function readWish(
  ctx: Tx,
  application: Application,
  asked: { scope: readonly string[]; resources: readonly string[] },
): Promise<Wish> {
  const catalog = await findCatalog(ctx)
  const resources = resourcesOf(ctx, catalogFor(application, catalog), asked.resources)
  const ceiling = await ceilingOf(ctx, application, catalog)
  const scope = keepKnown(asked.scope).filter(
    (name) => ceiling === null || unasked.includes(name) || ceiling.userScopes.includes(name),
  )
  const asksOrganizations = scope.includes(organizationsScope)
  const wanted = new Set(asked.scope)
  const organizationScopes = [...catalog.organizationScopes].filter(
    (name) =>
      asksOrganizations &&
      wanted.has(name) &&
      (ceiling === null || ceiling.organizationScopes.includes(name)),
  )
  const resourceScopes: Record<string, string[]> = {}
  for (const indicator of resources) {
    const names = (catalog.resources.get(indicator)?.scopes ?? [])
      .map(({ name }) => name)
      .filter((name) => wanted.has(name) && isUnder(ceiling, indicator, name, asksOrganizations))
    if (names.length > 0) resourceScopes[indicator] = names
  }
  return {
    scope,
    resources,
    apiScopes: [...new Set([...Object.values(resourceScopes).flat(), ...organizationScopes])],
    consent: {
      scopes: scope.filter((name) => !unasked.includes(name)),
      resourceScopes,
      organizationScopes,
      organizationIds: [],
    },
  }
}

/** The known names among those asked for, each once, in the order of asking. */
export function keepKnown(asked: readonly string[]): Scope[] {
  return [...new Set(asked)].filter((name): name is Scope =>
    knownScopes.some((known) => known === name),
  )
}

/**
 * The resource that a token is asked for; null for none. One token has one audience (RFC 8707 § 2.2), so that an API
 * cannot use at another what was shown to it.
 */
export async function targetResource(ctx: Tx, asked: readonly string[]): Promise<string | null> {
  const audiences = [...new Set(asked)].filter((one) => one !== organizationsResource)
  if (audiences.length > 1) throw new Fault('invalid_target', { problem: 'several' })
  const [indicator] = audiences
  if (indicator === undefined || indicator === userInfoResource(ctx)) return null
  const { resources } = await findCatalog(ctx)
  if (!resources.has(indicator)) throw new Fault('invalid_target', { resource: indicator })
  return indicator
}

/** Our own user info as a resource (RFC 9728 § 2); its tokens are those that are asked for without any. */
export function userInfoResource({ config }: Pick<Tx, 'config'>): string {
  return `${config.publicUrl}/oidc/me`
}

/** What nobody opened to strangers does not exist for applications that introduced themselves. */
function catalogFor({ origin }: Application, catalog: Catalog): Catalog {
  if (origin === 'admin') return catalog
  const { resources, defaultResource } = catalog
  return {
    ...catalog,
    resources: new Map([...resources].filter(([, { isOpen }]) => isOpen)),
    defaultResource: defaultResource?.isOpen ? defaultResource : null,
  }
}

/** What another's application may ask at most: one that introduced itself, what is open; null where there is no limit. */
async function ceilingOf(
  ctx: Tx,
  application: Application,
  catalog: Catalog,
): Promise<ConsentScopes | null> {
  if (!application.isThirdParty) return null
  if (application.origin === 'admin') return findConsentScopes(ctx, application.id)
  const { resources } = catalogFor(application, catalog)
  return {
    userScopes: [...ctx.config.registrationScopes],
    organizationScopes: [],
    resourceScopes: [...resources.values()].flatMap(({ indicator, scopes }) =>
      scopes.map(({ name }) => ({ resource: indicator, name })),
    ),
    organizationResourceScopes: [],
  }
}

/** The names that an application that introduced itself may ask for at all. */
export async function openScopes(ctx: Tx): Promise<string[]> {
  const { resources } = await findCatalog(ctx)
  const ofApis = [...resources.values()].flatMap(({ isOpen, scopes }) =>
    isOpen ? scopes.map(({ name }) => name) : [],
  )
  return [...new Set([...unasked, ...ctx.config.registrationScopes, ...ofApis])]
}

function resourcesOf(
  ctx: Tx,
  { resources, defaultResource }: Catalog,
  asked: readonly string[],
): string[] {
  const isNone = (one: string) => one === organizationsResource || one === userInfoResource(ctx)
  const named = [...new Set(asked)].filter((one) => !isNone(one))
  const unknown = named.find((indicator) => !resources.has(indicator))
  if (unknown !== undefined) throw new Fault('invalid_target', { resource: unknown })
  if (asked.length > 0 || defaultResource === null) return named
  return [defaultResource.indicator]
}

function isUnder(
  ceiling: {
    resourceScopes: readonly ScopeOfResource[]
    organizationResourceScopes: readonly ScopeOfResource[]
  } | null,
  indicator: string,
  name: string,
  asksOrganizations: boolean,
): boolean {
  if (ceiling === null) return true
  const lists = [
    ceiling.resourceScopes,
    ...(asksOrganizations ? [ceiling.organizationResourceScopes] : []),
  ]
  return lists.flat().some((one) => one.resource === indicator && one.name === name)
}
