import { TOTP } from 'otpauth'
import type { Factor, GateSession, Person } from './people.ts'
import type { Request } from './wire.ts'
import {
  type Answer,
  type Done,
  digests,
  jsonOf,
  type Order,
  perform,
  type World,
} from './world.ts'

// Each function is one request to /auth/v1.

type Asked<T> = Promise<Done<T>>

function post(path: string, body: unknown, bearer?: string): Request {
  return {
    method: 'POST',
    path: `/auth/v1${path}`,
    headers: {
      'content-type': 'application/json',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    body: JSON.stringify(body),
  }
}

/** The session of an answer that holds one. */
function readSession(answer: Answer): ReturnType<Order<GateSession>['read']> {
  const { access_token: accessToken, refresh_token: refreshToken } = jsonOf(answer.text)
  if (typeof accessToken !== 'string' || typeof refreshToken !== 'string') return null
  const { sub: user, session_id: id, aal } = claimsOf(accessToken)
  if (user === undefined || id === undefined || aal === undefined) return null
  const kind = /^[a-z0-9]{12}$/.test(refreshToken) ? 'row' : 'counted'
  return {
    value: { id, kind, refreshToken, accessToken },
    got: { user, session: id, kind, aal, ...digests({ child: refreshToken }) },
  }
}

export function claimsOf(token: string): Record<string, string | undefined> {
  const text = Buffer.from(token.split('.')[1] ?? '', 'base64url').toString()
  return jsonOf(text) as Record<string, string | undefined>
}

const done = (got: Record<string, string> = {}) => ({ value: null, got })

export function signUpAnonymous(world: World, person: Person, node: number): Asked<GateSession> {
  return perform(world, {
    ...{ deed: 'sign-up-anonymous', person, node },
    request: post('/signup', {}),
    read: readSession,
  })
}

export function signUp(world: World, person: Person, node: number, password: string): Asked<null> {
  const { email } = person
  return perform(world, {
    ...{ deed: 'sign-up', person, node },
    sent: { email: email ?? '', ...digests({ password }) },
    request: post('/signup', { email, password }),
    read: () => done(),
  })
}

export function askCode(world: World, person: Person, node: number): Asked<null> {
  const { email } = person
  return perform(world, {
    ...{ deed: 'ask-code', person, node, sent: { email: email ?? '' } },
    request: post('/otp', { email, create_user: true }),
    read: () => done(),
  })
}

export function verifyCode(
  world: World,
  person: Person,
  node: number,
  { hash, type }: { hash: string; type: 'signup' | 'email' },
): Asked<GateSession> {
  return perform(world, {
    ...{ deed: 'verify-code', person, node, sent: { type, ...digests({ once: hash }) } },
    request: post('/verify', { type, token_hash: hash }),
    read: readSession,
  })
}

export function signIn(
  world: World,
  person: Person,
  node: number,
  password: string,
): Asked<GateSession> {
  return perform(world, {
    ...{ deed: 'sign-in', person, node, sent: digests({ password }) },
    request: post('/token?grant_type=password', { email: person.email, password }),
    read: readSession,
  })
}

/** An admin makes a link that signs somebody in; its token. */
export function makeLink(world: World, person: Person, node: number): Asked<string> {
  const { email } = person
  return perform(world, {
    ...{ deed: 'make-link', person, node, sent: { email: email ?? '' } },
    request: post('/admin/generate_link', { type: 'magiclink', email }, world.serviceRoleKey),
    read({ text }) {
      const { hashed_token: token } = jsonOf(text)
      return typeof token === 'string' ? { value: token, got: digests({ once: token }) } : null
    },
  })
}

export function useLink(
  world: World,
  person: Person,
  node: number,
  token: string,
): Asked<GateSession> {
  return perform(world, {
    ...{ deed: 'use-link', person, node, sent: digests({ once: token }) },
    request: post('/verify', { type: 'magiclink', token_hash: token }),
    read: readSession,
  })
}

export function refresh(
  world: World,
  person: Person,
  node: number,
  { id: session, kind, refreshToken }: Pick<GateSession, 'id' | 'kind' | 'refreshToken'>,
): Asked<GateSession> {
  return perform(world, {
    ...{
      deed: 'refresh',
      person,
      node,
      sent: { kind, session, ...digests({ parent: refreshToken }) },
    },
    request: post('/token?grant_type=refresh_token', { refresh_token: refreshToken }),
    read: readSession,
  })
}

export function showUser(
  world: World,
  person: Person,
  node: number,
  { id: session, accessToken }: GateSession,
): Asked<null> {
  return perform(world, {
    ...{ deed: 'user', person, node, sent: { session } },
    request: {
      method: 'GET',
      path: '/auth/v1/user',
      headers: { authorization: `Bearer ${accessToken}` },
    },
    read: ({ text }) => done({ user: String(jsonOf(text).id) }),
  })
}

export function changePassword(
  world: World,
  person: Person,
  node: number,
  { session, password }: { session: GateSession; password: string },
): Asked<null> {
  const { method: _post, ...request } = post('/user', { password }, session.accessToken)
  return perform(world, {
    ...{ deed: 'change-password', person, node },
    sent: { session: session.id, ...digests({ password }) },
    request: { method: 'PUT', ...request },
    read: () => done(),
  })
}

export function signOut(
  world: World,
  person: Person,
  node: number,
  { session, scope }: { session: GateSession; scope: 'local' | 'global' | 'others' },
): Asked<null> {
  return perform(world, {
    ...{ deed: 'sign-out', person, node, sent: { session: session.id, scope } },
    request: post(`/logout?scope=${scope}`, {}, session.accessToken),
    read: () => done(),
  })
}

export function enrolFactor(
  world: World,
  person: Person,
  node: number,
  { id: session, accessToken }: GateSession,
): Asked<Factor> {
  const body = { factor_type: 'totp', friendly_name: 'app' }
  return perform(world, {
    ...{ deed: 'enrol-factor', person, node, sent: { session } },
    request: post('/factors', body, accessToken),
    read({ text }) {
      const { id, totp } = jsonOf(text) as { id?: string; totp?: { secret?: string } }
      if (id === undefined || totp?.secret === undefined) return null
      return { value: { id, secret: totp.secret, shownStep: 0 }, got: { factor: id } }
    },
  })
}

export function challengeFactor(
  world: World,
  person: Person,
  node: number,
  { session, factor }: { session: GateSession; factor: Factor },
): Asked<string> {
  return perform(world, {
    ...{ deed: 'challenge-factor', person, node },
    sent: { factor: factor.id, session: session.id },
    request: post(`/factors/${factor.id}/challenge`, {}, session.accessToken),
    read({ text }) {
      const { id } = jsonOf(text)
      return typeof id === 'string' ? { value: id } : null
    },
  })
}

/** The code that an app shows, of a step that was not shown yet; null where it has to wait for the next one. */
export function nextCode(factor: Factor): string | null {
  const period = 30
  const now = Math.floor(Date.now() / 1000 / period)
  const step = Math.max(now, factor.shownStep + 1)
  // One step early is as good as in time.
  if (step > now + 1) return null
  factor.shownStep = step
  return new TOTP({ secret: factor.secret, period }).generate({ timestamp: step * period * 1000 })
}

export function verifyFactor(
  world: World,
  person: Person,
  node: number,
  proof: { session: GateSession; factor: Factor; challenge: string; code: string },
): Asked<GateSession> {
  const { session, factor, challenge, code } = proof
  return perform(world, {
    ...{ deed: 'verify-factor', person, node },
    sent: { factor: factor.id, session: session.id, ...digests({ once: `${challenge} ${code}` }) },
    request: post(
      `/factors/${factor.id}/verify`,
      { challenge_id: challenge, code },
      session.accessToken,
    ),
    read: readSession,
  })
}

export function unenrolFactor(
  world: World,
  person: Person,
  node: number,
  { session, factor }: { session: GateSession; factor: Factor },
): Asked<null> {
  return perform(world, {
    ...{ deed: 'unenrol-factor', person, node },
    sent: { factor: factor.id, session: session.id },
    request: {
      method: 'DELETE',
      path: `/auth/v1/factors/${factor.id}`,
      headers: { authorization: `Bearer ${session.accessToken}` },
    },
    read: ({ text }) => (jsonOf(text).id === factor.id ? done() : null),
  })
}

/** An administrator bans a user for longer than any clock of the lab is wrong. */
export function ban(world: World, person: Person, node: number, user: string): Asked<null> {
  return sayOfBan(world, person, node, { deed: 'ban', user, duration: '1000h' })
}

export function liftBan(world: World, person: Person, node: number, user: string): Asked<null> {
  return sayOfBan(world, person, node, { deed: 'lift-ban', user, duration: 'none' })
}

function sayOfBan(
  world: World,
  person: Person,
  node: number,
  order: { deed: 'ban' | 'lift-ban'; user: string; duration: string },
): Asked<null> {
  const { deed, user, duration } = order
  const body = { ban_duration: duration }
  const { method: _post, ...request } = post(`/admin/users/${user}`, body, world.serviceRoleKey)
  return perform(world, {
    ...{ deed, person, node, sent: { user } },
    request: { method: 'PUT', ...request },
    read({ text }) {
      const isBanned = typeof jsonOf(text).banned_until === 'string'
      return isBanned === (deed === 'ban') ? done() : null
    },
  })
}
