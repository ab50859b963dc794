import { setTimeout as pause, setImmediate as turn } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { arrivals, closedLoop, kindOf, OutOfStock, openLoop } from './load.ts'

const periodMs = 1500
const stallMs = 150

/** Stands still for a tenth of the time, and costs nothing else. */
function stalling() {
  const began = performance.now()
  return async () => {
    const into = (performance.now() - began) % periodMs
    await (into < stallMs ? pause(stallMs - into) : turn())
    return 'success' as const
  }
}

test('an open loop sees the stall that a closed loop hides', async () => {
  const options = { lanes: [{ name: 'stalls', operation: stalling(), rate: 400 }], seconds: 3 }
  const [open] = await openLoop(options)
  const closed = await closedLoop({ name: 'stalls', workers: [stalling()], seconds: 3 })
  // One operation in ten waits for what is left of the stall: the last in a hundred for nine tenths of it, or more.
  expect(open?.good.percentile(99)).toBeGreaterThan(stallMs * 0.75 * 1000)
  expect(closed.good.percentile(99)).toBeLessThan(open?.good.percentile(99) ?? 0)
  expect(open?.ended).toBe(open?.begun)
  expect(open?.begun).toBeGreaterThan(1000)
})

test('the same seed brings the same arrivals, and as many as asked for', () => {
  const [one, other, third] = [arrivals(100, 7), arrivals(100, 7), arrivals(100, 8)]
  const gaps = Array.from({ length: 10_000 }, one)
  expect(Array.from({ length: 10_000 }, other)).toEqual(gaps)
  expect(Array.from({ length: 10_000 }, third)).not.toEqual(gaps)
  const mean = gaps.reduce((sum, gap) => sum + gap, 0) / gaps.length
  expect(mean).toBeGreaterThan(9.7)
  expect(mean).toBeLessThan(10.3)
  // Chance, and not a beat: an exponential gap is longer than twice its mean in one case of seven.
  const long = gaps.filter((gap) => gap > 20).length
  expect(long).toBeGreaterThan(1200)
  expect(long).toBeLessThan(1500)
})

test('a generator that is late says that its run is void', async () => {
  const blocking = async () => {
    const until = performance.now() + 30
    while (performance.now() < until) await Promise.resolve()
    return 'success' as const
  }
  const [loaded] = await openLoop({
    lanes: [{ name: 'blocks', operation: blocking, rate: 100 }],
    seconds: 0.5,
  })
  expect(loaded?.late).toBeGreaterThan(0.01)
  expect(loaded?.isVoid).toBe(true)
})

test('kinds of answers stay apart, and a wrong one is told', async () => {
  let turnOf = 0
  const operation = async () => {
    turnOf += 1
    if (turnOf % 4 === 0) throw new Error('no tokens')
    return kindOf({ status: [200, 429, 503][turnOf % 4] ?? 418 }, 418)
  }
  const [loaded] = await openLoop({
    lanes: [{ name: 'mixed', operation, rate: 500 }],
    seconds: 0.4,
  })
  expect([...(loaded?.kinds.keys() ?? [])].sort()).toEqual([
    'expected',
    'limited',
    'unavailable',
    'wrong',
  ])
  expect(loaded?.complaint).toBe('no tokens')
  const counts = [...(loaded?.kinds.values() ?? [])].map(({ count }) => count)
  expect(counts.reduce((sum, count) => sum + count, 0)).toBe(loaded?.begun)
  expect(loaded?.good.count).toBe(loaded?.kinds.get('expected')?.count)
})

test('what began while warming up is forgotten', async () => {
  let calls = 0
  const operation = async () => {
    calls += 1
    return 'success' as const
  }
  const lanes = [{ name: 'warm', operation, rate: 200 }]
  const [loaded] = await openLoop({ lanes, seconds: 0.5, warmSeconds: 0.5 })
  expect(loaded?.begun).toBeGreaterThan(0)
  expect(loaded?.begun).toBeLessThan(calls)
})

test('where nothing is left to use up, no more begin, and the time until then counts', async () => {
  let left = 50
  const operation = async () => {
    await turn()
    if (left === 0) throw new OutOfStock()
    left -= 1
    return 'success' as const
  }
  const closed = await closedLoop({ name: 'few', workers: [operation, operation], seconds: 20 })
  expect(closed).toMatchObject({ begun: 50, ended: 50, isExhausted: true })
  expect(closed.seconds).toBeLessThan(20)
  left = 10
  const [open] = await openLoop({ lanes: [{ name: 'few', operation, rate: 1000 }], seconds: 0.5 })
  expect(open).toMatchObject({ ended: 10, isExhausted: true })
})
