import { html, raw } from 'hono/html'
import type { Request } from '../../flows/allow.ts'
import { fill, type Words } from '../../words/words.ts'
import { type Account, accountName } from './choice-views.ts'
import { form } from './fields.ts'
import { type Frame, fillHtml, type Html, layout } from './layout.ts'

const texts = new Map<string, keyof Words['consent']['scopes']>([
  ['profile', 'profile'],
  ['email', 'email'],
  ['phone', 'phone'],
  ['address', 'address'],
  ['custom_data', 'custom_data'],
  ['identities', 'identities'],
  ['roles', 'roles'],
  ['urn:logto:scope:organizations', 'organizations'],
  ['urn:logto:scope:organization_roles', 'organizationRoles'],
  ['offline_access', 'offline'],
])

/** The page that asks: everything the application wants, in words; a scope without words says its name. */
export function consentPage(
  frame: Frame,
  { request, user, sessionId }: { request: Request; user: Account; sessionId: string },
): Html {
  const { consent } = frame.words
  const { application, organizations } = request
  const { name, appearance } = application
  const app = appearance.displayName ?? name
  return layout(
    { ...frame, app: { name: app } },
    {
      title: fill(consent.title, { app }),
      body: html`${logo(appearance)}<p class="who"><bdi>${accountName(user)}</bdi></p>
<p>${fillHtml(consent.lead, { app: html`<bdi>${app}</bdi>` })}</p>
${stranger(frame, app, request.stranger)}
${wishList(frame, request)}
${form(
  frame,
  '/consent',
  html`<input type="hidden" name="session" value="${sessionId}">
${organizations.length > 0 && organizationsField(frame, organizations)}
<button class="btn p" name="want" value="allow" id="allow">${consent.allow}</button>
<button class="btn" name="want" value="deny" id="deny">${consent.deny}</button>`,
)}
<p class="muted small">${fill(consent.remembered, { app })}</p>
${links(frame, app, appearance)}`,
    },
  )
}

/** What an application asks for, in words. */
export function wishList({ words }: Frame, request: Pick<Request, 'consent' | 'resources'>): Html {
  const { consent } = words
  const wishes = [
    consent.scopes.openid,
    ...request.consent.scopes.map((scope) => {
      const text = texts.get(scope)
      return text === undefined ? scope : consent.scopes[text]
    }),
    ...request.consent.organizationScopes,
  ]
  return html`${list(wishes)}
${request.resources.map((one) => html`<p>${fillHtml(consent.inResource, { resource: html`<bdi>${one.name}</bdi>` })}</p>${list(one.scopes)}`)}`
}

/** A name is said by the application itself: who it is shows in the hosts. */
function stranger({ words }: Frame, app: string, who: Request['stranger']): Html | '' {
  if (who === null) return ''
  const { consent } = words
  const host = (name: string) => ({ host: html`<strong><bdi>${name}</bdi></strong>` })
  return html`<p>${fillHtml(consent.unchecked, { app: html`<bdi>${app}</bdi>` })}
${who.documentHost !== null && fillHtml(consent.knownAs, host(who.documentHost))}
${who.returnHost === null ? consent.returnsToDevice : fillHtml(consent.returnsTo, host(who.returnHost))}</p>`
}

export function list(items: readonly string[]): Html {
  return html`<ul class="wishes">${items.map((one) => html`<li><bdi>${one}</bdi></li>`)}</ul>`
}

export function logo({ logoUrl, darkLogoUrl }: Request['application']['appearance']): Html {
  return html`${darkLogoUrl && html`<img class="logo dark" src="${darkLogoUrl}" alt="">`}${logoUrl && html`<img class="logo" src="${logoUrl}" alt="">`}`
}

function organizationsField({ words }: Frame, organizations: Request['organizations']): Html {
  const { consent } = words
  return html`<fieldset aria-describedby="organizations-hint"><legend>${consent.organizations}</legend>
<p class="hint" id="organizations-hint">${consent.organizationsLead}</p>
${organizations.map((one) => html`<label class="check"><input type="checkbox" name="organization" value="${one.organizationId}"${one.isShared ? raw(' checked') : ''}> <bdi>${one.name}</bdi></label>`)}
</fieldset>`
}

function links(
  { words }: Frame,
  app: string,
  { homepageUrl, termsOfUseUrl, privacyPolicyUrl }: Request['application']['appearance'],
): Html | '' {
  const { consent } = words
  const known = [
    { href: homepageUrl, text: consent.website },
    { href: termsOfUseUrl, text: consent.terms },
    { href: privacyPolicyUrl, text: consent.privacy },
  ].filter(({ href }) => href !== undefined)
  if (known.length === 0) return ''
  return html`<p class="small">${known.map(({ href, text }) => html`<a class="to" href="${href}" rel="noopener noreferrer">${fill(text, { app })}</a> `)}</p>`
}
