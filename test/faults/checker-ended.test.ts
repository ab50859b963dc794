import { expect, test } from 'vitest'
import type { Facts, Invariant } from './checks/facts.ts'
import { check } from './checks/index.ts'
import { did, mark, refresh, refused, session, unknown, well } from './fixtures/well.ts'

// Bans and second factors: what an administrator or a user ends, and what comes back.

const notFound = { outcome: 'fail', status: 404, code: 'mfa_factor_not_found', got: {} } as const

/** Their session was raised with a factor. */
function raised({ history, final }: Facts): void {
  history.operations.push(did('verify-factor', 70, { sent: { factor: 'f1', session, once: 'c1' } }))
  final.factors.push({ id: 'f1', isVerified: true })
}

/** And the factor was un-enrolled. */
function left({ history, final }: Facts): void {
  history.operations.push(did('unenrol-factor', 90, { sent: { factor: 'f1', session } }))
  final.factors.pop()
}

/** One more refresh, of which everything else is as it should be. */
function refreshed({ history, final }: Facts, start: number, aal: string): void {
  const got = { user: 'u1', session, child: 't3', aal }
  history.operations.push(refresh(start, 't2', 't3', { got }))
  Object.assign(final.sessions[0] ?? {}, { counter: 3 })
  Object.assign(final.events[1] ?? {}, { count: 3 })
}

/** What is wrong, which invariant that breaks, and how it comes into the history or the database. */
const wrongs: readonly (readonly [string, Invariant, (facts: Facts) => void])[] = [
  [
    'a factor that was verified is not known',
    'V1',
    (facts) => {
      raised(facts)
      facts.history.operations.push(
        did('challenge-factor', 100, { sent: { factor: 'f1', session }, ...notFound }),
      )
    },
  ],
  [
    'a session that was raised is not, and nobody took its factor away',
    'V1',
    (facts) => {
      raised(facts)
      refreshed(facts, 100, 'aal1')
    },
  ],
  [
    'a ban that was acknowledged is not there',
    'V1',
    ({ history }) => history.operations.push(did('ban', 80, { sent: { user: 'u1' } })),
  ],
  [
    'a ban that was lifted is there',
    'V1',
    ({ history, final }) => {
      history.operations.push(
        did('ban', 80, { sent: { user: 'u1' } }),
        did('lift-ban', 100, { sent: { user: 'u1' } }),
      )
      Object.assign(final.users[0] ?? {}, { isBanned: true })
    },
  ],
  [
    'a session is refused after the ban was lifted',
    'V1',
    ({ history }) =>
      history.operations.push(
        did('ban', 80, { sent: { user: 'u1' } }),
        did('lift-ban', 100, { sent: { user: 'u1' } }),
        did('user', 120, { sent: { session }, ...refused }),
      ),
  ],
  [
    'a password is refused after the ban was lifted',
    'V1',
    ({ history }) =>
      history.operations.push(
        did('change-password', 70, { sent: { session, password: 'p1' } }),
        did('ban', 82, { sent: { user: 'u1' } }),
        did('lift-ban', 100, { sent: { user: 'u1' } }),
        did('sign-in', 120, { sent: { password: 'p1' }, ...refused }),
      ),
  ],
  ...(['user', 'sign-in', 'use-link', 'code', 'redeem', 'me'] as const).map(
    (deed) =>
      [
        `a banned user goes on by ${deed}`,
        'V4',
        ({ history, final }: Facts) => {
          history.operations.push(
            did('ban', 80, { sent: { user: 'u1' } }),
            did(deed, 100, { sent: { session: 'another' } }),
          )
          Object.assign(final.users[0] ?? {}, { isBanned: true })
        },
      ] as const,
  ),
  [
    'a banned user refreshes',
    'V4',
    (facts) => {
      facts.history.operations.push(did('ban', 80, { sent: { user: 'u1' } }))
      Object.assign(facts.final.users[0] ?? {}, { isBanned: true })
      refreshed(facts, 100, 'aal1')
    },
  ],
  [
    'a factor that was un-enrolled is asked for',
    'V4',
    (facts) => {
      raised(facts)
      left(facts)
      facts.history.operations.push(
        did('challenge-factor', 120, { sent: { factor: 'f1', session } }),
      )
    },
  ],
  [
    'a factor that was un-enrolled is taken',
    'V4',
    (facts) => {
      raised(facts)
      left(facts)
      facts.history.operations.push(
        did('verify-factor', 120, { sent: { factor: 'f1', session, once: 'c2' } }),
      )
      facts.final.factors.push({ id: 'f1', isVerified: true })
    },
  ],
  [
    'a factor that was un-enrolled is there',
    'V4',
    (facts) => {
      raised(facts)
      left(facts)
      facts.final.factors.push({ id: 'f1', isVerified: true })
    },
  ],
  [
    'a factor that was said to be gone is there',
    'V4',
    (facts) => {
      raised(facts)
      facts.history.marks.push(mark('inject', 70), mark('heal', 100))
      facts.history.operations.push(
        did('unenrol-factor', 90, { sent: { factor: 'f1', session }, ...unknown }),
        did('unenrol-factor', 110, { sent: { factor: 'f1', session }, ...notFound }),
      )
    },
  ],
  [
    'a session is raised after its factor was un-enrolled',
    'V4',
    (facts) => {
      raised(facts)
      left(facts)
      refreshed(facts, 120, 'aal2')
    },
  ],
]

test.each(wrongs)('%s: %s', (_what, invariant, plant) => {
  const facts = well()
  plant(facts)
  expect([...new Set(check(facts).map((one) => one.invariant))]).toEqual([invariant])
})

test('nobody knows whether who got no answer was banned, and whether their factor is gone', () => {
  for (const isBanned of [true, false]) {
    const facts = well()
    const { operations } = facts.history
    facts.history.marks.push(mark('inject', 70), mark('heal', 200))
    operations.push(
      did('ban', 80, { sent: { user: 'u1' }, ...unknown }),
      did('user', 100, { sent: { session } }),
      did('user', 120, { sent: { session }, ...refused }),
      did('user', 140, { sent: { session } }),
    )
    Object.assign(facts.final.users[0] ?? {}, { isBanned })
    expect(check(facts)).toEqual([])
  }
  for (const isThere of [true, false]) {
    const facts = well()
    const { operations } = facts.history
    facts.history.marks.push(mark('inject', 70), mark('heal', 200))
    operations.push(
      did('verify-factor', 75, { sent: { factor: 'f1', session, once: 'c1' } }),
      did('unenrol-factor', 90, { sent: { factor: 'f1', session }, ...unknown }),
      did('challenge-factor', 110, { sent: { factor: 'f1', session }, ...notFound }),
    )
    if (isThere) facts.final.factors.push({ id: 'f1', isVerified: true })
    expect(check(facts)).toEqual([])
  }
})

test('a ban that is being set, or was lifted, forbids nothing', () => {
  const facts = well()
  facts.history.operations.push(
    did('ban', 80, { sent: { user: 'u1' } }),
    // It began before the ban was acknowledged.
    did('user', 85, { end: 95, sent: { session } }),
    did('user', 100, { sent: { session }, ...refused }),
    did('lift-ban', 120, { sent: { user: 'u1' } }),
    // It began before the end of the ban was acknowledged.
    did('user', 125, { end: 135, sent: { session }, ...refused }),
    did('user', 140, { sent: { session } }),
  )
  expect(check(facts)).toEqual([])
})
