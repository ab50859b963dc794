import type { Operation } from '../history.ts'
import { type Check, groupBy, ids, type Violation } from './facts.ts'

const once: readonly Operation['deed'][] = ['use-link', 'verify-code', 'redeem', 'verify-factor']

/** V2: a mailed code, a link, an authorization code, an answer of an app: each has one winner in the whole history. */
export const takenOnce: Check = ({ history }) => {
  // A link is used by more than one kind of request: only its value counts.
  const uses = history.operations.filter(({ deed }) => once.includes(deed))
  const violations: Violation[] = []
  for (const [, group] of groupBy(uses, ({ sent }) => sent.once)) {
    const winners = group.filter(({ outcome }) => outcome === 'ok')
    if (winners.length < 2) continue
    const deeds = [...new Set(winners.map(({ deed }) => deed))].join(', ')
    const what = `${winners.length} of ${group.length} who came with one value had it (${deeds})`
    violations.push({ invariant: 'V2', what, operations: ids(winners) })
  }
  return violations
}

/** V3: all winners of one race hold the same child, and a family has one token that is alive. */
export const oneChild: Check = ({ history, final }) => {
  const refreshes = history.operations.filter(({ deed }) => deed === 'refresh')
  const violations: Violation[] = []
  for (const [, group] of groupBy(refreshes, ({ sent }) => sent.parent)) {
    const winners = group.filter(({ outcome }) => outcome === 'ok')
    const children = new Set(winners.map(({ got }) => got.child))
    if (children.size < 2) continue
    const [first] = winners
    const what = `one ${first?.sent.kind} token has ${children.size} children`
    violations.push({ invariant: 'V3', what, operations: ids(winners) })
  }
  // What arrives late, when the family has gone on, may make a sibling: nobody has its token.
  const unsure = new Set(
    refreshes.filter(({ outcome }) => outcome === 'info').map(({ sent }) => sent.session),
  )
  for (const { family, tokens } of final.live) {
    if (tokens < 2 || unsure.has(family)) continue
    const what = `the family ${family} has ${tokens} tokens that are alive`
    violations.push({ invariant: 'V3', what, operations: [] })
  }
  return violations
}

/** V3 of what counts: of all who come with one token, one moves the count on. */
export const oneStep: Check = ({ history, final }) => {
  const violations: Violation[] = []
  const asked = (operations: readonly Operation[]) =>
    new Set(operations.map(({ sent }) => sent.parent)).size
  const refreshes = history.operations.filter(({ deed }) => deed === 'refresh')
  const raised = groupBy(
    history.operations.filter(({ deed }) => deed === 'verify-factor'),
    ({ sent }) => sent.session,
  )
  const bySession = groupBy(refreshes, ({ sent }) => sent.session)
  for (const { id, counter } of final.sessions) {
    const group = bySession.get(id) ?? []
    // A second factor renews the token, by two steps.
    const most = asked(group) + 2 * (raised.get(id)?.length ?? 0)
    if (counter === null || counter <= most) continue
    const what = `session ${id} counts ${counter}, and only ${most} tokens were shown`
    violations.push({ invariant: 'V3', what, operations: ids(group.slice(-3)) })
  }
  const persons = new Map(
    history.operations.flatMap(({ got, person }) =>
      got.user === undefined ? [] : [[got.user, person] as const],
    ),
  )
  const byPerson = groupBy(
    refreshes.filter(({ sent }) => sent.kind === 'oidc'),
    ({ person }) => person,
  )
  for (const { user, total } of final.generations) {
    const group = byPerson.get(persons.get(user) ?? '') ?? []
    if (total <= asked(group)) continue
    const what = `the families of ${user} have gone ${total} steps, and only ${asked(group)} tokens were shown`
    violations.push({ invariant: 'V3', what, operations: ids(group.slice(-3)) })
  }
  return violations
}

/** V9: the count of a session is not below what its clients were given. */
export const countsGrow: Check = ({ history, final }) => {
  const given = groupBy(
    history.operations.filter(
      ({ deed, outcome, sent }) =>
        deed === 'refresh' && outcome === 'ok' && sent.kind === 'counted',
    ),
    ({ sent }) => sent.session,
  )
  const violations: Violation[] = []
  for (const { id, counter } of final.sessions) {
    const group = given.get(id)
    if (group === undefined || counter === null) continue
    const children = new Set(group.map(({ got }) => got.child)).size
    if (counter >= children) continue
    const what = `session ${id} counts ${counter}, and its clients were given ${children} tokens`
    violations.push({ invariant: 'V9', what, operations: ids(group.slice(-3)) })
  }
  return violations
}
