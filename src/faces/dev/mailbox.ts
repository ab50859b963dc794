import { createHash } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { html, raw } from 'hono/html'
import type { MailboxMessage } from '../../model/message.ts'
import { fill, type Words } from '../../words/words.ts'

type Html = ReturnType<typeof html>

interface View {
  words: Words
  messages: readonly MailboxMessage[]
  /** The address that the list is narrowed to; empty for all. */
  to: string
  chosen: MailboxMessage | null
  /** Somebody followed the link to this message: on a small screen it stands alone. */
  isOpened?: boolean
}

const style = asset('mailbox.css')
const script = asset('mailbox.js')

/** The page works without its script, which only fetches news and copies codes. */
export const pageHeaders = {
  'cache-control': 'no-store',
  'referrer-policy': 'same-origin',
  'x-frame-options': 'DENY',
  'content-security-policy': [
    "default-src 'none'",
    `style-src '${style.hash}'`,
    `script-src '${script.hash}'`,
    "connect-src 'self'",
    "frame-src 'self'",
    'img-src data:',
    "form-action 'self'",
    "base-uri 'none'",
    "frame-ancestors 'none'",
  ].join('; '),
}

/**
 * A mail's own HTML, for the frame: no script, nothing fetched from anywhere, and links open in a tab of their own.
 * The header's sandbox holds even when somebody opens the address without the frame.
 */
export function messageDocument(mail: string): { body: string; headers: Record<string, string> } {
  return {
    body: `<!doctype html><base target="_blank">${mail}`,
    headers: {
      'cache-control': 'no-store',
      'referrer-policy': 'no-referrer',
      'x-frame-options': 'SAMEORIGIN',
      'content-security-policy': `sandbox ${sandbox}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; frame-ancestors 'self'`,
    },
  }
}

const sandbox = 'allow-popups allow-popups-to-escape-sandbox'

export function mailboxPage(view: View): Html {
  const { words, messages, to, chosen } = view
  const text = words.mailbox
  return html`<!doctype html>
<html lang="${words.language.tag}" dir="${words.language.direction}">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${view.isOpened && chosen?.subject ? `${chosen.subject} · ${text.title}` : text.title}</title>
<link rel="icon" href="data:,">
<style>${raw(style.text)}</style>
</head>
<body${view.isOpened ? raw(' class="opened"') : ''} data-newest="${messages[0]?.id ?? ''}" data-to="${to}">
<header>
<h1>${text.title}</h1>
<p>${text.lead}</p>
<form class="find" method="get" action="/console/mailbox" role="search">
<label for="to">${text.to}</label>
<input id="to" name="to" type="search" value="${to}" autocomplete="off" spellcheck="false">
<button>${text.filter}</button>
</form>
<div class="acts">
<a class="btn" href="${mailboxHref('', to)}">${text.refresh}</a>
${messages.length > 0 ? html`<form method="post" action="/console/mailbox/empty"><button>${text.empty}</button></form>` : ''}
</div>
</header>
<main>
${messages.length === 0 ? emptyState(view) : list(view)}
${chosen === null ? '' : message(view, chosen)}
</main>
<script>${raw(script.text)}</script>
</body>
</html>`
}

function emptyState({ words, to }: View): Html {
  const text = words.mailbox
  const sentence = to === '' ? text.none : fill(text.noneTo, { to })
  return html`<p class="none" role="status">${sentence}</p>`
}

function list(view: View): Html {
  const { words, messages, to, chosen } = view
  return html`<nav aria-label="${words.mailbox.messages}"><ol>${messages.map(
    (
      one,
    ) => html`<li><a href="${mailboxHref(one.id, to)}"${one.id === chosen?.id ? raw(' aria-current="true"') : ''}>
<span class="subject">${one.subject ?? one.type}</span>
<span class="to">${one.to}</span>
${time(words, one.createdAt)}
</a></li>`,
  )}</ol></nav>`
}

function message({ words, to }: View, one: MailboxMessage): Html {
  const text = words.mailbox
  return html`<article>
<p class="back"><a href="${mailboxHref('', to)}">${text.back}</a></p>
<h2>${one.subject ?? one.type}</h2>
<dl>
<div><dt>${text.to}</dt><dd><a href="${mailboxHref('', one.to)}">${one.to}</a></dd></div>
<div><dt>${text.type}</dt><dd>${one.type}</dd></div>
<div><dt>${text.at}</dt><dd>${time(words, one.createdAt)}</dd></div>
</dl>
${
  one.code === null
    ? ''
    : html`<p class="code"><label for="code">${text.code}</label>
<input id="code" readonly value="${one.code}" size="${one.code.length + 3}">
<button type="button" data-copy="code" data-done="${text.copied}" hidden>${text.copy}</button></p>`
}
${webAddress(one.link) ? html`<p><a class="btn p" href="${one.link}" target="_blank" rel="noopener">${text.open}</a></p>` : ''}
${one.html === null ? '' : html`<iframe title="${text.asHtml}" src="/console/mailbox/${one.id}/html" sandbox="${sandbox}"></iframe>`}
${one.text === null ? '' : html`<details${one.html === null ? raw(' open') : ''}><summary>${text.asText}</summary><pre tabindex="0">${one.text}</pre></details>`}
</article>`
}

function time(words: Words, at: Date): Html {
  const format = new Intl.DateTimeFormat(words.language.tag, {
    dateStyle: 'medium',
    timeStyle: 'medium',
  })
  return html`<time datetime="${at.toISOString()}">${format.format(at)}</time>`
}

function mailboxHref(id: string, to: string): string {
  const path = id === '' ? '/console/mailbox' : `/console/mailbox/${id}`
  return to === '' ? path : `${path}?to=${encodeURIComponent(to)}`
}

// What an application chose as its link is not ours: `javascript:` would run on this origin.
function webAddress(link: string | null): link is string {
  return link !== null && URL.canParse(link) && /^https?:$/.test(new URL(link).protocol)
}

function asset(name: string): { text: string; hash: string } {
  const text = readFileSync(new URL(`../../../assets/${name}`, import.meta.url), 'utf8')
  return { text, hash: `sha256-${createHash('sha256').update(text).digest('base64')}` }
}
