import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { browserCookies } from '../../base/cookies.ts'
import { Fault } from '../../base/fault.ts'
import { readForm } from '../../base/http.ts'
import { day, second } from '../../base/time.ts'
import {
  type Authorization,
  type AuthorizationRequest,
  authorize,
  checkAuthorization,
  resumeAuthorization,
} from '../../flows/authorize.ts'
import { checkEndSession, endBrowserSession, mustConfirm } from '../../flows/end-session.ts'
import { startInteraction } from '../../flows/interaction.ts'
import { findInteraction, type Interaction } from '../../model/interaction.ts'
import { findCarriedSession, type Session } from '../../model/session.ts'
import type { Call } from './cors.ts'
import { answerAt } from './present.ts'
import { checkForm, parseAuthorization, single } from './schema.ts'

/** `GET` and `POST /oidc/auth`: a code at once for who is signed in, else the pages. */
export async function authorization(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const params = await paramsOf(c)
  const checked = await checkAuthorization(ctx, parseAuthorization(params))
  // A form on another site comes without our cookies (they are `lax`): as a link it comes with them.
  const isStrange = c.req.header('sec-fetch-site') === 'cross-site'
  if (c.req.method === 'POST' && isStrange) return redirect(c, `/oidc/auth?${params}`)
  const code = await authorize(ctx, checked, await browserSession(c))
  if (code !== null) return redirect(c, answerAt(ctx, checked.back, { code }))
  const { flow, attributes } = browserCookies(ctx.config)
  const started = await startInteraction(ctx, {
    applicationId: checked.application.id,
    request: keptRequest(params, checked),
    identifier: single(params, 'login_hint') ?? undefined,
    browser: getCookie(c, flow),
  })
  setCookie(c, flow, started.browser, { ...attributes, maxAge: (30 * day) / second })
  return redirect(c, pageFor(params, checked, started.interaction))
}

/** `GET /oidc/auth/:id`: the user comes back from the pages. */
export async function resume(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const browser = getCookie(c, browserCookies(ctx.config).flow)
  const interaction =
    browser === undefined ? null : await findInteraction(ctx, c.req.param('id') ?? '', browser)
  if (interaction === null || browser === undefined) throw new Fault('interaction_not_found')
  const { params, request } = keptAgain(interaction)
  const checked = await checkAuthorization(ctx, request)
  const session = await browserSession(c)
  const code = await resumeAuthorization(ctx, checked, { session, interaction, browser })
  if (code === null) return redirect(c, pageFor(params, checked, interaction))
  return redirect(c, answerAt(ctx, checked.back, { code }))
}

/** `GET` and `POST /oidc/session/end`. Logto's SDKs name themselves by `client_id` alone, and expect no question. */
export async function endSession(c: Call): Promise<Response> {
  const ctx = c.get('ctx')
  const params = checkForm(await paramsOf(c))
  const end = await checkEndSession(ctx, {
    clientId: single(params, 'client_id'),
    idTokenHint: single(params, 'id_token_hint'),
    postLogoutRedirectUri: single(params, 'post_logout_redirect_uri'),
  })
  const session = await browserSession(c)
  if (mustConfirm(end, session)) return redirect(c, '/sign-out')
  if (session !== null) await endBrowserSession(ctx, session, end.application)
  const cookies = browserCookies(ctx.config)
  deleteCookie(c, cookies.session, cookies.attributes)
  if (end.returnTo === null) return redirect(c, '/signed-out')
  const state = single(params, 'state')
  const joint = end.returnTo.includes('?') ? '&' : '?'
  const query = state === null ? '' : `${joint}${new URLSearchParams({ state })}`
  return redirect(c, `${end.returnTo}${query}`)
}

async function paramsOf(c: Call): Promise<URLSearchParams> {
  return c.req.method === 'POST' ? readForm(c) : new URL(c.req.url).searchParams
}

/** The session that this browser's cookie carries. */
async function browserSession(c: Call): Promise<Session | null> {
  const ctx = c.get('ctx')
  const token = getCookie(c, browserCookies(ctx.config).session)
  return token ? findCarriedSession(ctx, token, 'browser') : null
}

/** The request as the interaction keeps it; an ID token does not rest in the database, only whom it named. */
function keptRequest(
  params: URLSearchParams,
  { back, subject }: Authorization,
): Record<string, unknown> {
  const query = new URLSearchParams(params)
  query.delete('id_token_hint')
  return {
    query: query.toString(),
    subject,
    redirect_uri: back.redirectUri,
    ui_locales: single(params, 'ui_locales'),
    display: single(params, 'display'),
  }
}

function keptAgain({ request: { query, subject } }: Interaction): {
  params: URLSearchParams
  request: AuthorizationRequest
} {
  // Somebody opened the pages by themselves: there is no request to go on with.
  if (typeof query !== 'string') throw new Fault('interaction_not_found')
  const params = new URLSearchParams(query)
  const request = parseAuthorization(params)
  return { params, request: { ...request, subject: typeof subject === 'string' ? subject : null } }
}

/** The page to begin with, in Logto's words: `first_screen`, and `interaction_mode` before it. */
function pageFor(
  params: URLSearchParams,
  { application, prompt }: Authorization,
  { id }: Interaction,
): string {
  const query = new URLSearchParams({ app_id: application.id, flow: id })
  return `${firstPage(params, prompt.includes('create'))}?${query}`
}

function firstPage(params: URLSearchParams, creates: boolean): string {
  if (creates || single(params, 'interaction_mode') === 'signUp') return '/register'
  switch (single(params, 'first_screen')) {
    case 'register':
    case 'identifier:register':
      return '/register'
    case 'reset_password':
      return '/forgot-password'
    default:
      return '/sign-in'
  }
}

/** 303, never 307: a form with a password must not be sent on (RFC 9700 § 4.12). */
function redirect(c: Call, location: string): Response {
  c.header('cache-control', 'no-store')
  return c.redirect(location, 303)
}
