import { actingAs, type Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { day, second } from '../../base/time.ts'
import { type Application, isPublic } from '../../model/application.ts'
import type { Granted } from '../../model/grant.ts'
import type { Confirmation, Issue, OpaqueToken } from '../../model/token-row.ts'
import { unknownResource } from '../consent.ts'
import type { Minted } from '../mint.ts'

/** The grant types that we know; each has a file of its own in this folder. */
export type GrantType = 'authorization_code' | 'refresh_token' | 'client_credentials'

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
  /** Whose ID token goes with it, if `openid` was granted. */
  granted: Granted | null
}

const refreshTokenDays = 14

/** Throws `unauthorized_client` when this type of application may not use the grant type. */
export function mayUse({ type }: Application, grantType: GrantType): void {
  const isForMachines = grantType === 'client_credentials'
  if ((type === 'MachineToMachine') !== isForMachines) {
    throw new Fault('unauthorized_client', { grantType })
  }
}

/** Nobody is a member of an organization that does not exist, and no token is for an unknown resource. */
export function checkAudience({ resources, organizationId }: TokenRequest): void {
  const unknown = unknownResource(resources)
  if (unknown !== null) throw new Fault('invalid_target', { resource: unknown })
  if (organizationId !== null) throw new Fault('access_denied', { organizationId })
}

/** What is written when one of the application's codes or refresh tokens is redeemed. */
export function issueFor(
  application: Application,
  { cnf }: TokenRequest,
  opaque: OpaqueToken | null,
): Issue {
  const { refreshTokenTtlInDays, refreshTokenTtl } = application.customClientMetadata
  const fallback = refreshTokenTtl === undefined ? refreshTokenDays * day : refreshTokenTtl * second
  return {
    applicationId: application.id,
    opaque,
    refreshLifetime: refreshTokenTtlInDays === undefined ? fallback : refreshTokenTtlInDays * day,
    cnf,
    // A confidential client proves itself by its secret at every refresh (RFC 9449 § 5).
    bindsRefresh: isPublic(application),
  }
}

export function actingFor(ctx: Context, { id }: Application): Context {
  return actingAs(ctx, { kind: 'application', applicationId: id })
}
