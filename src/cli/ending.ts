/** How a command ends, for scripts that look at it (docs/cli.md). */
export const exitCodes = {
  ok: 0,
  failed: 1,
  usage: 2,
  actionNeeded: 3,
  notFound: 4,
  notAuthorised: 5,
} as const

export type Outcome = keyof typeof exitCodes

/** An end with a sentence for people, not a bug. */
export interface Ending extends Error {
  name: 'Ending'
  outcome: Outcome
}

export function ending(outcome: Outcome, sentence: string, options?: ErrorOptions): Ending {
  return Object.assign(new Error(sentence, options), { name: 'Ending' as const, outcome })
}

export function isEnding(error: unknown): error is Ending {
  return error instanceof Error && error.name === 'Ending'
}
