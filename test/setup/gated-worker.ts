import { parentPort, workerData } from 'node:worker_threads'
import type { PasswordAnswer, PasswordJob } from '../../src/base/password-pool.ts'

// Each job waits until it is let go; some kill their thread, the first time or always.
const open = new Int32Array(workerData as SharedArrayBuffer)

parentPort?.on('message', (job: PasswordJob) => {
  pass()
  if (job.password === 'always dies') process.exit(3)
  if (job.password === 'throws') throw new Error('A thread was told to.')
  if (job.password === 'dies once' && Atomics.add(open, 1, 1) === 0) process.exit(3)
  const answer: PasswordAnswer = { id: job.id, tookMs: 10, hash: `made of ${job.password}` }
  parentPort?.postMessage(answer)
})

function pass(): void {
  for (;;) {
    const left = Atomics.load(open, 0)
    if (left > 0 && Atomics.compareExchange(open, 0, left, left - 1) === left) return
    if (left <= 0) Atomics.wait(open, 0, left)
  }
}
