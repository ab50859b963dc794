/** How values come out of Postgres and go in: one table for both drivers, so that they cannot differ. */

/** Postgres' `infinity` is the last moment a `Date` can hold, in both directions. */
const lastMoment = 8.64e15

type Read = (text: string) => unknown

const readArray =
  (read: Read): Read =>
  (text) =>
    parseArray(text, read)

const readText: Read = (text) => text
const readBoolean: Read = (text) => text === 't'
const readJson: Read = (text) => JSON.parse(text)
const readBytes: Read = (text) => Buffer.from(text.slice(2), 'hex')

/** By the type's oid (the array's, beside the element's); what is not named here stays text. */
const readers: Record<number, Read> = {
  16: readBoolean,
  1000: readArray(readBoolean),
  17: readBytes,
  1001: readArray(readBytes),
  20: Number,
  1016: readArray(Number),
  21: Number,
  1005: readArray(Number),
  23: Number,
  1007: readArray(Number),
  26: Number,
  1028: readArray(Number),
  700: Number,
  1021: readArray(Number),
  701: Number,
  1022: readArray(Number),
  114: readJson,
  199: readArray(readJson),
  3802: readJson,
  3807: readArray(readJson),
  1114: readTime,
  1115: readArray(readTime),
  1184: readTime,
  1185: readArray(readTime),
  25: readText,
  1009: readArray(readText),
  18: readText,
  1002: readArray(readText),
  19: readText,
  1003: readArray(readText),
  1042: readText,
  1014: readArray(readText),
  1043: readText,
  1015: readArray(readText),
  1082: readText,
  1182: readArray(readText),
  1700: readText,
  1231: readArray(readText),
  869: readText,
  1041: readArray(readText),
  2950: readText,
  2951: readArray(readText),
}

export const valueReaders: Readonly<Record<number, Read>> = readers

export function readerOf(typeId: number): Read {
  return readers[typeId] ?? readText
}

/** Every parameter travels as text. A JSON *array* has to be stringified by the caller: it looks like a Postgres array. */
export function toParameter(value: unknown): string | null {
  switch (typeof value) {
    case 'string':
      return value
    case 'number':
    case 'bigint':
    case 'boolean':
      return String(value)
    case 'undefined':
      return null
    case 'object':
      if (value === null) return null
      if (value instanceof Date) return timeText(value)
      if (ArrayBuffer.isView(value)) return bytesText(value)
      if (Array.isArray(value)) return arrayText(value)
      return JSON.stringify(value)
    default:
      throw new TypeError(`A ${typeof value} cannot be sent to the database`)
  }
}

function timeText(time: Date): string {
  if (time.getTime() === lastMoment) return 'infinity'
  if (time.getTime() === -lastMoment) return '-infinity'
  return time.toISOString()
}

function bytesText(view: ArrayBufferView): string {
  return `\\x${Buffer.from(view.buffer, view.byteOffset, view.byteLength).toString('hex')}`
}

function arrayText(items: readonly unknown[]): string {
  const texts = items.map((item) => {
    if (Array.isArray(item)) return arrayText(item)
    const text = toParameter(item)
    return text === null ? 'NULL' : `"${text.replace(/[\\"]/g, '\\$&')}"`
  })
  return `{${texts.join(',')}}`
}

const timePattern =
  /^(\d+)-(\d\d)-(\d\d) (\d\d):(\d\d):(\d\d)(?:\.(\d{1,6}))?(?:([+-])(\d\d)(?::(\d\d))?(?::(\d\d))?)?( BC)?$/

/** A timestamp without a zone is UTC: GoTrue stores it so, whatever the zone of this machine. */
function readTime(text: string): Date {
  // As a session whose zone is UTC writes nearly all of them; JavaScript reads that much faster than an expression does.
  if (text.length >= 22 && text.length <= 29 && text[10] === ' ' && text.endsWith('+00')) {
    const time = new Date(`${text.slice(0, 10)}T${text.slice(11, -3)}Z`)
    if (!Number.isNaN(time.getTime())) return time
  }
  if (text === 'infinity') return new Date(lastMoment)
  if (text === '-infinity') return new Date(-lastMoment)
  const match = timePattern.exec(text)
  if (!match) throw new Error('The database sent a time that cannot be read')
  const [, year, month, day, hour, minute, second, fraction, sign, hours, minutes, seconds, bc] =
    match
  const time = new Date(0)
  time.setUTCFullYear(bc ? 1 - Number(year) : Number(year), Number(month) - 1, Number(day))
  time.setUTCHours(
    Number(hour),
    Number(minute),
    Number(second),
    Math.floor(Number(`0.${fraction ?? 0}`) * 1000),
  )
  const offset = Number(hours ?? 0) * 3600 + Number(minutes ?? 0) * 60 + Number(seconds ?? 0)
  return new Date(time.getTime() - (sign === '-' ? -offset : offset) * 1000)
}

/** Array literals as Postgres writes them: `{a,"b,c",NULL,{…}}`. */
function parseArray(text: string, read: Read): unknown[] {
  let at = text.indexOf('{') + 1

  function list(): unknown[] {
    const items: unknown[] = []
    while (text[at] !== '}') {
      if (at >= text.length) throw new Error('The database sent an array that cannot be read')
      if (text[at] === ',') at += 1
      else if (text[at] === '{') {
        at += 1
        items.push(list())
      } else if (text[at] === '"') items.push(read(quoted()))
      else items.push(bare())
    }
    at += 1
    return items
  }

  function quoted(): string {
    let item = ''
    for (at += 1; text[at] !== '"'; at += 1) {
      if (text[at] === '\\') at += 1
      item += text[at]
    }
    at += 1
    return item
  }

  function bare(): unknown {
    const start = at
    while (text[at] !== ',' && text[at] !== '}' && at < text.length) at += 1
    const item = text.slice(start, at)
    return item === 'NULL' ? null : read(item)
  }

  return list()
}
