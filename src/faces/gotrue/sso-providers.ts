import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import type { Env } from '../../base/http.ts'
import { nameIdFormats } from '../../connectors/saml/index.ts'
import { serviceProviderOf } from '../../flows/saml-service.ts'
import {
  addSsoProvider,
  changeSsoProvider,
  type Described,
  type MetadataSource,
  type SsoOutcome,
} from '../../flows/sso-providers.ts'
import {
  deleteSsoProvider,
  findSsoProvider,
  findSsoProviderByResource,
  listSsoProviders,
  type SsoProvider,
} from '../../model/sso-provider.ts'
import type { Json } from '../../model/user.ts'
import { adminOf } from './bearer.ts'
import { refused } from './errors.ts'
import { goTime } from './present.ts'
import { readBody } from './read.ts'
import { text, textOrNull } from './schema.ts'

type Handler = (c: HonoContext<Env>) => Promise<Response>

const rule = z.object({
  name: z.string().nullish(),
  names: z.array(z.string()).nullish(),
  default: z.unknown().optional(),
  array: z.boolean().nullish(),
})

const body = z.object({
  type: text,
  metadata_url: text,
  metadata_xml: text,
  domains: z
    .array(z.string())
    .nullish()
    .transform((value) => value ?? null),
  attribute_mapping: z
    .object({ keys: z.record(z.string(), rule).nullish() })
    .nullish()
    .transform((value) => value?.keys ?? null),
  name_id_format: textOrNull,
  resource_id: textOrNull,
  disabled: z
    .boolean()
    .nullish()
    .transform((value) => value ?? null),
})

type Body = z.output<typeof body>

/** `GET /admin/sso/providers`. */
async function listProviders(c: HonoContext<Env>): Promise<Response> {
  const providers = await listSsoProviders(await administratorOf(c))
  return c.json({ items: providers.map((provider) => providerJson(provider)) })
}

/** `POST /admin/sso/providers`. */
async function createProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const sent = await readBody(c, body)
  if (sent.type !== 'saml') throw refused("Only 'saml' supported for SSO provider type")
  const source = sourceOf(sent)
  if (source === null) throw refused('Either metadata_xml or metadata_url must be set')
  const made = doneOr(await addSsoProvider(ctx, source, describedBy(sent, blank)))
  return c.json(wholeProviderJson(made), 201)
}

/** `GET /admin/sso/providers/{idp_id}`. */
async function showProvider(c: HonoContext<Env>): Promise<Response> {
  return c.json(wholeProviderJson(await providerOf(await administratorOf(c), c)))
}

/** `PUT /admin/sso/providers/{idp_id}`: what is not sent stays. */
async function changeProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const before = await providerOf(ctx, c)
  const sent = await readBody(c, body)
  const change = { source: sourceOf(sent), described: describedBy(sent, before) }
  const changed = await changeSsoProvider(ctx, before, change)
  // Sic: GoTrue says it otherwise here.
  if (changed.outcome === 'domain-taken') {
    throw refused(
      `SSO domain '${changed.domain}' already assigned to another provider (${changed.providerId})`,
      { code: 'sso_domain_already_exists' },
    )
  }
  return c.json(wholeProviderJson(doneOr(changed)))
}

/** `DELETE /admin/sso/providers/{idp_id}`. */
async function deleteProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const provider = await providerOf(ctx, c)
  if (!(await deleteSsoProvider(ctx, provider))) throw notFound()
  return c.json(wholeProviderJson(provider))
}

export const ssoAdminRoutes: readonly (readonly [string, string, Handler])[] = [
  ['GET', '/admin/sso/providers', listProviders],
  ['POST', '/admin/sso/providers', createProvider],
  ['GET', '/admin/sso/providers/:id', showProvider],
  ['PUT', '/admin/sso/providers/:id', changeProvider],
  ['DELETE', '/admin/sso/providers/:id', deleteProvider],
]

async function administratorOf(c: HonoContext<Env>): Promise<Context> {
  const ctx = await adminOf(c)
  serviceProviderOf(ctx)
  return ctx
}

const resourcePrefix = 'resource_'

async function providerOf(ctx: Context, c: HonoContext<Env>): Promise<SsoProvider> {
  const id = c.req.param('id') ?? ''
  const found =
    id.includes('\0') || id.length > longest.address
      ? null
      : id.startsWith(resourcePrefix)
        ? await findSsoProviderByResource(ctx, id.slice(resourcePrefix.length))
        : await findSsoProvider(ctx, id)
  if (found === null) throw notFound()
  return found
}

function notFound() {
  return refused('SSO Identity Provider not found', { status: 404, code: 'sso_provider_not_found' })
}

/** What an index has room for. */
const longest = { resource: 255, domain: 253, address: 2048 } as const
const mostDomains = 200

function sourceOf(sent: Body): MetadataSource | null {
  const { metadata_xml: xml, metadata_url: url } = sent
  if (xml !== '' && url !== '') {
    throw refused('Only one of metadata_xml or metadata_url needs to be set')
  }
  if (xml !== '') return { xml }
  if (url === '') return null
  if (!URL.canParse(url) || url.length > longest.address) {
    throw refused('metadata_url is not a valid URL')
  }
  if (new URL(url).protocol !== 'https:') throw refused('metadata_url is not a HTTPS URL')
  return { url }
}

const blank: Described = {
  resourceId: null,
  isDisabled: false,
  attributeMapping: {},
  nameIdFormat: null,
  domains: [],
}

/** An empty text takes away what was there. */
function describedBy(sent: Body, before: Described): Described {
  const { attribute_mapping: keys, name_id_format: format, resource_id: resource } = sent
  const formats: string[] = Object.values(nameIdFormats)
  if (format && !formats.includes(format)) {
    throw refused(`name_id_format must be unspecified or one of ${formats.join(', ')}`)
  }
  if ((resource ?? '').length > longest.resource) {
    throw refused(`resource_id cannot be longer than ${longest.resource} characters`)
  }
  return {
    resourceId: resource === null ? before.resourceId : resource || null,
    isDisabled: sent.disabled ?? before.isDisabled,
    attributeMapping: keys === null ? before.attributeMapping : { keys: withoutNulls(keys) },
    nameIdFormat: format === null ? before.nameIdFormat : format || null,
    domains: sent.domains === null ? before.domains : domainsOf(sent.domains),
  }
}

function withoutNulls(keys: NonNullable<Body['attribute_mapping']>): Json {
  return Object.fromEntries(
    Object.entries(keys).map(([claim, rule]) => [
      claim,
      Object.fromEntries(Object.entries(rule).filter(([, value]) => value != null)),
    ]),
  )
}

function domainsOf(sent: readonly string[]): string[] {
  const domains = sent.map((domain) => domain.trim().toLowerCase())
  const wrong = domains.find((one) => !/^[^\s@/:]+$/.test(one) || one.length > longest.domain)
  if (wrong !== undefined) throw refused(`SSO Domain '${wrong.slice(0, 100)}' is not valid`)
  if (domains.length > mostDomains) throw refused(`No more than ${mostDomains} domains, please`)
  return [...new Set(domains)]
}

function doneOr(outcome: SsoOutcome): SsoProvider {
  switch (outcome.outcome) {
    case 'done':
      return outcome.provider
    case 'not-utf8':
      throw refused(
        'SAML Metadata XML contains invalid UTF-8 characters, which are not supported at this time',
      )
    case 'not-xml':
      throw refused('SAML Metadata is not valid XML')
    case 'no-entity-id':
      throw refused('SAML Metadata does not contain an EntityID')
    case 'no-provider':
      throw refused('SAML Metadata does not contain any IDPSSODescriptor')
    case 'many-providers':
      throw refused('SAML Metadata contains multiple IDPSSODescriptors')
    case 'fetch-failed': {
      const status = outcome.status === null ? 'Network' : `HTTP ${outcome.status}`
      throw refused(`${status} error fetching SAML Metadata from URL '${outcome.url}'`, {
        code: 'saml_metadata_fetch_failed',
      })
    }
    case 'entity-exists':
      throw refused(
        `SAML Identity Provider with this EntityID (${outcome.entityId}) already exists`,
        { status: 422, code: 'saml_idp_already_exists' },
      )
    case 'entity-mismatch':
      throw refused(
        `SAML Metadata can be updated only if the EntityID matches for the provider; expected '${outcome.expected}' but got '${outcome.got}'`,
        { code: 'saml_entity_id_mismatch' },
      )
    case 'domain-taken':
      throw refused(
        `SSO Domain '${outcome.domain}' is already assigned to an SSO identity provider (${outcome.providerId})`,
        { code: 'sso_domain_already_exists' },
      )
    case 'conflict':
      throw refused('Updating SSO provider failed, likely due to a conflict. Try again?', {
        status: 422,
        code: 'conflict',
      })
    case 'not-found':
      throw notFound()
  }
}

function wholeProviderJson(provider: SsoProvider): Json {
  return providerJson(provider, { metadata_xml: provider.metadataXml })
}

function providerJson(provider: SsoProvider, more: Json = {}): Json {
  const { keys } = provider.attributeMapping
  return {
    id: provider.id,
    ...(provider.resourceId === null ? {} : { resource_id: provider.resourceId }),
    disabled: provider.isDisabled,
    saml: {
      entity_id: provider.entityId,
      ...more,
      ...(provider.metadataUrl === null ? {} : { metadata_url: provider.metadataUrl }),
      attribute_mapping: keys === undefined ? {} : { keys },
      ...(provider.nameIdFormat === null ? {} : { name_id_format: provider.nameIdFormat }),
    },
    domains: provider.domains.map((domain) => ({ domain })),
    created_at: goTime(provider.createdAt),
    updated_at: goTime(provider.updatedAt),
  }
}
