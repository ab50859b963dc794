import { generateKeyPairSync } from 'node:crypto'
import { Client } from 'pg'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { readConfig } from '../../src/base/config.ts'
import { createApp, createContext } from '../../src/main.ts'
import { databaseKind, withDatabase } from '../database.ts'
import {
  authorizationRequest,
  bookstore,
  everything,
  form,
  json,
  megabyte,
  type Nonsense,
  nonsense,
} from './nonsense.ts'
import {
  accountRoutes,
  addressesOfNonsense,
  authjs,
  type Bearer,
  bodilessRoutes,
  gotrueRoutes,
  oidcRoutes,
  pageRoutes,
  type Route,
  type RouteOfApp,
  readingRoutes,
  strangeHeaders,
  strangeRoutes,
  strangeValues,
  writingRoutes,
} from './nonsense-routes.ts'
import { rowsBut } from './nonsense-rows.ts'
import { createAccount, type Stage, setStage } from './stage.ts'
import { visitor } from './visitor.ts'

// Every route with a body of nonsense: 4xx in that protocol's own shape, no 5xx, nothing written.

let stage: Stage
let routes: readonly RouteOfApp[]
let ledger: Client | null = null
const walked = new Set<string>()
/** More bytes than one write takes. */
const large = 100_000
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
  const local = databaseKind() === 'pglite' ? { localToken: 'x' } : {}
  routes = createApp(createContext({ config, database }), local).routes
  const { privateKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  const key = privateKey.export({ type: 'pkcs1', format: 'der' }).toString('base64')
  stage = await setStage(databaseKind(), {
    env: { ...everything, GOTRUE_SAML_PRIVATE_KEY: key },
    apply: { applications: [bookstore] },
  })
  if (stage.place.databaseUrl !== null) {
    ledger = new Client({ connectionString: stage.place.databaseUrl })
    await ledger.connect()
  }
  // The provider's first key is made when somebody asks for it.
  await fetch(`${stage.server.url}/oidc/jwks`)
  const ann = await createAccount(stage.server)
  credentials.admin = `Bearer ${stage.server.serviceRoleKey}`
  const answer = await fetch(`${stage.server.url}/auth/v1/token?grant_type=password`, {
    method: 'POST',
    headers: { 'content-type': json },
    body: JSON.stringify(ann),
  })
  credentials.user = `Bearer ${(await answer.json()).access_token}`
}, 120_000)
afterAll(async () => {
  await ledger?.end()
  await stage?.clear()
})

async function send(
  { method, path, as = 'nobody', pattern = path.replace(/\?.*/, '') }: Route,
  { type, body }: Pick<Nonsense, 'type'> & { body: BodyInit },
  headers: Record<string, string> = {},
): Promise<Answered> {
  walked.add(`${method} ${pattern}`)
  const authorization = credentials[as]
  const ask = () =>
    fetch(stage.server.url + path, {
      method,
      redirect: 'manual',
      headers: {
        'content-type': type,
        ...(authorization ? { authorization } : {}),
        ...headers,
      },
      ...(method === 'GET' ? {} : { body }),
    })
  // Half a second after a refusal the server cuts off who still sends; a slow sender may have read nothing by then.
  const isLarge = body instanceof Uint8Array && body.byteLength > large
  const answer = await (isLarge ? ask().catch(ask).catch(ask).catch(ask) : ask())
  return { status: answer.status, headers: answer.headers, text: await answer.text() }
}

interface Answered {
  status: number
  headers: Headers
  text: string
}

/** Sends it to each of them, some at a time; whatever `isRight` does not like, and what was written, is the end of the test. */
async function disturb<One extends { route: Route }>(
  all: readonly One[],
  sendOne: (one: One) => Promise<Answered>,
  isRight: (answer: Answered, one: One) => boolean,
  mayBeWritten: readonly string[] = [],
): Promise<void> {
  expect(all.length).toBeGreaterThan(0)
  const before = await rowsBut(ledger, mayBeWritten)
  const found: unknown[] = []
  const waiting = all.values()
  const lane = async () => {
    for (const one of waiting) {
      const answer = await sendOne(one)
      if (isRight(answer, one)) continue
      const { status, headers, text } = answer
      found.push({ ...one, status, location: headers.get('location'), body: text.slice(0, 200) })
    }
  }
  await Promise.all(Array.from({ length: 4 }, lane))
  expect(found).toEqual([])
  expect(await rowsBut(ledger, mayBeWritten)).toEqual(before)
}

const bare = (all: readonly Route[]) => all.map((route) => ({ route }))

describe.each(nonsense)('$name', (what) => {
  test('GoTrue refuses it in both of its formats', async () => {
    const formats = [{}, { 'x-supabase-api-version': '2024-01-01' }]
    // A second spelling is the same route: it is asked for once, and what is large is not sent to it.
    const isLarge = what.body.byteLength > large
    const all = gotrueRoutes(routes).flatMap((route) => {
      if (!route.path.endsWith('/')) return formats.map((headers) => ({ route, headers }))
      return isLarge ? [] : formats.slice(1).map((headers) => ({ route, headers }))
    })
    await disturb(
      all,
      ({ route, headers }) => send(route, what, headers),
      (answer, { route, headers }) => {
        const body = shapeOf(answer)
        // The browser that a company sent is sent on, and OAuth's own clients are told in OAuth's words.
        if (route.path.endsWith('/saml/acs')) return isSentOn(answer)
        if (!isClientError(answer)) return false
        if (route.path.endsWith('/oauth/token') && typeof body?.error === 'string') return true
        if (headers === formats[0])
          return typeof body?.msg === 'string' && body.code === answer.status
        return (
          typeof body?.message === 'string' &&
          typeof body.code === 'string' &&
          answer.headers.get('x-supabase-api-version') === '2024-01-01'
        )
      },
    )
  }, 60_000)

  test('the OpenID Provider refuses it as RFC 6749 § 5.2 says', async () => {
    await disturb(
      bare(oidcRoutes(routes)),
      ({ route }) => send(route, what),
      (answer) => {
        const isBearer = answer.headers.get('www-authenticate')?.startsWith('Bearer')
        const isSaid = typeof shapeOf(answer)?.error === 'string'
        return isClientError(answer) && (isSaid || isBearer === true)
      },
    )
  }, 60_000)

  test('what scripts and accounts ask for is refused, or leads to the sign-in', async () => {
    await disturb(
      bare(accountRoutes(routes)),
      ({ route }) => send(route, what, { origin: stage.server.url }),
      (answer) => {
        const isRefused = isClientError(answer) && /^\{"code":"\w+"|<h1/m.test(answer.text)
        return isRefused || (answer.status === 303 && answer.headers.get('location') === '/sign-in')
      },
    )
  }, 60_000)

  test('the adapter over HTTP refuses it with a code and a sentence', async () => {
    // Its users may have further fields and no address: a strange one is no nonsense there.
    const isFine = what.name === 'a poisoned prototype'
    await disturb(
      bare(authjs.filter(({ path }) => !isFine || !path.endsWith('/createUser'))),
      ({ route }) => send(route, what),
      (answer) => isClientError(answer) && JSON.stringify(shapeOf(answer)).includes('"code"'),
    )
  }, 60_000)

  test('the hosted pages refuse it with a page', async () => {
    await disturb(
      bare(pageRoutes(routes)),
      ({ route }) => send(route, what, { accept: 'text/html', origin: stage.server.url }),
      (answer) =>
        isClientError(answer) &&
        answer.headers.get('content-type')?.startsWith('text/html') === true &&
        answer.text.includes('<h1'),
    )
  }, 60_000)

  test('what needs no body does nothing else because of it', async () => {
    await disturb(
      bare(bodilessRoutes(routes)),
      ({ route }) => send(route, what, { origin: stage.server.url }),
      ({ status }) => status < 500,
      // A passkey may be asked for before anything else: without a sign-in under way it begins one.
      ['auth.webauthn_challenges', 'idp.interactions'],
    )
  }, 60_000)
})

test('a poisoned prototype gives a user of the adapter nothing (I15)', async () => {
  const what = nonsense.find(({ name }) => name === 'a poisoned prototype')
  const route: Route = { method: 'POST', path: '/api/authjs/createUser', as: 'app' }
  const answer = await send(route, what ?? expect.fail('it is on the list'))
  const { result } = JSON.parse(answer.text)
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
    { action: '/device', field: 'user_code' },
    { action: '/device/confirm', field: 'want' },
    { action: '/account/applications', field: 'application' },
    { action: '/sign-out', field: 'question' },
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

  test.each(Object.entries(values))(
    '%s in a field is no fault of the server (M5)',
    async (_, value) => {
      const found: unknown[] = []
      const before = await rowsBut(ledger, ['idp.interactions'])
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
      expect(await rowsBut(ledger, ['idp.interactions'])).toEqual(before)
      expect(stage.post.mailgun.messages).toEqual([])
    },
  )
})

test('addresses of nonsense are refused too (I6)', async () => {
  const found: unknown[] = []
  for (const path of addressesOfNonsense) {
    for (const as of ['nobody', 'admin'] as const) {
      const answer = await send({ method: 'GET', path, as }, { type: json, body: '' })
      // GoTrue answers a bad link with a redirect that names the error, as its clients expect.
      if (!isClientError(answer) && !isSentOn(answer))
        found.push({ path, as, status: answer.status })
    }
  }
  expect(found).toEqual([])
}, 60_000)

test.each(strangeValues)(
  '%s in an address and its query is read by nobody (I9)',
  async (_, value) => {
    await disturb(
      bare(readingRoutes(routes, value)),
      ({ route }) => send(route, { type: json, body: '' }, { accept: 'text/html' }),
      ({ status, headers, text }) => {
        const isHtml = headers.get('content-type')?.startsWith('text/html') === true
        const isTrusting = isHtml && text.includes('<script>alert')
        // A sign-out makes cookies empty; nothing else is kept of nonsense.
        const isForgetful = headers.getSetCookie().every((cookie) => /^[\w.-]+=;/.test(cookie))
        return status < 500 && !isTrusting && isForgetful
      },
    )
  },
  60_000,
)

test.each(strangeHeaders)(
  '%j is no fault of the server',
  async (headers) => {
    const body = '['
    const all = [...writingRoutes(routes), ...readingRoutes(routes, 'x')]
    await disturb(
      bare(all.filter(({ as }) => as === undefined || as === 'nobody')),
      ({ route }) => send(route, { type: json, body }, { ...headers }),
      ({ status }, { route }) => status < 500 && (route.method === 'GET' || status >= 300),
    )
  },
  60_000,
)

test('no address has a method that nothing has (I12)', async () => {
  await disturb(
    bare(strangeRoutes(routes)),
    ({ route }) => send(route, { type: json, body: '{}' }),
    isClientError,
  )
}, 60_000)

test('no route of the app is left out', () => {
  const all = new Set(routes.map(({ method, path }) => `${method} ${path}`))
  const isWalked = (route: string) => walked.has(route.replace(/^ALL /, 'PROPFIND '))
  expect([...all].filter((route) => !isWalked(route))).toEqual([])
  expect(all.size).toBeGreaterThan(200)
})

test('the server still stands, and logged no fault of its own (M8)', async () => {
  const answer = await fetch(`${stage.server.url}/auth/v1/health`)
  expect(answer.status).toBe(200)
  expect(stage.server.log()).not.toMatch(/"level":(?:50|60)|TypeError|RangeError|unhandled/i)
})

function isClientError({ status }: { status: number }): boolean {
  return status >= 400 && status < 500
}

function isSentOn({ status, headers }: Answered): boolean {
  return status >= 300 && status < 400 && /[#?&]error/.test(headers.get('location') ?? '')
}

function shapeOf({ text }: Answered): Record<string, unknown> | null {
  try {
    return JSON.parse(text)
  } catch {
    return null
  }
}
