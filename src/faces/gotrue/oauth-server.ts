import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import type { Fault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { isAllowedRedirect } from '../../base/redirect-glob.ts'
import {
  decideOAuthAuthorization,
  type OAuthRequest,
  openOAuthAuthorization,
  startOAuthAuthorization,
} from '../../flows/oauth-server.ts'
import type { OAuthAuthorization } from '../../model/oauth-authorization.ts'
import { listOAuthGrants, revokeOAuthConsent } from '../../model/oauth-consent.ts'
import { auditActorOf, type Json } from '../../model/user.ts'
import { isUuid } from '../../model/uuid.ts'
import { type Called, callerOf } from './bearer.ts'
import { refused } from './errors.ts'
import { needOAuthServer, readOwnBody } from './oauth-server-clients.ts'
import { requestProblemText } from './oauth-server-errors.ts'
import { profileClaims } from './oauth-server-tokens.ts'
import { goTime } from './present.ts'

/** `GET /oauth/authorize`: notes what a client asks for, and sends the browser to the site's page. */
async function authorize(c: HonoContext<Env>): Promise<Response> {
  const ctx = c.get('ctx')
  needOAuthServer(ctx)
  const { gotrue } = ctx.config
  const request = requestOf(c)
  const { clientId, redirectUri, state } = request
  if (clientId === '') throw refused('client_id is required')
  if (redirectUri === '') throw refused('redirect_uri is required')
  if (!isUuid(clientId)) throw unknownClient('invalid client_id format')
  const tell = (error: string, description: string) =>
    c.redirect(
      withParameters(redirectUri, {
        error,
        error_description: description,
        state: state.slice(0, 4096),
      }),
      302,
    )
  const started = await startOAuthAuthorization(ctx, request)
  switch (started.outcome) {
    case 'unknown-client':
      throw unknownClient('invalid client_id')
    case 'foreign-address':
      throw refused('invalid redirect_uri')
    case 'refused':
      return tell('invalid_request', requestProblemText(started.problem))
    case 'no-page':
      return tell('server_error', 'oauth authorization path not configured')
    case 'started': {
      const path = (gotrue.oauthServerPath ?? '').replace(/^\/*/, '/')
      const page = `${gotrue.siteUrl.replace(/\/+$/, '')}${path}`
      return c.redirect(`${page}?authorization_id=${started.name}`, 302)
    }
  }
}

function unknownClient(message: string): Fault {
  return refused(message, { code: 'oauth_client_not_found' })
}

function requestOf(c: HonoContext<Env>): OAuthRequest {
  const query = new URL(c.req.url).searchParams
  const read = (name: string) => {
    // RFC 6749 § 3.1: what is said twice may be read as either.
    if (query.getAll(name).length > 1) throw refused(`${name} is given more than once`)
    const value = query.get(name) ?? ''
    if (value.includes('\0')) throw refused(`${name} holds U+0000`)
    return value
  }
  return {
    clientId: read('client_id'),
    redirectUri: read('redirect_uri'),
    responseType: read('response_type'),
    scope: read('scope'),
    state: read('state'),
    resource: read('resource'),
    nonce: read('nonce'),
    codeChallenge: read('code_challenge'),
    codeChallengeMethod: read('code_challenge_method'),
  }
}

/** Adds to the address; what is empty is left out. */
function withParameters(address: string, parameters: Record<string, string>): string {
  const url = new URL(address)
  for (const [name, value] of Object.entries(parameters)) {
    if (value !== '') url.searchParams.set(name, value)
  }
  return url.toString()
}

/** `GET /oauth/authorizations/{id}`: what the site's page shows to the user, or where to go when nothing has to be asked. */
async function showAuthorization(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await ownerOf(c)
  checkOrigin(c)
  const opened = await openOAuthAuthorization(ctx, nameOf(c), user)
  switch (opened.outcome) {
    case 'unknown':
      throw authorizationNotFound()
    case 'decided':
      throw refused('authorization request cannot be processed')
    case 'approved':
      return c.json({ redirect_url: successUrl(opened.authorization, opened.code) })
    case 'asked': {
      const { name, redirectUri, scope } = opened.authorization
      return c.json({
        authorization_id: name,
        redirect_uri: redirectUri,
        client: clientJson(opened.client),
        user: { id: user.id, ...(user.email === null ? {} : { email: user.email }) },
        scope,
      })
    }
  }
}

const consentBody = z.object({ action: z.string().nullish() })

/** `POST /oauth/authorizations/{id}/consent`: the user's answer. */
async function decide(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await ownerOf(c)
  checkOrigin(c)
  const { action } = await readOwnBody(c, consentBody, 'invalid JSON body')
  if (action !== 'approve' && action !== 'deny') {
    throw refused("action must be 'approve' or 'deny'")
  }
  const decided = await decideOAuthAuthorization(ctx, { name: nameOf(c), user, action })
  switch (decided.outcome) {
    case 'unknown':
      throw authorizationNotFound()
    case 'decided':
      throw refused('authorization request is no longer pending')
    case 'approved':
      return c.json({ redirect_url: successUrl(decided.authorization, decided.code) })
    case 'denied': {
      const { redirectUri, state } = decided.authorization
      const error = { error: 'access_denied', error_description: 'User denied the request', state }
      return c.json({ redirect_url: withParameters(redirectUri, error) })
    }
  }
}

function successUrl({ redirectUri, state }: OAuthAuthorization, code: string): string {
  return withParameters(redirectUri, { code, state })
}

/** U+0000 is in no name, and in no text that Postgres can compare. */
function nameOf(c: HonoContext<Env>): string {
  const name = c.req.param('name') ?? ''
  if (!/^[\w-]{1,255}$/.test(name)) throw authorizationNotFound()
  return name
}

function authorizationNotFound(): Fault {
  return refused('authorization not found', {
    status: 404,
    code: 'oauth_authorization_not_found',
  })
}

/** A browser says from which page it asks: it has to be one of the site's. */
function checkOrigin(c: HonoContext<Env>): void {
  const origin = c.req.header('origin')
  const { siteUrl, uriAllowList: patterns } = c.get('ctx').config.gotrue
  if (origin && !isAllowedRedirect(origin, { siteUrl, patterns })) {
    throw refused('unauthorized request origin')
  }
}

/** The user themselves: a client with their token must not allow itself, or others, anything in their name. */
async function ownerOf(c: HonoContext<Env>): Promise<Called> {
  needOAuthServer(c.get('ctx'))
  const called = await callerOf(c)
  if (called.session !== null && called.session.client !== null) {
    throw refused('OAuth clients are not allowed to perform these actions', {
      status: 403,
      code: 'no_authorization',
    })
  }
  return called
}

/** `GET /user/oauth/grants`: what the user lets whom have. */
async function listGrants(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await ownerOf(c)
  const grants = await listOAuthGrants(ctx, user.id)
  return c.json(
    grants.map(({ client, scopes, grantedAt }) => ({
      client: clientJson(client),
      scopes,
      granted_at: goTime(grantedAt),
    })),
  )
}

function clientJson(client: { id: string; name: string; uri: string; logoUri: string }): Json {
  return {
    id: client.id,
    ...(client.name === '' ? {} : { name: client.name }),
    ...(client.uri === '' ? {} : { uri: client.uri }),
    ...(client.logoUri === '' ? {} : { logo_uri: client.logoUri }),
  }
}

/** `DELETE /user/oauth/grants?client_id=`: the client has nothing of them any more. */
async function revokeGrant(c: HonoContext<Env>): Promise<Response> {
  const { ctx, user } = await ownerOf(c)
  const clientId = c.req.query('client_id') ?? ''
  if (clientId === '') throw refused('client_id query parameter is required')
  if (!isUuid(clientId)) throw refused('invalid client_id format')
  const actor = auditActorOf(user)
  if (!(await revokeOAuthConsent(ctx, { userId: user.id, clientId, actor }))) {
    throw refused('No active grant found for this client', {
      status: 404,
      code: 'oauth_consent_not_found',
    })
  }
  return c.body(null, 204)
}

/** `GET /oauth/userinfo`: what the client may know of the user, by the scope of its session. */
async function userInfo(c: HonoContext<Env>): Promise<Response> {
  needOAuthServer(c.get('ctx'))
  const { user, session } = await callerOf(c)
  const scopes = new Set((session?.client?.scope ?? '').split(' '))
  const { email, emailVerifiedAt, phone, phoneVerifiedAt, metadata } = user
  return c.json({
    sub: user.id,
    ...(scopes.has('email') && {
      ...(email !== null && { email }),
      ...(emailVerifiedAt !== null && { email_verified: true }),
    }),
    ...(scopes.has('profile') && { ...profileClaims(user), user_metadata: metadata.own }),
    ...(scopes.has('phone') && {
      ...(phone !== null && { phone }),
      ...(phoneVerifiedAt !== null && { phone_verified: true }),
    }),
  })
}

export const oauthServerRoutes = [
  ['GET', '/oauth/authorize', authorize],
  ['GET', '/oauth/authorizations/:name', showAuthorization],
  ['POST', '/oauth/authorizations/:name/consent', decide],
  ['GET', '/user/oauth/grants', listGrants],
  ['DELETE', '/user/oauth/grants', revokeGrant],
  ['GET', '/oauth/userinfo', userInfo],
] as const
