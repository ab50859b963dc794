import { expect, test } from 'vitest'
import { createHistogram } from './histogram.ts'
import { chanceOf } from './load.ts'

test('a percentile is off by less than one in a hundred, and never too short', () => {
  const histogram = createHistogram()
  const chance = chanceOf(3)
  const values = Array.from({ length: 20_000 }, () => Math.floor(10 ** (1 + chance() * 7)))
  for (const value of values) histogram.record(value)
  values.sort((a, b) => a - b)
  for (const percent of [1, 25, 50, 90, 95, 99, 99.9, 100]) {
    const truth = values[Math.ceil((percent / 100) * values.length) - 1] ?? 0
    expect(histogram.percentile(percent)).toBeGreaterThanOrEqual(truth)
    expect(histogram.percentile(percent)).toBeLessThanOrEqual(truth * 1.01)
  }
  expect(histogram.count).toBe(20_000)
  expect(histogram.max).toBe(values.at(-1))
})

test('every duration falls into a bucket that reaches up to it', () => {
  for (const value of [0, 1, 127, 128, 255, 256, 257, 511, 512, 65_535, 1e6, 2 ** 31 - 1]) {
    const histogram = createHistogram()
    histogram.record(value)
    histogram.record(value)
    expect(histogram.percentile(50)).toBe(value)
  }
})

test('histograms are added, written and read', () => {
  const [one, other] = [createHistogram(), createHistogram()]
  for (let value = 0; value < 1000; value += 1) (value % 2 ? one : other).record(value * 37)
  const both = createHistogram(one.toText())
  both.add(other)
  expect(both.count).toBe(1000)
  expect(both.toText()).toBe(createHistogram(both.toText()).toText())
  expect(both.percentile(50) / (499 * 37)).toBeCloseTo(1, 1)
  expect(() => createHistogram('-3:1')).toThrow('No bucket')
})

test('where nothing was seen, nothing is told', () => {
  expect(createHistogram().percentile(50)).toBeNaN()
})
