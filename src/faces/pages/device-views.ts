import { html, raw } from 'hono/html'
import type { Request } from '../../flows/allow.ts'
import { type Account, accountName } from './choice-views.ts'
import { wishList } from './consent-views.ts'
import { form, submit } from './fields.ts'
import { type Frame, fillHtml, type Html, layout, type Problem } from './layout.ts'

/** The page that a device names: where its code is typed. */
export function devicePage(
  frame: Frame,
  { code, problem }: { code: string; problem: Problem | null },
): Html {
  const { device, common } = frame.words
  const isWrong = problem?.field === 'code'
  const described = isWrong ? 'user_code-err user_code-hint' : 'user_code-hint'
  return layout(frame, {
    title: device.title,
    problem,
    body: html`<p>${device.lead}</p>
${form(
  frame,
  '/device',
  html`<div class="field">
<label for="user_code">${device.code}</label>
<input id="user_code" name="user_code" type="text" value="${code}" autocomplete="off" autocapitalize="characters" autocorrect="off" spellcheck="false" maxlength="64" enterkeyhint="next" required autofocus aria-describedby="${described}"${isWrong ? raw(' aria-invalid="true"') : ''}>
<p class="hint" id="user_code-hint">${device.codeHint}</p>
${isWrong && html`<p class="err" id="user_code-err" role="alert">${problem?.text}</p>`}</div>
${submit(common.continue, 'continue')}`,
)}`,
  })
}

/** The last word: what is let in, and the code by which the device is known (RFC 8628 § 3.3.1). */
export function deviceConfirmPage(
  frame: Frame,
  {
    request,
    user,
    sessionId,
  }: { request: Request & { userCode: string }; user: Account; sessionId: string },
): Html {
  const { device } = frame.words
  const { name, appearance } = request.application
  const app = appearance.displayName ?? name
  return layout(
    { ...frame, app: { name: app } },
    {
      title: device.confirmTitle,
      body: html`<p class="who"><bdi>${accountName(user)}</bdi></p>
<p>${fillHtml(device.confirmLead, { app: html`<bdi>${app}</bdi>` })}</p>
${wishList(frame, request)}
<p id="compare">${device.compare}</p>
<p class="user-code" aria-describedby="compare"><code id="shown-code">${request.userCode}</code></p>
${form(
  frame,
  '/device/confirm',
  html`<input type="hidden" name="session" value="${sessionId}">
<button class="btn p" name="want" value="allow" id="allow">${device.allow}</button>
<button class="btn" name="want" value="deny" id="deny">${device.deny}</button>`,
)}
<p class="muted small">${device.warning}</p>`,
    },
  )
}
