import { html, raw } from 'hono/html'
import { fill } from '../../words/words.ts'
import { type Frame, type Html, href, type Problem } from './layout.ts'

/** Which names a person may sign in with: it decides label, keyboard and autofill. */
export type IdentifierKind = 'email' | 'username' | 'emailOrUsername'

export function form(frame: Frame, action: string, content: Html): Html {
  const flow = frame.flow && html`<input type="hidden" name="flow" value="${frame.flow}">`
  return html`<form method="post" action="${action}">
${flow}
${content}
</form>`
}

export function identifierField(
  frame: Frame,
  kind: IdentifierKind,
  value: string,
  problem: Problem | null,
): Html {
  const { field } = frame.words
  const label = field[kind]
  // The order inside autocomplete matters: a passkey's name comes after the user's.
  return html`<div class="field">
<label for="identifier">${label}</label>
<input id="identifier" name="identifier" type="text" ${raw(kind === 'username' ? '' : 'inputmode="email" ')}autocomplete="username webauthn" autocapitalize="none" autocorrect="off" spellcheck="false" enterkeyhint="next" maxlength="320" value="${value}" required autofocus${described('identifier', problem)}>
${mistake('identifier', problem)}</div>`
}

/** The account for password managers: a text field, since they do not look into hidden ones. */
export function accountField(identifier: string): Html {
  return html`<input class="vh" name="identifier" value="${identifier}" autocomplete="username" readonly tabindex="-1" aria-hidden="true">`
}

export function passwordField(frame: Frame, problem: Problem | null): Html {
  const { words } = frame
  return html`<div class="field toggled">
<label for="password">${words.field.password}</label>
<input id="password" name="password" type="password" autocomplete="current-password" maxlength="1024" enterkeyhint="done" required autofocus${described('password', problem)}>
${showButton(frame)}
${mistake('password', problem)}</div>`
}

export function newPasswordField(frame: Frame, min: number, problem: Problem | null): Html {
  const { words } = frame
  return html`<div class="field toggled">
<label for="password">${words.field.newPassword}</label>
<input id="password" name="password" type="password" autocomplete="new-password" passwordrules="minlength: ${min};" minlength="${min}" maxlength="1024" enterkeyhint="done" required autofocus${described('password', problem, 'password-hint')}>
${showButton(frame)}
<p class="hint" id="password-hint">${fill(words.field.newPasswordHint, { min })}</p>
${mistake('password', problem)}</div>`
}

/** One field, never six boxes: pasting, autofill, screen readers and full-width digits all work. */
export function codeField(
  frame: Frame,
  problem: Problem | null,
  hint: string | null = frame.words.field.codeHint,
): Html {
  const { words } = frame
  return html`<div class="field">
<label for="code">${words.field.code}</label>
<input id="code" name="code" type="text" inputmode="numeric" autocomplete="one-time-code" pattern="[0-9０-９ ]*" maxlength="12" enterkeyhint="done" required autofocus${described('code', problem, hint === null ? '' : 'code-hint')}>
${hint !== null && html`<p class="hint" id="code-hint">${hint}</p>`}
${mistake('code', problem)}</div>`
}

/** The first button of a form; some have a name for programs that walk here. */
export function submit(text: string, id: string | null = null): Html {
  return html`<button class="btn p"${id && html` id="${id}"`}>${text}</button>`
}

/** Another button of the same form: what it wants travels in `want`, and no field is demanded. */
export function otherButton(want: string, text: string): Html {
  return html`<button class="btn" name="want" value="${want}" formnovalidate>${text}</button>`
}

/** Who is signing in, and the way back to change it. */
export function who(frame: Frame, identifier: string, start: string): Html {
  return html`<div class="who"><bdi>${identifier}</bdi><a href="${href(frame, start)}">${frame.words.common.change}</a></div>`
}

/** A line with a question and the link that answers it. */
export function aside(text: string, link: { href: string; text: string }): Html {
  return html`<p>${text} <a class="to" href="${link.href}">${link.text}</a></p>`
}

function showButton({ words }: Frame): Html {
  return html`<button class="toggle" type="button" data-show="password" aria-pressed="false" aria-label="${words.common.showPassword}" hidden>${words.common.show}</button>`
}

function described(field: Problem['field'], problem: Problem | null, hint = ''): Html {
  const isWrong = problem?.field === field
  const by = [isWrong ? `${field}-err` : '', hint].filter(Boolean).join(' ')
  return html`${by && html` aria-describedby="${by}"`}${isWrong && raw(' aria-invalid="true"')}`
}

function mistake(field: Problem['field'], problem: Problem | null): Html | '' {
  if (problem?.field !== field) return ''
  return html`<p class="err" id="${field}-err" role="alert">${problem.text}</p>`
}
