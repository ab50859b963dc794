import type { Words } from './en.ts'
import { fill } from './words.ts'

/** A mail as it is sent, when the connector has no delivery of its own for it. */
export interface Mail {
  subject: string
  text: string
  html: string
}

export type NoticeMail = keyof Words['mail']['notice']
export type CodeMail = keyof Words['mail']['code']
export type LinkMail = keyof Words['mail']['link']

export interface CodeMailContent {
  code: string
  app: string
  minutes: number
}

export interface LinkMailContent {
  link: string
  app: string
  email: string
  newEmail?: string
  code?: string
}

/** A mail whose point is a code. The code comes first, so that a phone's notice shows it. */
export function codeMail(words: Words, type: CodeMail, content: CodeMailContent): Mail {
  const { subject, lead } = words.mail.code[type]
  return mailWithCode(words, content, {
    subject: fill(subject, { ...content }),
    lead: fill(lead, { ...content }),
    works: fill(words.mail.codeWorks, { ...content }),
  })
}

/** A mail that tells what has happened, and asks for nothing. */
export function noticeMail(
  words: Words,
  type: NoticeMail,
  content: { app: string; email: string },
): Mail {
  const { subject, lead } = words.mail.notice[type]
  const [title, said] = [fill(subject, content), fill(lead, content)]
  const { noticeNotYou } = words.mail
  return {
    subject: oneLine(title),
    text: paragraphs(said, noticeNotYou),
    html: letter(
      words,
      title,
      `<p style="margin:0 0 16px">${escapeHtml(said)}</p>
<p style="margin:0;opacity:.75">${escapeHtml(noticeNotYou)}</p>`,
    ),
  }
}

/** The code with which somebody who is signed in shows that it is still them. */
export function reauthenticationMail(words: Words, content: CodeMailContent): Mail {
  const { subject, lead } = words.mail.reauthentication
  return mailWithCode(words, content, {
    subject: fill(subject, { ...content }),
    lead: fill(lead, { ...content }),
    works: fill(words.mail.codeWorks, { ...content }),
  })
}

/** A mail whose point is a link, with the code beside it for another device. */
export function linkMail(words: Words, type: LinkMail, content: LinkMailContent): Mail {
  const { subject, lead, button } = words.mail.link[type]
  const values = { ...content, newEmail: content.newEmail ?? '', code: content.code ?? '' }
  const orCode = content.code ? fill(words.mail.orCode, values) : ''
  return {
    subject: oneLine(fill(subject, values)),
    text: paragraphs(fill(lead, values), content.link, orCode, words.mail.linkNotYou),
    html: letter(
      words,
      fill(subject, values),
      `<p style="margin:0 0 16px">${escapeHtml(fill(lead, values))}</p>
<p style="margin:0 0 16px"><a href="${escapeHtml(content.link)}" style="display:inline-block;padding:12px 20px;border-radius:8px;background:#4338ca;color:#ffffff;font-weight:600;text-decoration:none">${escapeHtml(button)}</a></p>
${orCode && `<p style="margin:0 0 16px">${escapeHtml(orCode)}</p>\n`}<p style="margin:0;opacity:.75">${escapeHtml(words.mail.linkNotYou)}</p>`,
    ),
  }
}

function mailWithCode(
  words: Words,
  content: CodeMailContent,
  said: { subject: string; lead: string; works: string },
): Mail {
  const { notYou } = words.mail
  return {
    subject: oneLine(said.subject),
    text: paragraphs(content.code, said.lead, said.works, notYou),
    html: letter(
      words,
      said.subject,
      `<p style="margin:0 0 16px">${escapeHtml(said.lead)}</p>
<p style="margin:0 0 16px;font-size:32px;font-weight:700;letter-spacing:4px">${escapeHtml(content.code)}</p>
<p style="margin:0 0 16px">${escapeHtml(said.works)}</p>
<p style="margin:0;opacity:.75">${escapeHtml(notYou)}</p>`,
    ),
  }
}

function letter(words: Words, title: string, body: string): string {
  return `<!doctype html>
<html lang="${words.language.tag}" dir="${words.language.direction}">
<head><meta charset="utf-8"><meta name="viewport" content="width=device-width"><meta name="color-scheme" content="light dark"><title>${escapeHtml(title)}</title></head>
<body style="margin:0;padding:24px;font:16px/1.5 system-ui,-apple-system,'Segoe UI','Hiragino Sans','Noto Sans JP','Yu Gothic UI',Meiryo,sans-serif">
<div style="display:none;max-height:0;overflow:hidden">${escapeHtml(title)}</div>
<div style="max-width:480px">
${body}
</div>
</body>
</html>
`
}

function paragraphs(...all: string[]): string {
  return `${all.filter(Boolean).join('\n\n')}\n`
}

/** A name with a line break in it must not become a second header field. */
function oneLine(text: string): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: control characters are what is taken out.
  return text.replace(/[\u0000-\u001f\u007f\u0085\u2028\u2029]+/g, ' ').trim()
}

function escapeHtml(text: string): string {
  return text
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&quot;')
    .replaceAll("'", '&#39;')
}
