import type { Operation } from '../history.ts'
import { type Bans, bansAmong, isSurelyFree } from './bans.ts'
import { type Check, type Facts, groupBy, ids, type Violation } from './facts.ts'

// A session begins with the deed that gave it, and ends with a fence: a sign-out, a new password, a revocation.

/** Whether a deed, if it was done, ends that session. */
function ends(fence: Operation, session: string, birth: Operation): boolean {
  if (fence.person !== birth.person || fence.outcome === 'fail' || fence.id === birth.id)
    return false
  const own = fence.sent.session
  switch (fence.deed) {
    case 'sign-out':
      return (
        fence.sent.scope === 'global' || (fence.sent.scope === 'local') === isOf(session, own ?? '')
      )
    case 'change-password':
      return !isOf(session, own ?? '')
    case 'revoke':
      return own === session
    default:
      return false
  }
}

/** What an application holds by way of a browser ends with the browser's session. */
function isOf(session: string, other: string): boolean {
  return session === other || session.endsWith(` of ${other}`)
}

/** Deeds after which a session may be over for reasons that are no fence for others. */
const unsettling: readonly Operation['deed'][] = ['verify-factor']

const births: readonly Operation['deed'][] = [
  'sign-up-anonymous',
  'verify-code',
  'sign-in',
  'use-link',
  'verify-factor',
  'browser-sign-in',
  'redeem',
]
const shown: readonly Operation['deed'][] = ['refresh', 'user', 'me', 'code']

interface Life {
  session: string
  birth: Operation
  uses: Operation[]
  fences: Operation[]
  bans: Bans
  /** Somebody raised the person's assurance, or a request of this session's had no answer. */
  isUnsettled: boolean
}

function livesOf({ history }: Facts): Life[] {
  const byPerson = groupBy(history.operations, ({ person }) => person)
  const lives: Life[] = []
  for (const [, operations] of byPerson) {
    const uses = groupBy(
      operations.filter(({ deed }) => shown.includes(deed)),
      ({ sent }) => sent.session,
    )
    const bans = bansAmong(operations)
    const seen = new Set<string>()
    for (const birth of operations) {
      const { session } = birth.got
      if (!births.includes(birth.deed) || birth.outcome !== 'ok' || session === undefined) continue
      if (seen.has(session)) continue
      seen.add(session)
      const own = uses.get(session) ?? []
      // The application's tokens fall when its code comes a second time.
      const code = birth.deed === 'redeem' ? birth.sent.once : undefined
      lives.push({
        session,
        birth,
        uses: own,
        fences: operations.filter((one) => ends(one, session, birth)),
        bans,
        isUnsettled:
          own.some(({ deed, outcome }) => deed === 'refresh' && outcome === 'info') ||
          operations.some(
            (one) =>
              (unsettling.includes(one.deed) && one.id !== birth.id) ||
              (code !== undefined && one.id !== birth.id && one.sent.once === code),
          ),
      })
    }
  }
  return lives
}

/** V4: who signed out was told that it is done; nothing that was born before is good after it. */
export const fencesHold: Check = (facts) => {
  const violations: Violation[] = []
  const living = new Set(facts.final.sessions.map(({ id }) => id))
  for (const { session, birth, uses, fences } of livesOf(facts)) {
    for (const fence of fences) {
      if (fence.outcome !== 'ok' || birth.end > fence.start) continue
      const late = uses.filter(({ outcome, start }) => outcome === 'ok' && start > fence.end)
      if (late.length > 0) {
        const [{ deed } = { deed: 'refresh' }] = late
        const what = `${deed} was good with ${session} after ${fence.deed} was acknowledged`
        violations.push({ invariant: 'V4', what, operations: [fence.id, ...ids(late)] })
      } else if (living.has(session)) {
        const what = `the session ${session} is there after ${fence.deed} was acknowledged`
        violations.push({ invariant: 'V4', what, operations: [birth.id, fence.id] })
      }
    }
  }
  return violations
}

/** V1 of sessions: what nobody ended goes on, and with the newest token that was given. */
export const sessionsLast: Check = (facts) => {
  const violations: Violation[] = []
  const living = new Set(facts.final.sessions.map(({ id }) => id))
  const isGate = (session: string) => /^[\da-f-]{36}$/.test(session)
  for (const { session, birth, uses, fences, bans, isUnsettled } of livesOf(facts)) {
    if (isUnsettled) continue
    const refused = uses.filter(
      ({ outcome, status, start, end }) =>
        outcome === 'fail' &&
        status !== null &&
        status !== 429 &&
        !fences.some((fence) => fence.start < end) &&
        isSurelyFree(bans, { start, end }),
    )
    if (refused.length > 0) {
      const [{ deed, status, code } = birth] = refused
      const what = `${deed} was refused (${status} ${code}) with ${session}, which nobody ended`
      violations.push({ invariant: 'V1', what, operations: [birth.id, ...ids(refused)] })
    } else if (isGate(session) && fences.length === 0 && !living.has(session)) {
      const what = `the session ${session} of an acknowledged ${birth.deed} is gone`
      violations.push({ invariant: 'V1', what, operations: [birth.id] })
    }
  }
  return violations
}
