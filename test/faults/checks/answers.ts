import type { Operation } from '../history.ts'
import {
  type Bounds,
  type Check,
  groupBy,
  ids,
  isWithin,
  type Violation,
  windowsOf,
} from './facts.ts'

const allowed = [503, 429, 504]

/** V8: what failed without a fault, failed in another way than is promised, or took longer than it may. */
export const answersInTime: Check = ({ history, bounds }) => {
  const windows = windowsOf(history.marks, bounds.graceMs)
  const felt = (operation: Operation) => windows.some((window) => isWithin(operation, window))
  const frozen = windows.filter(({ isFrozen }) => isFrozen)
  const bad = new Map<Operation, string>()
  for (const operation of history.operations) {
    const { deed, node, status, code, end, start, retryAfter } = operation
    const isFailure = status === null || status >= 500
    if (status === 500 && bounds.may500.includes(deed) && felt(operation)) continue
    // Of several requests together nobody promised how long they take; each of them gave up in time.
    const isLate = code === 'timeout' || (node !== null && end - start > bounds.longestMs)
    if (isLate && !frozen.some((window) => isWithin(operation, window))) {
      bad.set(operation, `${deed} took ${Math.round((end - start) / 1000)} s`)
    } else if (isFailure && !(mayFail(operation, bounds.mayFail) && felt(operation))) {
      bad.set(operation, `${deed} failed without a fault: ${status ?? code}`)
    } else if (status !== null && status >= 500 && !allowed.includes(status)) {
      bad.set(operation, `${deed} failed with ${status} ${code}`)
    } else if (status !== null && status >= 500 && !retryAfter) {
      bad.set(operation, `${deed} failed with ${status} and no Retry-After`)
    }
  }
  return [...groupBy([...bad], ([, what]) => what)].map(([what, group]): Violation => {
    const operations = group.map(([operation]) => operation)
    return { invariant: 'V8', what: `${what} (${group.length} times)`, operations: ids(operations) }
  })
}

function mayFail({ code }: Operation, how: Bounds['mayFail']): boolean {
  return how === 'yes' || (how === 'refused' && code === 'refused')
}
