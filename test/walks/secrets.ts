/** Secrets that a run made, and where they must not be found. */
export interface Secrets {
  /** Remembers a secret, and hands it on. */
  keep(kind: string, value: unknown): string
  /** How many of each kind. */
  counts(): Record<string, number>
  /** Every secret that stands in a text, in any of its spellings; each with where it stands. */
  findIn(text: string): Found[]
  all(): Secret[]
}

export interface Secret {
  kind: string
  value: string
}

export interface Found extends Secret {
  /** As what it was found: plain, base64, … */
  spelling: string
  /** What stands around it. */
  context: string
}

export function collectSecrets(): Secrets {
  const kept = new Map<string, Secret>()
  return {
    keep(kind, value) {
      if (typeof value !== 'string' || value === '') {
        throw new Error(`There is no ${kind}: ${JSON.stringify(value)}`)
      }
      kept.set(`${kind} ${value}`, { kind, value })
      return value
    },
    counts() {
      const counts: Record<string, number> = {}
      for (const { kind } of kept.values()) counts[kind] = (counts[kind] ?? 0) + 1
      return counts
    },
    findIn: (text) => [...kept.values()].flatMap((secret) => find(secret, text)),
    all: () => [...kept.values()],
  }
}

function find(secret: Secret, text: string): Found[] {
  return [...spellings(secret.value)].flatMap(([spelling, written]) => {
    const at = indexOf(text, written)
    if (at < 0) return []
    return [{ ...secret, spelling, context: text.slice(Math.max(0, at - 80), at + 120) }]
  })
}

/** Six digits stand in many a number: they count only where no digit or letter is next to them, nor a decimal point. */
function indexOf(text: string, written: string): number {
  if (!/^\d{4,10}$/.test(written)) return text.indexOf(written)
  return text.search(new RegExp(`(?<![0-9A-Za-z.])${written}(?![0-9A-Za-z])`))
}

/** How a value may be written down. Within a longer text in base64 it stands in one of three ways; its ends differ. */
function spellings(value: string): Map<string, string> {
  const found = new Map<string, string>()
  const add = (spelling: string, written: string) => {
    if (![...found.values()].includes(written)) found.set(spelling, written)
  }
  add('plain', value)
  const bytes = Buffer.from(value)
  add('url-encoded', encodeURIComponent(value))
  add('form-encoded', new URLSearchParams({ value }).toString().slice('value='.length))
  add('JSON', JSON.stringify(value).slice(1, -1))
  if (bytes.length >= 8) {
    add('hex', bytes.toString('hex'))
    for (const offset of [0, 1, 2]) {
      const whole = Buffer.concat([Buffer.alloc(offset), bytes]).toString('base64')
      const inner = whole.slice(offset === 0 ? 0 : offset + 1).replace(/.?=*$/, '')
      add(`base64 at ${offset}`, inner)
      add(`base64url at ${offset}`, inner.replaceAll('+', '-').replaceAll('/', '_'))
    }
  }
  return found
}
