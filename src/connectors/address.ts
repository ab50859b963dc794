/** A mailbox as the SMTP client is given it: never as a string that it would have to parse. */
export interface Mailbox {
  name: string
  address: string
}

const label = '[A-Za-z0-9](?:[A-Za-z0-9-]{0,61}[A-Za-z0-9])?'
// Dots may stand anywhere in the local part: some Japanese carriers gave such addresses to their customers.
const plainAddress = new RegExp(`^[A-Za-z0-9.!#$%&'*+/=?^_\`{|}~-]{1,64}@${label}(?:\\.${label})*$`)

/**
 * Whether `text` is exactly one address. Quoted parts, comments, groups, lists and display names are refused: to
 * some parser on the way each of them means a second recipient (CVE-2022-35924, CVE-2023-7028).
 */
export function isPlainAddress(text: string): boolean {
  return text.length <= 254 && plainAddress.test(text)
}

/** Whether `text` stays on its line as a header field: no CR, LF, NUL or another separator of lines. */
export function isHeaderSafe(text: string): boolean {
  return text.search(breaks) === -1
}

/** The same text on one line, for what users wrote about themselves. */
export function onOneLine(text: string): string {
  return text.replace(breaks, ' ')
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: they are what is looked for.
const breaks = /[\u0000-\u0008\u000a-\u001f\u007f\u0085\u2028\u2029]+/g

/** `Name <address>` or a bare address, as people write them in a form; null for anything else. */
export function readMailbox(text: string): Mailbox | null {
  const { name, address } = /^(?<name>[^<>]*)<(?<address>[^<>]+)>$/.exec(text.trim())?.groups ?? {
    name: '',
    address: text.trim(),
  }
  if (name === undefined || address === undefined) return null
  const unquoted = name.trim().replace(/^"(.*)"$/, '$1')
  return isPlainAddress(address) && isHeaderSafe(name) ? { name: unquoted, address } : null
}
