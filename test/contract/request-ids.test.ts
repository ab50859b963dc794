import type { Hono } from 'hono'
import { expect, test } from 'vitest'
import type { Env } from '../../src/base/http.ts'
import type { Log } from '../../src/base/log.ts'
import { createApp } from '../../src/main.ts'
import { type World, world } from '../world.ts'

/** A request as a peer sends it; the id that came back. */
async function idFor(app: Hono<Env>, headers: Record<string, string>, peer = '10.0.0.9') {
  const answer = await app.request(
    '/livez',
    { headers },
    { incoming: { socket: { remoteAddress: peer } } },
  )
  return answer.headers.get('x-request-id')
}

const uuid = /^[0-9a-f]{8}-[0-9a-f]{4}-4[0-9a-f]{3}-8[0-9a-f]{3}-[0-9a-f]{12}$/

test('a proxy that is believed names the request, and nobody else does', async () => {
  const { ctx } = await world({ SEKISHO_TRUST_PROXY: '10.0.0.0/8' })
  const app = createApp(ctx)
  expect(await idFor(app, { 'x-request-id': 'from-the-proxy' })).toBe('from-the-proxy')
  expect(await idFor(app, { 'x-request-id': 'from-anybody' }, '192.0.2.1')).toMatch(uuid)
  const wary = createApp((await world()).ctx)
  expect(await idFor(wary, { 'x-request-id': 'from-anybody' })).toMatch(uuid)
})

test.each([
  ['too long', 'x'.repeat(201)],
  ['with a space', 'one two'],
  ['empty', ''],
  ['not ASCII', 'caf\u00e9'],
])('an id that is %s is not taken over', async (_, id) => {
  const { ctx } = await world({ SEKISHO_TRUST_PROXY: '1' })
  expect(await idFor(createApp(ctx), { 'x-request-id': id })).toMatch(uuid)
})

test("the header that GoTrue's operator has named says the id to everybody, and it comes back with what failed", async () => {
  const { ctx } = await world({
    GOTRUE_API_REQUEST_ID_HEADER: 'x-id',
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_SMS_PROVIDER: 'nobody',
  })
  const answer = await createApp(ctx).request('/auth/v1/otp', {
    method: 'POST',
    headers: { 'content-type': 'application/json', 'x-id': 'r-1' },
    body: JSON.stringify({ phone: '15551234567' }),
  })
  expect(answer.status).toBe(500)
  expect(answer.headers.get('x-request-id')).toBe('r-1')
  expect(await answer.json()).toMatchObject({ error_id: 'r-1' })
})

test('every line that a request logs has its id; the last one says how it went, and not what was asked', async () => {
  const made = await world({
    SEKISHO_TRUST_PROXY: '1',
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_SMS_PROVIDER: 'nobody',
  })
  const lines = keepLog(made)
  const answer = await createApp({
    ...made.ctx,
    config: { ...made.ctx.config, mode: 'start' },
  }).request(
    '/auth/v1/otp?redirect_to=a-secret',
    {
      method: 'POST',
      headers: { 'content-type': 'application/json', 'x-request-id': 'r-2' },
      body: JSON.stringify({ phone: '15551234567' }),
    },
    { incoming: { socket: { remoteAddress: '10.0.0.9' } } },
  )
  expect(answer.status).toBe(500)
  expect(lines).toHaveLength(2)
  for (const line of lines) expect(line).toMatchObject({ requestId: 'r-2' })
  expect(lines[0]).toMatchObject({ message: 'A request failed.' })
  expect(lines[1]).toMatchObject({ method: 'POST', path: '/auth/v1/otp', status: 500 })
  expect(JSON.stringify(lines)).not.toContain('a-secret')
})

test.each([
  [
    '/auth/v1/admin/users/3fa85f64-5717-4562-b3fc-2c963f66afa6',
    '/auth/v1/admin/users/3fa85f64-5717-4562-b3fc-2c963f66afa6',
  ],
  ['/oidc/.well-known/openid-configuration', '/oidc/.well-known/openid-configuration'],
  ['/verify/AO_omE_0AkTolVUbuKTMyOQATZ5bZ/x', '/verify/…/x'],
  ['/verify/eyJhbGciOiJIUzI1NiJ9.e30.dBjftJeZ4CVP-mB92K27uhbUJU1p1r', '/verify/…'],
])('%s is logged as %s', async (path, logged) => {
  const made = await world()
  const lines = keepLog(made)
  await createApp({ ...made.ctx, config: { ...made.ctx.config, mode: 'start' } }).request(path)
  expect(lines.at(-1)).toMatchObject({ message: 'request', path: logged })
})

/** From now on the world's log is kept here. */
function keepLog(made: World): Record<string, unknown>[] {
  const lines: Record<string, unknown>[] = []
  const logWith = (fields: Record<string, unknown>): Log => {
    const write = (given: unknown, message?: string) => {
      lines.push({
        ...fields,
        ...(typeof given === 'object' ? given : {}),
        message: message ?? given,
      })
    }
    return {
      debug: write,
      info: write,
      warn: write,
      error: write,
      child: (more) => logWith({ ...fields, ...more }),
    }
  }
  Object.assign(made.ctx, { log: logWith({}) })
  return lines
}
