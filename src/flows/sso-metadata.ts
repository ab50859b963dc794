import type { Context } from '../base/context.ts'
import { askOutside } from '../base/outgoing.ts'
import { day } from '../base/time.ts'
import {
  type IdentityProvider,
  type MetadataProblem,
  readMetadata,
} from '../connectors/saml/index.ts'
import { findSsoProvider, replaceMetadata, type SsoProvider } from '../model/sso-provider.ts'

/** Federations' documents are large; ours is one company's. */
const largestMetadata = 512 * 1024

export type Fetched =
  | { outcome: 'fetched'; xml: string }
  /** `status` is null where nothing answered, or nothing that could be read. */
  | { outcome: 'fetch-failed'; url: string; status: number | null }

/** Asks for metadata where an administrator said that it is: never inside our own network. */
export async function fetchMetadata(ctx: Context, url: string): Promise<Fetched> {
  const answer = await askOutside(ctx, url, { limit: largestMetadata })
  if (answer.outcome !== 'answered') return { outcome: 'fetch-failed', url, status: null }
  if (answer.status !== 200) return { outcome: 'fetch-failed', url, status: answer.status }
  return { outcome: 'fetched', xml: answer.text }
}

export type Understood =
  | { outcome: 'read'; provider: IdentityProvider }
  | { outcome: MetadataProblem | 'not-utf8' }

export function understandMetadata(xml: string): Understood {
  // What is left of bytes that were none.
  if (xml.includes('\ufffd') || !xml.isWellFormed()) return { outcome: 'not-utf8' }
  return readMetadata(xml)
}

/** The provider with metadata that is not stale, as far as it can be had: an old one still signs people in. */
export async function withFreshMetadata(
  ctx: Context,
  provider: SsoProvider,
): Promise<{ provider: SsoProvider; described: IdentityProvider | null }> {
  const described = describedBy(provider)
  if (provider.metadataUrl === null || !isStale(ctx, provider, described)) {
    return { provider, described }
  }
  // Kept for seconds: a metadata server that hangs does not hold up everybody.
  const fresh = await ctx.cache.get(`saml-metadata:${provider.id}`, ctx.now(), () =>
    refresh(ctx, provider),
  )
  return fresh === null
    ? { provider, described }
    : { provider: fresh, described: describedBy(fresh) }
}

function describedBy({ metadataXml }: SsoProvider): IdentityProvider | null {
  const understood = understandMetadata(metadataXml)
  return understood.outcome === 'read' ? understood.provider : null
}

/** What says nothing of how long it is good is fetched once a day. */
function isStale(
  ctx: Context,
  { readAt }: SsoProvider,
  described: IdentityProvider | null,
): boolean {
  if (described === null) return true
  const { validUntil, cacheDuration } = described
  if (validUntil !== null && validUntil <= ctx.now()) return true
  if (cacheDuration === null && validUntil !== null) return false
  return ctx.now().getTime() - readAt.getTime() >= (cacheDuration ?? day)
}

async function refresh(ctx: Context, provider: SsoProvider): Promise<SsoProvider | null> {
  const { id, metadataUrl, entityId } = provider
  const fetched = await fetchMetadata(ctx, metadataUrl ?? '')
  const understood = fetched.outcome === 'fetched' ? understandMetadata(fetched.xml) : fetched
  if (fetched.outcome !== 'fetched' || understood.outcome !== 'read') {
    ctx.log.warn({ id, metadataUrl, why: understood.outcome }, 'SAML metadata was not refreshed.')
    return null
  }
  if (understood.provider.entityId !== entityId) {
    ctx.log.warn({ id, metadataUrl, why: 'entity-mismatch' }, 'SAML metadata was not refreshed.')
    return null
  }
  await replaceMetadata(ctx, provider, fetched.xml)
  return findSsoProvider(ctx, id)
}
