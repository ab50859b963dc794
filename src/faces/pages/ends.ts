import { deleteCookie, getCookie } from 'hono/cookie'
import { actingAs } from '../../base/context.ts'
import { browserCookies } from '../../base/cookies.ts'
import { Fault } from '../../base/fault.ts'
import { relyingPartyOf } from '../../flows/passkey.ts'
import { signOut } from '../../flows/sign-out.ts'
import { findApplication } from '../../model/application.ts'
import { findCarriedSession, type Session } from '../../model/session.ts'
import { findUser } from '../../model/user.ts'
import {
  errorPage,
  type MessageName,
  messageNames,
  messagePage,
  signOutPage,
  type Trouble,
} from './messages.ts'
import type { Form } from './steps.ts'
import { go, type Page, show, type Visit, visit } from './visit.ts'

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
  const applicationId = c.req.query('app_id') ?? null
  return tellTrouble(c, { about, applicationId, received: c.req.query('received') ?? null })
}

/**
 * The same in place of an answer of the OpenID Provider: the app's address cannot be trusted, the sign-in has ended, or
 * we failed. A developer's own server adds what came and what is registered.
 */
export async function tellTrouble(
  c: Page,
  trouble: {
    about: 'app' | 'ended' | 'server'
    applicationId: string | null
    received: string | null
  },
): Promise<Response> {
  const here = await visit(c, null)
  const frame = { ...here.frame, path: '/error', query: { about: trouble.about } }
  const { error } = frame.words
  switch (trouble.about) {
    case 'ended':
      return show(here, errorPage(frame, { text: error.flowEnded }), 400)
    case 'server':
      return show(here, errorPage(frame, { text: error.server }), 500)
    case 'app': {
      const details = here.ctx.config.mode === 'dev' ? await misconfigured(here, trouble) : null
      return show(here, errorPage(frame, { text: error.appMisconfigured, details }), 400)
    }
  }
}

async function misconfigured(
  { ctx }: Visit,
  { applicationId, received }: { applicationId: string | null; received: string | null },
): Promise<NonNullable<Trouble['details']>> {
  const application = await findApplication(ctx, applicationId ?? '')
  return {
    received: received ?? applicationId ?? '–',
    registered: application?.oidcClientMetadata.redirectUris ?? [],
  }
}

/** `/sign-out`: asks, since a link on any site may lead here. */
export async function openSignOut(c: Page): Promise<Response> {
  const here = await visit(c, null)
  if ((await browserSession(here)) === null) return go(alone(here), '/signed-out')
  return show(here, signOutPage({ ...here.frame, app: null, flow: null }, '/sign-out'))
}

export async function submitSignOut(c: Page, form: Form): Promise<Response> {
  const here = await visit(c, null)
  const { ctx } = here
  if (form('want') === 'stay') return go(alone(here), '/message', { about: 'stayed' })
  const session = await browserSession(here)
  const user = session === null ? null : await findUser(ctx, session.userId)
  if (session !== null && user !== null) {
    const actor = { kind: 'user', userId: user.id, sessionId: session.id } as const
    await signOut(actingAs(ctx, actor), user, { scope: 'local', sessionId: session.id })
  }
  const cookies = browserCookies(ctx.config)
  deleteCookie(c, cookies.session, cookies.attributes)
  return go(alone(here), '/signed-out')
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
