import { createHash } from 'node:crypto'
import { setTimeout as pause } from 'node:timers/promises'
import { signInWithPassword } from '../../walks/pages.ts'
import { visitor } from '../../walks/visitor.ts'
import { application } from '../lab/lab.ts'
import type { Browser, Family, Person } from './people.ts'
import { patienceMs, type Request } from './wire.ts'
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

/** All pages from the first to the last at one node, as somebody goes there who has no session. One deed. */
export async function browserSignIn(
  world: World,
  person: Person,
  node: number,
  password: string,
): Promise<Browser | null> {
  const over = world.recorder.begin({
    deed: 'browser-sign-in',
    person: person.name,
    node,
    sent: {},
  })
  const told = { status: null, code: null, retryAfter: true, request: null, got: {} }
  const guest = visitor({ stopAt: (url) => url.startsWith(application.callback) })
  try {
    const end = await inTime(async () => {
      const start = await guest.open(`${world.origins[node]}/oidc/auth?${authorization}`)
      return signInWithPassword(guest, start, { email: person.email ?? '', password })
    })
    const { searchParams } = new URL(end.url)
    if (!end.url.startsWith(application.callback) || !searchParams.has('code')) {
      over({ ...told, outcome: 'info', status: end.status, code: searchParams.get('error') })
      return null
    }
    const cookie = guest.cookies().map(({ name, value }) => `${name}=${value}`)
    const session = `browser of ${person.name} ${digests({ cookie: cookie.join('') }).cookie}`
    over({ ...told, outcome: 'ok', status: 303, got: { session } })
    return { session, cookie: cookie.join('; ') }
  } catch {
    // A page in between did not come, or was another one.
    over({ ...told, outcome: 'info', code: 'reset' })
    return null
  }
}

/** The browser shows its own page when nothing comes. */
async function inTime<T>(work: () => Promise<T>): Promise<T> {
  const late = pause(patienceMs, undefined, { ref: false }).then(() => {
    throw new Error('No page came.')
  })
  return Promise.race([work(), late])
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
