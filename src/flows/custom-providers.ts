import { isIP } from 'node:net'
import type { Context } from '../base/context.ts'
import { isPrivateAddress } from '../base/outgoing.ts'
import { isUniqueViolation } from '../base/sql-error.ts'
import { discover, discoveryUrlOf } from '../connectors/social/index.ts'
import {
  type CustomProvider,
  countCustomProviders,
  createCustomProvider,
  findCustomProvider,
  type NewCustomProvider,
  updateCustomProvider,
} from '../model/custom-provider.ts'
import type { Json } from '../model/user.ts'
import { guardedOutside } from './external-provider.ts'

/** Why a description was not taken. */
export type CustomProblem =
  | { outcome: 'url-refused'; why: UrlProblem }
  | { outcome: 'discovery-failed'; address: string; why: string }
  | { outcome: 'discovery-incomplete'; missing: string[] }
  | { outcome: 'too-many' }
  | { outcome: 'exists' }
  | { outcome: 'not-found' }

export type CustomOutcome = { outcome: 'done'; provider: CustomProvider } | CustomProblem

/** An OpenID Provider is asked for its description first: what is wrong shows now, and not to the first user. */
export async function addCustomProvider(
  ctx: Context,
  provider: NewCustomProvider,
): Promise<CustomOutcome> {
  const { customOauthMaxProviders: most } = ctx.config.gotrue
  if (most > 0 && (await countCustomProviders(ctx)) >= most) return { outcome: 'too-many' }
  const why = urlProblemOf(provider)
  if (why !== null) return { outcome: 'url-refused', why }
  if ((await findCustomProvider(ctx, provider.identifier)) !== null) return { outcome: 'exists' }
  const described = await describe(ctx, provider)
  if (described.outcome !== 'described') return described
  try {
    const { discovery } = described
    return {
      outcome: 'done',
      provider: await createCustomProvider(ctx, { ...provider, discovery }),
    }
  } catch (error) {
    if (isUniqueViolation(error)) return { outcome: 'exists' }
    throw error
  }
}

/** With `isMoved` its addresses are other ones than before. */
export async function changeCustomProvider(
  ctx: Context,
  id: string,
  { isMoved, ...provider }: NewCustomProvider & { isMoved: boolean },
): Promise<CustomOutcome> {
  const why = urlProblemOf(provider)
  if (why !== null) return { outcome: 'url-refused', why }
  const described = isMoved
    ? await describe(ctx, provider)
    : { outcome: 'described' as const, discovery: provider.discovery }
  if (described.outcome !== 'described') return described
  const { discovery } = described
  const changed = await updateCustomProvider(ctx, id, { ...provider, discovery })
  return changed === null ? { outcome: 'not-found' } : { outcome: 'done', provider: changed }
}

async function describe(
  ctx: Context,
  { protocol, issuer, discoveryUrl }: NewCustomProvider,
): Promise<{ outcome: 'described'; discovery: Json | null } | CustomProblem> {
  if (protocol !== 'oidc' || issuer === null) return { outcome: 'described', discovery: null }
  const address = discoveryUrl || discoveryUrlOf(issuer)
  // Asked now, whatever was said an hour ago.
  const out = { ...guardedOutside(ctx), discoveryLifetime: 0 }
  const found = await discover(out, issuer, address)
  if (found.outcome === 'failed') return { outcome: 'discovery-failed', address, why: found.why }
  const { document } = found.discovery
  const missing = needed.filter((name) => typeof document[name] !== 'string' || !document[name])
  if (missing.length > 0) return { outcome: 'discovery-incomplete', missing }
  const kept = described.filter((name) => name in document)
  return {
    outcome: 'described',
    discovery: Object.fromEntries(kept.map((name) => [name, document[name]])),
  }
}

const needed = ['issuer', 'authorization_endpoint', 'token_endpoint', 'jwks_uri']
const described = [
  ...needed,
  ...['userinfo_endpoint', 'scopes_supported', 'response_types_supported'],
  ...['grant_types_supported', 'subject_types_supported'],
]

export type UrlProblem = 'malformed' | 'not-https' | 'no-host' | 'local' | 'private' | 'too-long'

const longestUrl = 2048

function urlProblemOf(provider: NewCustomProvider): UrlProblem | null {
  const { issuer, discoveryUrl, authorizationUrl, tokenUrl, userinfoUrl, jwksUri } = provider
  const addresses = [issuer, discoveryUrl, authorizationUrl, tokenUrl, userinfoUrl, jwksUri]
  for (const address of addresses) {
    const problem = address ? problemOf(address) : null
    if (problem !== null) return problem
  }
  return null
}

/** What can be told from the address alone; to where its name leads is looked at whenever it is asked. */
function problemOf(address: string): UrlProblem | null {
  if (address.length > longestUrl) return 'too-long'
  if (!URL.canParse(address) || /[\0-\x20\x7f]/.test(address)) return 'malformed'
  const { protocol, hostname, username, password } = new URL(address)
  if (protocol !== 'https:' || !address.startsWith('https://')) return 'not-https'
  if (username !== '' || password !== '') return 'malformed'
  const host = hostname.replace(/^\[|\]$/g, '').toLowerCase()
  if (host === '') return 'no-host'
  if (local.has(host) || host.endsWith('.localhost')) return 'local'
  return isIP(host) !== 0 && isPrivateAddress(host) ? 'private' : null
}

const local = new Set(['localhost', '127.0.0.1', '::1', '0.0.0.0', '::'])
