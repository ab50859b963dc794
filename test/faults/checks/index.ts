import { accountsLast, loggedDeeds, mailsAreAsked, refusalsHold, wholeRows } from './accounts.ts'
import { answersInTime } from './answers.ts'
import { bansHold } from './bans.ts'
import { factorsHold, factorsLast } from './factors.ts'
import { type Check, type Facts, surviving, type Violation } from './facts.ts'
import { fencesHold, sessionsLast } from './sessions.ts'
import { countsGrow, oneChild, oneStep, takenOnce } from './tokens.ts'

const checks: readonly Check[] = [
  accountsLast,
  sessionsLast,
  takenOnce,
  oneChild,
  oneStep,
  fencesHold,
  bansHold,
  factorsLast,
  factorsHold,
  wholeRows,
  loggedDeeds,
  refusalsHold,
  answersInTime,
  countsGrow,
  mailsAreAsked,
]

/** Knows nothing of the server: what was asked, what was told, and what is there, must fit together. */
export function check(facts: Facts): Violation[] {
  const { history, bounds } = facts
  const known = bounds.mayLose ? { ...facts, history: surviving(history) } : facts
  return checks.flatMap((one) => one(known))
}
