import { expect, test } from 'vitest'
import { paceOf } from './pgbench.ts'

/** `client transaction µs script seconds µs`, one of each client every millisecond. */
function log(clients: number, each: number, startMs = 0): string[] {
  return Array.from({ length: each }, (_, turn) =>
    Array.from({ length: clients }, (_, client) => {
      const micros = startMs * 1000 + turn * 1000 + client * 10
      return `${client} ${turn} 900 0 ${1_700_000_000 + Math.floor(micros / 1e6)} ${micros % 1e6}`
    }),
  ).flat()
}

test('the pace of pgbench is that of the time when all clients were warm and at work', () => {
  expect(paceOf(log(4, 400).join('\n'))).toBeCloseTo(4000, -2)
  // Ten seconds in which connections were made, and a straggler at the end, are not the pace.
  const slow = [...log(4, 40).slice(0, 80), ...log(4, 400, 10_000)]
  const straggling = [...slow, '3 400 900 0 1700000060 0']
  expect(paceOf(straggling.join('\n'))).toBeCloseTo(4000, -2)
})

test('a log of nothing has no pace', () => {
  expect(() => paceOf('')).toThrow('too little')
})
