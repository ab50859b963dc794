import type { Operation } from '../history.ts'
import { type Check, groupBy, ids, inForce, type Span, type Violation } from './facts.ts'

/** What was said of one person's being banned. */
export interface Bans {
  set: Operation[]
  lifted: Operation[]
}

export function bansAmong(operations: readonly Operation[]): Bans {
  return {
    set: operations.filter(({ deed }) => deed === 'ban'),
    lifted: operations.filter(({ deed }) => deed === 'lift-ban'),
  }
}

/** Whether no ban may be in force at any moment of it. */
export function isSurelyFree({ set, lifted }: Bans, span: Span): boolean {
  const mayBe = set.some(({ outcome, start }) => outcome !== 'fail' && start < span.end)
  return !mayBe || inForce(lifted, set, span) !== undefined
}

/** What a banned user is refused: every way to a token, and whatever they would do with one. */
const refused: readonly Operation['deed'][] = [
  'verify-code',
  'sign-in',
  'use-link',
  'refresh',
  'user',
  'me',
  'browser-sign-in',
  'code',
  'redeem',
  'enrol-factor',
  'challenge-factor',
  'verify-factor',
  'unenrol-factor',
]

/** V4 and V1 of bans: nothing is good from a ban's acknowledgement to its end, and in the end they are as they were told. */
export const bansHold: Check = ({ history, final }) => {
  const violations: Violation[] = []
  const banned = new Map(final.users.map(({ id, isBanned }) => [id, isBanned]))
  const afterAll = { start: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }
  for (const [person, operations] of groupBy(history.operations, ({ person }) => person)) {
    const { set, lifted } = bansAmong(operations)
    if (set.length === 0) continue
    for (const used of operations) {
      if (used.outcome !== 'ok' || !refused.includes(used.deed)) continue
      const ban = inForce(set, lifted, used)
      if (ban === undefined) continue
      const what = `${used.deed} was good for ${person}, who was banned`
      violations.push({ invariant: 'V4', what, operations: ids([ban, used]) })
    }
    const ban = inForce(set, lifted, afterAll)
    if (ban !== undefined && banned.get(ban.sent.user ?? '') === false) {
      const what = `the ban of ${person} was acknowledged, and is not there`
      violations.push({ invariant: 'V1', what, operations: ids([ban]) })
    }
    const lift = inForce(lifted, set, afterAll)
    if (lift !== undefined && banned.get(lift.sent.user ?? '') === true) {
      const what = `the end of the ban of ${person} was acknowledged, and they are banned`
      violations.push({ invariant: 'V1', what, operations: ids([lift]) })
    }
  }
  return violations
}
