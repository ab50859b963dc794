import type { Operation } from '../history.ts'
import { bansAmong, isSurelyFree } from './bans.ts'
import { type Check, groupBy, ids, type Violation } from './facts.ts'

/** V1 of accounts: users, confirmed addresses and passwords that were acknowledged. */
export const accountsLast: Check = ({ history, final }) => {
  const users = new Map(final.users.map((user) => [user.id, user]))
  const emails = new Set(final.users.map(({ email }) => email))
  const violations: Violation[] = []
  const lost = (operation: Operation, what: string) =>
    violations.push({ invariant: 'V1', what, operations: [operation.id] })
  for (const operation of history.operations) {
    const { deed, outcome, sent, got } = operation
    if (outcome !== 'ok') continue
    const user = users.get(got.user ?? '')
    if (got.user !== undefined && user === undefined) {
      lost(operation, `the user ${got.user} of an acknowledged ${deed} is not there`)
    } else if (deed === 'verify-code' && !user?.isConfirmed) {
      lost(operation, `the address of ${got.user} was confirmed, and is not`)
    }
    if (deed === 'sign-up' && !emails.has(sent.email ?? '')) {
      lost(operation, `${sent.email} signed up, and is not there`)
    }
  }
  return [...violations, ...passwordsLast(history.operations)]
}

/** A password that was acknowledged is good until another one may have been set, and no one before it is. */
function passwordsLast(operations: readonly Operation[]): Violation[] {
  const violations: Violation[] = []
  const settings = operations.filter(
    ({ deed, outcome }) => (deed === 'sign-up' || deed === 'change-password') && outcome !== 'fail',
  )
  const byPerson = groupBy(settings, ({ person }) => person)
  const bansOf = groupBy(operations.filter(isOfBan), ({ person }) => person)
  for (const used of operations) {
    if (used.deed !== 'sign-in' || used.status === null || used.status >= 429) continue
    const { password } = used.sent
    const all = byPerson.get(used.person) ?? []
    const own = all.filter(({ sent }) => sent.password === password)
    const set = own.find(({ outcome, end }) => outcome === 'ok' && end < used.start)
    if (set === undefined) continue
    const others = all.filter((one) => one.sent.password !== password && one.start < used.end)
    const mayBeReplaced = others.some(({ end }) => end > set.start)
    const isReplaced = others.some(
      ({ outcome, start, end }) =>
        outcome === 'ok' && start > Math.max(...own.map((one) => one.end)) && end < used.start,
    )
    const bans = bansAmong(bansOf.get(used.person) ?? [])
    if (used.outcome === 'fail' && !mayBeReplaced && isSurelyFree(bans, used)) {
      const what = `the password that ${used.person} was told is set is not good`
      violations.push({ invariant: 'V1', what, operations: [set.id, used.id] })
    }
    if (used.outcome === 'ok' && isReplaced) {
      const what = `a password of ${used.person} that was replaced is good`
      violations.push({ invariant: 'V1', what, operations: [used.id] })
    }
  }
  return violations
}

function isOfBan({ deed }: Operation): boolean {
  return deed === 'ban' || deed === 'lift-ban'
}

/** V5 */
export const wholeRows: Check = ({ history, final }) => {
  const violations: Violation[] = final.orphans.map((what) => ({
    ...{ invariant: 'V5', what, operations: [] },
  }))
  const broken = (what: string) => violations.push({ invariant: 'V5', what, operations: [] })
  for (const [email, group] of groupBy(final.users, ({ email }) => email?.toLowerCase())) {
    if (group.length > 1) broken(`${group.length} users have the address ${email}`)
  }
  for (const [subject, group] of groupBy(final.identities, (one) => one)) {
    if (group.length > 1) broken(`the identity ${subject} is there ${group.length} times`)
  }
  // A sign-in writes the session first and what carries it second: who was told neither signs in again.
  const unsure = history.operations.filter(({ outcome }) => outcome === 'info').length
  const bare = final.sessions.filter(({ isCarried }) => !isCarried)
  if (bare.length > unsure) broken(`${bare.length} sessions are carried by nothing`)
  for (const { id, email, hasProfile, identities } of final.users) {
    if (!hasProfile) broken(`the user ${id} has no profile`)
    if (email !== null && identities === 0) broken(`the user ${id} has no identity`)
  }
  return violations
}

/** V6 */
export const loggedDeeds: Check = ({ history, final }) => {
  const violations: Violation[] = []
  const told = new Map(
    final.events.map(({ type, session, count }) => [`${type} ${session}`, count]),
  )
  for (const { id } of final.sessions) {
    if ((told.get(`user.signed-in ${id}`) ?? 0) !== 1) {
      const what = `the log has ${told.get(`user.signed-in ${id}`) ?? 0} sign-ins for the session ${id}`
      violations.push({ invariant: 'V6', what, operations: [] })
    }
  }
  const refreshes = history.operations.filter(
    ({ deed, sent }) => deed === 'refresh' && sent.kind !== 'oidc',
  )
  for (const [session, group] of groupBy(refreshes, ({ sent }) => sent.session)) {
    const children = new Set(
      group.filter(({ outcome }) => outcome === 'ok').map(({ got }) => got.child),
    ).size
    const entries = told.get(`session.refreshed ${session}`) ?? 0
    if (entries >= children && entries <= group.length) continue
    const what = `the log has ${entries} refreshes of ${session}; ${children} to ${group.length} would be right`
    violations.push({ invariant: 'V6', what, operations: ids(group.slice(-3)) })
  }
  return violations
}

/** V7: an address at which every sign-up was refused for good is nobody's. */
export const refusalsHold: Check = ({ history, final }) => {
  const emails = new Set(final.users.map(({ email }) => email))
  const tries = history.operations.filter(({ deed }) => deed === 'sign-up' || deed === 'ask-code')
  const violations: Violation[] = []
  for (const [email, group] of groupBy(tries, ({ sent }) => sent.email)) {
    if (group.some(({ outcome }) => outcome !== 'fail') || !emails.has(email)) continue
    const what = `${email} was refused every time, and is there`
    violations.push({ invariant: 'V7', what, operations: ids(group) })
  }
  return violations
}

/** V10 */
export const mailsAreAsked: Check = ({ history, mails }) => {
  const asking = history.operations.filter(
    ({ deed, sent }) => (deed === 'sign-up' || deed === 'ask-code') && sent.email !== undefined,
  )
  const asked = groupBy(asking, ({ sent }) => sent.email)
  const violations: Violation[] = []
  for (const [to, group] of groupBy(mails, ({ to }) => to)) {
    const requests = asked.get(to)?.length ?? 0
    if (group.length <= requests) continue
    const what = `${to} got ${group.length} mails for ${requests} requests`
    violations.push({ invariant: 'V10', what, operations: ids(asked.get(to) ?? []) })
  }
  return violations
}
