import { Fault, isFault } from './fault.ts'
import { isUnavailable } from './sql-error.ts'
import { second } from './time.ts'

/** What each face asks first of anything that was thrown: a database that is away is said like any other fault. */
export function asFault(error: unknown): unknown {
  if (isFault(error) || !isUnavailable(error)) return error
  return new Fault('unavailable', { what: 'database' }, { cause: error })
}

/** Long enough for a database to be restarted in, and short enough for somebody who waits. */
const soon = 2

/** Whole seconds for `Retry-After`. Whoever is refused for our sake is always told when to come again. */
export function secondsToWait(error: unknown): number | null {
  if (!isFault(error)) return null
  const { retryAfter, retryAfterSeconds } = error.details
  if (typeof retryAfter === 'number') return Math.ceil(retryAfter / second)
  if (typeof retryAfterSeconds === 'number') return retryAfterSeconds
  return isFault(error, 'unavailable', 'overloaded') ? soon : null
}
