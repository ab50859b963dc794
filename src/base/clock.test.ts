import { expect, test } from 'vitest'
import { createClock } from './clock.ts'
import { hour } from './time.ts'

const noon = Date.parse('2026-11-22T12:00:00.000Z')

/** A machine whose two clocks are set by hand. */
function machine() {
  const shown = { time: noon, steady: 5000 }
  const clock = createClock(
    () => new Date(shown.time),
    () => shown.steady,
  )
  return { shown, now: () => clock.now().getTime() - noon, hear: clock.hear }
}

test('before the database was heard, and while the two agree, the machine is believed', () => {
  const { shown, now, hear } = machine()
  expect(now()).toBe(0)
  hear(noon + 400)
  expect(now()).toBe(0)
  shown.time += 700
  shown.steady += 700
  expect(now()).toBe(700)
})

test.each([hour, -hour])('a clock that jumps by %i milliseconds changes nothing (R16)', (jump) => {
  const { shown, now, hear } = machine()
  hear(noon)
  shown.steady += 300
  shown.time += 300 + jump
  expect(now()).toBe(300)
  // Set right again, it is believed again.
  shown.steady += 200
  shown.time += 200 - jump
  expect(now()).toBe(500)
})

test('a machine that was wrong from the beginning learns the time', () => {
  const { now, hear } = machine()
  hear(noon + hour)
  expect(now()).toBe(hour)
})
