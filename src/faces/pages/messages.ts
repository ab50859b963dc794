import { html } from 'hono/html'
import { fill } from '../../words/words.ts'
import { form, otherButton, submit } from './fields.ts'
import { type Frame, type Html, href, layout } from './layout.ts'

export type MessageName =
  | 'signed-in'
  | 'signed-out'
  | 'password-changed'
  | 'stayed'
  | 'device-allowed'
  | 'device-denied'

export const messageNames: readonly MessageName[] = [
  'signed-in',
  'signed-out',
  'password-changed',
  'stayed',
  'device-allowed',
  'device-denied',
]

/** A page that tells how something ended. */
export function messagePage(
  frame: Frame,
  name: MessageName,
  { passkeys }: { passkeys: boolean },
): Html {
  const { message, device } = frame.words
  const { title, text } = {
    'signed-in': { title: message.signedInTitle, text: message.signedIn },
    'signed-out': { title: message.signedOutTitle, text: message.signedOut },
    'password-changed': { title: message.passwordChangedTitle, text: message.passwordChanged },
    stayed: { title: message.stayedTitle, text: message.stayed },
    'device-allowed': { title: device.allowedTitle, text: device.allowed },
    'device-denied': { title: device.deniedTitle, text: device.denied },
  }[name]
  const isSignedIn = name === 'signed-in' || name === 'stayed'
  const canSignIn = name === 'signed-out' || name === 'password-changed'
  return layout(frame, {
    title,
    body: html`<p>${text}</p>
${isSignedIn && passkeys && html`<p><a class="to" href="/account/passkeys">${frame.words.passkey.manage}</a></p>`}
${isSignedIn && html`<p><a class="to" href="/account/applications">${frame.words.applications.title}</a></p>`}
${canSignIn && html`<p><a class="btn" href="${href(frame, '/sign-in')}">${name === 'signed-out' ? message.signInAgain : frame.words.register.signIn}</a></p>`}`,
  })
}

/** Signing out is asked first: a link on another site must not do it. */
export function signOutPage(
  frame: Frame,
  action: string,
  question: string,
  { handsOver = false }: { handsOver?: boolean } = {},
): Html {
  const { message, common } = frame.words
  return layout(frame, {
    title: message.signOutTitle,
    handsOver,
    body: html`<p>${fill(message.signOut, { app: frame.app?.name ?? common.here })}</p>
${form(
  frame,
  action,
  html`<input type="hidden" name="question" value="${question}">
${submit(message.signOutYes, 'confirm-logout')}${otherButton('stay', message.signOutNo)}`,
)}`,
  })
}

export interface Trouble {
  title?: string
  text: string
  /** What a person may read out to whoever runs the house; the log holds the same. */
  reference?: string | null
  /** The protocol's word for it. */
  code?: string | null
  /** For developers, on their own machine only: what is wrong, what came, and what was registered. */
  details?: {
    description: string | null
    received: readonly string[]
    registered: readonly string[]
  } | null
}

export function errorPage(frame: Frame, trouble: Trouble): Html {
  const { error } = frame.words
  const { code, details, reference } = trouble
  return layout(frame, {
    title: trouble.title ?? error.title,
    body: html`<p>${trouble.text}</p>
${
  details &&
  html`${details.description && html`<p lang="en">${details.description}</p>`}<dl>${listed(error.received, details.received)}${listed(error.registered, details.registered)}</dl>`
}
${reference && html`<p class="muted">${fill(error.reference, { reference })}</p>`}
${code && html`<p class="muted small"><code>${code}</code></p>`}`,
  })
}

function listed(term: string, values: readonly string[]): Html {
  const shown = values.length === 0 ? ['–'] : values
  return html`<dt>${term}</dt>${shown.map((one) => html`<dd>${one}</dd>`)}`
}
