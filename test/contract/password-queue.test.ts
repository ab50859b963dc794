import type { ServerResponse } from 'node:http'
import { connect } from 'node:net'
import { serve } from '@hono/node-server'
import { expect, onTestFinished, test, vi } from 'vitest'
import { hashPassword, passwordQueue } from '../../src/base/password.ts'
import { createApp } from '../../src/main.ts'
import { freePort } from '../setup/free-port.ts'
import { world } from '../world.ts'
import { gotrueIn, gotrueWorld, password } from './gotrue-world.ts'

const email = 'ann@example.com'

/** Two clients send so many passwords that a third one of either is refused. */
async function flooded(ips: readonly (string | null)[], work: () => Promise<void>): Promise<void> {
  const flood = ips.flatMap((ip) =>
    Array.from({ length: 400 }, () => hashPassword({ client: { ip, userAgent: null } }, 'x')),
  )
  const settled = Promise.allSettled(flood)
  try {
    await work()
  } finally {
    await settled
  }
}

test('a sign-in that would wait too long is refused with a time, before anything is asked of the database (M11)', async () => {
  const at = await gotrueWorld()
  await at.createAccount()
  const flooder = at.from('192.0.2.66')
  const body = { email, password }
  await flooded(['192.0.2.66', '192.0.2.67'], async () => {
    at.queries()
    const refused = await flooder.ask('POST', '/token?grant_type=password', { body })
    expect([refused.status, refused.body.error_code]).toEqual([429, 'over_request_rate_limit'])
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThanOrEqual(1)
    expect(at.queries()).toEqual([])
    const unknown = await flooder.ask('POST', '/token?grant_type=password', {
      body: { email: 'nobody@example.com', password },
    })
    expect([unknown.status, unknown.body]).toEqual([refused.status, refused.body])
    // Whoever comes from elsewhere has their turn, and sign-ins are not all that there is.
    expect((await at.ask('POST', '/token?grant_type=password', { body })).status).toBe(200)
  })
  expect((await flooder.ask('POST', '/token?grant_type=password', { body })).status).toBe(200)
})

test('a refused password leaves no account half made (M11)', async () => {
  const at = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  const flooder = at.from('192.0.2.66')
  await flooded(['192.0.2.66', '192.0.2.67'], async () => {
    const refused = await flooder.ask('POST', '/signup', { body: { email, password } })
    expect(refused.status).toBe(429)
  })
  expect(await at.events()).not.toContain('user.signed-up')
  expect((await flooder.ask('POST', '/signup', { body: { email, password } })).status).toBe(200)
})

test('who hangs up is not hashed for (M11)', async () => {
  const scene = await world({
    GOTRUE_SECURITY_CAPTCHA_ENABLED: 'true',
    GOTRUE_SECURITY_CAPTCHA_PROVIDER: 'hcaptcha',
    GOTRUE_SECURITY_CAPTCHA_SECRET: 'a secret',
  })
  const { createAccount } = await gotrueIn(scene)
  await createAccount()
  const solved = Promise.withResolvers<Response>()
  const asked = Promise.withResolvers<void>()
  const fetch = async () => {
    asked.resolve()
    return solved.promise
  }
  const port = await freePort()
  const app = createApp({ ...scene.ctx, fetch })
  const server = serve({ fetch: app.fetch, port, hostname: '127.0.0.1' })
  onTestFinished(() => new Promise<void>((resolve) => server.close(() => resolve())))
  const closed = new Promise((resolve) => {
    server.on('request', (_, answer: ServerResponse) => answer.once('close', resolve))
  })
  const socket = connect(port, '127.0.0.1')
  const body = JSON.stringify({ email, password, gotrue_meta_security: { captcha_token: 'x' } })
  socket.write(
    `POST /auth/v1/token?grant_type=password HTTP/1.1\r\nhost: localhost\r\ncontent-type: application/json\r\n` +
      `content-length: ${body.length}\r\n\r\n${body}`,
  )
  await asked.promise
  socket.destroy()
  await closed
  const { dropped } = passwordQueue()
  solved.resolve(Response.json({ success: true }))
  await vi.waitFor(() => expect(passwordQueue().dropped).toBe(dropped + 1))
  expect(await scene.events()).not.toContain('user.signed-in')
})
