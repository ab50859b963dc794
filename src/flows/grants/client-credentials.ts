import type { Context } from '../../base/context.ts'
import { Fault } from '../../base/fault.ts'
import type { Application } from '../../model/application.ts'
import { findCatalog } from '../../model/resource.ts'
import { type ApplicationRights, findApplicationRights, type Target } from '../../model/rights.ts'
import { mintAccessToken } from '../mint.ts'
import { actingFor, mayUse, type TokenRequest, type TokenSet, targetOf } from './grant-type.ts'

/**
 * A token for the application itself, with the scopes that its roles hold. For an API or an organization it is a JWT;
 * for neither there is nothing that it could open: its scope is empty. No round trip while the rights are fresh.
 */
export async function issueClientToken(
  ctx: Context,
  application: Application,
  asked: TokenRequest & { scope: readonly string[] },
): Promise<TokenSet> {
  mayUse(application, 'client_credentials')
  const acting = actingFor(ctx, application)
  const target = (await targetOf(ctx, asked)) ?? (await defaultTarget(ctx))
  const rights = await findApplicationRights(acting, application.id)
  const held = target === null ? [] : scopesFor(rights, target)
  const access = await mintAccessToken(acting, {
    application,
    holder: null,
    scope: held.filter((name) => asked.scope.length === 0 || asked.scope.includes(name)).join(' '),
    target,
    cnf: asked.cnf,
    act: null,
    subjectContext: null,
  })
  return { access, refreshToken: null, granted: null }
}

async function defaultTarget(ctx: Context): Promise<Target | null> {
  const { defaultResource } = await findCatalog(ctx)
  if (defaultResource === null) return null
  return { indicator: defaultResource.indicator, organizationId: null }
}

/** Throws `access_denied` for an organization of which the application is no member. */
function scopesFor(rights: ApplicationRights, { indicator, organizationId }: Target): string[] {
  if (organizationId === null) return own(rights.resources, indicator ?? '') ?? []
  const inOrganization = own(rights.organizations, organizationId)
  if (inOrganization === undefined) throw new Fault('access_denied', { organizationId })
  if (indicator === null) return inOrganization.scopes
  return own(inOrganization.resources, indicator) ?? []
}

/** What a stranger named may be `constructor`, which every object has. */
function own<T>(record: Readonly<Record<string, T>>, name: string): T | undefined {
  return Object.hasOwn(record, name) ? record[name] : undefined
}
