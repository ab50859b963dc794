import { html, raw } from 'hono/html'
import type { RelyingParty } from '../../flows/passkey.ts'
import type { Passkey } from '../../model/passkey.ts'
import { fill } from '../../words/words.ts'
import { form } from './fields.ts'
import { dateOf, type Frame, type Html, href, layout, type Problem } from './layout.ts'
import type { Said } from './views.ts'

const home = '/account/passkeys'

/** Signs in with a passkey. Hidden until the script finds a browser that has them. */
export function passkeyForm(
  frame: Frame,
  party: RelyingParty,
  problem: Problem | null | undefined,
): Html {
  const { passkey } = frame.words
  const unknown = problem?.unknownPasskey
  return html`<form id="passkey" method="post" action="/sign-in/passkey" data-kind="get" data-options="/sign-in/passkey/options" data-rp="${party.id}" data-offers="1"${unknown && html` data-unknown="${unknown}"`} hidden>
${answerFields(frame, { text: passkey.use, failed: passkey.failed, look: 'btn' })}
</form>`
}

/** Asks for a security key or passkey of an account. Without scripts, or in a browser without keys, it says so. */
export function secondKeyForm(frame: Frame, party: RelyingParty): Html {
  const { secondFactor } = frame.words
  const said = { text: secondFactor.askKey, failed: secondFactor.keyFailed, look: 'btn p' } as const
  return html`<p>${secondFactor.key}</p>
<form id="passkey" method="post" action="/sign-in/second-factor" data-kind="get" data-options="/sign-in/second-factor/options" data-rp="${party.id}" hidden>
<input type="hidden" name="factor" value="key">
${answerFields(frame, said)}
</form>
<noscript><p class="notice">${secondFactor.keyNeedsScript}</p></noscript>
<p class="notice" id="passkey-off" role="status" hidden>${secondFactor.keyUnknownHere}</p>`
}

export interface PasskeysStep extends Said {
  party: RelyingParty
  passkeys: readonly Passkey[]
  /** Whether passkeys may be changed: by a sign-in of late, and by a second factor where there is one. */
  state: 'open' | 'stale' | 'weak'
}

/** A user's own passkeys. Removing one works without scripts; making one cannot. */
export function passkeysPage(frame: Frame, step: PasskeysStep): Html {
  const { passkey } = frame.words
  const { passkeys, state, party } = step
  const isOpen = state === 'open'
  return layout(frame, {
    ...step,
    usesPasskeys: isOpen,
    title: passkey.title,
    body: html`<p>${passkey.lead}</p>
${passkeys.length === 0 ? html`<p class="muted">${passkey.none}</p>` : html`<ul class="rows">${passkeys.map((one) => row(frame, one, isOpen))}</ul>`}
${isOpen ? newForm(frame, party) : closed(frame, state)}
<p><a class="to" href="/account/applications">${frame.words.applications.title}</a></p>`,
  })
}

function newForm(frame: Frame, party: RelyingParty): Html {
  const { passkey } = frame.words
  return html`<form id="passkey" method="post" action="${home}" data-kind="create" data-options="${home}/options" data-rp="${party.id}" hidden>
${answerFields(frame, { text: passkey.add, failed: passkey.addFailed, look: 'btn' })}
</form>
<noscript><p class="muted">${passkey.needsScript}</p></noscript>`
}

function closed(frame: Frame, state: PasskeysStep['state']): Html {
  const { passkey, register, secondFactor } = frame.words
  if (state === 'weak') {
    const confirm = html`<button class="btn" name="want" value="confirm">${secondFactor.title}</button>`
    return html`<p>${passkey.weak}</p>${form(frame, home, confirm)}`
  }
  return html`<p>${passkey.stale}</p><p><a class="btn" href="${href(frame, '/sign-in')}">${register.signIn}</a></p>`
}

function row(frame: Frame, one: Passkey, isOpen: boolean): Html {
  const { passkey } = frame.words
  const name = one.name || passkey.unnamed
  const used = one.lastUsedAt === null ? '' : dateOf(frame, one.lastUsedAt)
  const dates = { added: dateOf(frame, one.createdAt), used }
  return html`<li><p><bdi>${name}</bdi><br><span class="muted small">${fill(one.lastUsedAt ? passkey.datesUsed : passkey.dates, dates)}</span></p>
${
  isOpen &&
  form(
    frame,
    home,
    html`<input type="hidden" name="passkey" value="${one.id}"><button class="btn" name="want" value="remove" aria-label="${fill(passkey.removeOne, { name, ...dates })}">${passkey.remove}</button>`,
  )
}</li>`
}

function answerFields(
  frame: Frame,
  { text, failed, look }: { text: string; failed: string; look: 'btn' | 'btn p' },
): Html {
  return html`<input type="hidden" name="flow" value="${frame.flow ?? ''}">
<input type="hidden" name="challenge"><input type="hidden" name="credential">
<button class="${look}" type="button">${text}</button>
<p class="err" id="passkey-err" role="alert" tabindex="${raw('-1')}" hidden>${failed}</p>`
}
