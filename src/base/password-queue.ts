/** Something that waits for its turn, and what its turn takes. */
export interface Waiting {
  /** For whom: keys take turns. */
  readonly key: string
  readonly cost: number
}

/**
 * Who is next. Keys take turns, in rounds: in each one a key may spend as much as every other, so that whoever sends a thousand
 * waits for a thousand, and whoever sends one for a round. What costs more than a round gives is saved up for; of its own, a key
 * has the cheapest first. Nothing is kept of a key that waits for nothing.
 */
export interface FairQueue<Job extends Waiting> {
  readonly size: number
  push(job: Job): void
  /** The next one; null where there is none, or where it costs more than `most`. */
  take(most: number): Job | null
  /** What comes before a job of that key and cost. */
  ahead(key: string, cost: number): number
  /** Takes out all for which it is so. */
  remove(isOut: (job: Job) => boolean): Job[]
}

interface Line<Job> {
  readonly jobs: Job[]
  backlog: number
  credit: number
}

/** Sums of fractions are a little off. */
const smallest = 1e-9

export function createFairQueue<Job extends Waiting>(): FairQueue<Job> {
  // A line that had its turn goes to the end of the map.
  const lines = new Map<string, Line<Job>>()
  let size = 0

  /** Who can pay soonest, after so many rounds; of several, who waits for the longest. */
  function next(): { key: string; line: Line<Job>; rounds: number } | null {
    let found: { key: string; line: Line<Job>; rounds: number } | null = null
    for (const [key, line] of lines) {
      const missing = (line.jobs[0]?.cost ?? 0) - line.credit
      const rounds = Math.max(0, Math.ceil(missing - smallest))
      if (found === null || rounds < found.rounds) found = { key, line, rounds }
    }
    return found
  }

  return {
    get size() {
      return size
    },
    push(job) {
      const line = lines.get(job.key) ?? { jobs: [], backlog: 0, credit: 0 }
      lines.set(job.key, line)
      const at = line.jobs.findLastIndex(({ cost }) => cost <= job.cost) + 1
      line.jobs.splice(at, 0, job)
      line.backlog += job.cost
      size += 1
    },
    take(most) {
      const { key, line, rounds } = next() ?? {}
      const job = line?.jobs[0]
      if (key === undefined || line === undefined || job === undefined || job.cost > most)
        return null
      // Whoever cannot be taken yet has not been paid either: others may still come before.
      for (const one of lines.values()) one.credit += rounds ?? 0
      line.jobs.shift()
      line.credit -= job.cost
      line.backlog -= job.cost
      size -= 1
      lines.delete(key)
      if (line.jobs.length > 0) lines.set(key, line)
      return job
    },
    ahead(key, cost) {
      const own = lines.get(key)?.backlog ?? 0
      let sum = own
      // While a line spends its backlog and this cost, each of the others spends as much, or all that it has.
      for (const [other, { backlog }] of lines) {
        if (other !== key) sum += Math.min(backlog, own + cost)
      }
      return sum
    },
    remove(isOut) {
      const removed: Job[] = []
      for (const [key, line] of lines) {
        const kept = line.jobs.filter((job) => !isOut(job))
        if (kept.length === line.jobs.length) continue
        removed.push(...line.jobs.filter(isOut))
        line.jobs.splice(0, line.jobs.length, ...kept)
        line.backlog = kept.reduce((sum, { cost }) => sum + cost, 0)
        if (kept.length === 0) lines.delete(key)
      }
      size -= removed.length
      return removed
    },
  }
}
