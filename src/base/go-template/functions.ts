import { TemplateError } from './parse.ts'

/** A value of a template: what JSON has. Absent is null. */
export type Value =
  | string
  | number
  | boolean
  | null
  | readonly Value[]
  | { readonly [name: string]: Value }

const longest = 1_000_000

/** Go's functions, without those that call code. `and` and `or` are the evaluator's: they may not look at all. */
export const functions: Readonly<Record<string, (args: readonly Value[]) => Value>> = {
  not: ([value]) => !isTrue(value),
  eq: ([first, ...others]) => others.some((other) => isEqual(first, other)),
  ne: ([one, other]) => !isEqual(one, other),
  lt: ([one, other]) => compare(one, other) < 0,
  le: ([one, other]) => compare(one, other) <= 0,
  gt: ([one, other]) => compare(one, other) > 0,
  ge: ([one, other]) => compare(one, other) >= 0,
  len: ([value]) => lengthOf(value),
  index: ([value, ...keys]) => keys.reduce((inner, key) => at(inner, key), value ?? null) ?? null,
  slice: ([value, from, to]) => part(value, from, to),
  print: (args) => joined(args),
  println: (args) => bounded(`${args.map(textOf).join(' ')}\n`),
  printf: ([format, ...args]) => printf(textOf(format), args),
  html: (args) => escapeHtml(args.map(textOf).join('')),
  urlquery: (args) => encodeURIComponent(args.map(textOf).join('').toWellFormed()),
}

/** Go's truth: nothing, zero and all that is empty are false. */
export function isTrue(value: Value | undefined): boolean {
  if (Array.isArray(value)) return value.length > 0
  if (typeof value === 'object' && value !== null) return Object.keys(value).length > 0
  return Boolean(value)
}

/** A field of a map; nothing of what JavaScript's objects have by themselves. */
export function at(value: Value | undefined, key: Value): Value {
  if (Array.isArray(value)) return typeof key === 'number' ? (value[key] ?? null) : null
  if (typeof value !== 'object' || value === null || typeof key !== 'string') return null
  return Object.hasOwn(value, key) ? ((value as Record<string, Value>)[key] ?? null) : null
}

/** As Go prints it; nothing for what is absent. */
export function textOf(value: Value | undefined): string {
  if (value === null || value === undefined) return ''
  if (typeof value === 'string') return value
  return bounded(printed(value, 0))
}

function printed(value: Value | undefined, depth: number): string {
  if (depth > 20) throw new TemplateError('a value is too deep')
  if (value === null || value === undefined) return '<nil>'
  if (Array.isArray(value)) return `[${value.map((one) => printed(one, depth + 1)).join(' ')}]`
  if (typeof value !== 'object') return String(value)
  const fields = Object.entries(value).sort(([one], [other]) => (one < other ? -1 : 1))
  return `map[${fields.map(([name, one]) => `${name}:${printed(one, depth + 1)}`).join(' ')}]`
}

function isEqual(one: Value | undefined, other: Value | undefined): boolean {
  if (typeof one === 'object' && one !== null) return false
  return (one ?? null) === (other ?? null)
}

function compare(one: Value | undefined, other: Value | undefined): number {
  if (typeof one === 'number' && typeof other === 'number') return one - other
  if (typeof one === 'string' && typeof other === 'string') {
    return one < other ? -1 : Number(one > other)
  }
  throw new TemplateError('these cannot be compared')
}

function lengthOf(value: Value | undefined): number {
  if (typeof value === 'string') return Buffer.byteLength(value)
  if (Array.isArray(value)) return value.length
  if (typeof value === 'object' && value !== null) return Object.keys(value).length
  throw new TemplateError('this has no length')
}

function part(value: Value | undefined, from: Value = 0, to?: Value): Value {
  const isWhole = (one: Value | undefined) => one === undefined || Number.isInteger(one)
  if (!isWhole(from) || !isWhole(to)) throw new TemplateError('slice needs whole numbers')
  const bounds = [Math.max(0, Number(from)), to === undefined ? undefined : Math.max(0, Number(to))]
  if (typeof value === 'string') return value.slice(...bounds).toWellFormed()
  if (Array.isArray(value)) return value.slice(...bounds)
  throw new TemplateError('this cannot be sliced')
}

/** Go puts a space between two that are no strings. */
function joined(args: readonly Value[]): string {
  const texts = args.map((one, at) => {
    const isSpaced = at > 0 && typeof one !== 'string' && typeof args[at - 1] !== 'string'
    return `${isSpaced ? ' ' : ''}${textOf(one)}`
  })
  return bounded(texts.join(''))
}

function printf(format: string, args: readonly Value[]): string {
  let used = 0
  return bounded(
    format.replace(
      /%([-0+ ]*)(\d{0,2})(?:\.(\d{1,2}))?([a-zA-Z%])/g,
      (_whole, flags: string, width: string, precision: string | undefined, verb: string) => {
        if (verb === '%') return '%'
        if (used >= args.length) return `%!${verb}(MISSING)`
        const text = verbed(verb, args[used++] ?? null, precision)
        const size = Number(width)
        if (flags.includes('-')) return text.padEnd(size)
        return text.padStart(size, flags.includes('0') ? '0' : ' ')
      },
    ),
  )
}

function verbed(verb: string, value: Value, precision: string | undefined): string {
  const digits = precision === undefined ? undefined : Number(precision)
  switch (verb) {
    case 'd':
      return typeof value === 'number' ? String(Math.trunc(value)) : `%!d(${textOf(value)})`
    case 'f':
      return typeof value === 'number' ? value.toFixed(digits ?? 6) : `%!f(${textOf(value)})`
    case 'q':
      return JSON.stringify(textOf(value))
    case 'x':
      return typeof value === 'number'
        ? Math.trunc(value).toString(16)
        : Buffer.from(textOf(value)).toString('hex')
    default:
      return digits === undefined ? textOf(value) : [...textOf(value)].slice(0, digits).join('')
  }
}

export function escapeHtml(text: string): string {
  return text
    .replaceAll('\0', '\ufffd')
    .replaceAll('&', '&amp;')
    .replaceAll('<', '&lt;')
    .replaceAll('>', '&gt;')
    .replaceAll('"', '&#34;')
    .replaceAll("'", '&#39;')
}

/** No value grows without end, whatever a template does with itself. */
export function bounded(text: string): string {
  if (text.length > longest) throw new TemplateError('too long')
  return text
}
