import { at, bounded, functions, isTrue, textOf, type Value } from './go-template/functions.ts'
import { type HtmlContext, htmlContext } from './go-template/html-context.ts'
import {
  type Command,
  type Node,
  type Operand,
  type Pipe,
  parse,
  TemplateError,
} from './go-template/parse.ts'

export type { Value } from './go-template/functions.ts'
export { TemplateError } from './go-template/parse.ts'

/** What a template says: HTML in which every value is made harmless for its place, or a line of plain text. */
export type Kind = 'html' | 'text'

const mostSteps = 100_000

/**
 * Renders a template of Go's syntax. A name that is not there says nothing. Throws a `TemplateError` for what cannot be
 * read, and for what would take too long or become too large: a template may come from anywhere.
 */
export function renderTemplate(source: string, data: Value, kind: Kind): string {
  if (source.length > 1_000_000) throw new TemplateError('too long')
  const context: HtmlContext | null = kind === 'html' ? htmlContext() : null
  let written = ''
  let steps = 0

  function count(): void {
    if (++steps > mostSteps) throw new TemplateError('too much work')
  }

  function write(text: string): void {
    written = bounded(written + text)
  }

  function run(nodes: readonly Node[], scope: Scope): Leap {
    for (const node of nodes) {
      count()
      const leap = step(node, scope)
      if (leap !== null) return leap
    }
    return null
  }

  function step(node: Node, scope: Scope): Leap {
    switch (node.kind) {
      case 'text':
        write(context === null ? node.text : context.literal(node.text))
        return null
      case 'output': {
        const text = textOf(evaluate(node.pipe, scope))
        write(context === null ? text : context.escape(text))
        return null
      }
      case 'assign':
        evaluate(node.pipe, scope)
        return null
      case 'if':
      case 'with':
        return branch(node, scope)
      case 'range':
        return loop(node, scope)
      default:
        return node.kind
    }
  }

  function branch(node: Extract<Node, { kind: 'if' | 'with' }>, scope: Scope): Leap {
    const inner = within(scope)
    for (const { pipe, body } of node.branches) {
      const value = evaluate(pipe, inner)
      if (!isTrue(value)) continue
      return run(body, node.kind === 'with' ? { ...inner, dot: value } : inner)
    }
    return run(node.otherwise, inner)
  }

  function loop(node: Extract<Node, { kind: 'range' }>, scope: Scope): Leap {
    const items = itemsOf(evaluate(node.pipe, scope))
    if (items.length === 0) return run(node.otherwise, within(scope))
    for (const [key, item] of items) {
      count()
      const inner = { ...within(scope), dot: item }
      const [first, second] = node.names
      if (second !== undefined) inner.variables.set(second, { value: item })
      if (first !== undefined) {
        inner.variables.set(first, { value: second === undefined ? item : key })
      }
      if (run(node.body, inner) === 'break') break
    }
    return null
  }

  function evaluate({ to, commands }: Pipe, scope: Scope): Value {
    let value: Value | undefined
    for (const command of commands) value = obey(command, scope, value)
    const made = value ?? null
    if (to === null) return made
    if (to.isNew) scope.variables.set(to.name, { value: made })
    else {
      const place = scope.variables.get(to.name)
      if (place === undefined) throw new TemplateError(`there is no variable $${to.name}`)
      place.value = made
    }
    return made
  }

  function obey(command: Command, scope: Scope, before: Value | undefined): Value {
    count()
    if (command.kind === 'value') {
      if (before !== undefined) throw new TemplateError('a value takes no arguments')
      return read(command.value, scope)
    }
    const { name, args } = command
    if (name === 'and' || name === 'or') {
      let value: Value = null
      for (const arg of args) {
        value = read(arg, scope)
        if (isTrue(value) === (name === 'or')) return value
      }
      return before === undefined ? value : before
    }
    const known = Object.hasOwn(functions, name) ? functions[name] : undefined
    if (known === undefined) throw new TemplateError(`there is no function ${name}`)
    const given = args.map((arg) => read(arg, scope))
    return known(before === undefined ? given : [...given, before])
  }

  function read(operand: Operand, scope: Scope): Value {
    count()
    if (operand.kind === 'literal') return operand.value
    if (operand.kind === 'bare')
      return obey({ kind: 'call', name: operand.name, args: [] }, scope, undefined)
    const { from, fields } = operand
    return fields.reduce<Value>((value, field) => at(value, field), beginning(from, scope))
  }

  function beginning(from: Extract<Operand, { kind: 'path' }>['from'], scope: Scope): Value {
    if (from === '.') return scope.dot
    if ('pipe' in from) return evaluate(from.pipe, scope)
    if (from.variable === '') return data
    const place = scope.variables.get(from.variable)
    if (place === undefined) throw new TemplateError(`there is no variable $${from.variable}`)
    return place.value
  }

  run(parse(source), { dot: data, variables: new Map() })
  return written
}

interface Scope {
  dot: Value
  /** Boxes, so that an inner scope may assign to an outer scope's variable. */
  variables: Map<string, { value: Value }>
}

function within(scope: Scope): Scope {
  return { ...scope, variables: new Map(scope.variables) }
}

/** On the way to the loop around. */
type Leap = 'break' | 'continue' | null

function itemsOf(value: Value): (readonly [Value, Value])[] {
  if (Array.isArray(value)) return value.map((item, index) => [index, item])
  if (typeof value === 'number') {
    if (value > mostSteps) throw new TemplateError('too much work')
    return Array.from({ length: Math.max(0, Math.floor(value)) }, (_, index) => [index, index])
  }
  if (typeof value !== 'object' || value === null) return []
  return Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
}
