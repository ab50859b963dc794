import { systemNow } from './context.ts'
import { second } from './time.ts'

/** The time that tokens are made and judged by. */
export interface Clock {
  now(): Date
  /** What the database's clock shows at this moment, in milliseconds. */
  hear(milliseconds: number): void
}

/** So much the two clocks may differ before the machine's is no longer believed. */
const tolerance = 1 * second

/**
 * The machine's clock, as long as it agrees with the database's. One that jumps is known by the clock that only ever goes
 * on, from which the database's time is counted: a node whose clock is set wrong neither refuses good tokens nor makes bad ones.
 */
export function createClock(machine = systemNow, steady = () => performance.now()): Clock {
  let ahead: number | null = null
  return {
    now() {
      const shown = machine()
      if (ahead === null) return shown
      const counted = steady() + ahead
      return Math.abs(shown.getTime() - counted) > tolerance ? new Date(counted) : shown
    },
    hear(milliseconds) {
      ahead = milliseconds - steady()
    },
  }
}
