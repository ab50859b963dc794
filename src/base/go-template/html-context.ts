import { escapeHtml } from './functions.ts'
import { TemplateError } from './parse.ts'

/** Follows the HTML that a template writes, and makes each value harmless for the place in which it stands. */
export interface HtmlContext {
  /** The template's own text as it is written: without comments, which mail programs read as conditions. */
  literal(text: string): string
  /** A value as it may stand here. */
  escape(value: string): string
}

type State =
  | { in: 'text' }
  /** The text of these ends with their own closing tag only. */
  | { in: 'raw'; element: string }
  | { in: 'comment' }
  | { in: 'tag'; element: string; isClosing: boolean }
  | { in: 'name'; element: string; isClosing: boolean; name: string }
  | { in: 'before-value'; element: string; isClosing: boolean; name: string }
  | {
      in: 'value'
      element: string
      isClosing: boolean
      name: string
      quote: string
      written: string
    }

const rawElements = ['script', 'style', 'textarea', 'title', 'xmp', 'iframe']
const withValues = ['textarea', 'title']

/** Attributes whose value is an address that somebody may follow or that is fetched. */
const addresses = new Set([
  ...['href', 'src', 'action', 'formaction', 'background', 'cite', 'poster', 'data', 'longdesc'],
  ...['manifest', 'icon', 'codebase', 'classid', 'usemap', 'profile', 'xmlns', 'ping', 'srcset'],
])

export function htmlContext(): HtmlContext {
  let state: State = { in: 'text' }
  /** The tail of the text so far, for what more than one character opens or closes. */
  let tail = ''

  function step(character: string): void {
    if (state.in === 'text' && tail === '' && character !== '<') return
    tail = (tail + character).slice(-12)
    switch (state.in) {
      case 'text':
        if (/^<\/?[a-zA-Z]$/.test(tail)) {
          const isClosing = tail[1] === '/'
          state = { in: 'name', element: '', isClosing, name: character.toLowerCase() }
          tail = ''
        } else if (!/^<\/?$/.test(tail)) tail = character === '<' ? '<' : ''
        return
      case 'comment':
        return
      case 'raw':
        if (tail.toLowerCase().endsWith(`</${state.element}`)) {
          state = { in: 'tag', element: state.element, isClosing: true }
        }
        return
      case 'value':
        inValue(state, character)
        return
      default:
        inTag(state, character)
    }
  }

  function inTag(
    now: Extract<State, { in: 'tag' | 'name' | 'before-value' }>,
    character: string,
  ): void {
    const { element, isClosing } = now
    if (character === '>') {
      const name = now.in === 'name' && element === '' ? now.name : element
      tail = ''
      state =
        !isClosing && rawElements.includes(name) ? { in: 'raw', element: name } : { in: 'text' }
    } else if (now.in === 'before-value') {
      if (/\s/.test(character)) return
      const quote = character === '"' || character === "'" ? character : ''
      state = { ...now, in: 'value', quote, written: quote === '' ? character : '' }
    } else if (/[\s/]/.test(character)) {
      if (now.in === 'name' && element === '') {
        state = { in: 'tag', element: now.name, isClosing }
      } else if (now.in === 'name') state = { ...now, in: 'name', name: `${now.name} ` }
    } else if (character === '=' && now.in === 'name' && element !== '') {
      state = { ...now, in: 'before-value', name: now.name.trim() }
    } else {
      // A name behind white space begins anew: the one before had no value.
      const begun = now.in === 'name' && !now.name.endsWith(' ') ? now.name : ''
      state = { in: 'name', element, isClosing, name: `${begun}${character.toLowerCase()}` }
    }
  }

  function inValue(now: Extract<State, { in: 'value' }>, character: string): void {
    const { element, isClosing, quote } = now
    if (quote === '' ? /\s/.test(character) : character === quote) {
      state = { in: 'tag', element, isClosing }
    } else if (quote === '' && character === '>') {
      inTag({ in: 'tag', element, isClosing }, character)
    } else state = { ...now, written: now.written + character }
  }

  /** The text until a comment begins, and whether one does. Within tags and scripts none can. */
  function upToComment(text: string): [string, boolean] {
    for (let at = 0; at < text.length; at += 1) {
      if (state.in === 'text' && text[at] === '<' && text.startsWith('<!--', at)) {
        return [text.slice(0, at), true]
      }
      step(text[at] ?? '')
    }
    return [text, false]
  }

  return {
    literal(text) {
      let rest = text
      let written = ''
      while (rest !== '') {
        if (state.in === 'comment') {
          const end = rest.indexOf('-->')
          if (end === -1) break
          rest = rest.slice(end + 3)
          state = { in: 'text' }
          continue
        }
        const [shown, opens] = upToComment(rest)
        written += shown
        rest = rest.slice(shown.length + (opens ? 4 : 0))
        if (opens) state = { in: 'comment' }
      }
      return written
    },
    escape(value) {
      if (state.in === 'before-value') state = { ...state, in: 'value', quote: '', written: '' }
      switch (state.in) {
        case 'text':
          if (tail !== '') throw new TemplateError('no value may stand behind a bare <')
          return escapeHtml(value)
        case 'comment':
          return ''
        case 'raw':
          if (withValues.includes(state.element)) return escapeHtml(value)
          if (state.element === 'style') return cssValue(value)
          throw new TemplateError(`no value may stand in a ${state.element}`)
        case 'value': {
          const safe = attributeValue(state.name, value, state.written)
          // Whatever follows in the template is no longer the beginning.
          state = { ...state, written: state.written + (state.written === '' ? '\ufffc' : '') }
          return state.quote === '' ? escapeUnquoted(safe) : escapeHtml(safe)
        }
        default:
          throw new TemplateError('no value may stand in the name of a tag or an attribute')
      }
    },
  }
}

function attributeValue(name: string, value: string, written: string): string {
  const bare = name.replace(/^(?:data-|[a-z]+:)/, '')
  if (name.startsWith('on')) throw new TemplateError('no value may stand in a script')
  if (name === 'srcdoc') return escapeHtml(value)
  if (name === 'style') return cssValue(value)
  if (!addresses.has(bare) && !/(?:src|uri|url)/.test(bare)) return value
  if (written === '') return hasSafeScheme(value) ? normalAddress(value) : '#ZgotmplZ'
  return /[?#]/.test(written) ? escapedPart(value) : normalAddress(value)
}

/** What the web and mail address; a value that begins an address can else begin a script. */
function hasSafeScheme(address: string): boolean {
  const [scheme = ''] = address.split(/[/?#]/)
  return !scheme.includes(':') || /^(?:https?|mailto):/i.test(scheme)
}

/** An address stays what it is; what has no place in one is encoded. */
function normalAddress(address: string): string {
  return address
    .toWellFormed()
    .replace(/%(?![0-9a-fA-F]{2})/g, '%25')
    .replace(/[^A-Za-z0-9!#$%&*+,/:;=?@[\]\-._~]/gu, encoded)
}

/** Behind the `?` a value is one value, whatever is in it. */
function escapedPart(value: string): string {
  return value.toWellFormed().replace(/[^A-Za-z0-9\-._~]/gu, encoded)
}

function encoded(character: string): string {
  return [...Buffer.from(character)]
    .map((byte) => `%${byte.toString(16).padStart(2, '0')}`)
    .join('')
}

function cssValue(value: string): string {
  return /^[\w #%.,+-]*$/.test(value) ? value : 'ZgotmplZ'
}

function escapeUnquoted(value: string): string {
  if (value === '') return '&#32;'
  return value.replace(/[^\w.\-/:%]/gu, (character) => `&#${character.codePointAt(0)};`)
}
