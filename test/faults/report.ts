import { invariants } from './checks/facts.ts'
import type { Fault, Result } from './run.ts'

const mostShown = 12

export function printHead(head: {
  seed: number
  commit: string
  operations: number
  folder: string
}): void {
  const { seed, commit, operations, folder } = head
  console.log(
    `seed ${seed}, commit ${commit}, ${operations} acknowledged operations for each fault`,
  )
  console.log(`histories and logs: ${folder}\n`)
}

export function printResult({ name, what }: Fault, result: Result): void {
  const { acknowledged, failed, unknown, rounds, seconds, recoveryMs, p99Ms, violations } = result
  const figures = [
    `${acknowledged} acknowledged`,
    `${failed} refused`,
    `${unknown} unknown`,
    `${rounds} rounds`,
    `${seconds.toFixed(0)} s`,
    `back after ${recoveryMs.toFixed(0)} ms`,
    `p99 meanwhile ${p99Ms.toFixed(0)} ms`,
    `${violations.length} violations`,
  ]
  console.log(`${name}: ${what}`)
  console.log(`  ${figures.join(', ')}`)
  for (const { invariant, what, operations } of violations.slice(0, mostShown)) {
    const of = operations.length > 0 ? ` (operations ${operations.join(', ')})` : ''
    console.log(`  ${invariant}, ${invariants[invariant]}: ${what}${of}`)
  }
  if (violations.length > mostShown) console.log(`  and ${violations.length - mostShown} more`)
}

/** The same as a table of Markdown, for docs/faults.md. */
export function printTable(results: readonly Result[]): void {
  console.log(
    '\n| fault | rounds | acknowledged | refused | unknown | back after | p99 meanwhile | violations |',
  )
  console.log('| --- | --: | --: | --: | --: | --: | --: | --: |')
  for (const one of results) {
    const cells = [
      one.fault,
      one.rounds,
      one.acknowledged,
      one.failed,
      one.unknown,
      `${one.recoveryMs.toFixed(0)} ms`,
      `${one.p99Ms.toFixed(0)} ms`,
      one.violations.length,
    ]
    console.log(`| ${cells.join(' | ')} |`)
  }
  console.log()
}
