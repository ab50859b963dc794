import { expect, test, vi } from 'vitest'
import type { Client } from './context.ts'
import { isFault } from './fault.ts'
import { createPool, type Pool } from './password-pool.ts'

/** Threads that say what they are told when they are let: each job holds its thread until `let` is called. */
function gated(size = 1) {
  const gate = new SharedArrayBuffer(8)
  const open = new Int32Array(gate)
  const program = new URL('../../test/setup/gated-worker.ts', import.meta.url)
  const pool = createPool({ program, size, workerData: gate })
  const ended: string[] = []
  return {
    pool,
    ended,
    /** Lets so many jobs end. */
    let(count: number) {
      Atomics.add(open, 0, count)
      Atomics.notify(open, 0)
    },
    ask(name: string, order: { key?: string; cost?: number; client?: Partial<Client> } = {}) {
      const { key = 'a', cost = 1, client } = order
      const work = { kind: 'hash' as const, password: name }
      const asked = pool.run({
        ...{ work, key, cost },
        client: { ip: null, userAgent: null, ...client },
      })
      return asked.then(
        (outcome) => {
          ended.push(name)
          return 'hash' in outcome ? outcome.hash : 'no hash'
        },
        (error: Error) => {
          ended.push(`${name}: ${isFault(error) ? error.code : error.message}`)
          return 'refused'
        },
      )
    },
  }
}

test('jobs end with what was made of them, one after the other, and a flood of one key lets others pass', async () => {
  const { ask, ended, let: release } = gated()
  const all = [
    ...Array.from({ length: 8 }, (_, index) => ask(`flood${index}`, { key: 'flood' })),
    ask('ann', { key: 'ann' }),
    ask('bob', { key: 'bob' }),
  ]
  release(10)
  expect(await Promise.all(all)).toContain('made of ann')
  // Three were laid ready before anybody else came.
  expect(ended.slice(0, 6)).toEqual(['flood0', 'flood1', 'flood2', 'flood3', 'ann', 'bob'])
})

test('whose wait would be too long is refused at once and told how long; who sends little still gets in (M11)', async () => {
  const { pool, ask, let: release } = gated()
  // Ten milliseconds each, as long as nothing was measured: a second is a hundred.
  const flood = ['flood', 'b'].flatMap((key) =>
    Array.from({ length: 200 }, (_, index) => ask(`${key}${index}`, { key })),
  )
  await vi.waitFor(() => expect(pool.figures().refused).toBeGreaterThan(200))
  expect(pool.figures().waiting).toBeLessThan(200)
  let told: unknown
  try {
    pool.refuseWhenBusy('flood', 1)
  } catch (error) {
    told = error
  }
  expect(told).toMatchObject({ code: 'overloaded', details: { retryAfter: expect.any(Number) } })
  expect(() => pool.refuseWhenBusy('ann', 1)).not.toThrow()
  const ann = ask('ann', { key: 'ann' })
  release(400)
  expect(await ann).toBe('made of ann')
  await Promise.all(flood)
})

test('a dear one is weighed: it waits behind what was there, and the next one of its kind is refused (M2)', async () => {
  const { pool, ask, ended, let: release } = gated()
  const all = [
    ask('first'),
    ask('dear', { key: 'importer', cost: 160 }),
    ask('dear too', { key: 'importer', cost: 160 }),
    ...Array.from({ length: 5 }, (_, index) => ask(`cheap${index}`, { key: 'b' })),
  ]
  await vi.waitFor(() => expect(pool.figures().refused).toBe(1))
  release(10)
  await Promise.all(all)
  expect(ended[0]).toBe('dear too: overloaded')
  expect(ended.at(-1)).toBe('dear')
})

test('who is gone is dropped before anything is hashed for them', async () => {
  const { pool, ask, ended, let: release } = gated()
  let isGone = false
  const first = ask('first', { cost: 3 })
  const gone = ask('gone', { key: 'b', client: { isGone: () => isGone } })
  const last = ask('last', { key: 'c' })
  isGone = true
  release(2)
  await Promise.all([first, gone, last])
  expect(ended.sort()).toEqual(['first', 'gone: overloaded', 'last'])
  expect(pool.figures()).toMatchObject({ dropped: 1, waiting: 0, running: 0 })
})

test('who is gone makes room for whoever would be refused', async () => {
  const { pool, ask, let: release } = gated()
  let isGone = false
  const client = { isGone: () => isGone }
  const flood = ['a', 'b'].flatMap((key) =>
    Array.from({ length: 120 }, (_, index) => ask(`${key}${index}`, { key, client })),
  )
  expect(() => pool.refuseWhenBusy('a', 1)).toThrow('overloaded')
  isGone = true
  // It is not looked after them at every refusal.
  await vi.waitFor(() => pool.refuseWhenBusy('a', 1))
  expect(pool.figures().waiting).toBe(0)
  release(400)
  await Promise.all(flood)
})

test('a thread that dies is replaced: what it was at work with is tried again, what lay ready is not harmed', async () => {
  const { pool, ask, ended, let: release } = gated()
  const all = [ask('dies once'), ask('innocent'), ask('waiting', { key: 'b' })]
  release(10)
  expect(await Promise.all(all)).toEqual([
    'made of dies once',
    'made of innocent',
    'made of waiting',
  ])
  expect(ended).toHaveLength(3)
  expect(pool.figures()).toMatchObject({ deaths: 1, running: 0, waiting: 0 })
})

test('what kills a second thread is not tried a third time', async () => {
  const { pool, ask, ended, let: release } = gated()
  const all = [ask('always dies'), ask('throws', { key: 'b' }), ask('innocent', { key: 'c' })]
  release(10)
  await Promise.all(all)
  expect(ended.sort()).toEqual([
    'always dies: A password killed two threads.',
    'innocent',
    'throws: A password killed two threads.',
  ])
  expect(pool.figures()).toMatchObject({ deaths: 4, running: 0, waiting: 0 })
})

test('several threads work side by side, and none is started before it is needed', async () => {
  const { pool, ask, let: release } = gated(2)
  const [one, other] = [ask('one', { cost: 50 }), ask('other', { cost: 50 })]
  await vi.waitFor(() => expect(pool.figures().running).toBe(2))
  release(2)
  expect(await Promise.all([one, other])).toEqual(['made of one', 'made of other'])
})

test('what a hash takes is learnt', async () => {
  const pool: Pool = createPool({
    program: new URL('./password-worker.ts', import.meta.url),
    size: 1,
  })
  const work = { kind: 'hash' as const, password: 'correct horse' }
  const client = { ip: null, userAgent: null }
  await pool.run({ work, key: 'a', cost: 1, client })
  expect(pool.figures().meanMs).not.toBe(10)
})
