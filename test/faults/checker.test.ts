import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { top } from '../walks/machine.ts'
import { withMistake } from './broken.ts'
import type { Facts, Invariant } from './checks/facts.ts'
import { check } from './checks/index.ts'
import { mistakes } from './fixtures/broken.ts'
import { did, mark, other, refresh, refused, session, unknown, well } from './fixtures/well.ts'

test('a history in which all is well breaks nothing', () => {
  expect(check(well())).toEqual([])
})

/** What is wrong, which invariant that breaks, and how it comes into the history or the database. */
const wrongs: readonly (readonly [string, Invariant, (facts: Facts) => void])[] = [
  ['a user who was acknowledged is lost', 'V1', ({ final }) => void final.users.pop()],
  [
    'a confirmed address is not confirmed',
    'V1',
    ({ final }) => Object.assign(final.users[0] ?? {}, { isConfirmed: false }),
  ],
  [
    'somebody who signed up is lost',
    'V1',
    ({ history }) =>
      history.operations.push(
        did('sign-up', 80, { person: 'bob', sent: { email: 'bob@people.example' } }),
      ),
  ],
  [
    'a factor that was verified is lost',
    'V1',
    ({ history }) => history.operations.push(did('verify-factor', 80, { sent: { factor: 'f1' } })),
  ],
  ['a session that nobody ended is gone', 'V1', ({ final }) => void final.sessions.pop()],
  [
    'the newest refresh token is refused',
    'V1',
    ({ history }) => history.operations.push(refresh(80, 't2', '', refused)),
  ],
  [
    'a password that was set is refused',
    'V1',
    ({ history }) =>
      history.operations.push(
        did('change-password', 80, { sent: { session, password: 'p1' } }),
        did('sign-in', 100, { sent: { password: 'p1' }, ...refused }),
      ),
  ],
  [
    'a password that was replaced is good',
    'V1',
    ({ history, final }) => {
      history.operations.push(
        did('change-password', 80, { sent: { session, password: 'p1' } }),
        did('change-password', 100, { sent: { session, password: 'p2' } }),
        did('sign-in', 120, { sent: { password: 'p1' }, got: { user: 'u1', session: other } }),
      )
      final.sessions.push({ id: other, user: 'u1', counter: 0, isCarried: true })
      final.events.push({ type: 'user.signed-in', session: other, count: 1 })
    },
  ],
  [
    'a link is taken twice',
    'V2',
    ({ history }) =>
      history.operations.push(
        did('use-link', 80, { sent: { once: 'link' } }),
        did('use-link', 80, { sent: { once: 'link' }, node: 1 }),
      ),
  ],
  [
    'a code is redeemed twice',
    'V2',
    ({ history }) =>
      history.operations.push(
        did('redeem', 80, { sent: { once: 'code' } }),
        did('redeem', 85, { sent: { once: 'code' }, node: 1 }),
      ),
  ],
  [
    'a refresh token has two children',
    'V3',
    ({ history, final }) => {
      history.operations.push(refresh(80, 't2', 't3'), refresh(80, 't2', 't4', { node: 1 }))
      Object.assign(final.sessions[0] ?? {}, { counter: 4 })
      Object.assign(final.events[1] ?? {}, { count: 4 })
    },
  ],
  [
    'a family has two tokens that are alive',
    'V3',
    ({ final }) => final.live.push({ family: session, tokens: 2 }),
  ],
  [
    'two who came with one token moved the count twice',
    'V3',
    ({ final }) => Object.assign(final.sessions[0] ?? {}, { counter: 3 }),
  ],
  [
    'two who came with one OpenID token moved its family twice',
    'V3',
    ({ history, final }) => {
      const sent = { kind: 'oidc', session: 'family 1', parent: 'o0' }
      history.operations.push(did('refresh', 80, { sent, got: { child: 'o1' } }))
      final.generations.push({ user: 'u1', total: 2 })
    },
  ],
  [
    'a session is good after everybody was signed out',
    'V4',
    ({ history, final }) => {
      history.operations.push(
        did('sign-out', 80, { sent: { session, scope: 'global' } }),
        refresh(100, 't2', 't3', { node: 1 }),
      )
      Object.assign(final.sessions[0] ?? {}, { counter: 3 })
      Object.assign(final.events[1] ?? {}, { count: 3 })
    },
  ],
  [
    'a session rests after it was signed out',
    'V4',
    ({ history }) =>
      history.operations.push(did('sign-out', 80, { sent: { session, scope: 'local' } })),
  ],
  [
    'another session is good after a new password',
    'V4',
    ({ history }) =>
      history.operations.push(
        did('change-password', 80, { sent: { session: other, password: 'p1' } }),
        did('user', 100, { sent: { session } }),
      ),
  ],
  [
    'what an application holds is good after it was revoked',
    'V4',
    ({ history }) => {
      const family = 'family 1 of browser of ann'
      history.operations.push(
        did('redeem', 80, { sent: { once: 'c1' }, got: { session: family, child: 'o0' } }),
        did('revoke', 100, { sent: { session: family } }),
        did('me', 120, { sent: { session: family } }),
      )
    },
  ],
  [
    'two users have one address',
    'V5',
    ({ final }) =>
      final.users.push({
        ...{ id: 'u2', email: 'ANN@people.example', isConfirmed: true, isBanned: false },
        ...{ hasProfile: true, identities: 1 },
      }),
  ],
  ['an identity is there twice', 'V5', ({ final }) => final.identities.push('email u1')],
  [
    'a user has no profile',
    'V5',
    ({ final }) => Object.assign(final.users[0] ?? {}, { hasProfile: false }),
  ],
  [
    'a user with an address has no identity',
    'V5',
    ({ final }) => Object.assign(final.users[0] ?? {}, { identities: 0 }),
  ],
  [
    'a row refers to nothing',
    'V5',
    ({ final }) => final.orphans.push('a session without its user'),
  ],
  [
    'a session is carried by nothing, and nobody was left without an answer',
    'V5',
    ({ final }) => Object.assign(final.sessions[0] ?? {}, { isCarried: false }),
  ],
  ['a session has no sign-in in the log', 'V6', ({ final }) => void final.events.shift()],
  ['a refresh is missing in the log', 'V6', ({ final }) => void final.events.pop()],
  [
    'a refresh is in the log that nobody asked for',
    'V6',
    ({ final }) => Object.assign(final.events[1] ?? {}, { count: 3 }),
  ],
  [
    'somebody who was refused is there',
    'V7',
    ({ history, final }) => {
      history.operations.push(
        did('sign-up', 80, { sent: { email: 'bob@people.example' }, ...refused }),
      )
      final.users.push({
        ...{ id: 'u2', email: 'bob@people.example', isConfirmed: false, isBanned: false },
        ...{ hasProfile: true, identities: 1 },
      })
    },
  ],
  [
    'a request fails without a fault',
    'V8',
    ({ history }) => history.operations.push(did('user', 80, { ...unknown, sent: { session } })),
  ],
  [
    'a fault shows as 500',
    'V8',
    ({ history }) => {
      history.marks.push(mark('inject', 70), mark('heal', 200))
      history.operations.push(did('user', 80, { ...unknown, status: 500, retryAfter: true }))
    },
  ],
  [
    'nobody says when to come again',
    'V8',
    ({ history }) => {
      history.marks.push(mark('inject', 70), mark('heal', 200))
      history.operations.push(did('user', 80, { ...unknown, status: 503 }))
    },
  ],
  [
    'requests still fail long after a fault',
    'V8',
    ({ history }) => {
      history.marks.push(mark('inject', 70), mark('heal', 200))
      history.operations.push(did('user', 5000, { ...unknown, status: 503, retryAfter: true }))
    },
  ],
  [
    'a request hangs',
    'V8',
    ({ history }) => {
      history.marks.push(mark('inject', 70), mark('heal', 200))
      history.operations.push(did('user', 80, { end: 15_000 }))
    },
  ],
  [
    'a session counts less than its clients were given',
    'V9',
    ({ final }) => Object.assign(final.sessions[0] ?? {}, { counter: 1 }),
  ],
  [
    'somebody gets more mails than they asked for',
    'V10',
    ({ mails }) => (mails as Facts['mails'][number][]).push({ at: 30, to: 'ann@people.example' }),
  ],
  [
    'a mail goes to somebody else',
    'V10',
    ({ mails }) => (mails as Facts['mails'][number][]).push({ at: 30, to: 'eve@people.example' }),
  ],
]

test.each(wrongs)('%s: %s', (_what, invariant, plant) => {
  const facts = well()
  plant(facts)
  expect([...new Set(check(facts).map((one) => one.invariant))]).toEqual([invariant])
})

test('what a fault explains is no violation', () => {
  const { history, ...rest } = well()
  history.marks.push(mark('inject', 70), mark('heal', 200))
  history.operations.push(
    did('user', 80, { ...unknown, status: 503, code: 'unavailable', retryAfter: true }),
    // Nobody knows whether this one was done, so what follows from it may be or not.
    refresh(90, 't2', '', unknown),
    refresh(120, 't2', '', { ...refused, code: 'refresh_token_already_used' }),
    did('sign-out', 140, { sent: { session, scope: 'global' }, ...unknown }),
  )
  expect(check({ history, ...rest })).toEqual([])
})

test('what was acknowledged while the standby was behind may be lost, and only that', () => {
  const facts = { ...well(), bounds: { ...well().bounds, mayLose: true } }
  const { history, final } = facts
  history.marks.push(mark('inject', 70), mark('heal', 200))
  const { operations } = history
  operations.push(
    did('sign-up', 80, { person: 'bob', sent: { email: 'bob@people.example' } }),
    did('use-link', 90, { sent: { once: 'link' }, got: { session: other } }),
    refresh(100, 't2', 't3'),
    did('use-link', 300, { sent: { once: 'link' } }),
    refresh(310, 't3', '', { ...refused, code: 'refresh_token_not_found' }),
  )
  expect(check(facts)).toEqual([])
  operations.push(did('use-link', 400, { sent: { once: 'link' } }))
  expect(check(facts).map(({ invariant }) => invariant)).toEqual(['V2'])
  operations.pop()
  final.users.pop()
  expect(new Set(check(facts).map(({ invariant }) => invariant))).toEqual(new Set(['V1']))
})

test('a node that was stopped may answer late', () => {
  const { history, ...rest } = well()
  history.marks.push(mark('inject', 70, true), mark('heal', 14_000))
  history.operations.push(did('user', 80, { end: 15_000, sent: { session } }))
  expect(check({ history, ...rest })).toEqual([])
})

test.each(mistakes)('the broken build $name still fits the sources', (mistake) => {
  const text = readFileSync(join(top, mistake.file), 'utf8')
  expect(withMistake(text, mistake)).not.toBe(text)
  expect(() =>
    withMistake(text.replaceAll(mistake.replacements[0]?.found ?? '', ''), mistake),
  ).toThrow('not once')
})
