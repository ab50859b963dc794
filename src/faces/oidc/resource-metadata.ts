import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import { issuerOf } from '../../flows/authorize.ts'
import { knownScopes, userInfoResource } from '../../flows/consent.ts'
import { proofAlgorithms } from '../../model/application-proofs.ts'
import { findCatalog, type Resource } from '../../model/resource.ts'
import type { Call } from './cors.ts'

/** Where a resource's metadata stands by RFC 9728 § 3.1: before the path of the resource. */
export const resourceMetadataPath = '/.well-known/oauth-protected-resource'

/** The document of our own user info, or of an open API whose address is one of ours. */
export async function ownResourceMetadata(c: Call): Promise<Record<string, unknown>> {
  const ctx = c.get('ctx')
  const resource = ctx.config.publicUrl + c.req.path.slice(resourceMetadataPath.length)
  if (resource === userInfoResource(ctx)) return userInfoMetadata(ctx)
  return metadataOf(ctx, await findOpen(ctx, resource))
}

/** `GET /oidc/resource-metadata?resource=…`: for an API elsewhere, whose 401 may name this address (RFC 9728 § 5.1). */
export async function openResourceMetadata(c: Call): Promise<Record<string, unknown>> {
  const ctx = c.get('ctx')
  return metadataOf(ctx, await findOpen(ctx, c.req.query('resource') ?? ''))
}

async function findOpen(ctx: Context, indicator: string): Promise<Resource> {
  const resource = (await findCatalog(ctx)).resources.get(indicator)
  if (resource === undefined || !resource.isOpen) throw new Fault('not_found')
  return resource
}

function metadataOf(ctx: Context, { indicator, name, scopes }: Resource): Record<string, unknown> {
  return {
    resource: indicator,
    resource_name: name,
    authorization_servers: [issuerOf(ctx)],
    scopes_supported: scopes.map((scope) => scope.name),
    bearer_methods_supported: ['header'],
  }
}

function userInfoMetadata(ctx: Context): Record<string, unknown> {
  return {
    resource: userInfoResource(ctx),
    authorization_servers: [issuerOf(ctx)],
    scopes_supported: knownScopes,
    bearer_methods_supported: ['header', 'body'],
    dpop_signing_alg_values_supported: proofAlgorithms,
  }
}
