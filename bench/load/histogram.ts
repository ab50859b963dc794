/**
 * How often each duration was seen, in microseconds, to one part in 128: buckets double in width with every power of two.
 * Own and small, because the package of that idea has had no release for years and brings a WebAssembly loader.
 */
export interface Histogram {
  record(microseconds: number): void
  add(other: Histogram): void
  readonly count: number
  readonly max: number
  readonly mean: number
  /** The value that so many percent are at or below; NaN where nothing was seen. */
  percentile(percent: number): number
  /** What was seen, as `index:count` pairs: the raw data of a result. */
  toText(): string
  buckets(): Iterable<readonly [index: number, count: number]>
}

const perPower = 128
const powers = 24
/** About thirty-five minutes. */
const longest = 2 ** 31 - 1

export function createHistogram(text = ''): Histogram {
  const counts = new Float64Array((powers + 1) * perPower + perPower)
  let count = 0
  let max = 0
  let sum = 0

  function put(index: number, times: number, value: number): void {
    counts[index] = (counts[index] ?? 0) + times
    count += times
    sum += times * value
    max = Math.max(max, value)
  }

  function* buckets() {
    for (const [index, times] of counts.entries()) if (times > 0) yield [index, times] as const
  }

  const histogram: Histogram = {
    record(microseconds) {
      const value = Math.min(longest, Math.max(0, Math.round(microseconds)))
      put(indexOf(value), 1, value)
    },
    add(other) {
      for (const [index, times] of other.buckets()) put(index, times, highestOf(index))
    },
    get count() {
      return count
    },
    get max() {
      return max
    },
    get mean() {
      return count === 0 ? Number.NaN : sum / count
    },
    percentile(percent) {
      let wanted = Math.max(1, Math.ceil((percent / 100) * count))
      for (const [index, times] of buckets()) {
        wanted -= times
        if (wanted <= 0) return Math.min(max, highestOf(index))
      }
      return Number.NaN
    },
    toText: () => [...buckets()].map(([index, times]) => `${index}:${times}`).join(' '),
    buckets,
  }
  for (const pair of text.split(' ').filter(Boolean)) {
    const [index = Number.NaN, times = Number.NaN] = pair.split(':').map(Number)
    if (!(index >= 0 && index < counts.length && times > 0)) throw new Error(`No bucket: ${pair}`)
    put(index, times, highestOf(index))
  }
  return histogram
}

function indexOf(value: number): number {
  const shift = Math.max(0, powers - Math.clz32(value))
  return shift * perPower + (value >> shift)
}

/** The longest duration that falls into the bucket: a percentile is never told too short. */
function highestOf(index: number): number {
  if (index < 2 * perPower) return index
  const shift = Math.floor(index / perPower) - 1
  return (index - shift * perPower + 1) * 2 ** shift - 1
}
