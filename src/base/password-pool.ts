import { Worker } from 'node:worker_threads'
import type { Client } from './context.ts'
import { Fault } from './fault.ts'
import { createFairQueue } from './password-queue.ts'
import { second } from './time.ts'

export type Work =
  | { kind: 'hash'; password: string }
  | { kind: 'verify'; password: string; hash: string }

export type PasswordJob = Work & { id: number }

export type Outcome = { hash: string } | { matches: boolean } | { error: string }

export type PasswordAnswer = Outcome & { id: number; tookMs: number }

/** What a pool is told of a job: who asks, and what it costs in hashes of ours. */
export interface Order {
  work: Work
  key: string
  cost: number
  client: Client
}

export interface PoolFigures {
  waiting: number
  /** At work in a thread, or laid ready for one. */
  running: number
  refused: number
  /** Let go while they waited: nobody was there any more, or it had taken too long. */
  dropped: number
  /** Threads that died. */
  deaths: number
  /** What a hash of ours takes at present. */
  meanMs: number
}

export interface Pool {
  /** Throws `overloaded`, with how long it will be, where the wait would be longer than `longestWait`. */
  refuseWhenBusy(key: string, cost: number): void
  run(order: Order): Promise<Outcome>
  figures(): PoolFigures
}

/** Who would have to wait for longer is refused at once. */
const longestWait = 1 * second
/** The estimate was wrong: nobody waits for longer than this. */
const patience = 2 * second
/** So much is given to a thread ahead: it never waits for the main thread while jobs do. */
const readyCost = 3
/** A poisonous job kills the thread a second time, and is not tried a third. */
const mostTries = 2
/** How often those who are gone are looked for, where somebody is refused for their sake. */
const sweepEvery = 50

interface Job extends Order {
  id: number
  since: number
  tries: number
  resolve(outcome: Outcome): void
  reject(error: Error): void
}

interface Lane {
  thread: Worker
  /** The first one is at work. */
  jobs: Job[]
  cost: number
  busySince: number
}

export interface PoolOptions {
  program: URL
  size: number
  /** Handed to every thread. */
  workerData?: unknown
}

/**
 * Threads that hash, as many as `size`, each one job at a time; started when there is work, replaced when they die. They keep
 * the process alive only while they work.
 */
export function createPool({ program, size, workerData }: PoolOptions): Pool {
  const queue = createFairQueue<Job>()
  const lanes: Lane[] = []
  let nextId = 1
  let meanMs = 10
  let sweptAt = 0
  const counts = { refused: 0, dropped: 0, deaths: 0 }

  function waitFor(key: string, cost: number, now: number): number {
    const busyMs = lanes.reduce((sum, lane) => {
      return lane.jobs.length === 0
        ? sum
        : sum + Math.max(0, lane.cost * meanMs - now + lane.busySince)
    }, 0)
    return (busyMs + queue.ahead(key, cost) * meanMs) / size
  }

  function refuseWhenBusy(key: string, cost: number): void {
    const now = performance.now()
    if (waitFor(key, cost, now) > longestWait && now - sweptAt > sweepEvery) {
      sweptAt = now
      for (const job of queue.remove((one) => isOut(one, now))) drop(job)
    }
    const wait = waitFor(key, cost, now)
    if (wait <= longestWait) return
    counts.refused += 1
    throw new Fault('overloaded', { retryAfter: Math.ceil(wait - longestWait) })
  }

  function isOut({ client, since, tries }: Job, now: number): boolean {
    return tries === 0 && (now - since > patience || client.isGone?.() === true)
  }

  function drop(job: Job): void {
    counts.dropped += 1
    job.reject(new Fault('overloaded', { retryAfter: 1 * second }))
  }

  function feed(): void {
    while (queue.size > 0) {
      const lane = freeLane()
      if (lane === null) return
      // Nobody waits behind a dear one who could still go to another thread, or before it.
      const job = queue.take(
        lane.jobs.length === 0 ? Number.POSITIVE_INFINITY : readyCost - lane.cost,
      )
      if (job === null) return
      if (isOut(job, performance.now())) drop(job)
      else give(lane, job)
    }
  }

  function freeLane(): Lane | null {
    const idle = lanes.find(({ jobs }) => jobs.length === 0)
    if (idle !== undefined) return idle
    if (lanes.length < size) return startLane()
    const [least] = [...lanes].sort((one, other) => one.cost - other.cost)
    return least !== undefined && least.cost < readyCost ? least : null
  }

  function give(lane: Lane, job: Job): void {
    if (lane.jobs.length === 0) {
      lane.busySince = performance.now()
      lane.thread.ref()
    }
    lane.jobs.push(job)
    lane.cost += job.cost
    lane.thread.postMessage({ id: job.id, ...job.work } satisfies PasswordJob)
  }

  function startLane(): Lane {
    const thread = new Worker(program, { workerData })
    const lane: Lane = { thread, jobs: [], cost: 0, busySince: 0 }
    thread.unref()
    thread.on('message', (answer: PasswordAnswer) => take(lane, answer))
    let cause: unknown
    thread.on('error', (error) => {
      cause = error
    })
    thread.on('exit', () => bury(lane, cause))
    lanes.push(lane)
    return lane
  }

  function take(lane: Lane, { id: _id, tookMs, ...outcome }: PasswordAnswer): void {
    const job = lane.jobs.shift()
    if (job === undefined) return
    lane.cost = lane.jobs.reduce((sum, { cost }) => sum + cost, 0)
    lane.busySince = performance.now()
    if (lane.jobs.length === 0) lane.thread.unref()
    // Of what is much cheaper than ours, the time is mostly the clock's.
    if (job.cost > 0.5) meanMs += (tookMs / job.cost - meanMs) / 16
    feed()
    job.resolve(outcome)
  }

  /** What a dead thread had laid ready is innocent; what it was at work with is tried once more. */
  function bury(lane: Lane, cause: unknown): void {
    lanes.splice(lanes.indexOf(lane), 1)
    counts.deaths += 1
    const [culprit, ...innocent] = lane.jobs
    if (culprit !== undefined) {
      culprit.tries += 1
      if (culprit.tries < mostTries) queue.push(culprit)
      else culprit.reject(new Error('A password killed two threads.', { cause }))
    }
    for (const job of innocent) queue.push(job)
    feed()
  }

  return {
    refuseWhenBusy,
    run(order) {
      return new Promise((resolve, reject) => {
        refuseWhenBusy(order.key, order.cost)
        const since = performance.now()
        queue.push({ ...order, id: nextId++, since, tries: 0, resolve, reject })
        feed()
      })
    },
    figures() {
      const running = lanes.reduce((sum, { jobs }) => sum + jobs.length, 0)
      return { waiting: queue.size, running, ...counts, meanMs }
    },
  }
}
