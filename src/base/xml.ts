import { DOMParser } from '@xmldom/xmldom'

/** An element as we read it: no document, no parents, nothing that could be changed. */
export interface XmlElement {
  namespace: string
  name: string
  /** Those without a namespace. */
  attributes: ReadonlyMap<string, string>
  /** Its own text, without that of its children. */
  text: string
  children: readonly XmlElement[]
}

/**
 * Reads a message between machines; null when it is not well-formed, or has what such a message never needs and what
 * attacks are made of: a DOCTYPE, entities, comments, CDATA, processing instructions, several roots, endless depth.
 */
export function readXml(text: string): XmlElement | null {
  const source = text.replace(/^\ufeff/, '')
  if (!isPlain(source)) return null
  try {
    const document = new DOMParser({
      errorHandler: { warning: refuse, error: refuse, fatalError: refuse },
    }).parseFromString(source, 'text/xml')
    const nodes = Array.from(document.childNodes)
    const [root, ...others] = nodes.filter(({ nodeType }) => nodeType === elementNode)
    if (root === undefined || others.length > 0) return null
    const isRestBlank = nodes.every(
      (node) => node === root || declarationNodes.has(node.nodeType) || isBlank(node.nodeValue),
    )
    return isRestBlank ? readElement(root as Element, { depth: 0, count: 0 }) : null
  } catch {
    return null
  }
}

/** People write comments into metadata; nothing is decided by them. */
export function readCommentedXml(text: string): XmlElement | null {
  return readXml(text.replace(/<!--[\s\S]*?-->/g, ''))
}

export function childrenOf(
  { children }: XmlElement,
  namespace: string,
  name: string,
): XmlElement[] {
  return children.filter((child) => child.namespace === namespace && child.name === name)
}

/** The one child of this name; null when there is none, or more than one. */
export function onlyChildOf(
  element: XmlElement,
  namespace: string,
  name: string,
): XmlElement | null {
  const [first, ...others] = childrenOf(element, namespace, name)
  return first === undefined || others.length > 0 ? null : first
}

/** The element and all that is in it. */
export function* allOf(element: XmlElement): Generator<XmlElement> {
  yield element
  for (const child of element.children) yield* allOf(child)
}

/** Text as it stands between tags, or in an attribute. */
export function escapeXml(text: string): string {
  return text.replace(/[&<>"']/g, (character) => `&#${character.charCodeAt(0)};`)
}

const elementNode = 1
const textNode = 3
/** The line `<?xml …?>` comes as a processing instruction; another one cannot be there. */
const declarationNodes = new Set([7])

const largestDepth = 60
const largestCount = 20_000

function refuse(message: string): never {
  throw new Error(message)
}

function isBlank(text: string | null): boolean {
  return text !== null && text.trim() === ''
}

/** Looks at the text before any parser does. In XML no `<` stands but where markup begins. */
function isPlain(source: string): boolean {
  const [declaration = ''] = /^<\?xml\s[^<>]*\?>/.exec(source) ?? []
  const [, encoding = 'utf-8'] = /encoding\s*=\s*["']([^"']*)["']/.exec(declaration) ?? []
  if (!/^(?:utf-8|us-ascii)$/i.test(encoding)) return false
  const rest = source.slice(declaration.length)
  if (rest.includes('<!') || rest.includes('<?')) return false
  if (!source.isWellFormed() || isForbidden.test(source)) return false
  return areReferencesKnown(rest)
}

// biome-ignore lint/suspicious/noControlCharactersInRegex: these are what XML 1.0 § 2.2 forbids.
const isForbidden = /[\0-\x08\x0b\x0c\x0e-\x1f\ufffe\uffff]/

function areReferencesKnown(text: string): boolean {
  for (const [, name] of text.matchAll(/&([^;&<\s]{0,10};?)/g)) {
    if (name !== undefined && /^(?:amp|lt|gt|quot|apos);$/.test(name)) continue
    const [, hex, decimal] = /^#(?:x([0-9a-fA-F]{1,6})|([0-9]{1,7}));$/.exec(name ?? '') ?? []
    const code = hex !== undefined ? Number.parseInt(hex, 16) : Number(decimal ?? -1)
    if (!isCharacter(code)) return false
  }
  return true
}

function isCharacter(code: number): boolean {
  if (code < 0x20) return code === 0x9 || code === 0xa || code === 0xd
  return code <= 0xd7ff || (code >= 0xe000 && code <= 0xfffd) || (code > 0xffff && code <= 0x10ffff)
}

function readElement(element: Element, seen: { depth: number; count: number }): XmlElement {
  seen.count += 1
  if (seen.depth > largestDepth || seen.count > largestCount) throw new Error('too much of it')
  const nodes = Array.from(element.childNodes)
  if (nodes.some(({ nodeType }) => nodeType !== elementNode && nodeType !== textNode)) {
    throw new Error('a node of another kind')
  }
  const attributes = Array.from(element.attributes)
  if (attributes.some(isRelativeNamespace)) throw new Error('a relative namespace')
  seen.depth += 1
  const children = nodes
    .filter(({ nodeType }) => nodeType === elementNode)
    .map((node) => readElement(node as Element, seen))
  seen.depth -= 1
  return {
    namespace: element.namespaceURI ?? '',
    name: element.localName ?? element.nodeName,
    attributes: new Map(
      attributes
        .filter(({ namespaceURI }) => !namespaceURI)
        .map(({ localName, name, value }) => [localName ?? name, value]),
    ),
    text: nodes.map(({ nodeType, nodeValue }) => (nodeType === textNode ? nodeValue : '')).join(''),
    children,
  }
}

/** Canonical XML is not defined for it (§ 1.3), and what is not defined is signed by nobody. */
function isRelativeNamespace({ name, value }: Attr): boolean {
  return /^xmlns(?::|$)/.test(name) && value !== '' && !/^[a-z][a-z0-9+.-]*:/i.test(value)
}
