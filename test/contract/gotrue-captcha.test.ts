import { createServer, type Server } from 'node:http'
import { text } from 'node:stream/consumers'
import { afterAll, beforeAll, beforeEach, expect, test } from 'vitest'
import { listenOnLoopback } from '../setup/listen.ts'
import { type GotrueWorld, gotrueWorld, newFormat, password } from './gotrue-world.ts'

const email = 'ann@example.com'

/** A provider on this machine: what it was asked, and what it says. */
let provider: Server
let url = ''
let asked: Record<string, string>[] = []
let says: { status: number; body: string } = { status: 200, body: '' }

beforeAll(async () => {
  provider = createServer(async (request, response) => {
    asked.push({
      path: request.url ?? '',
      ...Object.fromEntries(new URLSearchParams(await text(request))),
    })
    response.writeHead(says.status, { 'content-type': 'application/json' }).end(says.body)
  })
  url = `http://127.0.0.1:${await listenOnLoopback(provider)}`
})
afterAll(() => provider.close())
beforeEach(() => {
  asked = []
  says = { status: 200, body: '{"success":true}' }
})

/** What goes to a captcha's provider goes to ours. */
async function guardedWorld(environment: Record<string, string> = {}): Promise<GotrueWorld> {
  const world = await gotrueWorld({
    GOTRUE_SECURITY_CAPTCHA_ENABLED: 'true',
    GOTRUE_SECURITY_CAPTCHA_SECRET: 'the secret of the site',
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
    ...environment,
  })
  const around: typeof fetch = (input, init) => {
    const { host, pathname } = new URL(String(input))
    return fetch(`${url}/${host}${pathname}`, init)
  }
  Object.assign(world.ctx, { fetch: around })
  return world
}

const solved = { gotrue_meta_security: { captcha_token: 'solved' } }

test.each([
  ['hcaptcha', '/hcaptcha.com/siteverify'],
  ['turnstile', '/challenges.cloudflare.com/turnstile/v0/siteverify'],
])('%s says who is a person', async (name, path) => {
  const { ask } = await guardedWorld({ GOTRUE_SECURITY_CAPTCHA_PROVIDER: name })
  const { status } = await ask('POST', '/signup', { body: { email, password, ...solved } })
  expect(status).toBe(200)
  expect(asked).toEqual([
    { path, secret: 'the secret of the site', response: 'solved', remoteip: '192.0.2.1' },
  ])
})

test.each([
  ['/signup', {}],
  ['/signup', { email, password }],
  ['/recover', { email }],
  ['/resend', { email, type: 'signup' }],
  ['/magiclink', { email }],
  ['/otp', { email }],
  ['/token?grant_type=password', { email, password }],
  ['/token?grant_type=web3', {}],
  ['/sso', { domain: 'example.com' }],
  ['/passkeys/authentication/options', {}],
])('POST %s %j needs one', async (path, body) => {
  const { ask, adminKey, events } = await guardedWorld()
  const without = await ask('POST', path, { body })
  expect([without.status, without.body.error_code, without.body.msg]).toEqual([
    400,
    'captcha_failed',
    'captcha protection: request disallowed (no captcha_token found)',
  ])
  says.body = '{"success":false,"error-codes":["invalid-input-response","timeout-or-duplicate"]}'
  const wrong = await ask('POST', path, { body: { ...body, ...solved }, headers: newFormat })
  expect([wrong.status, wrong.body]).toEqual([
    400,
    {
      code: 'captcha_failed',
      message:
        'captcha protection: request disallowed (invalid-input-response, timeout-or-duplicate)',
    },
  ])
  expect((await events()).filter((type) => type !== 'key.created')).toEqual([])
  const admin = await ask('POST', path, { body, bearer: adminKey })
  expect(admin.body.error_code).not.toBe('captcha_failed')
})

test('who brings a token of ours needs none, and neither does a link', async () => {
  const { ask } = await guardedWorld()
  for (const grant of ['refresh_token', 'pkce', 'id_token']) {
    const { body } = await ask('POST', `/token?grant_type=${grant}`, { body: {} })
    expect(body.error_code).not.toBe('captcha_failed')
  }
  const { body } = await ask('POST', '/verify', { body: { type: 'email', token_hash: 'x' } })
  expect(body.error_code).toBe('otp_expired')
  expect(asked).toEqual([])
})

test.each([
  ['is broken', { status: 500, body: '<h1>Oops</h1>' }],
  ['says no object', { status: 200, body: 'null' }],
])('a provider that %s has not said yes (C12)', async (_what, answer) => {
  const { ask } = await guardedWorld()
  says = answer
  const { status, body } = await ask('POST', '/signup', { body: { email, password, ...solved } })
  expect([status, body.msg]).toEqual([500, 'captcha verification process failed'])
})

test.each([
  { gotrue_meta_security: null },
  { gotrue_meta_security: { captcha_token: null } },
  { gotrue_meta_security: { captcha_token: '  ' } },
  { gotrue_meta_security: { captcha_token: 7 } },
  { gotrue_meta_security: 'solved' },
  { gotrue_meta_security: ['solved'] },
])('%j is no solution', async (security) => {
  const { ask } = await guardedWorld()
  const { status } = await ask('POST', '/signup', { body: { email, password, ...security } })
  expect(status).toBe(400)
  expect(asked).toEqual([])
})
