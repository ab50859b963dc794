import { onOneLine } from './address.ts'
import type { MessagePayload } from './connector.ts'

/**
 * Puts the payload's values in the place of `{{name}}` and `{{name.of.part}}`. A name that the payload does not
 * have stays as it is written; a part that is missing becomes empty. There are no helpers and no code.
 */
export function fill(template: string, payload: MessagePayload): string {
  return replace(template, payload, (value) => value)
}

/** For a header field: a value cannot end the line and begin another header. */
export function fillHeader(template: string, payload: MessagePayload): string {
  return replace(template, payload, onOneLine)
}

/** For HTML: a value is text, not mark-up. A user may have chosen it, like a name. */
export function fillHtml(template: string, payload: MessagePayload): string {
  return replace(template, payload, escapeHtml)
}

function replace(
  template: string,
  payload: MessagePayload,
  present: (value: string) => string,
): string {
  return template.replace(/\{\{\s*([\w.]+)\s*\}\}/g, (placeholder, path: string) => {
    const [root = '', ...parts] = path.split('.')
    if (!Object.hasOwn(payload, root)) return placeholder
    return present(String(parts.reduce(partOf, payload[root]) ?? ''))
  })
}

// Own properties only: a template must not reach constructors and prototypes.
function partOf(value: unknown, key: string): unknown {
  if (typeof value !== 'object' || value === null || !Object.hasOwn(value, key)) return undefined
  return (value as Record<string, unknown>)[key]
}

const entities: Record<string, string> = {
  '&': '&amp;',
  '<': '&lt;',
  '>': '&gt;',
  '"': '&quot;',
  "'": '&#39;',
}

function escapeHtml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => entities[character] ?? character)
}
