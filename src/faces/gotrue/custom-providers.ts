import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import type { Env } from '../../base/http.ts'
import {
  addCustomProvider,
  type CustomOutcome,
  changeCustomProvider,
  type UrlProblem,
} from '../../flows/custom-providers.ts'
import {
  type CustomProvider,
  deleteCustomProvider,
  findCustomProvider,
  listCustomProviders,
  type NewCustomProvider,
} from '../../model/custom-provider.ts'
import type { Json } from '../../model/user.ts'
import { adminOf } from './bearer.ts'
import { refused } from './errors.ts'
import { goTime } from './present.ts'
import { readBody } from './read.ts'

const textOrNull = z
  .string()
  .nullish()
  .transform((value) => value ?? null)
const flagOrNull = z
  .boolean()
  .nullish()
  .transform((value) => value ?? null)
const textsOrNull = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? null)
const objectOrNull = z
  .record(z.string(), z.unknown())
  .nullish()
  .transform((value) => value ?? null)

const body = z.object({
  provider_type: textOrNull,
  identifier: textOrNull,
  name: textOrNull,
  client_id: textOrNull,
  client_secret: textOrNull,
  acceptable_client_ids: textsOrNull,
  scopes: textsOrNull,
  pkce_enabled: flagOrNull,
  attribute_mapping: objectOrNull,
  custom_claims_allowlist: textsOrNull,
  authorization_params: objectOrNull,
  enabled: flagOrNull,
  email_optional: flagOrNull,
  issuer: textOrNull,
  discovery_url: textOrNull,
  skip_nonce_check: flagOrNull,
  authorization_url: textOrNull,
  token_url: textOrNull,
  userinfo_url: textOrNull,
  jwks_uri: textOrNull,
})

type Body = z.output<typeof body>

/** `GET /admin/custom-providers`. */
export async function listProviders(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const type = c.req.query('type') ?? ''
  if (type !== '' && !isProtocol(type)) throw refused("type must be either 'oauth2' or 'oidc'")
  const providers = await listCustomProviders(ctx, { protocol: isProtocol(type) ? type : null })
  return c.json({ providers: providers.map(providerJson) })
}

/** `GET /admin/custom-providers/{identifier}`. */
export async function showProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  return c.json(providerJson(await providerOf(ctx, c)))
}

/** `POST /admin/custom-providers`. */
export async function createProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const sent = await readBody(c, body)
  const protocol = sent.provider_type ?? ''
  if (!isProtocol(protocol)) throw refused("provider_type must be either 'oauth2' or 'oidc'")
  checkNeeded(sent, protocol)
  checkFields(sent)
  const isOidc = protocol === 'oidc'
  const provider: NewCustomProvider = {
    ...valuesOf(sent, { ...blank, protocol, identifier: sent.identifier ?? '' }),
    issuer: isOidc ? sent.issuer : null,
    discoveryUrl: isOidc ? sent.discovery_url : null,
    skipsNonceCheck: isOidc && sent.skip_nonce_check === true,
    authorizationUrl: isOidc ? null : sent.authorization_url,
    tokenUrl: isOidc ? null : sent.token_url,
    userinfoUrl: isOidc ? null : sent.userinfo_url,
    jwksUri: isOidc ? null : sent.jwks_uri || null,
  }
  const made = doneOr(await addCustomProvider(ctx, { ...provider, scopes: scopesOf(provider) }))
  return c.json(providerJson(made), 201)
}

/** `PUT /admin/custom-providers/{identifier}`: what is not sent stays. */
export async function changeProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  checkIdentifier(identifierOf(c))
  const sent = await readBody(c, body)
  checkFields(sent)
  const found = await providerOf(ctx, c)
  const { id, createdAt: _created, updatedAt: _updated, ...before } = found
  const isOidc = found.protocol === 'oidc'
  const provider: NewCustomProvider = {
    ...valuesOf(sent, { ...before, clientSecret: '' }),
    issuer: isOidc ? sent.issuer || found.issuer : null,
    discoveryUrl: isOidc ? sent.discovery_url || found.discoveryUrl : null,
    skipsNonceCheck: isOidc ? (sent.skip_nonce_check ?? found.skipsNonceCheck) : false,
    authorizationUrl: isOidc ? null : sent.authorization_url || found.authorizationUrl,
    tokenUrl: isOidc ? null : sent.token_url || found.tokenUrl,
    userinfoUrl: isOidc ? null : sent.userinfo_url || found.userinfoUrl,
    jwksUri: isOidc ? null : sent.jwks_uri || found.jwksUri,
  }
  const changed = await changeCustomProvider(ctx, id, {
    ...provider,
    scopes: scopesOf(provider),
    isMoved: Boolean(sent.issuer) || sent.discovery_url !== null,
  })
  return c.json(providerJson(doneOr(changed)))
}

/** `DELETE /admin/custom-providers/{identifier}`. */
export async function deleteProvider(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const identifier = identifierOf(c)
  checkIdentifier(identifier)
  if (!(await deleteCustomProvider(ctx, identifier))) throw notFound()
  return c.body(null, 204)
}

async function administratorOf(c: HonoContext<Env>): Promise<Context> {
  const ctx = await adminOf(c)
  if (!ctx.config.gotrue.customOauthEnabled) {
    throw refused('Custom OAuth providers are disabled', { status: 404, code: 'feature_disabled' })
  }
  return ctx
}

function identifierOf(c: HonoContext<Env>): string {
  return c.req.param('identifier') ?? ''
}

async function providerOf(ctx: Context, c: HonoContext<Env>): Promise<CustomProvider> {
  const identifier = identifierOf(c)
  checkIdentifier(identifier)
  const found = await findCustomProvider(ctx, identifier)
  if (found === null) throw notFound()
  return found
}

function notFound() {
  return refused('Custom OAuth provider not found', {
    status: 404,
    code: 'custom_provider_not_found',
  })
}

function isProtocol(text: string): text is 'oauth2' | 'oidc' {
  return text === 'oauth2' || text === 'oidc'
}

function checkIdentifier(identifier: string): void {
  if (identifier === '') throw refused('identifier is required')
  if (!identifier.startsWith('custom:')) {
    throw refused(`identifier must start with 'custom:' prefix, e.g. 'custom:${identifier}'`)
  }
}

const identifierForm = /^[a-z0-9][a-z0-9:-]{0,48}[a-z0-9]$/
const longest = { name: 100, client_id: 512 } as const

function checkNeeded(sent: Body, protocol: 'oauth2' | 'oidc'): void {
  checkIdentifier(sent.identifier ?? '')
  if (!identifierForm.test(sent.identifier ?? '')) {
    throw refused('identifier may only have lowercase letters, digits, colons and hyphens')
  }
  for (const name of ['name', 'client_id', 'client_secret'] as const) {
    if (!sent[name]) throw refused(`${name} is required`)
  }
  if (protocol === 'oidc') {
    if (!sent.issuer) throw refused('issuer is required for OIDC providers')
    return
  }
  for (const name of ['authorization_url', 'token_url', 'userinfo_url'] as const) {
    if (!sent[name]) throw refused(`${name} is required for OAuth2 providers`)
  }
}

/** What the conversation with a provider needs itself. */
const reservedParams = [
  ...['client_id', 'client_secret', 'redirect_uri', 'response_type', 'state', 'code_challenge'],
  ...['code_challenge_method', 'code_verifier', 'nonce'],
]

/** What only we may say of a user; a provider must not map itself into it. */
const protectedFields = [
  ...['id', 'aud', 'role', 'app_metadata', 'created_at', 'updated_at', 'confirmed_at'],
  ...['email_confirmed_at', 'phone_confirmed_at', 'email_verified', 'phone_verified'],
  ...['banned_until', 'is_super_admin'],
]

function checkFields(sent: Body): void {
  for (const [key, value] of Object.entries(sent.authorization_params ?? {})) {
    if (reservedParams.includes(key)) {
      throw refused(`Cannot override reserved OAuth parameter: ${key}`)
    }
    if (typeof value !== 'string') {
      throw refused(`Authorization parameter ${JSON.stringify(key)} must be a string`)
    }
  }
  for (const field of Object.keys(sent.attribute_mapping ?? {})) {
    if (protectedFields.includes(field)) {
      throw refused(`Cannot map to protected system field: ${field}`)
    }
  }
  if (sent.custom_claims_allowlist?.some((claim) => claim.trim() === '')) {
    throw refused('custom_claims_allowlist entries must be non-empty strings')
  }
  for (const name of ['name', 'client_id'] as const) {
    if ((sent[name] ?? '').length > longest[name]) {
      throw refused(`${name} cannot be longer than ${longest[name]} characters`)
    }
  }
}

const blank = {
  name: '',
  clientId: '',
  clientSecret: '',
  acceptableClientIds: [],
  scopes: [],
  usesPkce: true,
  attributeMapping: {},
  customClaimsAllowlist: [],
  authorizationParams: {},
  isEnabled: true,
  isEmailOptional: false,
  issuer: null,
  discoveryUrl: null,
  skipsNonceCheck: false,
  discovery: null,
  authorizationUrl: null,
  tokenUrl: null,
  userinfoUrl: null,
  jwksUri: null,
} satisfies Omit<NewCustomProvider, 'protocol' | 'identifier'>

function valuesOf(sent: Body, before: NewCustomProvider): NewCustomProvider {
  return {
    ...before,
    name: sent.name || before.name,
    clientId: sent.client_id || before.clientId,
    clientSecret: sent.client_secret || before.clientSecret,
    acceptableClientIds: sent.acceptable_client_ids ?? before.acceptableClientIds,
    scopes: sent.scopes ?? before.scopes,
    usesPkce: sent.pkce_enabled ?? before.usesPkce,
    attributeMapping: sent.attribute_mapping ?? before.attributeMapping,
    customClaimsAllowlist: sent.custom_claims_allowlist ?? before.customClaimsAllowlist,
    authorizationParams: sent.authorization_params ?? before.authorizationParams,
    isEnabled: sent.enabled ?? before.isEnabled,
    isEmailOptional: sent.email_optional ?? before.isEmailOptional,
  }
}

/** Without `openid` an OpenID Provider gives no ID token. */
function scopesOf({ protocol, scopes }: NewCustomProvider): readonly string[] {
  return protocol === 'oidc' && !scopes.includes('openid') ? ['openid', ...scopes] : scopes
}

const urlProblems: Record<UrlProblem, string> = {
  malformed: 'Invalid URL format',
  'not-https': 'URL must use HTTPS',
  'no-host': 'URL must have a valid hostname',
  local: 'URL cannot point to localhost or loopback addresses',
  private: 'URL cannot resolve to private network addresses',
  'too-long': 'URL cannot be longer than 2048 characters',
}

function doneOr(outcome: CustomOutcome): CustomProvider {
  switch (outcome.outcome) {
    case 'done':
      return outcome.provider
    case 'url-refused':
      throw refused(urlProblems[outcome.why])
    case 'discovery-failed':
      throw refused(`OIDC discovery from ${JSON.stringify(outcome.address)} failed: ${outcome.why}`)
    case 'discovery-incomplete':
      throw refused(
        `OIDC discovery document is missing required fields: ${outcome.missing.join(', ')}`,
      )
    case 'too-many':
      throw refused('Maximum number of custom OAuth/OIDC providers reached', {
        code: 'over_custom_provider_quota',
      })
    case 'exists':
      throw refused('A custom OAuth provider with this identifier already exists', {
        code: 'conflict',
      })
    case 'not-found':
      throw notFound()
  }
}

/** Its secret is never shown. */
function providerJson(provider: CustomProvider): Json {
  const optional = {
    issuer: provider.issuer,
    discovery_url: provider.discoveryUrl,
    discovery_document: provider.discovery,
    authorization_url: provider.authorizationUrl,
    token_url: provider.tokenUrl,
    userinfo_url: provider.userinfoUrl,
    jwks_uri: provider.jwksUri,
  }
  return {
    id: provider.id,
    provider_type: provider.protocol,
    identifier: provider.identifier,
    name: provider.name,
    client_id: provider.clientId,
    acceptable_client_ids: provider.acceptableClientIds,
    scopes: provider.scopes,
    pkce_enabled: provider.usesPkce,
    attribute_mapping: provider.attributeMapping,
    custom_claims_allowlist: provider.customClaimsAllowlist,
    authorization_params: provider.authorizationParams,
    enabled: provider.isEnabled,
    email_optional: provider.isEmailOptional,
    skip_nonce_check: provider.skipsNonceCheck,
    ...Object.fromEntries(Object.entries(optional).filter(([, value]) => value !== null)),
    created_at: goTime(provider.createdAt),
    updated_at: goTime(provider.updatedAt),
  }
}
