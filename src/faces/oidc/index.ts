import { Hono } from 'hono'
import type { Context } from '../../base/context.ts'
import { Fault, isFault } from '../../base/fault.ts'
import type { Env } from '../../base/http.ts'
import { asFault, secondsToWait } from '../../base/unavailable.ts'
import { type Back, issuerOf } from '../../flows/authorize.ts'
import { publicJwks } from '../../model/key.ts'
import { answerBack } from './answer-back.ts'
import { authorization, endSession, resume } from './browser.ts'
import { type Call, type OidcEnv, openToAll, openToApplications } from './cors.ts'
import { deviceAuthorization } from './device.ts'
import { answerError, present } from './errors.ts'
import { metadata } from './metadata.ts'
import type { Pages, Trouble } from './pages.ts'
import { pushedRequest } from './pushed.ts'
import { changeRegistration, readRegistration, register, removeRegistration } from './register.ts'
import {
  openResourceMetadata,
  ownResourceMetadata,
  resourceMetadataPath,
} from './resource-metadata.ts'
import { subjectToken } from './subject-token.ts'
import { introspection, revocation, token, userInfo } from './tokens.ts'

/** The OpenID Provider and OAuth 2.1 authorization server, at `/oidc` and where discovery looks for it. */
export function oidc(pages: Pages): Hono<Env> {
  const app = new Hono<OidcEnv>()

  for (const path of [
    '/oidc/.well-known/openid-configuration',
    '/oidc/.well-known/oauth-authorization-server',
    // RFC 8414 § 3.1 puts the issuer's path behind.
    '/.well-known/openid-configuration/oidc',
    '/.well-known/oauth-authorization-server/oidc',
  ]) {
    app.use(path, openToAll)
    app.get(path, async (c) => keep(c, await metadata(c.get('ctx'))))
  }
  app.get('/oidc/jwks', openToAll, async (c) =>
    keep(c, { keys: await publicJwks(c.get('ctx'), 'oidc') }),
  )

  app.use('/oidc/resource-metadata', openToAll)
  app.get('/oidc/resource-metadata', async (c) => keep(c, await openResourceMetadata(c)))
  app.use(`${resourceMetadataPath}/*`, openToAll)
  app.get(`${resourceMetadataPath}/*`, async (c) => keep(c, await ownResourceMetadata(c)))

  app.use('/oidc/register', openToAll)
  app.use('/oidc/register/:id', openToAll)
  app.post('/oidc/register', register)
  app.get('/oidc/register/:id', readRegistration)
  app.put('/oidc/register/:id', changeRegistration)
  app.delete('/oidc/register/:id', removeRegistration)

  app.on(['GET', 'POST'], '/oidc/auth', (c) => authorization(c, pages))
  app.get('/oidc/auth/:id', (c) => resume(c, pages))
  app.on(['GET', 'POST'], '/oidc/session/end', (c) => endSession(c, pages))

  app.use('/oidc/par', openToApplications)
  app.use('/oidc/device/auth', openToApplications)
  app.use('/oidc/token', openToApplications)
  app.use('/oidc/token/revocation', openToApplications)
  app.use('/oidc/me', openToApplications)
  app.post('/oidc/par', pushedRequest)
  app.post('/oidc/device/auth', deviceAuthorization)
  app.post('/oidc/token', token)
  app.post('/oidc/token/introspection', introspection)
  app.post('/oidc/token/revocation', revocation)
  app.on(['GET', 'POST'], '/oidc/me', userInfo)

  app.post('/api/subject-tokens', subjectToken)

  app.all('/oidc/*', (c) => answerError(c, new Fault('not_found'), issuerOf(c.get('ctx'))))

  app.onError((thrown, c) => {
    const ctx = c.get('ctx')
    const error = asFault(thrown)
    if (present(error).status >= 500) ctx.log.error({ err: error }, 'An OpenID request failed.')
    const isForPeople = /^\/oidc\/(?:auth|session)(?:\/|$)/.test(c.req.path)
    if (!isForPeople) return answerError(c, error, issuerOf(ctx))
    return tellPerson(c, { ctx, error, pages })
  })
  return new Hono<Env>().route('/', app)
}

/** Back to the application where its address is trusted; else a page, or JSON for who reads no pages. */
function tellPerson(
  c: Call,
  { ctx, error, pages }: { ctx: Context; error: unknown; pages: Pages },
): Response | Promise<Response> {
  const { error: name, description } = present(error)
  const details = isFault(error) ? error.details : {}
  if (isBack(details.back)) {
    const answer = { error: name, error_description: description }
    return answerBack(c, pages, { back: details.back, answer })
  }
  if (!c.req.header('accept')?.includes('text/html')) {
    return answerError(c, asBadRequest(error), issuerOf(ctx))
  }
  return pages.tellTrouble(c, troubleOf(c, asBadRequest(error)))
}

/** What a page says of it; parameters of a form are gone by now. */
function troubleOf(c: Call, error: unknown): Trouble {
  const { status, error: name, description } = present(error)
  const isEnded = isFault(error, 'interaction_not_found')
  const isLogout = c.req.path.startsWith('/oidc/session')
  const shown = ['client_id', 'redirect_uri', 'post_logout_redirect_uri'] as const
  return {
    about: status === 503 ? 'away' : isFault(error) ? (isEnded ? 'ended' : 'app') : 'server',
    retryAfter: secondsToWait(error),
    error: name,
    description,
    received: Object.fromEntries(
      shown.flatMap((parameter) => {
        const value = c.req.query(parameter)
        return value === undefined ? [] : [[parameter, value]]
      }),
    ),
    applicationId: c.req.query('client_id') ?? null,
    addresses: isLogout ? 'postLogoutRedirectUris' : 'redirectUris',
  }
}

/** A browser has no client credentials to come again with: 400, not 401. */
function asBadRequest(error: unknown): unknown {
  if (!isFault(error, 'invalid_client')) return error
  return new Fault('invalid_request', { parameter: 'client_id', problem: 'unregistered' })
}

function isBack(value: unknown): value is Back {
  return typeof value === 'object' && value !== null && 'redirectUri' in value
}

/** Keys are published well before they sign, so everybody may keep this for five minutes. */
function keep(c: Call, body: Record<string, unknown>): Response {
  c.header('cache-control', 'public, max-age=300')
  return c.json(body)
}
