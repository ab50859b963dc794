/** Chance that repeats: the same seed draws the same numbers. */
export interface Chance {
  /** From 0 up to, and without, 1. */
  draw(): number
  below(count: number): number
  among<T>(values: readonly T[]): T | undefined
  /** A chance of its own for somebody, so that what others draw changes nothing for them. */
  fork(name: string): Chance
}

/** Mulberry32: small, and good enough to mix up users. */
export function seeded(seed: number): Chance {
  let state = seed >>> 0
  function draw(): number {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
  return {
    draw,
    below: (count) => Math.floor(draw() * count),
    among: (values) => values[Math.floor(draw() * values.length)],
    fork: (name) =>
      seeded([...name].reduce((sum, letter) => Math.imul(sum, 31) + letter.charCodeAt(0), seed)),
  }
}
