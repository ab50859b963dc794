import { html, raw } from 'hono/html'
import { fill, languages, type Words } from '../../words/words.ts'
import { handOverScript, passkeyScript, script, stylesheet } from './assets.ts'
import type { Brand } from './brand.ts'

export type Html = ReturnType<typeof html>

/** What every page knows about where it stands. */
export interface Frame {
  words: Words
  brand: Brand
  /** Who asks for the sign-in; null where somebody came here by themselves. */
  app: { name: string } | null
  /** The sign-in under way, in every form and link, so that two tabs do not mix. */
  flow: string | null
  /** This page's own path, to which the language menu leads back. */
  path: string
  /** What else the page was asked by, for the language menu. */
  query?: Record<string, string>
}

export interface Problem {
  text: string
  /** The field to mend; null where the trouble is with the whole page. */
  field: 'identifier' | 'password' | 'code' | null
  /** The credential that the browser should forget: it belongs to nobody here. */
  unknownPasskey?: string
}

export interface Page {
  title: string
  problem?: Problem | null
  notice?: string | null
  body: Html
  /** Whether the page asks for passkeys, and needs the script that does. */
  usesPasskeys?: boolean
  /** Whether the page's form sends itself. */
  handsOver?: boolean
}

export function layout(frame: Frame, page: Page): Html {
  const { words, brand, app } = frame
  const { tag, direction } = words.language
  const title = app ? fill(words.common.title, { step: page.title, app: app.name }) : page.title
  return html`<!doctype html>
<html lang="${tag}" dir="${direction}"${brand.theme === 'light' ? raw(' data-theme="light"') : ''}>
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${page.problem ? `${words.common.problem}: ` : ''}${title}</title>
<link rel="stylesheet" href="${stylesheet.path}">
${brand.css && html`<style>${raw(brand.css)}</style>`}
<link rel="icon" href="${brand.favicon ?? 'data:,'}">
<script src="${script.path}" defer></script>
${page.usesPasskeys && html`<script src="${passkeyScript.path}" defer></script>`}${page.handsOver && html`<script src="${handOverScript.path}" defer></script>`}
</head>
<body>
<main id="main"><a class="skip" href="#form">${words.common.skip}</a>
<div class="card" id="form">
${logo(brand)}<h1>${page.title}</h1>
${page.notice && html`<p class="notice" role="status">${page.notice}</p>`}
${page.problem?.field === null && html`<p class="alert" role="alert" tabindex="-1" autofocus>${page.problem.text}</p>`}
${page.body}
</div></main>
<footer>
<nav aria-label="${words.common.languages}"><ul>${languages.map((one) => languageLink(frame, one))}</ul></nav>
${footerLink(brand.privacyUrl, words.common.privacy)}${footerLink(brand.termsUrl, words.common.terms)}${footerLink(brand.helpUrl, words.common.help)}
</footer>
</body>
</html>`
}

/** A path with the flow in it, and what else the next page has to know. */
export function href(frame: Frame, path: string, query: Record<string, string> = {}): string {
  const all = new URLSearchParams({ ...(frame.flow && { flow: frame.flow }), ...query })
  return all.size > 0 ? `${path}?${all}` : path
}

/** A text with markup in its `{places}`; what stands around them is escaped. */
export function fillHtml(text: string, values: Record<string, unknown>): Html {
  const parts = text
    .split(/(\{\w+\})/)
    .map((part) => (/^\{\w+\}$/.test(part) ? (values[part.slice(1, -1)] ?? part) : part))
  return html`${parts}`
}

export function dateOf({ words }: Frame, date: Date): string {
  const format = new Intl.DateTimeFormat(words.language.tag, { dateStyle: 'long', timeZone: 'UTC' })
  return format.format(date)
}

function logo({ logo, darkLogo }: Brand): Html {
  return html`${darkLogo && html`<img class="logo dark" src="${darkLogo}" alt="">`}${logo && html`<img class="logo" src="${logo}" alt="">`}`
}

function languageLink(frame: Frame, words: Words): Html {
  const { tag, name } = words.language
  const current = tag === frame.words.language.tag ? raw(' aria-current="true"') : ''
  return html`<li><a href="${href(frame, frame.path, { ...frame.query, lang: tag })}" lang="${tag}" hreflang="${tag}"${current}>${name}</a></li>`
}

function footerLink(address: string | null, text: string): Html | '' {
  return address ? html`<a href="${address}">${text}</a>` : ''
}
