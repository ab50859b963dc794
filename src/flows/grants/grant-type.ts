import { actingAs, type Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { day, second } from '../../base/time.ts'
import { type Application, isPublic } from '../../model/application.ts'
import type { Granted } from '../../model/grant.ts'
import type { Confirmation, Issue } from '../../model/issue.ts'
import { findCatalog } from '../../model/resource.ts'
import { organizationsScope, type Target, type TargetProblem } from '../../model/rights.ts'
import { targetResource } from '../consent.ts'
import type { Minted } from '../mint.ts'

/** The grant types that we know; each has a file of its own in this folder. */
export type GrantType =
  | 'authorization_code'
  | 'refresh_token'
  | 'client_credentials'
  | 'urn:ietf:params:oauth:grant-type:device_code'
  | 'urn:ietf:params:oauth:grant-type:token-exchange'

/** What every request for tokens may say beside its proof. */
export interface TokenRequest {
  resources: readonly string[]
  organizationId: string | null
  /** The key whose proof came with the request and was checked (RFC 9449); what is issued is bound to it. */
  cnf: Confirmation | null
}

/** What the token endpoint answers, for every grant type. */
export interface TokenSet {
  access: Minted
  refreshToken: string | null
  /** What was issued, where the grant type has to say so (RFC 8693 § 2.2.1). */
  issuedTokenType?: string
  /** Whose ID token goes with it, if `openid` was granted. */
  granted: Granted | null
}

const refreshTokenDays = 14

/** Throws `unauthorized_client` when this application may not use the grant type. */
export function mayUse(application: Application, grantType: GrantType): void {
  if (!isAllowed(application, grantType)) throw new Fault('unauthorized_client', { grantType })
}

function isAllowed(application: Application, grantType: GrantType): boolean {
  const { type, isThirdParty, customClientMetadata } = application
  switch (grantType) {
    case 'client_credentials':
      return type === 'MachineToMachine'
    case 'urn:ietf:params:oauth:grant-type:device_code':
      return customClientMetadata.isDeviceFlow === true && type !== 'MachineToMachine'
    case 'urn:ietf:params:oauth:grant-type:token-exchange':
      // Nobody was there to allow it, so somebody else's application may not.
      return customClientMetadata.allowTokenExchange === true && !isThirdParty
    default:
      return type !== 'MachineToMachine'
  }
}

/** What the access token is asked for; null for our own user info. Throws `invalid_target`. */
export async function targetOf(
  ctx: Context,
  { resources, organizationId }: TokenRequest,
): Promise<Target | null> {
  const indicator = await targetResource(ctx, resources)
  return indicator === null && organizationId === null ? null : { indicator, organizationId }
}

/** A grant that gives no token for this target, as the application is told. */
export function refuseTarget(problem: TargetProblem, target: Target | null): Fault {
  const { indicator, organizationId } = target ?? { indicator: null, organizationId: null }
  switch (problem) {
    case 'resource-not-granted':
      return new Fault('invalid_target', { resource: indicator })
    case 'organizations-not-granted':
      return new Fault('insufficient_scope', { scope: organizationsScope })
    case 'not-a-member':
      return new Fault('access_denied', { organizationId })
  }
}

/** The names of scopes among what was asked that are none of the user's own data. */
export async function apiScopesOf(ctx: Context, asked: readonly string[]): Promise<string[]> {
  if (asked.length === 0) return []
  const { resources, organizationScopes } = await findCatalog(ctx)
  const known = new Set(organizationScopes)
  for (const { scopes } of resources.values()) for (const { name } of scopes) known.add(name)
  return [...new Set(asked)].filter((name) => known.has(name))
}

/**
 * The scope of a token for a target: what was asked for when the user was there, what their roles hold now, and no more
 * than this request says, if it says something.
 */
export function targetScope(granted: Granted, narrowed: readonly string[]): string {
  const held = new Set(granted.rights.targetScopes)
  return granted.apiScopes
    .filter((name) => held.has(name) && (narrowed.length === 0 || narrowed.includes(name)))
    .join(' ')
}

/** What is written when one of the application's codes or refresh tokens is redeemed. */
export function issueFor(
  application: Application,
  { cnf }: TokenRequest,
  target: Target | null,
): Issue {
  const { refreshTokenTtlInDays, refreshTokenTtl } = application.customClientMetadata
  const fallback = refreshTokenTtl === undefined ? refreshTokenDays * day : refreshTokenTtl * second
  return {
    applicationId: application.id,
    isThirdParty: application.isThirdParty,
    target,
    refreshLifetime: refreshTokenTtlInDays === undefined ? fallback : refreshTokenTtlInDays * day,
    cnf,
    // A confidential client proves itself by its secret at every refresh (RFC 9449 § 5).
    bindsRefresh: isPublic(application),
  }
}

export function actingFor(ctx: Context, { id }: Application): Context {
  return actingAs(ctx, { kind: 'application', applicationId: id })
}
