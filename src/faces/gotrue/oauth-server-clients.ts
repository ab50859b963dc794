import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import { isFault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import {
  type ClientAuthMethod,
  type ClientType,
  clientAuthMethods,
  clientGrantTypes,
  clientRedirectProblem,
  createOAuthClient,
  deleteOAuthClient,
  findOAuthClient,
  listOAuthClients,
  type NewOAuthClient,
  type OAuthClient,
  type RedirectProblem,
  replaceOAuthClientSecret,
  updateOAuthClient,
} from '../../model/oauth-client.ts'
import type { Json } from '../../model/user.ts'
import { isUuid } from '../../model/uuid.ts'
import { adminOf } from './bearer.ts'
import { refused } from './errors.ts'
import { goTime } from './present.ts'
import { readBody } from './read.ts'

/** Where it is switched off, nothing else is looked at. */
export function needOAuthServer(ctx: Context): void {
  if (!ctx.config.gotrue.oauthServerEnabled) {
    throw refused('OAuth server is disabled', { status: 404, code: 'feature_disabled' })
  }
}

const textOrUndefined = z
  .string()
  .nullish()
  .transform((value) => value ?? undefined)
const textsOrUndefined = z
  .array(z.string())
  .nullish()
  .transform((value) => value ?? undefined)

const clientBody = z.object({
  redirect_uris: textsOrUndefined,
  client_type: textOrUndefined,
  token_endpoint_auth_method: textOrUndefined,
  grant_types: textsOrUndefined,
  client_name: textOrUndefined,
  client_uri: textOrUndefined,
  logo_uri: textOrUndefined,
})

type Body = z.output<typeof clientBody>

/** `POST /oauth/clients/register` (RFC 7591): whoever comes, where that is allowed. */
export async function registerClient(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  needOAuthServer(ctx)
  if (!ctx.config.gotrue.oauthServerRegistration) {
    throw refused('Dynamic client registration is not enabled', {
      status: 403,
      code: 'oauth_dynamic_client_registration_disabled',
    })
  }
  return register(c, ctx, 'dynamic')
}

/** `POST /admin/oauth/clients`. */
async function createClient(c: HonoContext<Env>): Promise<Response> {
  return register(c, await administratorOf(c), 'manual')
}

async function register(
  c: HonoContext<Env>,
  ctx: Context,
  registration: NewOAuthClient['registration'],
): Promise<Response> {
  const body = await readClient(c)
  const problem = newProblem(body)
  // Sic: GoTrue wraps the error into another, and its status goes into the text.
  if (problem !== null) throw refused(`400: ${problem}`)
  const { client, secret } = await createOAuthClient(ctx, newClient(body, registration))
  return c.json(clientJson(client, secret), 201)
}

function newClient(body: Body, registration: NewOAuthClient['registration']): NewOAuthClient {
  const method = methodOf(body.token_endpoint_auth_method)
  const type: ClientType = isClientType(body.client_type)
    ? body.client_type
    : method === 'none'
      ? 'public'
      : 'confidential'
  return {
    type,
    authMethod: method ?? (type === 'public' ? 'none' : 'client_secret_basic'),
    registration,
    redirectUris: body.redirect_uris ?? [],
    grantTypes: body.grant_types?.length ? body.grant_types : clientGrantTypes,
    name: body.client_name ?? '',
    uri: body.client_uri ?? '',
    logoUri: body.logo_uri ?? '',
  }
}

function methodOf(text: string | undefined): ClientAuthMethod | undefined {
  return clientAuthMethods.find((method) => method === text)
}

function isClientType(text: string | undefined): text is ClientType {
  return text === 'public' || text === 'confidential'
}

/** GoTrue prints its lists so. */
const methodsText = (methods: readonly string[]) => `[${methods.join(' ')}]`

function newProblem(body: Body): string | null {
  const { redirect_uris: uris, client_type: type, token_endpoint_auth_method: method } = body
  if (!uris?.length) return 'redirect_uris is required'
  const problem = commonProblem({
    ...body,
    grant_types: body.grant_types?.length ? body.grant_types : undefined,
  })
  if (problem !== null) return problem
  if (type && !isClientType(type)) return "client_type must be 'public' or 'confidential'"
  if (method && methodOf(method) === undefined) {
    return `token_endpoint_auth_method must be one of: ${methodsText(clientAuthMethods)}`
  }
  const inferred = method === 'none' ? 'public' : 'confidential'
  if (type && method && type !== inferred) {
    return `client_type '${type}' is inconsistent with token_endpoint_auth_method '${method}' (expected client_type '${inferred}')`
  }
  return null
}

/** What is wrong with what was sent, for a new client as for one that changes. */
function commonProblem(body: Body): string | null {
  const { redirect_uris: uris, grant_types: grants, client_name: name } = body
  if (uris !== undefined) {
    if (uris.length === 0) return 'redirect_uris cannot be empty'
    if (uris.length > 10) return 'redirect_uris cannot exceed 10 items'
    for (const uri of uris) {
      const problem = clientRedirectProblem(uri)
      if (problem !== null) return `invalid redirect_uri '${uri}': ${redirectText(problem)}`
    }
  }
  if (grants !== undefined) {
    if (grants.length === 0) return 'grant_types cannot be empty'
    if (!grants.every((grant) => clientGrantTypes.some((known) => known === grant))) {
      return "grant_types must only contain 'authorization_code' and/or 'refresh_token'"
    }
  }
  if (name !== undefined && name.length > 1024) return 'client_name cannot exceed 1024 characters'
  return addressProblem('client_uri', body.client_uri) ?? addressProblem('logo_uri', body.logo_uri)
}

/** It is shown to people: what would run as a script is no address. */
function addressProblem(name: 'client_uri' | 'logo_uri', uri: string | undefined): string | null {
  if (!uri) return null
  if (uri.length > 2048) return `${name} cannot exceed 2048 characters`
  const isWeb = /^https?:\/\/[^/]/i.test(uri) && URL.canParse(uri)
  return isWeb ? null : `${name} must be a valid URL`
}

function redirectText(problem: RedirectProblem): string {
  if (typeof problem === 'object') {
    return 'scheme' in problem
      ? `scheme '${problem.scheme}' is not allowed for security reasons`
      : problem.why
  }
  return {
    empty: 'redirect URI cannot be empty',
    malformed: 'invalid URL format',
    'no-host': 'must have scheme and host',
    'plain-http': 'HTTP scheme only allowed for localhost',
    fragment: 'fragment not allowed in redirect URI',
  }[problem]
}

/** `GET /admin/oauth/clients`. */
async function listClients(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const clients = await listOAuthClients(ctx)
  // Sic: without clients there is no list either.
  return c.json(
    clients.length === 0 ? {} : { clients: clients.map((one) => clientJson(one, null)) },
  )
}

/** `GET /admin/oauth/clients/{id}`. */
async function showClient(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  return c.json(clientJson(await clientOf(ctx, c), null))
}

/** `PUT /admin/oauth/clients/{id}`. */
async function changeClient(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const client = await clientOf(ctx, c)
  const { client_type: _fixed, ...body } = await readClient(c)
  if (Object.values(body).every((value) => value === undefined)) {
    throw refused('No fields provided for update')
  }
  const problem = commonProblem({ ...body, client_type: undefined })
  if (problem !== null) throw refused(problem)
  const { token_endpoint_auth_method: method } = body
  if (method !== undefined) {
    if (methodOf(method) === undefined) {
      throw refused(
        `invalid token_endpoint_auth_method: must be one of ${methodsText(clientAuthMethods)}`,
      )
    }
    const fitting = clientAuthMethods.filter(
      (one) => (one === 'none') === (client.type === 'public'),
    )
    if (!fitting.some((one) => one === method)) {
      throw refused(
        `token_endpoint_auth_method '${method}' is not valid for client_type '${client.type}'; valid methods: ${methodsText(fitting)}`,
      )
    }
  }
  const updated = await updateOAuthClient(ctx, client.id, {
    redirectUris: body.redirect_uris,
    grantTypes: body.grant_types,
    name: body.client_name,
    uri: body.client_uri,
    logoUri: body.logo_uri,
    authMethod: method,
  })
  if (updated === null) throw clientNotFound()
  return c.json(clientJson(updated, null))
}

/** `DELETE /admin/oauth/clients/{id}`. */
async function removeClient(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const client = await clientOf(ctx, c)
  if (!(await deleteOAuthClient(ctx, client.id))) throw clientNotFound()
  return c.body(null, 204)
}

/** `POST /admin/oauth/clients/{id}/regenerate_secret`. */
async function regenerateSecret(c: HonoContext<Env>): Promise<Response> {
  const ctx = await administratorOf(c)
  const client = await clientOf(ctx, c)
  if (client.type === 'public') throw refused('Cannot regenerate secret for public client')
  const replaced = await replaceOAuthClientSecret(ctx, client.id)
  if (replaced === null) throw clientNotFound()
  return c.json(clientJson(replaced.client, replaced.secret))
}

async function administratorOf(c: HonoContext<Env>): Promise<Context> {
  const ctx = await adminOf(c)
  needOAuthServer(ctx)
  return ctx
}

async function clientOf(ctx: Context, c: HonoContext<Env>): Promise<OAuthClient> {
  const id = c.req.param('id') ?? ''
  if (!isUuid(id)) throw refused('invalid client_id format')
  const client = await findOAuthClient(ctx, id)
  if (client === null) throw clientNotFound()
  return client
}

function clientNotFound() {
  return refused('OAuth client not found', { status: 404, code: 'oauth_client_not_found' })
}

async function readClient(c: HonoContext<Env>): Promise<Body> {
  return readOwnBody(c, clientBody, 'Invalid JSON body')
}

/** As `readBody`, in the words of this corner of GoTrue. */
export async function readOwnBody<Schema extends z.ZodType>(
  c: HonoContext<Env>,
  schema: Schema,
  message: string,
): Promise<z.output<Schema>> {
  try {
    return await readBody(c, schema)
  } catch (error) {
    const isJson = isFault(error) && error.details.problem !== 'too-large'
    throw isJson ? refused(message, { code: 'bad_json' }) : error
  }
}

function clientJson(client: OAuthClient, secret: string | null): Json {
  const { name, uri, logoUri } = client
  return {
    client_id: client.id,
    ...(secret === null ? {} : { client_secret: secret }),
    client_type: client.type,
    redirect_uris: client.redirectUris,
    token_endpoint_auth_method: client.authMethod,
    grant_types: client.grantTypes,
    response_types: ['code'],
    ...(name === '' ? {} : { client_name: name }),
    ...(uri === '' ? {} : { client_uri: uri }),
    ...(logoUri === '' ? {} : { logo_uri: logoUri }),
    registration_type: client.registration,
    created_at: goTime(client.createdAt),
    updated_at: goTime(client.updatedAt),
  }
}

export const clientRoutes = [
  ['GET', '/admin/oauth/clients', listClients],
  ['POST', '/admin/oauth/clients', createClient],
  ['GET', '/admin/oauth/clients/:id', showClient],
  ['PUT', '/admin/oauth/clients/:id', changeClient],
  ['DELETE', '/admin/oauth/clients/:id', removeClient],
  ['POST', '/admin/oauth/clients/:id/regenerate_secret', regenerateSecret],
  ['POST', '/oauth/clients/register', registerClient],
] as const
