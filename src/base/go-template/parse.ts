/** Go's template syntax (text/template), as far as mails use it: no definitions, no calls of methods. */

export type Node =
  | { kind: 'text'; text: string }
  | { kind: 'output'; pipe: Pipe }
  | { kind: 'assign'; pipe: Pipe }
  | { kind: 'if' | 'with'; branches: Branch[]; otherwise: Node[] }
  | { kind: 'range'; pipe: Pipe; names: string[]; body: Node[]; otherwise: Node[] }
  | { kind: 'break' | 'continue' }

export interface Branch {
  pipe: Pipe
  body: Node[]
}

/** Commands from left to right, each given what the one before made; `to` is the variable that takes the end. */
export interface Pipe {
  to: { name: string; isNew: boolean } | null
  commands: Command[]
}

/** A function with its arguments, or one value alone. */
export type Command =
  | { kind: 'call'; name: string; args: Operand[] }
  | { kind: 'value'; value: Operand }

export type Operand =
  | { kind: 'literal'; value: string | number | boolean | null }
  /** From the dot, from a variable, or from what stands in brackets, by the fields' names. */
  | { kind: 'path'; from: '.' | { variable: string } | { pipe: Pipe }; fields: string[] }
  | { kind: 'bare'; name: string }

export class TemplateError extends Error {}

const deepest = 50

export function parse(source: string): Node[] {
  const pieces = split(source)
  let at = 0
  let depth = 0

  /** Reads up to the `else` or `end` that belongs to whoever asked. */
  function nodes(isTop: boolean): { body: Node[]; closer: string } {
    if (++depth > deepest) throw new TemplateError('too deep')
    const body: Node[] = []
    for (;;) {
      const piece = pieces[at++]
      if (piece === undefined) {
        if (!isTop) throw new TemplateError('an end is missing')
        break
      }
      if (piece.kind === 'text') {
        if (piece.text !== '') body.push(piece)
        continue
      }
      const [word = '', rest = ''] = wordOf(piece.code)
      if (word === 'end' || word === 'else') {
        if (isTop) throw new TemplateError(`unexpected ${word}`)
        depth -= 1
        return { body, closer: piece.code }
      }
      body.push(nodeOf(word, rest, piece.code))
    }
    depth -= 1
    return { body, closer: '' }
  }

  function nodeOf(word: string, rest: string, code: string): Node {
    switch (word) {
      case 'if':
      case 'with':
        return branching(word, rest)
      case 'range':
        return ranging(rest)
      case 'break':
      case 'continue':
        if (rest !== '') throw new TemplateError(`unexpected ${rest}`)
        return { kind: word }
      case 'define':
      case 'block':
      case 'template':
        throw new TemplateError(`${word} is not known here`)
      default: {
        const pipe = pipeOf(code)
        return { kind: pipe.to === null ? 'output' : 'assign', pipe }
      }
    }
  }

  function branching(kind: 'if' | 'with', first: string): Node {
    const branches: Branch[] = []
    let condition = first
    for (;;) {
      const { body, closer } = nodes(false)
      branches.push({ pipe: pipeOf(condition), body })
      if (closer === 'end') return { kind, branches, otherwise: [] }
      if (closer === 'else') return { kind, branches, otherwise: last() }
      const [, behind = ''] = wordOf(closer)
      const [next, rest = ''] = wordOf(behind)
      if (next !== kind) throw new TemplateError(`unexpected ${closer}`)
      condition = rest
    }
  }

  function last(): Node[] {
    const { body, closer } = nodes(false)
    if (closer !== 'end') throw new TemplateError(`unexpected ${closer}`)
    return body
  }

  function ranging(code: string): Node {
    const [, one, other, rest = ''] =
      /^\$([A-Za-z_]\w*)\s*(?:,\s*\$([A-Za-z_]\w*)\s*)?:=([\s\S]*)$/.exec(code) ?? []
    const names = [one, other].filter((name) => name !== undefined)
    const { body, closer } = nodes(false)
    if (closer !== 'end' && closer !== 'else') throw new TemplateError(`unexpected ${closer}`)
    const pipe = pipeOf(one === undefined ? code : rest)
    return { kind: 'range', pipe, names, body, otherwise: closer === 'else' ? last() : [] }
  }

  return nodes(true).body
}

type Piece = { kind: 'text'; text: string } | { kind: 'action'; code: string }

/** Texts and actions, with the white space gone that `{{-` and `-}}` take. */
function split(source: string): Piece[] {
  const pieces: Piece[] = []
  let at = 0
  let trims = false
  while (at <= source.length) {
    const open = source.indexOf('{{', at)
    const text = source.slice(at, open === -1 ? undefined : open)
    const isTrimmed = open !== -1 && /^-\s/.test(source.slice(open + 2, open + 4))
    const begun = trims ? text.trimStart() : text
    pieces.push({ kind: 'text', text: isTrimmed ? begun.trimEnd() : begun })
    if (open === -1) break
    const close = endOfAction(source, open + 2)
    const inner = source.slice(open + 2 + (isTrimmed ? 1 : 0), close)
    trims = /\s-$/.test(inner)
    const code = (trims ? inner.slice(0, -1) : inner).trim()
    if (!(code.startsWith('/*') && code.endsWith('*/'))) pieces.push({ kind: 'action', code })
    at = close + 2
  }
  return pieces
}

/** Where the `}}` of an action stands: not the one within a string or a comment. */
function endOfAction(source: string, from: number): number {
  const comment = /^-?\s*\/\*/.exec(source.slice(from, from + 20))
  if (comment !== null) {
    const end = source.indexOf('*/', from)
    const close = end === -1 ? -1 : source.indexOf('}}', end)
    if (close !== -1) return close
  }
  let quote = ''
  for (let at = from; at < source.length; at += 1) {
    const character = source[at] ?? ''
    if (quote !== '') {
      if (character === '\\' && quote === '"') at += 1
      else if (character === quote) quote = ''
    } else if (character === '"' || character === '`') quote = character
    else if (character === '}' && source[at + 1] === '}') return at
  }
  throw new TemplateError('an action has no end')
}

function wordOf(code: string): [string, string] {
  const [, word = '', rest = ''] = /^([a-z]*)(?![\w.])\s*([\s\S]*)$/.exec(code) ?? []
  return [word, rest]
}

const token =
  /\s*(?:("(?:[^"\\]|\\.)*")|(`[^`]*`)|(-?\d+(?:\.\d+)?)|(:=|=|\||,|\(|\))|(\$\w*(?:\.[A-Za-z_]\w*)*)|((?:\.[A-Za-z_]\w*)+|\.)|([A-Za-z_]\w*))/y

type Token =
  | { kind: 'sign'; text: string }
  | { kind: 'operand'; value: Operand }
  /** `.A.B` directly behind a bracket. */
  | { kind: 'fields'; fields: string[] }

function tokensOf(code: string): Token[] {
  const tokens: Token[] = []
  token.lastIndex = 0
  let end = 0
  while (code.slice(end).trim() !== '') {
    const start = end
    const match = token.exec(code)
    if (match === null) throw new TemplateError(`cannot read ${code.slice(end, end + 20)}`)
    end = token.lastIndex
    if (tokens.length > 1000) throw new TemplateError('an action is too long')
    const isGlued = tokens.length > 0 && !/^\s/.test(code.slice(start, start + 1))
    tokens.push(tokenOf(match, isGlued && isClosing(tokens.at(-1))))
  }
  return tokens
}

function isClosing(token: Token | undefined): boolean {
  return token?.kind === 'sign' && token.text === ')'
}

function tokenOf(match: RegExpExecArray, isBehindBracket: boolean): Token {
  const [, string, raw, number, sign, variable, path, name] = match
  const operand = (value: Operand): Token => ({ kind: 'operand', value })
  const literal = (value: string | number | boolean | null) => operand({ kind: 'literal', value })
  if (string !== undefined) return literal(unquoted(string))
  if (raw !== undefined) return literal(raw.slice(1, -1))
  if (number !== undefined) return literal(Number(number))
  if (sign !== undefined) return { kind: 'sign', text: sign }
  if (variable !== undefined) {
    const [first = '', ...fields] = variable.slice(1).split('.')
    return operand({ kind: 'path', from: { variable: first }, fields })
  }
  if (path !== undefined) {
    const fields = path.split('.').filter(Boolean)
    if (isBehindBracket) return { kind: 'fields', fields }
    return operand({ kind: 'path', from: '.', fields })
  }
  if (name === 'true' || name === 'false') return literal(name === 'true')
  if (name === 'nil') return literal(null)
  return operand({ kind: 'bare', name: name ?? '' })
}

function unquoted(text: string): string {
  try {
    return JSON.parse(text.replaceAll("\\'", "'").replaceAll('\\a', '\\u0007'))
  } catch {
    throw new TemplateError('a string cannot be read')
  }
}

function pipeOf(code: string): Pipe {
  const tokens = tokensOf(code)
  let at = 0
  let depth = 0

  function signIs(...texts: string[]): boolean {
    const token = tokens[at]
    return token?.kind === 'sign' && texts.includes(token.text)
  }

  function pipe(): Pipe {
    if (++depth > deepest) throw new TemplateError('too deep')
    const to = target()
    const commands = [command()]
    while (signIs('|')) {
      at += 1
      commands.push(command())
    }
    depth -= 1
    return { to, commands }
  }

  function target(): Pipe['to'] {
    const [first, second] = [tokens[at], tokens[at + 1]]
    if (first?.kind !== 'operand' || first.value.kind !== 'path') return null
    if (second?.kind !== 'sign' || !/^:?=$/.test(second.text)) return null
    const { from, fields } = first.value
    if (typeof from === 'string' || !('variable' in from) || fields.length > 0) return null
    at += 2
    return { name: from.variable, isNew: second.text === ':=' }
  }

  function command(): Command {
    const operands: Operand[] = []
    while (at < tokens.length && !signIs('|', ')')) operands.push(operand())
    const [first, ...args] = operands
    if (first === undefined) throw new TemplateError('a value is missing')
    if (first.kind === 'bare') return { kind: 'call', name: first.name, args }
    if (args.length > 0) throw new TemplateError('a value takes no arguments')
    return { kind: 'value', value: first }
  }

  function operand(): Operand {
    const token = tokens[at++]
    if (token?.kind === 'operand') return token.value
    if (token?.kind !== 'sign' || token.text !== '(') throw new TemplateError('unexpected sign')
    const inner = pipe()
    if (!signIs(')')) throw new TemplateError('a bracket is open')
    at += 1
    const next = tokens[at]
    if (next?.kind !== 'fields') return { kind: 'path', from: { pipe: inner }, fields: [] }
    at += 1
    return { kind: 'path', from: { pipe: inner }, fields: next.fields }
  }

  const read = pipe()
  if (at < tokens.length) throw new TemplateError('unexpected sign')
  return read
}
