/** Whether two values of JSON say the same, whatever the order of their keys. */
export function sameJson(one: unknown, other: unknown): boolean {
  return JSON.stringify(sorted(one)) === JSON.stringify(sorted(other))
}

function sorted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(sorted)
  if (typeof value !== 'object' || value === null) return value
  const entries = Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1))
  return Object.fromEntries(entries.map(([key, inner]) => [key, sorted(inner)]))
}

/** The paths that stand in `given` and not in `understood`: what a schema dropped without a word. */
export function unknownPaths(given: unknown, understood: unknown, path = ''): string[] {
  if (typeof given !== 'object' || given === null) return []
  if (typeof understood !== 'object' || understood === null) return [path]
  return Object.entries(given).flatMap(([key, inner]) => {
    const place = path === '' ? key : `${path}.${key}`
    if (!Object.hasOwn(understood, key)) return [place]
    return unknownPaths(inner, Reflect.get(understood, key), place)
  })
}

const maxDepth = 100

/** A hundred levels are more than any metadata needs; thousands would end in a stack overflow, here or in Postgres. */
export function isTooDeep(text: string): boolean {
  if (text.length <= maxDepth) return false
  let depth = 0
  let isInString = false
  for (let at = 0; at < text.length; at += 1) {
    const character = text[at]
    if (character === '\\') at += 1
    else if (character === '"') isInString = !isInString
    else if (isInString) continue
    else if (character === '[' || character === '{') depth += 1
    else if (character === ']' || character === '}') depth -= 1
    if (depth > maxDepth) return true
  }
  return false
}

/** Whether any string within, name or value, holds U+0000. */
export function hasNullCharacter(value: unknown): boolean {
  return holds(value, (text) => text.includes('\0'))
}

/** The same for half of a surrogate pair, which JSON can escape and no text in UTF-8 can hold. */
export function hasHalfCharacter(value: unknown): boolean {
  return holds(value, (text) => !text.isWellFormed())
}

function holds(value: unknown, isOne: (text: string) => boolean): boolean {
  if (typeof value === 'string') return isOne(value)
  if (typeof value !== 'object' || value === null) return false
  return Object.entries(value).some(([name, inner]) => isOne(name) || holds(inner, isOne))
}
