import { deleteCookie, getCookie } from 'hono/cookie'
import { browserCookies } from '../../base/cookies.ts'
import { Fault } from '../../base/fault.ts'
import {
  endBrowserSession,
  isAnsweredAlready,
  openQuestion,
  returnAddress,
  type SessionEnd,
  sealQuestion,
} from '../../flows/end-session.ts'
import { relyingPartyOf } from '../../flows/passkey.ts'
import { findApplication } from '../../model/application.ts'
import { findCarriedSession, type Session } from '../../model/session.ts'
import { handOverPage } from './hand-over.ts'
import {
  errorPage,
  type MessageName,
  messageNames,
  messagePage,
  signOutPage,
  type Trouble,
} from './messages.ts'
import type { Form } from './steps.ts'
import { go, type Page, show, type Visit, visit, visitUnasked } from './visit.ts'

/** `/message?about=…`: how something ended. Only what is in the list is said, never a text from the address. */
export async function openMessage(c: Page, about: string): Promise<Response> {
  const here = await visit(c, null)
  if (!isMessageName(about)) throw new Fault('not_found')
  const passkeys = relyingPartyOf(here.ctx.config) !== null
  return show(
    here,
    messagePage({ ...here.frame, flow: null, query: { about } }, about, { passkeys }),
  )
}

/** `/error?about=app&app_id=…`: what people are told where they cannot be sent back to their app. */
export async function openError(c: Page): Promise<Response> {
  const about = c.req.query('about')
  if (about !== 'app' && about !== 'ended') throw new Fault('not_found')
  const received = c.req.query('received')
  return tellTrouble(c, {
    about,
    applicationId: c.req.query('app_id') ?? null,
    received: received === undefined ? {} : { redirect_uri: received },
  })
}

/** What went wrong between an application and us. */
export interface AppTrouble {
  about: 'app' | 'ended' | 'server' | 'away'
  retryAfter?: number | null
  applicationId: string | null
  /** The protocol's word for it, which people may pass on, and its sentence for developers. */
  error?: string
  description?: string
  received: Record<string, string>
  addresses?: 'redirectUris' | 'postLogoutRedirectUris'
}

/**
 * The same in place of an answer of the OpenID Provider: the app's address cannot be trusted, the sign-in has ended, or
 * we failed. A developer's own server adds what came and what is registered.
 */
export async function tellTrouble(c: Page, trouble: AppTrouble): Promise<Response> {
  const here = trouble.about === 'away' ? visitUnasked(c) : await visit(c, null)
  const frame = { ...here.frame, path: '/error', query: { about: trouble.about } }
  const { error } = frame.words
  const code = trouble.error ?? null
  switch (trouble.about) {
    case 'ended':
      return show(here, errorPage(frame, { text: error.flowEnded, code }), 400)
    case 'away':
      c.header('retry-after', String(trouble.retryAfter ?? 1))
      return show(here, errorPage(frame, { text: error.unavailable, code }), 503)
    case 'server':
      return show(here, errorPage(frame, { text: error.server, code }), 500)
    case 'app': {
      const details = here.ctx.config.mode === 'dev' ? await misconfigured(here, trouble) : null
      return show(here, errorPage(frame, { text: error.appMisconfigured, code, details }), 400)
    }
  }
}

async function misconfigured(
  { ctx }: Visit,
  { applicationId, description, received, addresses = 'redirectUris' }: AppTrouble,
): Promise<NonNullable<Trouble['details']>> {
  const application = await findApplication(ctx, applicationId ?? '')
  return {
    description: description ?? null,
    received: Object.entries(received).map(([name, value]) => `${name}=${value}`),
    registered: application?.oidcClientMetadata[addresses] ?? [],
  }
}

/** The page that posts an answer to the application; it asks the database nothing. */
export async function postBack(
  c: Page,
  { to, fields }: { to: string; fields: Record<string, string> },
): Promise<Response> {
  const here = await visit(c, '').catch(() => visitUnasked(c))
  return show(here, handOverPage(here.frame, { to, fields }), 200, { handsOver: true })
}

/** `/sign-out`: asks, since a link on any site may lead here. */
export async function openSignOut(c: Page): Promise<Response> {
  const here = await visit(c, null)
  const session = await browserSession(here)
  if (session === null) return go(alone(here), '/signed-out')
  const frame = { ...here.frame, app: null, flow: null }
  const question = sealQuestion(here.ctx, session, { applicationId: null, returnTo: null })
  return show(here, signOutPage(frame, '/sign-out', question))
}

/** The same for an application that cannot say whose session it is. */
export async function askSignOut(
  c: Page,
  asked: { session: Session; end: SessionEnd; query: Record<string, string> },
): Promise<Response> {
  const { session, end, query } = asked
  const here = await visit(c, null)
  const app = end.application === null ? null : { name: end.application.name }
  const returnTo = returnAddress(end)
  const applicationId = end.application?.id ?? null
  const question = sealQuestion(here.ctx, session, { applicationId, returnTo })
  const frame = { ...here.frame, app, flow: null, query }
  const handsOver = isAnsweredAlready(end)
  const page = signOutPage(frame, '/sign-out', question, { handsOver })
  return show(here, page, 200, { returnsTo: returnTo })
}

export async function submitSignOut(c: Page, form: Form): Promise<Response> {
  const here = await visit(c, null)
  const { ctx } = here
  if (form('want') === 'stay') return go(alone(here), '/message', { about: 'stayed' })
  const session = await browserSession(here)
  const question = session === null ? null : openQuestion(ctx, session, form('question'))
  if (session !== null && question === null) throw new Fault('input_invalid', { field: 'question' })
  if (session !== null) await endBrowserSession(ctx, session, question?.applicationId ?? null)
  const cookies = browserCookies(ctx.config)
  deleteCookie(c, cookies.session, cookies.attributes)
  const returnTo = question?.returnTo ?? null
  if (returnTo === null) return go(alone(here), '/signed-out')
  c.header('cache-control', 'no-store')
  return c.redirect(returnTo, 303)
}

/** The session that this browser's cookie carries. */
export async function browserSession({ c, ctx }: Visit): Promise<Session | null> {
  const token = getCookie(c, browserCookies(ctx.config).session)
  return token ? findCarriedSession(ctx, token, 'browser') : null
}

/** The same visit, without the sign-in that may be under way. */
export function alone({ c, frame }: Visit): Pick<Visit, 'c' | 'frame'> {
  return { c, frame: { ...frame, flow: null } }
}

function isMessageName(name: string): name is MessageName {
  return messageNames.some((known) => known === name)
}
