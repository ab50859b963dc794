import { html } from 'hono/html'
import type { Factor, User } from '../../model/user.ts'
import { fill } from '../../words/words.ts'
import { codeField, form, otherButton, submit } from './fields.ts'
import { type Frame, type Html, href, layout, type Problem } from './layout.ts'

/** What a page shows of an account. */
export type Account = Pick<User, 'id' | 'email' | 'username' | 'phone' | 'name'>

/** How a person knows their own account. */
export function accountName({ email, username, phone, name, id }: Account): string {
  return email ?? username ?? (phone === null ? (name ?? id) : `+${phone}`)
}

export function chooserPage(
  frame: Frame,
  { user, sessionId }: { user: Account; sessionId: string },
): Html {
  const { account } = frame.words
  const who = accountName(user)
  return layout(frame, {
    title: account.choose,
    body: html`<p>${account.chooseLead}</p>
${form(
  frame,
  '/select-account',
  html`<p class="who"><span><bdi>${who}</bdi>${user.name && user.name !== who && html`<br><span class="muted small"><bdi>${user.name}</bdi></span>`}</span></p>
<input type="hidden" name="session" value="${sessionId}">
${submit(fill(account.goOn, { who: user.name || who }), 'continue')}
${otherButton('other', account.other)}`,
)}`,
  })
}

export interface SecondFactorStep {
  factor: Factor
  others: readonly Factor[]
  /** Whether a code is on its way to the phone. */
  isSent: boolean
  problem: Problem | null
}

export function secondFactorPage(frame: Frame, step: SecondFactorStep): Html {
  const { secondFactor, common, signIn } = frame.words
  const { factor, others, isSent, problem } = step
  const needsSending = factor.type === 'phone'
  const digits = factor.phone?.slice(-2) ?? ''
  const text = needsSending ? (isSent ? secondFactor.sent : secondFactor.phone) : secondFactor.totp
  const code = html`${codeField(frame, problem, null)}
${submit(common.continue)}`
  const send = html`<button class="btn p" name="want" value="send">${secondFactor.send}</button>`
  return layout(frame, {
    title: secondFactor.title,
    problem,
    body: html`<p>${fill(text, { digits })}</p>
${form(
  frame,
  '/sign-in/second-factor',
  html`<input type="hidden" name="factor" value="${factor.id}">
${needsSending && !isSent ? send : code}
${needsSending && isSent && otherButton('send', signIn.resend)}`,
)}
${others.map((one) => html`<p><a class="to" href="${href(frame, '/sign-in/second-factor', { factor: one.id })}">${otherFactor(frame, one)}</a></p>`)}`,
  })
}

function otherFactor({ words }: Frame, { type, phone, friendlyName }: Factor): string {
  const { secondFactor } = words
  if (type === 'phone') return fill(secondFactor.usePhone, { digits: phone?.slice(-2) ?? '' })
  return friendlyName ? fill(secondFactor.useNamed, { name: friendlyName }) : secondFactor.useApp
}
