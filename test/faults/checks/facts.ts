import type { Deed, History, Mark, Operation } from '../history.ts'

/** What the database holds in the end. */
export interface Final {
  users: {
    id: string
    email: string | null
    isConfirmed: boolean
    isBanned: boolean
    hasProfile: boolean
    identities: number
  }[]
  /** Provider and subject of every identity. */
  identities: string[]
  factors: { id: string; isVerified: boolean }[]
  sessions: { id: string; user: string; counter: number | null; isCarried: boolean }[]
  /** For each family of tokens that rest as rows, how many can still be refreshed with. */
  live: { family: string; tokens: number }[]
  /** How often the families of a user have gone on, all together. */
  generations: { user: string; total: number }[]
  /** How often the log says that something befell a session. */
  events: { type: string; session: string; count: number }[]
  /** Rows that refer to nothing, in words. */
  orphans: string[]
}

export interface Mail {
  at: number
  to: string
}

export interface Facts {
  history: History
  final: Final
  mails: readonly Mail[]
  bounds: Bounds
}

export interface Bounds {
  /** After a fault is healed, so long may its traces last. */
  graceMs: number
  /** No request takes longer, whatever happens to the database. */
  longestMs: number
  /** How a request may fail under the fault: not at all, at a closed door, or in any way that is promised. */
  mayFail: 'no' | 'refused' | 'yes'
  /** Deeds that the face's own protocol answers with 500 under this fault. */
  may500: readonly Deed[]
  /** What was acknowledged under the fault may be lost: the standby was behind, as its operator chose. */
  mayLose?: boolean
}

export interface Violation {
  invariant: Invariant
  what: string
  /** Ids of operations of the history. */
  operations: number[]
}

/** reference/security.md § 4.2 */
export const invariants = {
  V1: 'what was acknowledged is there',
  V2: 'what is good once was taken once',
  V3: 'a refresh token has one child',
  V4: 'nothing from before a sign-out, a ban or an un-enrolment is good after it',
  V5: 'one user for an address, one identity for a subject, nothing by halves',
  V6: 'every session has its sign-in in the log, every refresh its entry',
  V7: 'what was refused was not done',
  V8: 'no failure without a fault; under one only 503, 429 or 504 with Retry-After; nothing hangs',
  V9: 'counts only grow',
  V10: 'mails go to who is meant, and not more of them than were asked for',
} as const

export type Invariant = keyof typeof invariants

export type Check = (facts: Facts) => Violation[]

export interface Window {
  from: number
  to: number
  /** Null: everybody. */
  node: number | null
  isFrozen: boolean
}

/** When a fault, or what it left behind, may be felt. */
export function windowsOf(marks: readonly Mark[], graceMs: number): Window[] {
  const windows: Window[] = []
  for (const [at, mark] of marks.entries()) {
    if (mark.what !== 'inject') continue
    const healed = marks
      .slice(at + 1)
      .find(({ what, node }) => what === 'heal' && node === mark.node)
    const to = (healed?.at ?? Number.POSITIVE_INFINITY) + graceMs
    windows.push({ from: mark.at, to, node: mark.node, isFrozen: mark.isFrozen })
  }
  return windows
}

export function isWithin({ start, end, node }: Operation, window: Window): boolean {
  if (window.node !== null && node !== null && window.node !== node) return false
  return start <= window.to && end >= window.from
}

/** What is known for sure: of a deed that may have been lost since, nobody knows whether it was done. */
export function surviving({ operations, marks }: History): History {
  const windows = windowsOf(marks, 0)
  const mayBeLost = (one: Operation) =>
    one.outcome === 'ok' && windows.some((window) => isWithin(one, window))
  return {
    marks,
    operations: operations.map((one) => (mayBeLost(one) ? { ...one, outcome: 'info' } : one)),
  }
}

export function groupBy<T>(values: readonly T[], keyOf: (value: T) => string | null | undefined) {
  const groups = new Map<string, T[]>()
  for (const value of values) {
    const key = keyOf(value)
    if (key === null || key === undefined) continue
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [value])
    else group.push(value)
  }
  return groups
}

/** A few say as much as all. */
export function ids(operations: readonly Operation[]): number[] {
  return operations.slice(0, 6).map(({ id }) => id)
}

/** When a deed may still be done: who got no answer that says yes or no waits for ever. */
export function lastEffectOf({ outcome, end }: Operation): number {
  return outcome === 'ok' ? end : Number.POSITIVE_INFINITY
}

/** From the beginning of a request to its end. */
export type Span = Pick<Operation, 'start' | 'end'>

/** The one deed that is known to be in force all the while: it was acknowledged before, and none of `against` may be later. */
export function inForce(
  deeds: readonly Operation[],
  against: readonly Operation[],
  { start, end }: Span,
): Operation | undefined {
  const later = against.filter((one) => one.outcome !== 'fail' && one.start < end)
  return deeds.find(
    (one) =>
      one.outcome === 'ok' &&
      one.end < start &&
      !later.some((other) => lastEffectOf(other) > one.start),
  )
}
