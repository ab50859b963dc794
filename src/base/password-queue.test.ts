import fc from 'fast-check'
import { expect, test } from 'vitest'
import { createFairQueue } from './password-queue.ts'

const dearest = Number.POSITIVE_INFINITY

interface Named {
  key: string
  cost: number
  name: string
}

function queueOf(...jobs: [key: string, cost: number][]) {
  const queue = createFairQueue<Named>()
  for (const [index, [key, cost]] of jobs.entries())
    queue.push({ key, cost, name: `${key}${index}` })
  return queue
}

function order(queue: ReturnType<typeof queueOf>): string[] {
  const names: string[] = []
  for (let job = queue.take(dearest); job !== null; job = queue.take(dearest)) names.push(job.name)
  return names
}

test('who sends one waits for one turn of each other, however many they sent (M11)', () => {
  const queue = queueOf(['a', 1], ['a', 1], ['a', 1], ['a', 1], ['b', 1], ['c', 1])
  expect(order(queue)).toEqual(['a0', 'b4', 'c5', 'a1', 'a2', 'a3'])
})

test('whoever comes in the middle of a round is in the next one, and newcomers cannot keep others out', () => {
  const queue = queueOf(['a', 1], ['a', 1], ['a', 1])
  const taken: string[] = []
  for (let turn = 0; turn < 6; turn += 1) {
    queue.push({ key: `new${turn}`, cost: 1, name: `new${turn}` })
    taken.push(queue.take(dearest)?.name ?? 'nothing')
  }
  expect(taken.filter((name) => name.startsWith('a')).length).toBeGreaterThanOrEqual(2)
})

test('of its own, a key has the cheapest first, and equal ones in the order in which they came', () => {
  expect(order(queueOf(['a', 40], ['a', 1], ['a', 10], ['a', 1]))).toEqual(['a1', 'a3', 'a2', 'a0'])
})

test('what is dear waits until its key has saved up for it; cheap ones of others pass', () => {
  const queue = queueOf(['dear', 3], ['b', 1], ['b', 1], ['b', 1], ['b', 1])
  expect(order(queue)).toEqual(['b1', 'b2', 'dear0', 'b3', 'b4'])
})

test('who has little room waits for the next one, and does not pass it by', () => {
  const queue = queueOf(['dear', 3], ['b', 1])
  expect(queue.take(2)?.name).toBe('b1')
  expect(queue.take(2)).toBeNull()
  expect(queue.take(3)?.name).toBe('dear0')
})

test('alone, the dearest is taken at once', () => {
  expect(order(queueOf(['a', 160.3]))).toEqual(['a0'])
})

test('what comes before a newcomer is what each other spends until then', () => {
  const queue = queueOf(['flood', 1], ['flood', 1], ['flood', 1], ['b', 0.5])
  expect(queue.ahead('new', 1)).toBe(1 + 0.5)
  expect(queue.ahead('flood', 1)).toBe(3 + 0.5)
  expect(queue.ahead('b', 1)).toBe(0.5 + 1.5)
  expect(queue.ahead('new', 100)).toBe(3.5)
})

test('those who are gone are taken out, and nothing is kept of them', () => {
  const queue = queueOf(['a', 1], ['b', 1], ['a', 5], ['c', 1])
  expect(queue.remove(({ key, cost }) => key === 'b' || cost === 5)).toHaveLength(2)
  expect(queue.size).toBe(2)
  expect(queue.ahead('new', 9)).toBe(2)
  expect(order(queue)).toEqual(['a0', 'c3'])
  expect(queue.ahead('new', 9)).toBe(0)
})

test('whatever is sent, all of it is taken once, and nobody has two more than fair while others wait', () => {
  const jobs = fc.array(fc.tuple(fc.constantFrom('a', 'b', 'c'), fc.constantFrom(0.1, 1, 2.7, 160)))
  fc.assert(
    fc.property(jobs, (sent) => {
      const queue = queueOf(...sent)
      const taken: Named[] = []
      for (let job = queue.take(dearest); job !== null; job = queue.take(dearest)) taken.push(job)
      expect(taken.map(({ name }) => name).sort()).toEqual(
        sent.map(([key], index) => `${key}${index}`).sort(),
      )
      expect(queue.size).toBe(0)
      const spent = (key: string, until: number) =>
        taken.slice(0, until).reduce((sum, job) => (job.key === key ? sum + job.cost : sum), 0)
      for (const [at, job] of taken.entries()) {
        for (const other of taken.slice(at + 1)) {
          // Whoever is still there at the end was there from the beginning, and has not got so much less.
          expect(spent(job.key, at) - spent(other.key, at)).toBeLessThan(160 + 1 + 1e-6)
        }
      }
    }),
  )
})
