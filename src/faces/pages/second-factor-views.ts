import { html } from 'hono/html'
import type { RelyingParty } from '../../flows/passkey.ts'
import type { Factor } from '../../model/user.ts'
import { fill } from '../../words/words.ts'
import { codeField, form, otherButton, submit } from './fields.ts'
import { type Frame, type Html, href, layout, type Problem } from './layout.ts'
import { secondKeyForm } from './passkey-views.ts'

const path = '/sign-in/second-factor'

/** How somebody can show that it is them: a code of an app or a phone, or all of their keys together. */
export type Way = Factor | { id: 'key'; type: 'key'; party: RelyingParty }

export interface SecondFactorStep {
  way: Way
  others: readonly Way[]
  /** Whether a code is on its way to the phone. */
  isSent: boolean
  problem: Problem | null
}

export function secondFactorPage(frame: Frame, step: SecondFactorStep): Html {
  const { secondFactor } = frame.words
  const { way, others, problem } = step
  return layout(frame, {
    title: secondFactor.title,
    problem,
    usesPasskeys: way.type === 'key',
    body: html`${way.type === 'key' ? secondKeyForm(frame, way.party) : codeForm(frame, way, step)}
${others.map((one) => html`<p><a class="to" href="${href(frame, path, { factor: one.id })}">${nameOf(frame, one)}</a></p>`)}
${form(frame, path, otherButton('cancel', secondFactor.cancel))}`,
  })
}

function codeForm(frame: Frame, factor: Factor, { isSent, problem }: SecondFactorStep): Html {
  const { secondFactor, common, signIn } = frame.words
  const needsSending = factor.type === 'phone'
  const digits = factor.phone?.slice(-2) ?? ''
  const text = needsSending ? (isSent ? secondFactor.sent : secondFactor.phone) : secondFactor.totp
  const code = html`${codeField(frame, problem, null)}
${submit(common.continue)}`
  const send = html`<button class="btn p" name="want" value="send">${secondFactor.send}</button>`
  return html`<p>${fill(text, { digits })}</p>
${form(
  frame,
  path,
  html`<input type="hidden" name="factor" value="${factor.id}">
${needsSending && !isSent ? send : code}
${needsSending && isSent && otherButton('send', signIn.resend)}`,
)}`
}

function nameOf({ words }: Frame, way: Way): string {
  const { secondFactor } = words
  if (way.type === 'key') return secondFactor.useKey
  const { type, phone, friendlyName } = way
  if (type === 'phone') return fill(secondFactor.usePhone, { digits: phone?.slice(-2) ?? '' })
  return friendlyName ? fill(secondFactor.useNamed, { name: friendlyName }) : secondFactor.useApp
}
