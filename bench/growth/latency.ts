import { createHash } from 'node:crypto'
import { type Answer, type Asked, createClient, NoAnswer } from '../load/client.ts'
import { createHistogram } from '../load/histogram.ts'
import { form, json, someClient } from '../scenarios/act.ts'
import {
  callback,
  carrierOf,
  cookieOf,
  countedTokenOf,
  emailOf,
  password,
  rowTokenOf,
  shop,
  userIdOf,
} from './names.ts'

/** How long one thing takes, in milliseconds. */
export interface Line {
  name: string
  samples: number
  /** Answers that were not what they should be, of them no time is counted. */
  failed: number
  p50: number
  p95: number
  max: number
}

export interface Place {
  origin: string
  users: number
  serviceKey: string
  refreshTokenOf(user: number): string
  /** Of each cheap request; the dear ones are asked ten times. */
  samples: number
}

const verifier = 'a-verifier-of-43-characters-or-more-as-it-must-be'
const challenge = createHash('sha256').update(verifier).digest('base64url')
const basic = {
  authorization: `Basic ${Buffer.from(`${shop.id}:${shop.secret}`).toString('base64')}`,
}

/** Asks one at a time, each time as somebody else, far apart in every table. */
export async function latencies(place: Place): Promise<Line[]> {
  // An answer may take as long as the database is given for a statement.
  const client = createClient({ origin: place.origin, connections: 1, timeoutMs: 60_000 })
  let asked = 0
  const ask = (request: Asked): Promise<Answer> => {
    asked += 1
    return client.ask({ ...request, headers: { ...request.headers, ...someClient(asked) } })
  }
  const next = strangers(place.users)
  const { serviceKey, samples } = place
  const bearer = { authorization: `Bearer ${serviceKey}` }
  const refreshed = (refresh_token: string) =>
    ask({
      ...{ method: 'POST', path: '/auth/v1/token?grant_type=refresh_token', headers: json },
      body: JSON.stringify({ refresh_token }),
    })
  const token = (fields: Record<string, string>) =>
    ask({
      ...{ method: 'POST', path: '/oidc/token', headers: { ...form, ...basic } },
      body: new URLSearchParams(fields).toString(),
    })
  const authorize = (user: number) =>
    ask({
      method: 'GET',
      path: `/oidc/auth?${new URLSearchParams({
        ...{ client_id: shop.id, redirect_uri: callback, response_type: 'code' },
        ...{ scope: 'openid profile email', state: 'a state' },
        ...{ code_challenge: challenge, code_challenge_method: 'S256' },
      })}`,
      headers: { cookie: `session=${cookieOf(user)}` },
    })
  const audit = (query: string) => () =>
    ask({ method: 'GET', path: `/auth/v1/admin/audit?${query}`, headers: bearer })
  const accessTokens: string[] = []

  const things: [name: string, count: number, status: number, once: () => Promise<Answer>][] = [
    [
      'refresh, second kind',
      samples,
      200,
      async () => {
        const answer = await refreshed(countedTokenOf(next('counted')))
        if (answer.status === 200) accessTokens.push(JSON.parse(answer.text).access_token)
        return answer
      },
    ],
    ['refresh, first kind', samples, 200, () => refreshed(rowTokenOf(next('rows')))],
    [
      'GET /user',
      samples,
      200,
      () => {
        const authorization = `Bearer ${accessTokens.shift()}`
        return ask({ method: 'GET', path: '/auth/v1/user', headers: { authorization } })
      },
    ],
    [
      'sign-in by password',
      Math.min(samples, 50),
      200,
      () =>
        ask({
          ...{ method: 'POST', path: '/auth/v1/token?grant_type=password', headers: json },
          body: JSON.stringify({ email: emailOf(next('rows')), password }),
        }),
    ],
    [
      'OpenID refresh',
      samples,
      200,
      () =>
        token({
          grant_type: 'refresh_token',
          refresh_token: place.refreshTokenOf(next('browser')),
        }),
    ],
    [
      'code flow: authorization and code',
      samples,
      200,
      async () => {
        const away = await authorize(next('browser'))
        const location = new URL(away.header('location') ?? 'about:blank', place.origin)
        const code = location.searchParams.get('code')
        if (code === null) return away
        const about = { redirect_uri: callback, code_verifier: verifier }
        return token({ grant_type: 'authorization_code', code, ...about })
      },
    ],
    [
      'admin: one user',
      samples,
      200,
      () =>
        ask({
          ...{ method: 'GET', headers: bearer },
          path: `/auth/v1/admin/users/${userIdOf(next('rows'))}`,
        }),
    ],
    ['admin: audit log, first page', 5, 200, audit('page=1&per_page=50')],
    [
      'admin: delete a user',
      Math.min(samples, 50),
      200,
      () =>
        ask({
          ...{ method: 'DELETE', headers: { ...bearer, ...json }, body: '{}' },
          path: `/auth/v1/admin/users/${userIdOf(next('rows'))}`,
        }),
    ],
  ]
  const lines: Line[] = []
  for (const [name, count, status, once] of things) {
    lines.push(await measure({ name, count, status }, once))
  }
  client.close()
  return lines
}

/** The lists of users, which nothing but an index of GoTrue's makes quick; `how` says whether it is there. */
export async function lists({ origin, users, serviceKey }: Place, how: string): Promise<Line[]> {
  const client = createClient({ origin, connections: 1, timeoutMs: 60_000 })
  const queries: [name: string, query: string][] = [
    ['first page', 'page=1&per_page=50'],
    ['last page', `page=${Math.ceil(users / 50)}&per_page=50`],
    ['by address', `filter=${emailOf(Math.floor(users / 2))}`],
  ]
  const lines: Line[] = []
  for (const [name, query] of queries) {
    const headers = { authorization: `Bearer ${serviceKey}`, ...someClient(lines.length) }
    const path = `/auth/v1/admin/users?${query}`
    const about = { name: `admin: users, ${name}${how}`, count: 5, status: 200 }
    lines.push(await measure(about, () => client.ask({ method: 'GET', path, headers })))
  }
  client.close()
  return lines
}

async function measure(
  { name, count, status }: { name: string; count: number; status: number },
  once: () => Promise<Answer>,
): Promise<Line> {
  const histogram = createHistogram()
  let failed = 0
  let told = false
  for (let index = 0; index < count; index += 1) {
    const began = performance.now()
    const answer = await once().catch((error: unknown) => {
      if (error instanceof NoAnswer) return null
      throw error
    })
    if (answer?.status === status) histogram.record((performance.now() - began) * 1000)
    else {
      failed += 1
      if (!told) console.log(`  ${name}: ${answer?.status} ${answer?.text.slice(0, 200)}`)
      told = true
    }
  }
  const [p50 = 0, p95 = 0] = [50, 95].map((percent) => histogram.percentile(percent) / 1000)
  return { name, samples: count, failed, p50, p95, max: histogram.max / 1000 }
}

/** Users with a session of this carrier that is good, each once, spread over all. */
function strangers(users: number): (carrier: ReturnType<typeof carrierOf>) => number {
  // A prime beside the golden section of the number: neighbours in time are far apart in the tables.
  const stride = Math.floor(users * 0.618_034) | 1
  let at = 0
  const isPlain = (user: number) =>
    user >= 97 &&
    user % 100 !== 0 &&
    user % 50 !== 1 &&
    user % 25 !== 0 &&
    user % 7 !== 0 &&
    user % 200 !== 3
  return (carrier) => {
    do at = (at + stride) % users
    while (!isPlain(at) || carrierOf(at) !== carrier || at % 10 === 4)
    return at
  }
}
