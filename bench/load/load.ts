import { setTimeout as pause } from 'node:timers/promises'
import { type Answer, NoAnswer } from './client.ts'
import { createHistogram, type Histogram } from './histogram.ts'

/** What became of an operation. Kinds are never added together: a quick refusal is no quick success. */
export type Kind =
  | 'success' // 2xx
  | 'redirect' // 3xx
  | 'expected' // 4xx that the operation asks for: say so by `expect`
  | 'rejected' // any other 4xx
  | 'limited' // 429
  | 'unavailable' // 503
  | 'failed' // any other 5xx
  | 'timeout'
  | 'reset'
  | 'wrong' // an answer that is not what was asked for, or a mistake of the operation itself

/** One thing that a client does, in one request or several. It throws where an answer is wrong. */
export type Operation = () => Promise<Kind>

/** Thrown by an operation for which nothing is left to use up: it was none, and no more of its lane begin. */
export class OutOfStock extends Error {}

export function kindOf({ status }: Pick<Answer, 'status'>, expected?: number): Kind {
  if (status < 300) return 'success'
  if (status < 400) return 'redirect'
  if (status === expected) return 'expected'
  if (status === 429) return 'limited'
  if (status === 503) return 'unavailable'
  return status < 500 ? 'rejected' : 'failed'
}

export interface Lane {
  name: string
  operation: Operation
  /** So many begin in a second, on average. */
  rate: number
}

export interface OpenLoopOptions {
  lanes: readonly Lane[]
  /** Of measuring; what began before, in the seconds of warming up, is forgotten. */
  seconds: number
  warmSeconds?: number
  seed?: number
  /** How long the last ones are waited for. */
  patienceMs?: number
}

export interface Loaded {
  name: string
  /** Seconds in which operations began that count. */
  seconds: number
  /** So many were begun, and so many of those ended. */
  begun: number
  ended: number
  /** From the moment when an operation was meant to begin, by what became of it. */
  kinds: Map<Kind, Histogram>
  /** Of those that went well: `success`, `redirect` and `expected`. */
  good: Histogram
  /** The same from the moment when it was begun in fact: what a closed loop would have seen. */
  service: Histogram
  /** Part of the operations that began more than 5 ms late. */
  late: number
  /** More than one in a hundred was late: the generator was too slow to say anything of the server. */
  isVoid: boolean
  /** What operations use up was gone before the time was; `seconds` says how long it lasted. */
  isExhausted: boolean
  /** What the first `wrong` one said. */
  complaint: string | null
}

const lateMs = 5
const bearableLateness = 0.01

/**
 * Operations begin when chance says (Poisson, from a seed), whether or not earlier ones have ended, as people do who do not know of each
 * other. Latency counts from the intended moment, so that a server that stalls is charged with everybody who had to wait.
 * Several lanes run side by side, each with its own rate, seed and figures.
 */
export async function openLoop(options: OpenLoopOptions): Promise<Loaded[]> {
  const { lanes, seconds, warmSeconds = 0, seed = 1, patienceMs = 15_000 } = options
  const warmMs = warmSeconds * 1000
  const endMs = warmMs + seconds * 1000
  const began = performance.now()
  const runs = lanes.map((lane, index) => ({
    lane,
    tally: createTally(lane.name),
    arrivals: arrivals(lane.rate, seed + index),
    next: 0,
  }))
  for (const run of runs) run.next = run.arrivals()
  let underWay = 0

  function begin(run: (typeof runs)[number], intended: number): void {
    const isCounted = intended >= warmMs
    const sent = performance.now() - began
    if (isCounted) run.tally.begin(sent - intended)
    underWay += 1
    // It never rejects.
    void attempt(run.lane.operation).then((outcome) => {
      underWay -= 1
      const now = performance.now() - began
      if (outcome === 'out of stock') {
        if (isCounted) run.tally.withdraw()
        run.tally.exhaust((now - warmMs) / 1000)
        run.next = Number.POSITIVE_INFINITY
      } else if (isCounted) {
        run.tally.end({ ...outcome, latencyMs: now - intended, serviceMs: now - sent })
      }
      // An answer wakes us anyway: who is due by now need not wait for the timer.
      pump()
    })
  }

  function pump(): void {
    const now = performance.now() - began
    for (const run of runs) {
      while (run.next <= now && run.next < endMs) {
        const intended = run.next
        run.next += run.arrivals()
        begin(run, intended)
      }
    }
  }

  while (performance.now() - began < endMs) {
    pump()
    await pause(1)
  }
  pump()
  const patience = performance.now() + patienceMs
  while (underWay > 0 && performance.now() < patience) await pause(5)
  return runs.map(({ tally }) => tally.close(seconds))
}

export interface ClosedLoopOptions {
  name: string
  /** One operation for each worker, which begins it again as soon as it has ended. */
  workers: readonly Operation[]
  seconds: number
  warmSeconds?: number
}

/** As many as go: what the server can do at most. Its latencies hide every stall, so read the throughput only. */
export async function closedLoop(
  options: ClosedLoopOptions,
): Promise<Loaded & { perSecond: number }> {
  const { name, workers, seconds, warmSeconds = 0 } = options
  const tally = createTally(name)
  const began = performance.now()
  const from = began + warmSeconds * 1000
  const until = from + seconds * 1000
  let isOver = false
  async function work(operation: Operation) {
    for (let start = performance.now(); start < until && !isOver; start = performance.now()) {
      const outcome = await attempt(operation)
      const now = performance.now()
      if (outcome === 'out of stock') {
        isOver = true
        tally.exhaust((now - from) / 1000)
      } else if (now >= from && now <= until) {
        // What ends within the time counts, whenever it began.
        tally.begin(0)
        tally.end({ ...outcome, latencyMs: now - start, serviceMs: now - start })
      }
      // Who is sent away waits a little, as clients do: else refusals would be all that the server does.
      if (outcome !== 'out of stock' && isRefusal(outcome.kind)) await pause(refusedPauseMs)
    }
  }
  await Promise.all(workers.map(work))
  const loaded = tally.close(seconds)
  return { ...loaded, perSecond: loaded.good.count / loaded.seconds }
}

async function attempt(
  operation: Operation,
): Promise<{ kind: Kind; complaint?: string } | 'out of stock'> {
  try {
    return { kind: await operation() }
  } catch (error) {
    if (error instanceof OutOfStock) return 'out of stock'
    if (error instanceof NoAnswer) return { kind: error.kind }
    return { kind: 'wrong', complaint: error instanceof Error ? error.message : String(error) }
  }
}

interface Ended {
  kind: Kind
  latencyMs: number
  serviceMs: number
  complaint?: string
}

function createTally(name: string) {
  const kinds = new Map<Kind, Histogram>()
  const good = createHistogram()
  const service = createHistogram()
  let begun = 0
  let ended = 0
  let lateOnes = 0
  let complaint: string | null = null
  let isClosed = false
  let exhaustedAfter: number | null = null
  return {
    begin(lateBy: number) {
      begun += 1
      if (lateBy > lateMs) lateOnes += 1
    },
    end(one: Ended) {
      if (isClosed) return
      ended += 1
      const micros = one.latencyMs * 1000
      const histogram = kinds.get(one.kind) ?? createHistogram()
      kinds.set(one.kind, histogram)
      histogram.record(micros)
      if (isGood(one.kind)) {
        good.record(micros)
        service.record(one.serviceMs * 1000)
      }
      complaint ??= one.complaint ?? null
    },
    withdraw() {
      begun -= 1
    },
    exhaust(seconds: number) {
      exhaustedAfter ??= Math.max(0, seconds)
    },
    close(planned: number): Loaded {
      isClosed = true
      const isExhausted = exhaustedAfter !== null
      const seconds = Math.min(planned, exhaustedAfter ?? planned)
      const late = begun === 0 ? 0 : lateOnes / begun
      const isVoid = late > bearableLateness
      return {
        ...{ name, seconds, begun, ended, kinds, good, service, late, isVoid, complaint },
        isExhausted,
      }
    },
  }
}

const refusedPauseMs = 100

function isRefusal(kind: Kind): boolean {
  return kind === 'limited' || kind === 'unavailable'
}

function isGood(kind: Kind): boolean {
  return kind === 'success' || kind === 'redirect' || kind === 'expected'
}

/** Milliseconds from each arrival to the next. The same seed brings the same arrivals. */
export function arrivals(rate: number, seed: number): () => number {
  const chance = chanceOf(seed)
  return () => (-Math.log(1 - chance()) * 1000) / rate
}

/** Numbers from 0 to 1 that repeat with the seed (a 32-bit mix of a Weyl sequence). */
export function chanceOf(seed: number): () => number {
  let state = Math.imul(seed, 0x9e3779b1) >>> 0
  return () => {
    state = (state + 0x6d2b79f5) >>> 0
    let mixed = Math.imul(state ^ (state >>> 15), state | 1)
    mixed ^= mixed + Math.imul(mixed ^ (mixed >>> 7), mixed | 61)
    return ((mixed ^ (mixed >>> 14)) >>> 0) / 2 ** 32
  }
}
