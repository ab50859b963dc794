import { html } from 'hono/html'
import type { Allowed } from '../../flows/allow.ts'
import { fill } from '../../words/words.ts'
import { list, logo, wishList } from './consent-views.ts'
import { form } from './fields.ts'
import { dateOf, type Frame, fillHtml, type Html, layout } from './layout.ts'

export interface ApplicationsStep {
  allowed: readonly Allowed[]
  sessionId: string
  /** Whether this server has a page for passkeys. */
  passkeys: boolean
  notice: string | null
}

/** The applications that a user allowed, in the words of the page that asked, each with a way back. */
export function applicationsPage(frame: Frame, step: ApplicationsStep): Html {
  const { applications, passkey } = frame.words
  const { allowed, sessionId, passkeys, notice } = step
  const isNone = allowed.length === 0
  return layout(frame, {
    notice,
    title: applications.title,
    body: html`<p${isNone && html` class="muted"`}>${isNone ? applications.none : applications.lead}</p>
${!isNone && html`<ul class="apps">${allowed.map((one) => row(frame, one, sessionId))}</ul>`}
${!isNone && html`<p class="muted small">${applications.kept}</p>`}
${passkeys && html`<p><a class="to" href="/account/passkeys">${passkey.manage}</a></p>`}`,
  })
}

function row(frame: Frame, one: Allowed, sessionId: string): Html {
  const { applications, consent } = frame.words
  const { application, organizations, documentHost, givenAt } = one
  const { id, name, origin, appearance } = application
  const app = appearance.displayName ?? name
  const host = html`<strong><bdi>${documentHost}</bdi></strong>`
  return html`<li>${logo(appearance)}<h2><bdi>${app}</bdi></h2>
${origin !== 'admin' && html`<p>${fillHtml(consent.unchecked, { app: html`<bdi>${app}</bdi>` })} ${documentHost !== null && fillHtml(consent.knownAs, { host })}</p>`}
<p>${fill(applications.since, { date: dateOf(frame, givenAt) })}</p>
${wishList(frame, one)}
${organizations.length > 0 && html`<p>${applications.organizations}</p>${list(organizations)}`}
${form(
  frame,
  '/account/applications',
  html`<input type="hidden" name="session" value="${sessionId}">
<button class="btn" name="application" value="${id}" aria-label="${fill(applications.withdrawOne, { app })}">${applications.withdraw}</button>`,
)}</li>`
}
