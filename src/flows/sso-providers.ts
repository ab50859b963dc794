import { type Context, transaction } from '../base/context.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import {
  createSsoProvider,
  findSsoProvider,
  findSsoProviderByEntity,
  listDomainOwners,
  type NewSsoProvider,
  type SsoProvider,
  updateSsoProvider,
} from '../model/sso-provider.ts'
import { type Fetched, fetchMetadata, type Understood, understandMetadata } from './sso-metadata.ts'

/** Where the metadata comes from: as it is, or from an address where it is fetched again later. */
export type MetadataSource = { xml: string } | { url: string }

export type Described = Omit<NewSsoProvider, 'entityId' | 'metadataXml' | 'metadataUrl'>

/** Why a provider was not taken. */
export type SsoProblem =
  | Exclude<Understood, { outcome: 'read' }>
  | Exclude<Fetched, { outcome: 'fetched' }>
  | { outcome: 'entity-exists'; entityId: string }
  | { outcome: 'entity-mismatch'; expected: string; got: string }
  | { outcome: 'domain-taken'; domain: string; providerId: string }
  | { outcome: 'conflict' }
  | { outcome: 'not-found' }

export type SsoOutcome = { outcome: 'done'; provider: SsoProvider } | SsoProblem

interface Metadata {
  entityId: string
  metadataXml: string
  metadataUrl: string | null
}

type Obtained = { outcome: 'obtained'; metadata: Metadata } | SsoProblem

export async function addSsoProvider(
  ctx: Context,
  source: MetadataSource,
  described: Described,
): Promise<SsoOutcome> {
  const obtained = await obtain(ctx, source)
  if (obtained.outcome !== 'obtained') return obtained
  const { entityId } = obtained.metadata
  if ((await findSsoProviderByEntity(ctx, entityId)) !== null) {
    return { outcome: 'entity-exists', entityId }
  }
  const taken = await takenDomain(ctx, described.domains, null)
  if (taken !== null) return taken
  return settled(ctx, () => createSsoProvider(ctx, { ...obtained.metadata, ...described }))
}

/** Without a source the metadata stays; it may be another one of the same entity only. */
export async function changeSsoProvider(
  ctx: Context,
  before: SsoProvider,
  { source, described }: { source: MetadataSource | null; described: Described },
): Promise<SsoOutcome> {
  const obtained = source === null ? null : await obtain(ctx, source)
  if (obtained !== null && obtained.outcome !== 'obtained') return obtained
  const { entityId, metadataXml, metadataUrl } = obtained?.metadata ?? before
  if (entityId !== before.entityId) {
    return { outcome: 'entity-mismatch', expected: before.entityId, got: entityId }
  }
  const taken = await takenDomain(ctx, described.domains, before.id)
  if (taken !== null) return taken
  return settled(ctx, () =>
    transaction(ctx, async (ctx) => {
      const provider = { entityId, metadataXml, metadataUrl, ...described }
      return (await updateSsoProvider(ctx, before.id, provider)) ? before.id : null
    }),
  )
}

async function obtain(ctx: Context, source: MetadataSource): Promise<Obtained> {
  const fetched = 'url' in source ? await fetchMetadata(ctx, source.url) : null
  if (fetched?.outcome === 'fetch-failed') return fetched
  const metadataXml = fetched?.xml ?? ('xml' in source ? source.xml : '')
  const understood = understandMetadata(metadataXml)
  if (understood.outcome !== 'read') return understood
  const { entityId } = understood.provider
  const metadataUrl = 'url' in source ? source.url : null
  return { outcome: 'obtained', metadata: { entityId, metadataXml, metadataUrl } }
}

async function takenDomain(
  ctx: Context,
  domains: readonly string[],
  own: string | null,
): Promise<SsoProblem | null> {
  const owners = await listDomainOwners(ctx, domains)
  const other = owners.find(({ providerId }) => providerId !== own)
  return other === undefined ? null : { outcome: 'domain-taken', ...other }
}

/** Two administrators at once: one of them is told so. */
async function settled(ctx: Context, write: () => Promise<string | null>): Promise<SsoOutcome> {
  try {
    const id = await write()
    const provider = id === null ? null : await findSsoProvider(ctx, id)
    return provider === null ? { outcome: 'not-found' } : { outcome: 'done', provider }
  } catch (error) {
    if (isUniqueViolation(error)) return { outcome: 'conflict' }
    throw error
  }
}
