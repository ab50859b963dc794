import { html, raw } from 'hono/html'
import type { RelyingParty } from '../../flows/passkey.ts'
import type { Passkey } from '../../model/passkey.ts'
import { fill } from '../../words/words.ts'
import { form } from './fields.ts'
import { type Frame, type Html, href, layout, type Problem } from './layout.ts'
import type { Said } from './views.ts'

/** Signs in with a passkey. Hidden until the script finds a browser that has them. */
export function passkeyForm(
  frame: Frame,
  party: RelyingParty,
  problem: Problem | null | undefined,
): Html {
  const { passkey } = frame.words
  const unknown = problem?.unknownPasskey
  return html`<form id="passkey" method="post" action="/sign-in/passkey" data-kind="get" data-options="/sign-in/passkey/options" data-rp="${party.id}"${unknown && html` data-unknown="${unknown}"`} hidden>
${answerFields(frame, passkey.use, passkey.failed)}
</form>`
}

export interface PasskeysStep extends Said {
  party: RelyingParty
  passkeys: readonly Passkey[]
  /** Whether the sign-in is so recent that passkeys may be changed. */
  isFresh: boolean
}

/** A user's own passkeys. Removing one works without scripts; making one cannot. */
export function passkeysPage(frame: Frame, step: PasskeysStep): Html {
  const { passkey, register } = frame.words
  const { passkeys, isFresh, party } = step
  return layout(frame, {
    ...step,
    usesPasskeys: isFresh,
    title: passkey.title,
    body: html`<p>${passkey.lead}</p>
${passkeys.length === 0 ? html`<p class="muted">${passkey.none}</p>` : html`<ul class="rows">${passkeys.map((one) => row(frame, one, isFresh))}</ul>`}
${
  isFresh
    ? html`<form id="passkey" method="post" action="/account/passkeys" data-kind="create" data-options="/account/passkeys/options" data-rp="${party.id}" hidden>
${answerFields(frame, passkey.add, passkey.addFailed)}
</form>
<noscript><p class="muted">${passkey.needsScript}</p></noscript>`
    : html`<p>${passkey.stale}</p><p><a class="btn" href="${href(frame, '/sign-in')}">${register.signIn}</a></p>`
}`,
  })
}

function row(frame: Frame, one: Passkey, isFresh: boolean): Html {
  const { passkey } = frame.words
  const name = one.name || passkey.unnamed
  const dates = { added: dateOf(frame, one.createdAt), used: dateOf(frame, one.lastUsedAt) }
  return html`<li><p><bdi>${name}</bdi><br><span class="muted small">${fill(one.lastUsedAt ? passkey.datesUsed : passkey.dates, dates)}</span></p>
${
  isFresh &&
  form(
    frame,
    '/account/passkeys',
    html`<input type="hidden" name="passkey" value="${one.id}"><button class="btn" name="want" value="remove" aria-label="${fill(passkey.removeOne, { name, ...dates })}">${passkey.remove}</button>`,
  )
}</li>`
}

function dateOf({ words }: Frame, date: Date | null): string {
  const format = new Intl.DateTimeFormat(words.language.tag, { dateStyle: 'long', timeZone: 'UTC' })
  return date === null ? '' : format.format(date)
}

function answerFields(frame: Frame, text: string, failed: string): Html {
  return html`<input type="hidden" name="flow" value="${frame.flow ?? ''}">
<input type="hidden" name="challenge"><input type="hidden" name="credential">
<button class="btn" type="button">${text}</button>
<p class="err" id="passkey-err" role="alert" tabindex="${raw('-1')}" hidden>${failed}</p>`
}
