import { html } from 'hono/html'
import type { RelyingParty } from '../../flows/passkey.ts'
import {
  accountField,
  aside,
  codeField,
  form,
  type IdentifierKind,
  identifierField,
  newPasswordField,
  otherButton,
  passwordField,
  submit,
  who,
} from './fields.ts'
import { type Frame, fillHtml, type Html, href, layout, type Problem } from './layout.ts'
import { passkeyForm } from './passkey-views.ts'

/** What a step may have to say about the try before, or about what just happened. */
export interface Said {
  problem?: Problem | null
  notice?: string | null
}

export interface IdentifierStep extends Said {
  kind: IdentifierKind
  identifier: string
  canRegister: boolean
  /** Null where browsers have no passkeys for this server. */
  passkeys: RelyingParty | null
}

export function identifierPage(frame: Frame, step: IdentifierStep): Html {
  const { signIn, common } = frame.words
  return layout(frame, {
    ...step,
    title: signIn.title,
    usesPasskeys: step.passkeys !== null,
    body: html`${forApp(frame)}
${form(
  frame,
  '/sign-in',
  html`${identifierField(frame, step.kind, step.identifier, step.problem ?? null)}
${submit(common.continue, 'sign-in')}`,
)}
${step.passkeys && passkeyForm(frame, step.passkeys, step.problem)}
${
  step.canRegister &&
  aside(signIn.newHere, { href: href(frame, '/register'), text: signIn.createAccount })
}`,
  })
}

export interface PasswordStep extends Said {
  identifier: string
  canUseCode: boolean
  canRecover: boolean
}

export function passwordPage(frame: Frame, step: PasswordStep): Html {
  const { signIn } = frame.words
  return layout(frame, {
    ...step,
    title: signIn.enterPassword,
    body: html`${forApp(frame)}
${who(frame, step.identifier, '/sign-in')}
${form(
  frame,
  '/sign-in/password',
  html`${accountField(step.identifier)}
${passwordField(frame, step.problem ?? null)}
${submit(signIn.verify, 'sign-in')}
${step.canUseCode && otherButton('code', signIn.useCode)}`,
)}
${step.canRecover && html`<p><a class="to" href="${href(frame, '/forgot-password')}">${signIn.forgot}</a></p>`}`,
  })
}

/** The three places where a code is typed. */
export type CodePlace = '/sign-in/code' | '/register/code' | '/forgot-password/code'

export interface CodeStep extends Said {
  place: CodePlace
  identifier: string
  minutes: number
  canUsePassword: boolean
}

export function codePage(frame: Frame, step: CodeStep): Html {
  const { signIn, register } = frame.words
  const { title, sent, verify, start } = {
    '/sign-in/code': {
      title: signIn.enterCode,
      sent: signIn.codeSent,
      verify: signIn.verify,
      start: '/sign-in',
    },
    '/register/code': {
      title: register.checkMail,
      sent: register.codeSent,
      verify: register.verify,
      start: '/register',
    },
    '/forgot-password/code': {
      title: signIn.enterCode,
      sent: signIn.codeSent,
      verify: register.verify,
      start: '/forgot-password',
    },
  }[step.place]
  const to = html`<bdi>${step.identifier}</bdi>`
  return layout(frame, {
    ...step,
    title,
    body: html`<p>${fillHtml(sent, { to, minutes: step.minutes })} <a href="${href(frame, start)}">${frame.words.common.change}</a></p>
${form(
  frame,
  step.place,
  html`${codeField(frame, step.problem ?? null)}
${submit(verify, step.place === '/sign-in/code' ? 'sign-in' : null)}
${otherButton('resend', signIn.resend)}`,
)}
${step.canUsePassword && html`<p><a class="to" href="${href(frame, '/sign-in/password')}">${signIn.usePassword}</a></p>`}
${step.place === '/register/code' && aside(register.haveAccount, { href: href(frame, '/sign-in'), text: register.signIn })}`,
  })
}

export interface RegisterStep extends Said {
  identifier: string
  canSignIn: boolean
}

export function registerPage(frame: Frame, step: RegisterStep): Html {
  const { register, common } = frame.words
  return layout(frame, {
    ...step,
    title: register.title,
    body: html`${forApp(frame)}
${form(
  frame,
  '/register',
  html`${identifierField(frame, 'email', step.identifier, step.problem ?? null)}
${agreement(frame)}
${submit(common.continue)}`,
)}
${step.canSignIn && aside(register.haveAccount, { href: href(frame, '/sign-in'), text: register.signIn })}`,
  })
}

/** Somebody proved an address by signing in that has no account yet. */
export function confirmRegisterPage(frame: Frame, step: Said & { identifier: string }): Html {
  const { register } = frame.words
  return layout(frame, {
    ...step,
    title: register.confirmTitle,
    body: html`<p>${fillHtml(register.confirm, { to: html`<bdi>${step.identifier}</bdi>` })}</p>
${form(frame, '/register/confirm', html`${agreement(frame)}${submit(register.finish)}`)}
${aside('', { href: href(frame, '/sign-in'), text: frame.words.common.change })}`,
  })
}

export interface NewPasswordStep extends Said {
  place: '/register/password' | '/reset-password'
  identifier: string
  min: number
}

export function newPasswordPage(frame: Frame, step: NewPasswordStep): Html {
  const { register, recover } = frame.words
  const isReset = step.place === '/reset-password'
  return layout(frame, {
    ...step,
    title: isReset ? recover.chooseNew : register.choosePassword,
    body: html`<p><bdi>${step.identifier}</bdi></p>
${form(
  frame,
  step.place,
  html`${accountField(step.identifier)}
${newPasswordField(frame, step.min, step.problem ?? null)}
${isReset && html`<p class="muted small">${recover.signsOut}</p>`}
${submit(isReset ? recover.save : register.finish)}`,
)}`,
  })
}

export function forgotPasswordPage(frame: Frame, step: Said & { identifier: string }): Html {
  const { recover } = frame.words
  return layout(frame, {
    ...step,
    title: recover.title,
    body: html`<p>${recover.lead}</p>
${form(
  frame,
  '/forgot-password',
  html`${identifierField(frame, 'email', step.identifier, step.problem ?? null)}
${submit(recover.send)}`,
)}
<p><a class="to" href="${href(frame, '/sign-in')}">${recover.back}</a></p>`,
  })
}

function forApp(frame: Frame): Html | '' {
  if (frame.app === null) return ''
  const app = html`<bdi>${frame.app.name}</bdi>`
  return html`<p class="muted">${fillHtml(frame.words.signIn.to, { app })}</p>`
}

function agreement({ words, brand }: Frame): Html | '' {
  const { register } = words
  const { termsUrl, privacyUrl } = brand
  const text =
    termsUrl && privacyUrl
      ? register.agree
      : termsUrl
        ? register.agreeTerms
        : privacyUrl && register.agreePrivacy
  if (!text) return ''
  const terms = html`<a href="${termsUrl}">${register.termsOfUse}</a>`
  const privacy = html`<a href="${privacyUrl}">${register.privacyPolicy}</a>`
  return html`<p class="muted small">${fillHtml(text, { terms, privacy })}</p>`
}
