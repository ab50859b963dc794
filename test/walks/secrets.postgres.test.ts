import { afterAll, beforeAll, expect, test } from 'vitest'
import { collectSecrets, type Found } from './secrets.ts'
import { dump } from './secrets-stage.ts'
import { type Setting, setUp, walk } from './secrets-story.ts'
import { findPlace, type Place } from './server.ts'

/** Where a column holds what somebody could use, since GoTrue's own tables are kept as GoTrue keeps them, and why. */
const known: Record<string, { kind: string; why: string }> = {
  'auth.flow_state.id': {
    kind: 'state',
    why: "names a sign-in under way; nobody is let in without the provider's code as well",
  },
  'auth.flow_state.auth_code': {
    kind: "GoTrue's authorization code",
    why: 'is good for five minutes, and only together with the verifier, of which there is a hash',
  },
  'auth.mfa_factors.secret': {
    kind: 'TOTP secret',
    why: 'GoTrue reads it there; GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT seals it',
  },
  'auth.one_time_tokens.token_hash': {
    kind: "mailed link's token",
    why: "the token of GoTrue's links is this hash: of the address and the digits, which are not there",
  },
  'auth.users.confirmation_token': { kind: "mailed link's token", why: 'the same once more' },
  'auth.users.recovery_token': { kind: "mailed link's token", why: 'the same once more' },
  'auth.users.email_change_token_new': { kind: "mailed link's token", why: 'the same once more' },
}

/** How many of each kind the walk makes at least: a walk that makes none would find none. */
const expected: Record<string, number> = {
  password: 3,
  'wrong password': 9,
  'access token': 9,
  'refresh token': 11,
  'ID token': 2,
  'authorization code': 1,
  "GoTrue's authorization code": 2,
  'PKCE verifier': 4,
  "mailed link's token": 8,
  'mailed or sent code': 8,
  'wrong code': 1,
  'TOTP secret': 1,
  'TOTP code': 1,
  state: 2,
  cookie: 2,
  'session token': 1,
  'verification token': 1,
  'device code': 1,
  'user code': 1,
  'client secret': 4,
  'initial access token': 1,
  'registration access token': 1,
  'personal access token': 1,
  "provider's code": 2,
  "provider's access token": 2,
  "provider's refresh token": 1,
  "provider's client secret": 1,
  'SAML assertion': 2,
  'SAML key': 1,
  'SMTP password': 1,
  'hook secret': 1,
  'JWT secret': 1,
  'root secret': 1,
  'service key': 1,
  "collector's key": 1,
}

const secrets = collectSecrets()
let place: Place
let setting: Setting
let metrics: string
let traces: string
let columns: Map<string, string>

beforeAll(async () => {
  place = await findPlace('postgres')
  setting = await setUp(place, secrets)
  await walk(place, setting, secrets)
  metrics = await (await fetch(setting.metricsUrl)).text()
  await setting.server.stop()
  traces = setting.collector.received.map(({ body }) => body).join('\n')
  columns = await dump(place)
}, 240_000)

afterAll(async () => {
  await setting?.server.kill()
  await setting?.smtp.close()
  for (const one of [setting?.hooks, setting?.provider, setting?.collector]) await one?.close()
  await place?.leave()
})

/** What is found where nothing may be, for people to read. */
const told = (found: readonly Found[]) =>
  found.map(({ kind, spelling, context }) => `${kind}, ${spelling}: …${context}…`)

test('the walk makes secrets of every kind', () => {
  const counts = secrets.counts()
  expect(Object.keys(counts).sort()).toEqual(Object.keys(expected).sort())
  for (const [kind, count] of Object.entries(expected)) {
    expect(counts[kind], kind).toBeGreaterThanOrEqual(count)
  }
})

test('whoever looks for what is there finds it, in each of its spellings', () => {
  const { keep, findIn } = collectSecrets()
  const canary = keep('canary', 'a canary: é+/&"')
  const plain = Buffer.from(canary)
  for (const text of [
    `x${canary}y`,
    `?q=${encodeURIComponent(canary)}&`,
    new URLSearchParams({ canary }).toString(),
    JSON.stringify({ canary }),
    plain.toString('hex'),
    ...['', 'x', 'xy', 'xyz'].flatMap((before) => {
      const around = Buffer.concat([Buffer.from(before), plain, Buffer.from('end')])
      return [around.toString('base64'), around.toString('base64url')]
    }),
  ]) {
    expect(findIn(text), text).not.toEqual([])
  }
  expect(findIn('another bird')).toEqual([])
  keep('code', '123456')
  expect(findIn('at 12:00:00.123456, 71234567, x123456').map(({ kind }) => kind)).toEqual([])
  expect(findIn('{"code":"123456"}').map(({ kind }) => kind)).toEqual(['code'])
})

test('what is no secret is found in all the places that are looked at', () => {
  const { keep, findIn } = collectSecrets()
  keep('canary', setting.canary)
  expect(findIn(setting.server.log())).not.toEqual([])
  expect(findIn(traces)).not.toEqual([])
  expect(findIn([...columns.values()].join('\n'))).not.toEqual([])
  expect(metrics).toContain('route="/auth/v1/token",status="4xx"')
  expect(setting.errors.join('\n')).toContain('invalid_credentials')
})

test('N1: no secret is in the log, at its most talkative', () => {
  expect(told(secrets.findIn(setting.server.log()))).toEqual([])
})

test('N1: none is in the metrics', () => {
  expect(told(secrets.findIn(metrics))).toEqual([])
})

test('N1: none is in the traces', () => {
  expect(told(secrets.findIn(traces))).toEqual([])
})

test('N1: none is in what an error says', () => {
  expect(setting.errors.length).toBeGreaterThan(20)
  expect(told(secrets.findIn(setting.errors.join('\n')))).toEqual([])
})

test('N2: none is in the database, but for what GoTrue itself keeps so', () => {
  const found = new Set<string>()
  for (const [column, text] of columns) {
    for (const one of secrets.findIn(text)) {
      expect(known[column]?.kind, `${column}: ${told([one])}`).toBe(one.kind)
      found.add(column)
    }
  }
  expect([...found].sort()).toEqual(Object.keys(known).sort())
})
