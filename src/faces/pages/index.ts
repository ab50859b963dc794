import { Hono } from 'hono'
import { setCookie } from 'hono/cookie'
import { browserCookies } from '../../base/cookies.ts'
import { Fault, isFault } from '../../base/fault.ts'
import { type Env, readForm } from '../../base/http.ts'
import { second } from '../../base/time.ts'
import { asFault } from '../../base/unavailable.ts'
import { browserSessionLifetime, type Next, startInteraction } from '../../flows/interaction.ts'
import type { Interaction } from '../../model/interaction.ts'
import { isEmail } from '../../model/user.ts'
import { openApplications, submitApplications } from './applications.ts'
import { assets } from './assets.ts'
import { openChooser, submitChooser } from './choices.ts'
import { openConsent, submitConsent } from './consent.ts'
import { openDevice, openDeviceConfirm, submitDevice, submitDeviceConfirm } from './device.ts'
import {
  alone,
  browserSession,
  openError,
  openMessage,
  openSignOut,
  submitSignOut,
} from './ends.ts'
import { present } from './faults.ts'
import { errorPage } from './messages.ts'
import { ended } from './over.ts'
import {
  askRegistration,
  askSignIn,
  openPasskeys,
  passkeyEndpoints,
  submitPasskeys,
} from './passkeys.ts'
import { isOwnForm } from './same-origin.ts'
import { askSecondKey, openSecondFactor, submitSecondFactor } from './second-factor.ts'
import { type Fields, type Form, type Step, steps } from './steps.ts'
import { go, keepBrowser, type Page, show, type Visit, visit, visitUnasked } from './visit.ts'

export { askSignOut, postBack, tellTrouble } from './ends.ts'
export { askToFollow } from './mail-link.ts'
export { assets }

/** The pages that people see: each step is a POST that leads, by 303, to the GET of the next. */
export function pages(): Hono<Env> {
  const app = new Hono<Env>()
  app.route('/', assets())
  for (const step of steps) {
    app.get(step.path, (c) => safely(c, () => open(c, step)))
    app.post(step.path, (c) => safely(c, () => submit(c, step)))
  }
  app.post('/sign-in/passkey/options', (c) =>
    safely(c, async () => askSignIn(c, formOf(await readForm(c)))),
  )
  app.get('/account/passkeys', (c) => safely(c, () => openPasskeys(c)))
  app.post('/account/passkeys', (c) => safely(c, () => own(c, submitPasskeys)))
  app.post('/account/passkeys/options', (c) => safely(c, () => askRegistration(c)))
  app.get('/account/applications', (c) => safely(c, () => openApplications(c)))
  app.post('/account/applications', (c) => safely(c, () => own(c, submitApplications)))
  app.get('/.well-known/passkey-endpoints', passkeyEndpoints)
  app.get('/select-account', (c) => safely(c, () => openChooser(c)))
  app.post('/select-account', (c) => safely(c, () => own(c, submitChooser)))
  app.get('/consent', (c) => safely(c, () => openConsent(c)))
  app.post('/consent', (c) => safely(c, () => own(c, submitConsent)))
  app.get('/sign-in/second-factor', (c) => safely(c, () => openSecondFactor(c)))
  app.post('/sign-in/second-factor', (c) => safely(c, () => own(c, submitSecondFactor)))
  app.post('/sign-in/second-factor/options', (c) =>
    safely(c, async () => askSecondKey(c, formOf(await readForm(c)))),
  )
  app.get('/device', (c) => safely(c, () => openDevice(c)))
  app.post('/device', (c) => safely(c, () => own(c, submitDevice)))
  app.get('/device/confirm', (c) => safely(c, () => openDeviceConfirm(c)))
  app.post('/device/confirm', (c) => safely(c, () => own(c, submitDeviceConfirm)))
  app.get('/message', (c) => safely(c, () => openMessage(c, c.req.query('about') ?? '')))
  app.get('/signed-out', (c) => safely(c, () => openMessage(c, 'signed-out')))
  app.get('/error', (c) => safely(c, () => openError(c)))
  app.get('/sign-out', (c) => safely(c, () => openSignOut(c)))
  app.post('/sign-out', (c) => safely(c, () => own(c, submitSignOut)))
  return app
}

async function open(c: Page, step: Step): Promise<Response> {
  const flow = c.req.query('flow') ?? null
  const here = await visit(c, flow)
  if (here.isRenewed) return go(here, step.start, { notice: 'refreshed' })
  if (flow !== null && here.interaction === null) return ended(here)
  if (here.interaction?.sessionId) return finished(here, here.interaction)
  if (step.path === '/sign-in' && !here.policy.canSignIn && here.policy.canRegister) {
    return go(here, '/register')
  }
  step.check(here)
  if (!step.isDue(here)) return go(here, step.start)
  const identifier = here.interaction?.state.identifier ?? c.req.query('identifier') ?? ''
  return show(here, step.view(here, { identifier, notice: noticeOf(here) }))
}

async function submit(c: Page, step: Step): Promise<Response> {
  const form = formOf(await readForm(c))
  if (!isOwnForm(c)) return foreign(c)
  const flow = form('flow') || null
  // A form without a flow begins one of its own: two tabs that were opened at once stay two.
  const found = await visit(c, flow ?? '')
  if (found.isRenewed) return go(found, step.start, { notice: 'refreshed' })
  if (flow !== null && found.interaction === null) return ended(found)
  if (found.interaction?.sessionId) return finished(found, found.interaction)
  const identifier = form('identifier') || (found.interaction?.state.identifier ?? '')
  let here = found
  try {
    step.check(found)
    here = found.interaction === null ? await begin(found, step, identifier) : found
    if (here.interaction === null || !step.isDue(here)) return go(here, step.start)
    const next = await step.submit(here, here.interaction, form)
    return follow(here, { step, interaction: here.interaction, next })
  } catch (thrown) {
    const error = asFault(thrown)
    if (!isFault(error) || error.code === 'interaction_not_found') throw error
    return mistaken(here, { step, fault: error, identifier })
  }
}

/** Somebody who came without an app: nothing is written for them until they typed an address. */
async function begin(here: Visit, step: Step, identifier: string): Promise<Visit> {
  if (step.path !== step.start) throw new Fault('interaction_not_found')
  if (!isEmail(identifier.normalize('NFKC').trim())) {
    throw new Fault('email_address_invalid', { isEmpty: identifier.trim() === '' })
  }
  const { interaction, browser } = await startInteraction(here.ctx, {
    applicationId: null,
    browser: here.browser,
  })
  keepBrowser(here, browser)
  return { ...here, interaction, browser, frame: { ...here.frame, flow: interaction.id } }
}

function follow(
  here: Visit,
  { step, interaction, next }: { step: Step; interaction: Interaction; next: Next },
): Response {
  switch (next.step) {
    case 'password':
      return go(here, '/sign-in/password')
    case 'code': {
      const path = step.start === '/sign-in' ? '/sign-in/code' : (`${step.start}/code` as const)
      return go(here, path, step.path === path ? { notice: 'resent' } : {})
    }
    case 'confirm-register':
      return go(here, '/register/confirm')
    case 'choose-password':
      return go(here, '/register/password')
    case 'reset-password':
      return go(here, '/reset-password')
    case 'done': {
      const { session, attributes } = browserCookies(here.ctx.config)
      const maxAge = browserSessionLifetime / second
      setCookie(here.c, session, next.token, { ...attributes, maxAge })
      return goBack(here, interaction)
    }
  }
}

/** Signed in: back to the app by way of the OpenID Provider, or, for who came alone, to a page that says so. */
function goBack(here: Visit, { id, applicationId }: Interaction): Response {
  if (applicationId === null) return go(alone(here), '/message', { about: 'signed-in' })
  here.c.header('cache-control', 'no-store')
  return here.c.redirect(`/oidc/auth/${id}`, 303)
}

/** The same page again, with what was typed and what is to mend. */
function mistaken(
  here: Visit,
  { step, fault, identifier }: { step: Step; fault: Fault; identifier: string },
): Response | Promise<Response> {
  const { words, app } = here.frame
  const { status, problem, retryAfter, isOurs } = present(fault, words, {
    appName: app?.name ?? words.common.here,
    canUseCode: here.policy.code,
  })
  if (isOurs) here.ctx.log.error({ err: fault }, 'A step of a hosted page failed.')
  if (retryAfter !== null) here.c.header('retry-after', String(retryAfter))
  // What is turned off has no form to show again.
  if (status === 403 && problem.field === null && !here.interaction) {
    return show(here, errorPage(here.frame, { text: problem.text }), status)
  }
  const field = problem.field === step.field ? problem.field : null
  return show(here, step.view(here, { identifier, problem: { ...problem, field } }), status)
}

/** Signed in a moment ago. Without the cookie of that session the app's door would send the browser here again. */
async function finished(here: Visit, interaction: Interaction): Promise<Response> {
  return (await browserSession(here)) === null ? ended(here) : goBack(here, interaction)
}

/** A form is used only when it is our own. */
async function own(
  c: Page,
  submit: (c: Page, form: Fields) => Promise<Response>,
): Promise<Response> {
  const form = formOf(await readForm(c))
  return isOwnForm(c) ? submit(c, form) : foreign(c)
}

async function foreign(c: Page): Promise<Response> {
  const here = await visit(c, null)
  return show(here, errorPage(here.frame, { text: here.frame.words.error.foreignForm }), 403)
}

/** The last net: a fault that no page could show, or a bug, told without its text. */
async function safely(c: Page, work: () => Promise<Response>): Promise<Response> {
  try {
    return await work()
  } catch (thrown) {
    const error = asFault(thrown)
    const here = isFault(error, 'unavailable') ? visitUnasked(c) : await visitAnyhow(c)
    const { words, app } = here.frame
    const reference = referenceOf(here.ctx.random.id(8))
    if (isFault(error)) {
      const appName = app?.name ?? words.common.here
      const presented = present(error, words, { appName, canUseCode: here.policy.code })
      const { status, problem, retryAfter } = presented
      const title = status === 404 ? { title: words.error.notFoundTitle } : {}
      if (status < 500) return show(here, errorPage(here.frame, { ...problem, ...title }), status)
      if (status === 503) {
        here.ctx.log.error({ err: error, reference }, 'A hosted page failed.')
        c.header('retry-after', String(retryAfter ?? 1))
        return show(here, errorPage(here.frame, { ...problem, reference }), status)
      }
    }
    here.ctx.log.error({ err: error, reference }, 'A hosted page failed.')
    return show(here, errorPage(here.frame, { text: words.error.server, reference }), 500)
  }
}

/** What failed may have been the database, and then it fails here, too. */
async function visitAnyhow(c: Page): Promise<Visit> {
  return visit(c, null).catch(() => visitUnasked(c))
}

function referenceOf(id: string): string {
  return `${id.slice(0, 4)}-${id.slice(4)}`.toUpperCase()
}

function noticeOf({ c, frame }: Visit): string | null {
  const notice = c.req.query('notice')
  if (notice === 'refreshed') return frame.words.common.refreshed
  return notice === 'resent' ? frame.words.signIn.resent : null
}

/** A field that comes twice has no meaning that is surely the person's (two addresses for one code). */
function formOf(fields: URLSearchParams): Fields {
  const single: Form = (name) => {
    const values = fields.getAll(name)
    if (values.length > 1) throw new Fault('input_invalid', { field: name })
    return values[0] ?? ''
  }
  return Object.assign(single, { all: (name: string) => fields.getAll(name) })
}
