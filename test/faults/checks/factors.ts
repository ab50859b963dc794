import type { Operation } from '../history.ts'
import {
  type Check,
  type Facts,
  groupBy,
  ids,
  inForce,
  lastEffectOf,
  type Span,
  type Violation,
} from './facts.ts'

/** What became of one factor: a proof makes it count, and when it is un-enrolled it is gone for good. */
interface Factor {
  id: string
  asked: Operation[]
  proofs: Operation[]
  removals: Operation[]
}

function factorsOf({ history }: Facts): Factor[] {
  const of = groupBy(history.operations, ({ sent }) => sent.factor)
  return [...of].map(([id, operations]) => ({
    id,
    asked: operations.filter(({ deed }) => deed === 'challenge-factor'),
    proofs: operations.filter(({ deed }) => deed === 'verify-factor'),
    removals: operations.filter(({ deed }) => deed === 'unenrol-factor'),
  }))
}

/** It was said that there is no such factor. */
function isUnknown({ outcome, code }: Operation): boolean {
  return outcome === 'fail' && code === 'mfa_factor_not_found'
}

const afterAll: Span = { start: Number.POSITIVE_INFINITY, end: Number.POSITIVE_INFINITY }

/** V1: a factor whose proof was acknowledged is there, and asked for, until somebody un-enrols it. */
export const factorsLast: Check = (facts) => {
  const violations: Violation[] = []
  const verified = new Set(facts.final.factors.flatMap((one) => (one.isVerified ? [one.id] : [])))
  for (const { id, asked, proofs, removals } of factorsOf(facts)) {
    const proof = inForce(proofs, removals, afterAll)
    if (proof !== undefined && !verified.has(id)) {
      const what = `the factor ${id} was verified, and is not`
      violations.push({ invariant: 'V1', what, operations: ids([proof]) })
    }
    for (const ask of [...asked, ...removals]) {
      if (!isUnknown(ask)) continue
      const known = inForce(proofs, removals, ask)
      if (known === undefined) continue
      const what = `the factor ${id} was verified, and is not known`
      violations.push({ invariant: 'V1', what, operations: ids([known, ask]) })
    }
  }
  return [...violations, ...assuranceLasts(facts)]
}

/** V4: a factor that was un-enrolled is neither asked for nor taken, and is not there. */
export const factorsHold: Check = (facts) => {
  const violations: Violation[] = []
  const there = new Set(facts.final.factors.map(({ id }) => id))
  for (const { id, asked, proofs, removals } of factorsOf(facts)) {
    const removal = removals.find((one) => one.outcome === 'ok' || isUnknown(one))
    if (removal === undefined) continue
    const late = [...asked, ...proofs].filter(
      ({ outcome, start }) => outcome === 'ok' && start > removal.end,
    )
    if (late.length > 0) {
      const [{ deed } = removal] = late
      const what = `${deed} was good with the factor ${id}, which was un-enrolled`
      violations.push({ invariant: 'V4', what, operations: ids([removal, ...late]) })
    } else if (there.has(id)) {
      const what = `the factor ${id} was un-enrolled, and is there`
      violations.push({ invariant: 'V4', what, operations: ids([removal]) })
    }
  }
  return [...violations, ...assuranceEnds(facts)]
}

/** A session that was raised, with its refreshes and what became of the factors that it rests upon. */
function raisedSessions(facts: Facts) {
  const { operations } = facts.history
  const removals = groupBy(
    operations.filter(({ deed }) => deed === 'unenrol-factor'),
    ({ sent }) => sent.factor,
  )
  const refreshes = groupBy(
    operations.filter(
      ({ deed, outcome, got }) => deed === 'refresh' && outcome === 'ok' && got.aal !== undefined,
    ),
    ({ sent }) => sent.session,
  )
  const proofs = operations.filter(
    ({ deed, outcome }) => deed === 'verify-factor' && outcome !== 'fail',
  )
  return [...groupBy(proofs, ({ sent }) => sent.session)].map(([session, proofs]) => ({
    session,
    proofs: proofs.map((proof) => ({
      proof,
      removals: removals.get(proof.sent.factor ?? '') ?? [],
    })),
    refreshes: refreshes.get(session) ?? [],
  }))
}

/** V1: a session that reached aal2 keeps it as long as its factor is there. */
function assuranceLasts(facts: Facts): Violation[] {
  const violations: Violation[] = []
  for (const { session, proofs, refreshes } of raisedSessions(facts)) {
    for (const refresh of refreshes) {
      if (refresh.got.aal === 'aal2') continue
      const known = proofs.find(
        ({ proof, removals }) => inForce([proof], removals, refresh) !== undefined,
      )
      if (known === undefined) continue
      const what = `refresh gave ${refresh.got.aal} with ${session}, which was raised`
      violations.push({ invariant: 'V1', what, operations: ids([known.proof, refresh]) })
    }
  }
  return violations
}

/** V4: a session is not above aal1 after every factor that it was raised with was un-enrolled. */
function assuranceEnds(facts: Facts): Violation[] {
  const violations: Violation[] = []
  for (const { session, proofs, refreshes } of raisedSessions(facts)) {
    const ends = proofs.map(({ removals }) =>
      Math.min(
        ...removals.filter(({ outcome }) => outcome === 'ok').map((one) => lastEffectOf(one)),
        Number.POSITIVE_INFINITY,
      ),
    )
    const end = Math.max(...ends)
    const late = refreshes.filter(({ start, got }) => start > end && got.aal !== 'aal1')
    if (late.length === 0) continue
    const what = `refresh gave aal2 with ${session}, whose factor was un-enrolled`
    violations.push({ invariant: 'V4', what, operations: ids(late) })
  }
  return violations
}
