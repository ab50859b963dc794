import type { Context as HonoContext } from 'hono'
import { z } from 'zod'
import type { Context } from '../../base/context.ts'
import type { Fault } from '../../base/fault.ts'
import { isFault } from '../../base/fault.ts'
import { type Env, readForm } from '../../base/http.ts'
import { signJwt } from '../../base/jwt.ts'
import { hour, second, unixSeconds } from '../../base/time.ts'
import {
  authenticateOAuthClient,
  type ClientProof,
  type RedeemedCode,
  redeemOAuthCode,
} from '../../flows/oauth-server-tokens.ts'
import { refresh } from '../../flows/refresh.ts'
import { idTokenKey } from '../../model/key.ts'
import type { OAuthClient } from '../../model/oauth-client.ts'
import type { Json, User } from '../../model/user.ts'
import { isUuid } from '../../model/uuid.ts'
import { answerRefreshed, answerSignedIn } from './carry.ts'
import { refused } from './errors.ts'
import { needOAuthServer } from './oauth-server-clients.ts'
import { redeemProblems } from './oauth-server-errors.ts'
import type { TokenJson } from './present.ts'
import { readBody } from './read.ts'

const text = z
  .string()
  .nullish()
  .transform((value) => value ?? '')

const names = [
  ...(['grant_type', 'code', 'refresh_token', 'redirect_uri', 'client_id'] as const),
  ...(['client_secret', 'code_verifier', 'resource'] as const),
] as const

type Parameters = Record<(typeof names)[number], string>

const tokenBody = z.object({
  grant_type: text,
  code: text,
  refresh_token: text,
  redirect_uri: text,
  client_id: text,
  client_secret: text,
  code_verifier: text,
  resource: text,
})

/** `POST /oauth/token`: a form, as RFC 6749 has it, or JSON. */
async function token(c: HonoContext<Env>): Promise<Response> {
  needOAuthServer(c.get('ctx'))
  const parameters = await parametersOf(c)
  const client = await clientOf(c, parameters)
  const { grant_type: grant } = parameters
  if (grant === '') throw oauth('invalid_request', 'grant_type is required')
  if (!client.grantTypes.includes(grant)) {
    throw oauth('unsupported_grant_type', `Client is not allowed to use grant type: ${grant}`)
  }
  switch (grant) {
    case 'authorization_code':
      return byCode(c, client, parameters)
    case 'refresh_token':
      return byRefreshToken(c, client, parameters)
    default:
      throw oauth('unsupported_grant_type', `Unsupported grant type: ${grant}`)
  }
}

function oauth(code: string, message: string): Fault {
  return refused(message, { code, isOAuth: true })
}

async function parametersOf(c: HonoContext<Env>): Promise<Parameters> {
  if (c.req.header('content-type')?.includes('application/json')) {
    return unlessUnreadable('Invalid JSON body', () => readBody(c, tokenBody))
  }
  return unlessUnreadable('Failed to parse form data', async () => {
    const form = await readForm(c)
    const entries = names.map((name) => {
      const values = form.getAll(name)
      // RFC 6749 § 3.2: what is said twice may be read as either.
      if (values.length > 1) throw oauth('invalid_request', `${name} is given more than once`)
      return [name, values[0] ?? '']
    })
    return Object.fromEntries(entries) as Parameters
  })
}

async function unlessUnreadable<T>(message: string, read: () => Promise<T>): Promise<T> {
  try {
    return await read()
  } catch (error) {
    if (!isFault(error, 'input_invalid') || error.details.problem === 'too-large') throw error
    const { said } = error.details
    const isOwn = typeof said === 'object' && said !== null && 'isOAuth' in said
    throw isOwn ? error : oauth('invalid_request', message)
  }
}

async function clientOf(c: HonoContext<Env>, parameters: Parameters): Promise<OAuthClient> {
  const proof = proofOf(c, parameters)
  if (!isUuid(proof.id)) throw unproved('Invalid client_id format')
  const authenticated = await authenticateOAuthClient(c.get('ctx'), proof)
  switch (authenticated.outcome) {
    case 'client':
      return authenticated.client
    case 'unknown':
      throw unproved('Invalid client credentials')
    case 'other-method':
      throw unproved(
        `invalid authentication method: client is registered for '${authenticated.registered}' but '${proof.method}' was used`,
      )
    case 'no-secret':
      throw unproved('confidential clients must provide client_secret')
    case 'wrong-secret':
      throw unproved('invalid client credentials')
  }
}

/** Sic: not an error of OAuth. */
function unproved(message: string): Fault {
  return refused(message, { code: 'invalid_credentials' })
}

function proofOf(c: HonoContext<Env>, parameters: Parameters): ClientProof {
  const header = c.req.header('authorization') ?? ''
  if (header.startsWith('Basic ')) {
    const encoded = header.slice('Basic '.length).trim()
    if (!/^[A-Za-z0-9+/]*={0,2}$/.test(encoded)) {
      throw unproved('Invalid client credentials: invalid basic auth encoding')
    }
    const decoded = Buffer.from(encoded, 'base64').toString()
    const at = decoded.indexOf(':')
    if (at === -1) throw unproved('Invalid client credentials: invalid basic auth format')
    return {
      id: decoded.slice(0, at),
      secret: decoded.slice(at + 1),
      method: 'client_secret_basic',
    }
  }
  const { client_id: id, client_secret: secret } = parameters
  if (id === '') throw unproved('Invalid client credentials: client_id is required')
  return { id, secret, method: secret === '' ? 'none' : 'client_secret_post' }
}

async function byCode(
  c: HonoContext<Env>,
  client: OAuthClient,
  parameters: Parameters,
): Promise<Response> {
  const { code, redirect_uri: redirectUri, code_verifier: verifier, resource } = parameters
  if (code === '') throw oauth('invalid_request', 'code is required for authorization_code grant')
  const ctx = c.get('ctx')
  const redeemed = await redeemOAuthCode(ctx, client, { code, redirectUri, verifier, resource })
  if (redeemed.outcome !== 'redeemed') {
    const { code, message } = redeemProblems[redeemed.outcome]
    throw oauth(code, message)
  }
  const tokens = await answerSignedIn(c, ctx, redeemed.signedIn)
  const isOpenId = redeemed.scope.split(' ').includes('openid')
  return c.json({
    ...ownTokens(tokens),
    ...(isOpenId && { id_token: await idToken(ctx, client, redeemed) }),
  })
}

async function byRefreshToken(
  c: HonoContext<Env>,
  client: OAuthClient,
  { refresh_token: refreshToken }: Parameters,
): Promise<Response> {
  if (refreshToken === '') {
    throw oauth('invalid_request', 'refresh_token is required for refresh_token grant')
  }
  const ctx = c.get('ctx')
  const refreshed = await refresh(ctx, refreshToken, { clientId: client.id })
  return c.json(ownTokens(await answerRefreshed(c, ctx, refreshed)))
}

/** A client is not told all of the user. */
function ownTokens({ access_token, token_type, expires_in, refresh_token }: TokenJson) {
  return { access_token, token_type, expires_in, refresh_token }
}

const idTokenLifetime = 1 * hour

async function idToken(
  ctx: Context,
  client: OAuthClient,
  { signedIn, scope, nonce, authenticatedAt }: Extract<RedeemedCode, { outcome: 'redeemed' }>,
): Promise<string> {
  const { jwtIssuer, externalUrl } = ctx.config.gotrue
  const { user } = signedIn
  const scopes = new Set(scope.split(' '))
  const now = unixSeconds(ctx.now())
  return signJwt(await idTokenKey(ctx), {
    iss: (jwtIssuer ?? externalUrl).replace(/\/$/, ''),
    sub: user.id,
    aud: client.id,
    exp: now + idTokenLifetime / second,
    iat: now,
    auth_time: unixSeconds(authenticatedAt),
    client_id: client.id,
    ...(nonce !== '' && { nonce }),
    ...(scopes.has('email') &&
      user.email !== null && { email: user.email, email_verified: user.emailVerifiedAt !== null }),
    ...(scopes.has('phone') &&
      user.phone !== null && {
        phone_number: user.phone,
        phone_number_verified: user.phoneVerifiedAt !== null,
      }),
    ...(scopes.has('profile') && profileClaims(user)),
  })
}

/** OpenID Connect's names for what the user, or a provider, wrote. */
export function profileClaims(user: User): Json {
  const { own } = user.metadata
  const first = (...values: unknown[]) =>
    values.find((value) => typeof value === 'string' && value !== '')
  const name = first(own.name, user.name, user.email)
  const picture = first(own.picture, own.avatar_url, user.avatar)
  const username = first(own.preferred_username, own.username, user.username)
  return {
    ...(name !== undefined && { name }),
    ...(picture !== undefined && { picture }),
    ...(username !== undefined && { preferred_username: username }),
    updated_at: unixSeconds(user.updatedAt),
  }
}

export const oauthTokenRoutes = [['POST', '/oauth/token', token]] as const
