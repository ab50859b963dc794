/** Values as other adapters left them: a date may be a timestamp, a text or a number. */

/** Milliseconds since 1970, or null for what is no time. What has no zone is UTC. */
export function readTime(value: unknown): number | null {
  if (value instanceof Date) return inRange(value.getTime())
  if (typeof value === 'number') return inRange(Math.abs(value) < 1e11 ? value * 1000 : value)
  if (typeof value !== 'string') return null
  const text = value.trim()
  if (/^-?\d{9,16}(\.\d+)?$/.test(text)) return readTime(Number(text))
  const form = /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d+)?)?))?\s*(.*)$/.exec(text)
  if (form === null) return inRange(/(GMT|UTC|Z)$/.test(text) ? Date.parse(text) : Number.NaN)
  const [, day, time = '00:00', zone = ''] = form
  return inRange(Date.parse(`${day}T${time}${zoneOf(zone)}`))
}

function zoneOf(text: string): string {
  if (text === '' || /^(Z|UTC|GMT)$/i.test(text)) return 'Z'
  return /^[+-]\d{2}$/.test(text) ? `${text}:00` : text
}

/** From the year 1 to 9999. */
function inRange(time: number): number | null {
  return time >= -62_135_596_800_000 && time <= 253_402_300_799_999 ? Math.trunc(time) : null
}

export function readText(value: unknown): string | null {
  if (value === null || value === undefined || value === '') return null
  return typeof value === 'string' ? value : JSON.stringify(value)
}

export function readBoolean(value: unknown): boolean {
  return value === true || value === 1 || value === 't' || value === 'true' || value === '1'
}

/** A password's hash that this version can check; null for any other text. */
export function readPasswordHash(value: unknown): string | null {
  if (typeof value !== 'string') return null
  const isKnown = /^\$2[aby]\$\d\d\$[./A-Za-z0-9]{53}$/.test(value) || /^\$argon2id?\$/.test(value)
  return isKnown ? value : null
}
