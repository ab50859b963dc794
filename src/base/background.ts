import type { Log } from './log.ts'

/** Work that the answer does not wait for, but the end of the process does. */
export interface Background {
  /** Begins now; a failure is logged with `complaint`. */
  run(work: () => Promise<void>, complaint: string): void
  /** Resolves when nothing is under way any more. */
  settled(): Promise<void>
}

export function createBackground(log: Log): Background {
  const underWay = new Set<Promise<void>>()
  return {
    run(work, complaint) {
      const done: Promise<void> = work()
        .catch((error: unknown) => log.error({ err: error }, complaint))
        .finally(() => underWay.delete(done))
      underWay.add(done)
    },
    async settled() {
      while (underWay.size > 0) await Promise.all(underWay)
    },
  }
}
