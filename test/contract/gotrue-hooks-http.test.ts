import { generateKeyPairSync } from 'node:crypto'
import { expect, test } from 'vitest'
import { minute, unixSeconds } from '../../src/base/time.ts'
import { type Patience, post } from '../../src/flows/hooks/http.ts'
import { goodSignatures } from '../servers/hooks.ts'
import { freePort } from '../setup/free-port.ts'
import { hookedWorld, hooksAt, secret, withHookServer } from './gotrue-hooks-world.ts'
import { type GotrueWorld, newFormat } from './gotrue-world.ts'

/** How requests are made, and what becomes of the answers; one hook stands for all. */

const server = withHookServer()
const anonymous = { GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' }

function world(uri = server.url): Promise<GotrueWorld> {
  return hookedWorld({ ...anonymous, ...hooksAt(uri, 'BEFORE_USER_CREATED') })
}

/** One question with another patience than GoTrue's. */
async function ask(change: Partial<Patience>): Promise<unknown> {
  const { ctx } = await world()
  const place = { url: server.url, secrets: [`v1,whsec_${secret}`] }
  const patience = { total: minute, tries: 3, pause: 1, ...change }
  return post(ctx, place, { body: '{}', ...patience }).catch((error) => error)
}

const signUp = (world: GotrueWorld) =>
  world.ask('POST', '/signup', { body: {}, headers: newFormat })

test('every request is signed with every secret, for who verifies it with their own (N5)', async () => {
  const second = Buffer.alloc(32, 9).toString('base64')
  const { privateKey } = generateKeyPairSync('ed25519')
  const { d = '', x = '' } = privateKey.export({ format: 'jwk' })
  const [seed, publicKey] = [d, x].map((half) => Buffer.from(half, 'base64url'))
  const pair = `whpk_${publicKey?.toString('base64')}:whsk_${seed?.toString('base64')}`
  const hooked = await hookedWorld({
    ...anonymous,
    ...hooksAt(server.url, 'BEFORE_USER_CREATED'),
    GOTRUE_HOOK_BEFORE_USER_CREATED_SECRETS: `v1,whsec_${secret}|v1,whsec_${second}|v1a,${pair}`,
  })
  expect((await signUp(hooked)).status).toBe(200)
  const question = server.last()
  expect(question.headers).toMatchObject({
    'content-type': 'application/json',
    'webhook-id': expect.stringMatching(/^[0-9a-f-]{36}$/),
    'webhook-timestamp': String(unixSeconds(hooked.ctx.now())),
  })
  const keys = { secrets: [secret, second], publicKey: publicKey?.toString('base64') ?? '' }
  expect(goodSignatures(question, keys)).toHaveLength(3)
  expect(goodSignatures(question, { ...keys, secrets: [second] })).toHaveLength(2)
  expect(goodSignatures({ ...question, raw: `${question.raw} ` }, keys)).toEqual([])
})

test('a hook refuses with its own status and sentence, and nothing is written', async () => {
  const hooked = await world()
  server.say({ error: { http_code: 403, message: 'Not from <here>' } })
  const refused = await signUp(hooked)
  expect(refused.status).toBe(403)
  expect(refused.body).toEqual({ code: 'unknown', message: 'Not from <here>' })
  server.say({ error: { message: 'No code' } })
  const { status, body } = await signUp(hooked)
  expect([status, body.code, body.message]).toEqual([500, 'unexpected_failure', 'No code'])
  expect(await hooked.events()).not.toContain('user.signed-up')
})

test.each([[204], [302], ['403'], [700], [403.5], [-1]])(
  'a hook that wants to refuse with the status %j refuses with 500',
  async (code) => {
    server.say({ error: { http_code: code, message: 'No' } })
    expect(await signUp(await world())).toMatchObject({ status: 500, body: { message: 'No' } })
  },
)

test.each([
  ['an empty sentence', { error: { http_code: 400, message: '' } }],
  ['no error', { error: null }],
  ['something that nobody asked for', { decision: 'reject', claims: 7 }],
])('a hook that answers with %s has nothing against it', async (_, answer) => {
  server.say(answer)
  expect((await signUp(await world())).status).toBe(200)
})

test('202 is an answer, and 204 is one without a body', async () => {
  const hooked = await world()
  server.say({}, 202, { 'content-type': 'application/json; charset=utf-8' })
  expect((await signUp(hooked)).status).toBe(200)
  server.respond((_, response) => response.writeHead(204).end())
  expect((await signUp(hooked)).status).toBe(200)
})

const unexpected = (message: string) => ({
  status: 500,
  body: { code: 'unexpected_failure', message },
})
const typed = (message: string) => ({
  status: 400,
  body: { code: 'hook_payload_invalid_content_type', message },
})

test.each([
  ['400', () => server.say({}, 400), unexpected('Invalid payload sent to hook')],
  ['401', () => server.say({}, 401), unexpected('Hook requires authorization token')],
  ['500', () => server.say({}, 500), unexpected('Unexpected status code returned from hook: 500')],
  [
    'a redirect',
    () => server.say({}, 302, { location: server.url }),
    unexpected('Unexpected status code returned from hook: 302'),
  ],
  [
    '503 without a time',
    () => server.say({}, 503),
    unexpected('Service currently unavailable due to hook'),
  ],
  [
    'no type',
    () => server.respond((_, response) => response.writeHead(200).end('{}')),
    typed('Invalid Content-Type: Missing Content-Type header'),
  ],
  [
    'an empty type',
    () => server.say({}, 200, { 'content-type': ';' }),
    typed('Invalid Content-Type header: mime: no media type'),
  ],
  [
    'html',
    () => server.say('<p>', 200, { 'content-type': 'text/html' }),
    typed('Invalid JSON response. Received content-type: text/html'),
  ],
  ['no JSON', () => server.say('{'), unexpected('Error unmarshaling JSON output.')],
  ['no body', () => server.say(''), { status: 200 }],
  ['a list', () => server.say([]), unexpected('Error unmarshaling JSON output.')],
  [
    'an error that is none',
    () => server.say({ error: 'no' }),
    unexpected('Error unmarshaling JSON output.'),
  ],
  [
    'too much',
    () => server.say({ text: 'x'.repeat(200 * 1024) }),
    {
      status: 422,
      body: {
        code: 'hook_payload_over_size_limit',
        message: 'Payload size exceeded size limit of 204800 bytes',
      },
    },
  ],
  [
    'a broken connection',
    () => server.respond((_, response) => response.destroy()),
    unexpected('Failed to trigger auth hook, error making HTTP request'),
  ],
])('a hook that answers with %s', async (_, answer, expected) => {
  const hooked = await world()
  answer()
  expect(await signUp(hooked)).toMatchObject(expected)
  expect(server.questions).toHaveLength(1)
})

test('a hook that is not there (C12)', async () => {
  const hooked = await world(`http://127.0.0.1:${await freePort()}/hook`)
  expect(await signUp(hooked)).toMatchObject(
    unexpected('Failed to trigger auth hook, error making HTTP request'),
  )
})

test('a hook that never answers is waited for no longer than that (H4)', async () => {
  server.respond(() => {})
  expect(await ask({ total: 50 })).toMatchObject({ details: { why: 'timeout', limit: 50 } })
})

test('one that begins its answer and goes on for ever, too (H4)', async () => {
  server.respond((_, response) => {
    response.writeHead(200, { 'content-type': 'application/json' })
    response.write('{')
  })
  expect(await ask({ total: 200 })).toMatchObject({ details: { why: 'timeout' } })
})

test('one that asks for a moment is asked again, with the same message', async () => {
  server.respond((_, response) => {
    if (server.questions.length < 3) {
      return response
        .writeHead(server.questions.length === 1 ? 429 : 503, { 'retry-after': '1' })
        .end()
    }
    return response.writeHead(200, { 'content-type': 'application/json' }).end('{"a":1}')
  })
  expect(await ask({})).toBe('{"a":1}')
  expect(new Set(server.questions.map(({ headers }) => headers['webhook-id'])).size).toBe(1)
})

test('one that asks for a moment each time is asked three times', async () => {
  server.say({}, 503, { 'retry-after': '1' })
  expect(await ask({})).toMatchObject({ details: { why: 'retries' } })
  expect(server.questions).toHaveLength(3)
})

test('what pauses take is in the time for all', async () => {
  server.say({}, 503, { 'retry-after': '1' })
  const asked = await ask({ total: 300, pause: minute })
  expect(asked).toMatchObject({ details: { why: 'timeout' } })
  expect(server.questions.length).toBeLessThan(2)
})

test('who is kept waiting is told so in GoTrue’s words', async () => {
  const hooked = await world()
  server.say({}, 503, { 'retry-after': '1' })
  // GoTrue's own patience: three tries and two pauses of two seconds.
  const { status, body } = await signUp(hooked)
  expect(status).toBe(422)
  expect([
    ['hook_timeout', 'Failed to reach hook within maximum time of 5.000000 seconds'],
    ['hook_timeout_after_retry', 'Failed to reach hook after maximum retries'],
  ]).toContainEqual([body.code, body.message])
}, 30_000)

test('the log knows which hook failed and why, and neither secrets nor what was said (N1)', async () => {
  const hooked = await world()
  const lines: string[] = []
  const write = (...parts: unknown[]) => lines.push(JSON.stringify(parts))
  const log = { info: write, warn: write, error: write, debug: write, child: () => log }
  Object.assign(hooked.ctx, { log })
  server.say('hidden answer')
  await hooked.ask('POST', '/signup', { body: { data: { note: 'hidden question' } } })
  expect(lines.join('\n')).toContain('beforeUserCreated')
  expect(lines.join('\n')).not.toMatch(/hidden|whsec_|webhook-signature/)
  expect(lines.join('\n')).not.toContain(secret)
})
