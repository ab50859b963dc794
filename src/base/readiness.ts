/** Whether requests should come to this process, for those who send them: balancers, and people who look. */
export interface Readiness {
  /** Why not, in one word; null where they may. */
  trouble(): Promise<string | null>
  /** From now on every answer is the last one on its connection. */
  drain(): void
  isDraining(): boolean
}

/** `look` finds out about everything but the end of the process. */
export function createReadiness(look: () => Promise<string | null>): Readiness {
  let draining = false
  return {
    trouble: async () => (draining ? 'draining' : look()),
    drain() {
      draining = true
    },
    isDraining: () => draining,
  }
}
