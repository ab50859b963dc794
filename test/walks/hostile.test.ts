import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { createApp, createContext } from '../../src/main.ts'
import { databaseKind, withDatabase } from '../database.ts'
import { query } from './ledger.ts'
import {
  accountRoutes,
  authjs,
  authorizationRequest,
  type Bearer,
  bookstore,
  form,
  gotrueRoutes,
  json,
  megabyte,
  type Nonsense,
  nonsense,
  oidcRoutes,
  pageRoutes,
  type Route,
} from './nonsense.ts'
import { createAccount, type Stage, setStage } from './stage.ts'
import { visitor } from './visitor.ts'

// Every route with a body of nonsense: 4xx in that protocol's own shape, no 5xx, nothing written.

let stage: Stage
let gotrue: Route[]
let oidc: Route[]
let pages: Route[]
let account: Route[]
const database = withDatabase()
const credentials: Record<Bearer, string | null> = {
  nobody: null,
  user: null,
  admin: null,
  app: `Basic ${Buffer.from(`${bookstore.id}:${bookstore.secret}`).toString('base64')}`,
}

beforeAll(async () => {
  // The app itself says which routes there are, so that a new one is disturbed too.
  const config = readConfig({ mode: 'dev', environment: {}, storedSecret: 'x'.repeat(32) })
  const { routes } = createApp(createContext({ config, database }))
  gotrue = gotrueRoutes(routes)
  oidc = oidcRoutes(routes)
  pages = pageRoutes(routes)
  account = accountRoutes(routes)
  expect([gotrue.length > 50, oidc.length > 4, pages.length > 10]).toEqual([true, true, true])
  stage = await setStage(databaseKind(), {
    env: { SEKISHO_REGISTRATION: 'open' },
    apply: { applications: [bookstore] },
  })
  const ann = await createAccount(stage.server)
  credentials.admin = `Bearer ${stage.server.serviceRoleKey}`
  const answer = await fetch(`${stage.server.url}/auth/v1/token?grant_type=password`, {
    method: 'POST',
    headers: { 'content-type': json },
    body: JSON.stringify(ann),
  })
  credentials.user = `Bearer ${(await answer.json()).access_token}`
}, 120_000)
afterAll(() => stage?.clear())

function send(
  { method, path, as = 'nobody' }: Route,
  { type, body }: Nonsense,
  headers: Record<string, string> = {},
) {
  const authorization = credentials[as]
  return fetch(stage.server.url + path, {
    method,
    redirect: 'manual',
    headers: {
      'content-type': type,
      ...(authorization ? { authorization } : {}),
      ...headers,
    },
    ...(method === 'GET' ? {} : { body }),
  })
}

describe.each(nonsense)('$name', (what) => {
  test('GoTrue refuses it in both of its formats', async () => {
    const found: unknown[] = []
    const before = await counts()
    for (const route of gotrue) {
      const old = await send(route, what)
      const oldBody = await shapeOf(old)
      if (!isClientError(old) || typeof oldBody?.msg !== 'string' || oldBody.code !== old.status) {
        found.push({ ...route, status: old.status, body: oldBody })
      }
      const recent = await send(route, what, { 'x-supabase-api-version': '2024-01-01' })
      const recentBody = await shapeOf(recent)
      if (
        !isClientError(recent) ||
        typeof recentBody?.message !== 'string' ||
        typeof recentBody.code !== 'string' ||
        recent.headers.get('x-supabase-api-version') !== '2024-01-01'
      ) {
        found.push({ ...route, version: '2024-01-01', status: recent.status, body: recentBody })
      }
    }
    expect(found).toEqual([])
    expect(await counts()).toEqual(before)
  }, 60_000)

  test('the OpenID Provider refuses it as RFC 6749 § 5.2 says', async () => {
    const found: unknown[] = []
    const before = await counts()
    for (const route of oidc) {
      const answer = await send(route, what)
      const body = await shapeOf(answer)
      const isBearer = answer.headers.get('www-authenticate')?.startsWith('Bearer')
      if (!isClientError(answer) || (typeof body?.error !== 'string' && !isBearer)) {
        found.push({ ...route, status: answer.status, body })
      }
    }
    expect(found).toEqual([])
    expect(await counts()).toEqual(before)
  }, 60_000)

  test('what scripts and accounts ask for is refused, or leads to the sign-in', async () => {
    const found: unknown[] = []
    const before = await counts()
    for (const route of account) {
      const answer = await send(route, what, { origin: stage.server.url })
      const body = await answer.text()
      const isRefused = isClientError(answer) && /^\{"code":"\w+"|<h1/m.test(body)
      const isSentToSignIn = answer.status === 303 && answer.headers.get('location') === '/sign-in'
      // A passkey may be asked for before anything else: without a sign-in under way it begins one.
      const isBegun = answer.status === 200 && route.path === '/sign-in/passkey/options'
      if (!isRefused && !isSentToSignIn && !isBegun) {
        found.push({ ...route, status: answer.status, body })
      }
    }
    expect(found).toEqual([])
    expect(await counts()).toEqual(before)
  }, 60_000)

  test('the adapter over HTTP refuses it with a code and a sentence', async () => {
    const found: unknown[] = []
    const before = await counts()
    for (const route of authjs) {
      // Its users may have further fields and no address: a strange one is no nonsense there.
      if (what.name === 'a poisoned prototype' && route.path.endsWith('/createUser')) continue
      const answer = await send(route, what)
      const body = await shapeOf(answer)
      if (!isClientError(answer) || !JSON.stringify(body).includes('"code"')) {
        found.push({ ...route, status: answer.status, body })
      }
    }
    expect(found).toEqual([])
    expect(await counts()).toEqual(before)
  }, 60_000)

  test('the hosted pages refuse it with a page', async () => {
    const found: unknown[] = []
    const before = await counts()
    for (const route of pages) {
      const answer = await send(route, what, { accept: 'text/html', origin: stage.server.url })
      const body = await answer.text()
      const isPage =
        answer.headers.get('content-type')?.startsWith('text/html') && body.includes('<h1')
      if (!isClientError(answer) || !isPage) {
        found.push({
          ...route,
          status: answer.status,
          location: answer.headers.get('location'),
          body: body.slice(0, 200),
        })
      }
    }
    expect(found).toEqual([])
    expect(await counts()).toEqual(before)
  }, 60_000)
})

test('a poisoned prototype gives a user of the adapter nothing', async () => {
  const what = nonsense.find(({ name }) => name === 'a poisoned prototype')
  const route: Route = { method: 'POST', path: '/api/authjs/createUser', as: 'app' }
  const answer = await send(route, what ?? expect.fail('it is on the list'))
  const { result } = await answer.json()
  expect([answer.status, result.email]).toEqual([200, null])
})

describe('with a sign-in under way', () => {
  const forms = [
    { action: '/sign-in', field: 'identifier' },
    { action: '/register', field: 'identifier' },
    { action: '/forgot-password', field: 'identifier' },
    { action: '/sign-in/password', field: 'password' },
    { action: '/sign-in/code', field: 'code' },
    { action: '/register/code', field: 'code' },
    { action: '/forgot-password/code', field: 'code' },
    { action: '/reset-password', field: 'password' },
    { action: '/select-account', field: 'session' },
    { action: '/sign-in/second-factor', field: 'code' },
    { action: '/consent', field: 'want' },
  ]
  const values = {
    nothing: '',
    NUL: 'a%00b%40example.com',
    'invalid UTF-8': '%ff%fe%40example.com',
    'half a surrogate': '%ed%a0%80%40example.com',
    'a megabyte': `${megabyte}%40example.com`,
    'two lines': 'ann%40example.com%0d%0aBcc%3A+all%40example.com',
    html: '%3Cscript%3Ealert(1)%3C%2Fscript%3E',
    'the same twice': 'a%40example.com&identifier=b%40example.com&code=1&password=2',
  }

  test.each(Object.entries(values))('%s in a field is no fault of the server', async (_, value) => {
    const found: unknown[] = []
    const before = await counts()
    for (const { action, field } of forms) {
      const guest = visitor()
      const start = await guest.open(`${stage.server.url}/oidc/auth?${authorizationRequest}`)
      const flow = new URL(start.url).searchParams.get('flow') ?? ''
      expect(flow).not.toBe('')
      const answer = await fetch(stage.server.url + action, {
        method: 'POST',
        redirect: 'manual',
        headers: {
          'content-type': form,
          origin: stage.server.url,
          cookie: guest
            .cookies()
            .map((cookie) => `${cookie.name}=${cookie.value}`)
            .join('; '),
        },
        body: `flow=${flow}&${field}=${value}`,
      })
      const body = await answer.text()
      // Steps that this sign-in has not reached send people back to the one where it is.
      const isBack = answer.status === 303
      if (!isClientError(answer) && !isBack) found.push({ action, status: answer.status, body })
      if (body.includes('<script>alert')) found.push({ action, unescaped: body })
    }
    expect(found).toEqual([])
    expect(await counts()).toEqual(before)
    expect(stage.post.mailgun.messages).toEqual([])
  })
})

test('addresses of nonsense are refused too', async () => {
  const found: unknown[] = []
  for (const path of [
    '/auth/v1/verify',
    '/auth/v1/verify?type=signup&token=%00',
    '/auth/v1/verify?type=%00&token=x',
    '/auth/v1/authorize?provider=%00&invite_token=%00',
    '/auth/v1/authorize?provider=custom:%00',
    '/auth/v1/callback?state=%00&code=%00',
    '/auth/v1/callback?state=00000000-0000-4000-8000-000000000000&error=%00',
    '/auth/v1/user/identities/authorize?provider=%00',
    '/auth/v1/admin/custom-providers/custom:%00',
    '/auth/v1/admin/custom-providers?type=%00',
    '/auth/v1/admin/users/%00',
    '/auth/v1/admin/users/%ff',
    '/auth/v1/admin/users?page=-1&per_page=x',
    '/auth/v1/%00',
    '/oidc/auth?client_id=%00&redirect_uri=%00',
    `/oidc/auth?client_id=${'a'.repeat(10_000)}`,
    '/oidc/auth/%00',
    '/oidc/session/end?client_id=%00&post_logout_redirect_uri=%00',
    '/sign-in?flow=%00',
    '/consent',
    '/select-account?flow=%ff',
    '/sign-in/second-factor?flow=x&factor=%00',
    '/%00',
    '/%ff%fe',
    '/..%2f..%2fetc%2fpasswd',
    '/assets/..%2f..%2fpackage.json',
  ]) {
    for (const as of ['nobody', 'admin'] as const) {
      const answer = await send({ method: 'GET', path, as }, { name: '', type: json, body: '' })
      await answer.arrayBuffer()
      // GoTrue answers a bad link with a redirect that names the error, as its clients expect.
      const isRefusal =
        isClientError(answer) || /[#?&]error/.test(answer.headers.get('location') ?? '')
      if (!isRefusal) found.push({ path, as, status: answer.status })
    }
  }
  expect(found).toEqual([])
}, 60_000)

test('the server still stands, and logged no fault of its own', async () => {
  const answer = await fetch(`${stage.server.url}/auth/v1/health`)
  expect(answer.status).toBe(200)
  expect(stage.server.log()).not.toMatch(/"level":(?:50|60)|TypeError|RangeError|unhandled/i)
})

function isClientError({ status }: Response): boolean {
  return status >= 400 && status < 500
}

async function shapeOf(answer: Response): Promise<Record<string, unknown> | null> {
  try {
    return JSON.parse(await answer.text())
  } catch {
    return null
  }
}

/** How many rows stand where nonsense must not leave any; null where the server has the database to itself. */
async function counts() {
  const rows = await query<{ table: string; rows: number }>(
    stage.place,
    [
      'auth.users',
      'auth.identities',
      'auth.sessions',
      'auth.one_time_tokens',
      'auth.flow_state',
      'auth.refresh_tokens',
    ]
      .concat([
        'idp.profiles',
        'idp.verifications',
        'idp.grants',
        'idp.tokens',
        'idp.session_tokens',
        'idp.applications',
      ])
      .map((table) => `select '${table}' as table, count(*)::int as rows from ${table}`)
      .join(' union all '),
  )
  return rows && Object.fromEntries(rows.map(({ table, rows: count }) => [table, count]))
}
