import { createHash } from 'node:crypto'
import { application } from '../lab/lab.ts'
import { openTab } from './browser.ts'
import type { Chance } from './chance.ts'
import type { Browser, Family, Person } from './people.ts'
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

// An application that signs people in, and the browsers in which they do it.

type Asked<T> = Promise<Done<T>>

const verifier = 'v'.repeat(43)
const challenge = createHash('sha256').update(verifier).digest('base64url')
const credentials = Buffer.from(`${application.id}:${application.secret}`).toString('base64')

const authorization = new URLSearchParams({
  client_id: application.id,
  redirect_uri: application.callback,
  response_type: 'code',
  scope: 'openid offline_access profile',
  code_challenge: challenge,
  code_challenge_method: 'S256',
})

function form(path: string, fields: Record<string, string>): Request {
  return {
    method: 'POST',
    path: `/oidc${path}`,
    headers: {
      authorization: `Basic ${credentials}`,
      'content-type': 'application/x-www-form-urlencoded',
    },
    body: new URLSearchParams(fields).toString(),
  }
}

/** All pages from the first to the last, as somebody goes there who has no session: one deed. */
export async function browserSignIn(
  world: World,
  chance: Chance,
  person: Person,
  password: string,
): Promise<Browser | null> {
  const over = world.recorder.begin({
    ...{ deed: 'browser-sign-in', person: person.name, node: null, sent: {} },
  })
  const told = { status: null, code: null, retryAfter: false, request: null, got: {} }
  const tab = openTab(world, chance, person, application.callback)
  const steps = [
    ['/sign-in', { identifier: person.email ?? '' }],
    ['/sign-in/password', { password }],
  ] as const
  let turn = await tab.open(`/oidc/auth?${authorization}`)
  for (const [action, fields] of steps) {
    if (turn.kind === 'page') turn = await tab.submit(turn.page, fields, action)
  }
  if (turn.kind === 'lost') {
    const { status, code, retryAfter } = turn
    const outcome = code === 'refused' ? 'fail' : 'info'
    person.isTurnedAway = status !== null && status < 500 && status !== 429
    over({ ...told, outcome, status, code, retryAfter })
    return null
  }
  const { url, status } = turn.page
  const { searchParams } = new URL(url)
  if (!searchParams.has('code')) {
    over({ ...told, outcome: 'info', status, code: searchParams.get('error') })
    return null
  }
  const cookie = tab.cookie()
  const session = `browser of ${person.name} ${digests({ cookie }).cookie}`
  over({ ...told, outcome: 'ok', status, got: { session } })
  return { session, cookie }
}

/** A code for who is signed in already, without a page. */
export function getCode(
  world: World,
  person: Person,
  node: number,
  { session, cookie }: Browser,
): Asked<string> {
  return perform(world, {
    ...{ deed: 'code', person, node, sent: { session } },
    request: {
      method: 'GET',
      path: `/oidc/auth?prompt=none&${authorization}`,
      headers: { cookie },
    },
    read(answer) {
      const code = new URL(answer.header('location') ?? '/', 'http://nowhere').searchParams.get(
        'code',
      )
      return code === null ? null : { value: code, got: digests({ once: code }) }
    },
  })
}

function readFamily(session: string) {
  return ({ text }: Answer): ReturnType<Order<Family>['read']> => {
    const { access_token: accessToken, refresh_token: refreshToken } = jsonOf(text)
    if (typeof accessToken !== 'string' || typeof refreshToken !== 'string') return null
    return {
      value: { session, refreshToken, accessToken },
      got: { session, ...digests({ child: refreshToken }) },
    }
  }
}

/** The family is a session of its own in the history: what ends the browser ends it too. */
export function redeem(
  world: World,
  person: Person,
  node: number,
  { code, browser }: { code: string; browser: Browser },
): Asked<Family> {
  const session = `family ${digests({ code }).code} of ${browser.session}`
  return perform(world, {
    ...{ deed: 'redeem', person, node, sent: { session, ...digests({ once: code }) } },
    request: form('/token', {
      grant_type: 'authorization_code',
      code,
      code_verifier: verifier,
      redirect_uri: application.callback,
    }),
    read: readFamily(session),
  })
}

export function refreshFamily(
  world: World,
  person: Person,
  node: number,
  { session, refreshToken }: Pick<Family, 'session' | 'refreshToken'>,
): Asked<Family> {
  return perform(world, {
    ...{ deed: 'refresh', person, node },
    sent: { kind: 'oidc', session, ...digests({ parent: refreshToken }) },
    request: form('/token', { grant_type: 'refresh_token', refresh_token: refreshToken }),
    read: readFamily(session),
  })
}

export function me(
  world: World,
  person: Person,
  node: number,
  { session, accessToken }: Family,
): Asked<null> {
  return perform(world, {
    ...{ deed: 'me', person, node, sent: { session } },
    request: {
      method: 'GET',
      path: '/oidc/me',
      headers: { authorization: `Bearer ${accessToken}` },
    },
    read: ({ text }) => ({ value: null, got: { user: String(jsonOf(text).sub) } }),
  })
}

export function revoke(
  world: World,
  person: Person,
  node: number,
  { session, refreshToken }: Family,
): Asked<null> {
  return perform(world, {
    ...{ deed: 'revoke', person, node, sent: { session } },
    request: form('/token/revocation', { token: refreshToken }),
    read: () => ({ value: null }),
  })
}
