import { type ProxyTrust, parseProxyTrust } from '../client-ip.ts'
import { hour, minute, second } from '../time.ts'

/** The kinds of variable: each knows its names, its default, and how its text is read. */

export interface Variable<T> {
  /** The name in the environment, then accepted aliases. `X_FILE` names a file that holds the value. */
  names: readonly [string, ...string[]]
  fallback: T
  parse(text: string): T
}

export function text(names: Variable<string>['names'], fallback: string): Variable<string> {
  return { names, fallback, parse: (value) => value }
}

export function optional(...names: Variable<string>['names']): Variable<string | null> {
  return { names, fallback: null, parse: (value) => (value === '' ? null : value) }
}

export function flag(name: string, fallback: boolean): Variable<boolean> {
  return {
    names: [name],
    fallback,
    parse(value) {
      if (/^(true|1|t|yes|on)$/i.test(value)) return true
      if (/^(false|0|f|no|off|)$/i.test(value)) return false
      throw new Error('must be true or false')
    },
  }
}

export function integer(
  names: Variable<number>['names'],
  fallback: number,
  { min = 0, max = Number.MAX_SAFE_INTEGER }: { min?: number; max?: number } = {},
): Variable<number> {
  return {
    names,
    fallback,
    parse(value) {
      if (value === '') return fallback
      const number = Number(value)
      if (!Number.isInteger(number) || number < min || number > max) {
        throw new Error(`must be a whole number from ${min} to ${max}`)
      }
      return number
    },
  }
}

const goUnits: Record<string, number> = {
  ns: 1e-6,
  us: 1e-3,
  µs: 1e-3,
  ms: 1,
  s: second,
  m: minute,
  h: hour,
}

/** A Go duration (`1h30m`, `90s`) in milliseconds; null when it is none. */
export function parseGoDuration(text: string): number | null {
  const parts = [...text.matchAll(/(\d+(?:\.\d+)?)(ns|us|µs|ms|s|m|h)/g)]
  if (text === '0') return 0
  if (parts.length === 0 || parts.map(([part]) => part).join('') !== text) return null
  return parts.reduce((sum, [, count, unit]) => sum + Number(count) * (goUnits[unit ?? ''] ?? 0), 0)
}

/** In milliseconds; written as a Go duration. */
export function duration<T extends number | null>(name: string, fallback: T): Variable<number | T> {
  return {
    names: [name],
    fallback,
    parse(value) {
      if (value === '') return fallback
      const milliseconds = parseGoDuration(value)
      if (milliseconds === null) throw new Error('must be a duration such as 90s, 10m or 24h')
      return milliseconds
    },
  }
}

export function list(name: string, fallback: readonly string[]): Variable<readonly string[]> {
  return {
    names: [name],
    fallback,
    parse: (value) =>
      value
        .split(',')
        .map((item) => item.trim())
        .filter((item) => item !== ''),
  }
}

export function url(...names: Variable<string>['names']): Variable<string | null> {
  return {
    names,
    fallback: null,
    parse(value) {
      if (!URL.canParse(value) || !/^https?:$/.test(new URL(value).protocol)) {
        throw new Error('must be a URL that begins with http:// or https://')
      }
      return value.replace(/\/+$/, '')
    },
  }
}

export function proxyTrust(...names: Variable<string>['names']): Variable<ProxyTrust> {
  return { names, fallback: { kind: 'nobody' }, parse: parseProxyTrust }
}

export function oneOf<T extends string>(
  name: string,
  values: readonly T[],
  fallback: NoInfer<T>,
): Variable<T> {
  return {
    names: [name],
    fallback,
    parse(value) {
      const found = values.find((one) => one === value)
      if (found === undefined) throw new Error(`must be ${values.join(' or ')}`)
      return found
    },
  }
}

/** So many in so long: `fixed` counts anew when the time is over, `bucket` fills up all the time. */
export interface Allowance {
  kind: 'fixed' | 'bucket'
  count: number
  /** In milliseconds. */
  window: number
}

/** `30` is thirty an hour, `30/10m` a bucket of thirty that fills in ten minutes. Null when nothing is said. */
export function allowance(name: string): Variable<Allowance | null> {
  return {
    names: [name],
    fallback: null,
    parse(value) {
      if (value === '') return null
      const [, count = '', over] = /^(\d{1,9}(?:\.\d+)?)(?:\/(.+))?$/.exec(value) ?? []
      const window = over === undefined ? hour : parseGoDuration(over)
      if (count === '' || window === null || window === 0) {
        throw new Error('must be a number for an hour such as 30, or 30/10m')
      }
      const kind = over === undefined ? 'fixed' : 'bucket'
      return { kind, count: Math.floor(Number(count)), window }
    },
  }
}

/** A JSON object of lists of header values: `{"X-Tag": ["a"]}`. */
export function headerLists(name: string): Variable<Readonly<Record<string, readonly string[]>>> {
  return {
    names: [name],
    fallback: {},
    parse(value) {
      if (value.trim() === '') return {}
      const read: unknown = readJson(value)
      const isShaped =
        isObject(read) &&
        Object.entries(read).every(
          ([name, values]) =>
            /^[!#$%&'*+.^_`|~\w-]+$/.test(name) &&
            Array.isArray(values) &&
            values.every((one) => typeof one === 'string' && !/[\r\n\0]/.test(one)),
        )
      if (!isShaped) throw new Error('must be a JSON object of lists: {"X-Name": ["value"]}')
      return read as Record<string, string[]>
    },
  }
}

/** A JSON array of keys (RFC 7517), each with a `kid` and an `alg`. */
export function jwks(name: string): Variable<readonly Readonly<Record<string, unknown>>[]> {
  return {
    names: [name],
    fallback: [],
    parse(value) {
      if (value.trim() === '') return []
      const read: unknown = readJson(value)
      if (
        !Array.isArray(read) ||
        !read.every((key) => isObject(key) && typeof key.kty === 'string')
      ) {
        throw new Error('must be a JSON array of keys (JWK)')
      }
      return read
    },
  }
}

function readJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}

function isObject(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

/** What a table of variables reads as. */
export type Values<T extends Record<string, Variable<unknown>>> = {
  readonly [K in keyof T]: ReturnType<T[K]['parse']> | T[K]['fallback']
}
