import { deleteCookie, getCookie, setCookie } from 'hono/cookie'
import { browserCookies } from '../../base/cookies.ts'
import { Fault } from '../../base/fault.ts'
import { readForm } from '../../base/http.ts'
import { day, second } from '../../base/time.ts'
import { authorize, type Question, resumeAuthorization } from '../../flows/answer-authorization.ts'
import {
  type Authorization,
  type AuthorizationRequest,
  type Back,
  checkAuthorization,
} from '../../flows/authorize.ts'
import { meetApplication } from '../../flows/client-document.ts'
import { checkDeviceRequest, deviceOf, resumeDevice } from '../../flows/device.ts'
import {
  checkEndSession,
  endBrowserSession,
  mustConfirm,
  returnAddress,
} from '../../flows/end-session.ts'
import { startInteraction } from '../../flows/interaction.ts'
import { findApplication } from '../../model/application.ts'
import { type BrowserSession, findBrowserSession } from '../../model/browser-session.ts'
import { findInteraction, type Interaction } from '../../model/interaction.ts'
import { findCarriedSession, type Session } from '../../model/session.ts'
import { findUser } from '../../model/user.ts'
import { answerBack, redirect } from './answer-back.ts'
import { readAsked } from './asked.ts'
import type { Call } from './cors.ts'
import type { Pages } from './pages.ts'
import { checkForm, parseAuthorization, single } from './schema.ts'

/** `GET` and `POST /oidc/auth`: a code at once for who is signed in, else the pages. */
export async function authorization(c: Call, pages: Pages): Promise<Response> {
  const ctx = c.get('ctx')
  const asked = await paramsOf(c)
  await meetApplication(ctx, single(asked, 'client_id'))
  // To look at a pushed request is to spend it, and this browser comes once more, with its cookies.
  if (isStrangersForm(c) && asked.has('request_uri')) return redirect(c, `/oidc/auth?${asked}`)
  const { params, request } = await readAsked(ctx, asked)
  const checked = await checkAuthorization(ctx, request)
  if (isStrangersForm(c)) return redirect(c, `/oidc/auth?${asked}`)
  const session = await sessionFor(c, checked)
  const answer = await authorize(ctx, checked, session)
  if (answer.outcome === 'code') {
    return answerBack(c, pages, { back: checked.back, answer: { code: answer.code } })
  }
  const { flow, attributes } = browserCookies(ctx.config)
  const again = answer.question === 'sign-in' ? await signsInAgain(c, checked, session) : null
  const started = await startInteraction(ctx, {
    applicationId: checked.application.id,
    request: keptRequest(params, checked),
    identifier: single(params, 'login_hint') ?? again ?? undefined,
    wish: answer.question === 'consent' ? checked.consent : undefined,
    browser: getCookie(c, flow),
  })
  setCookie(c, flow, started.browser, { ...attributes, maxAge: (30 * day) / second })
  return redirect(c, pageFor(answer.question, params, checked, started.interaction))
}

/** `GET /oidc/auth/:id`: the user comes back from the pages. */
export async function resume(c: Call, pages: Pages): Promise<Response> {
  const ctx = c.get('ctx')
  const browser = getCookie(c, browserCookies(ctx.config).flow)
  const interaction =
    browser === undefined ? null : await findInteraction(ctx, c.req.param('id') ?? '', browser)
  if (interaction === null || browser === undefined) throw new Fault('interaction_not_found')
  const { params, request } = keptAgain(interaction)
  if (deviceOf(interaction) !== null) {
    return resumeForDevice(c, { params, request, interaction, browser })
  }
  const checked = await checkAuthorization(ctx, request)
  const session = await sessionFor(c, checked)
  const answer = await resumeAuthorization(ctx, checked, { session, interaction, browser })
  return answer.outcome === 'code'
    ? answerBack(c, pages, { back: checked.back, answer: { code: answer.code } })
    : redirect(c, pageFor(answer.question, params, checked, interaction))
}

/** The same for somebody who typed a device's code: they end at a page that says how it went. */
async function resumeForDevice(
  c: Call,
  asked: {
    params: URLSearchParams
    request: AuthorizationRequest
    interaction: Interaction
    browser: string
  },
): Promise<Response> {
  const ctx = c.get('ctx')
  const { params, request, interaction, browser } = asked
  const application = await findApplication(ctx, interaction.applicationId ?? '')
  if (application === null) throw new Fault('interaction_not_found')
  const checked = await checkDeviceRequest(ctx, application, request)
  const session = await sessionFor(c, checked)
  const answer = await resumeDevice(ctx, checked, { session, interaction, browser })
  if (answer.outcome !== 'ask') return redirect(c, `/message?about=device-${answer.outcome}`)
  return redirect(c, pageFor(answer.question, params, checked, interaction))
}

/** `GET` and `POST /oidc/session/end` (OpenID Connect RP-Initiated Logout 1.0). */
export async function endSession(c: Call, pages: Pages): Promise<Response> {
  const ctx = c.get('ctx')
  const params = checkForm(await paramsOf(c))
  const end = await checkEndSession(ctx, {
    clientId: single(params, 'client_id'),
    idTokenHint: single(params, 'id_token_hint'),
    postLogoutRedirectUri: single(params, 'post_logout_redirect_uri'),
    state: single(params, 'state'),
  })
  if (isStrangersForm(c)) return redirect(c, `/oidc/session/end?${params}`)
  const session = await browserSession(c)
  if (session !== null && mustConfirm(end, session)) {
    params.delete('id_token_hint')
    return pages.askSignOut(c, { session, end, query: Object.fromEntries(params) })
  }
  if (session !== null) await endBrowserSession(ctx, session, end.application?.id ?? null)
  const cookies = browserCookies(ctx.config)
  deleteCookie(c, cookies.session, cookies.attributes)
  return redirect(c, returnAddress(end) ?? '/signed-out')
}

/** A form on another site comes without our cookies (they are `lax`): as a link it comes with them. */
function isStrangersForm(c: Call): boolean {
  return c.req.method === 'POST' && c.req.header('sec-fetch-site') === 'cross-site'
}

async function paramsOf(c: Call): Promise<URLSearchParams> {
  return c.req.method === 'POST' ? readForm(c) : queryOf(c.req.url)
}

/** A request's address is parsed already; only its query is wanted. */
function queryOf(url: string): URLSearchParams {
  const mark = url.indexOf('?')
  return new URLSearchParams(mark < 0 ? '' : url.slice(mark))
}

/** The same, with what its user allowed the application that asks. */
async function sessionFor(
  c: Call,
  { application }: Pick<Authorization, 'application'>,
): Promise<BrowserSession | null> {
  const ctx = c.get('ctx')
  const token = getCookie(c, browserCookies(ctx.config).session)
  return token ? findBrowserSession(ctx, token, application) : null
}

/** The session that this browser's cookie carries. */
async function browserSession(c: Call): Promise<Session | null> {
  const ctx = c.get('ctx')
  const token = getCookie(c, browserCookies(ctx.config).session)
  return token ? findCarriedSession(ctx, token, 'browser') : null
}

/** The address of who is signed in and has to do it again: they need not type it. */
async function signsInAgain(
  c: Call,
  { prompt, subject }: Authorization,
  session: Pick<Session, 'userId'> | null,
): Promise<string | null> {
  if (session === null || prompt.includes('create')) return null
  if (prompt.includes('select_account') || (subject !== null && subject !== session.userId)) {
    return null
  }
  return (await findUser(c.get('ctx'), session.userId))?.email ?? null
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

/** The page to go on with; a sign-in begins as Logto's words say: `first_screen`, and `interaction_mode` before it. */
function pageFor(
  question: Question | 'confirm',
  params: URLSearchParams,
  { application, prompt }: Authorization<Back | null>,
  { id }: Interaction,
): string {
  const query = new URLSearchParams({ app_id: application.id, flow: id })
  const path =
    question === 'sign-in' ? firstPage(params, prompt.includes('create')) : pathOf[question]
  return `${path}?${query}`
}

const pathOf: Record<Exclude<Question, 'sign-in'> | 'confirm', string> = {
  'select-account': '/select-account',
  'second-factor': '/sign-in/second-factor',
  consent: '/consent',
  confirm: '/device/confirm',
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
