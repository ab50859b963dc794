import { html } from 'hono/html'
import type { User } from '../../model/user.ts'
import { fill } from '../../words/words.ts'
import { form, otherButton, submit } from './fields.ts'
import { type Frame, type Html, layout } from './layout.ts'

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
