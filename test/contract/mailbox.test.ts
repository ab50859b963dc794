import { Hono } from 'hono'
import { expect, test } from 'vitest'
import type { Env } from '../../src/base/http.ts'
import { dev } from '../../src/faces/dev/index.ts'
import { createApp } from '../../src/main.ts'
import { keepMessage } from '../../src/model/message.ts'
import { type World, world } from '../world.ts'

const token = 'the token of the command line'

const signUp = {
  channel: 'email' as const,
  to: 'ann@example.com',
  type: 'Register',
  subject: '123456 is your code',
  text: 'Your code is 123456',
  html: '<p>Your code is <b>123456</b></p><script>alert(1)</script>',
  code: '123456',
  link: null,
}

function visitorOf({ ctx }: World, peer = '127.0.0.1') {
  const app = createApp(ctx, { localToken: token })
  return (path: string, init: RequestInit = {}) => {
    const headers = { host: 'localhost:3001', ...init.headers }
    const env = { incoming: { socket: { remoteAddress: peer } } }
    return app.request(path, { ...init, headers }, env)
  }
}

test('messages are listed newest first, and by whom they go to', async () => {
  const here = await world()
  const visit = visitorOf(here)
  await keepMessage(here.ctx, signUp)
  here.pass(1000)
  await keepMessage(here.ctx, { ...signUp, to: 'bea@example.com', link: 'http://localhost/x' })
  await keepMessage(here.ctx, { ...signUp, type: 'SignIn' })
  const all = await (await visit('/api/dev/messages')).json()
  expect(all).toHaveLength(3)
  expect(all[0]).toEqual({
    ...signUp,
    type: 'SignIn',
    id: expect.any(String),
    createdAt: '2025-11-22T12:00:01.000Z',
  })
  const toAnn = await (await visit('/api/dev/messages?to=Ann@example.com')).json()
  expect(toAnn.map(({ type }: { type: string }) => type)).toEqual(['SignIn', 'Register'])
  expect(await (await visit('/api/dev/messages', { method: 'DELETE' })).json()).toEqual({
    deleted: 3,
  })
  expect(await (await visit('/api/dev/messages')).json()).toEqual([])
})

test('the page shows list, code and link without a script, and escapes what came', async () => {
  const here = await world()
  const visit = visitorOf(here)
  await keepMessage(here.ctx, {
    ...signUp,
    subject: '<b>Hi</b>',
    link: 'http://localhost:3000/go?a=1&b=2',
  })
  const page = await visit('/console/mailbox')
  const html = await page.text()
  expect(page.status).toBe(200)
  expect(html).toContain('&lt;b&gt;Hi&lt;/b&gt;')
  expect(html).toContain('value="123456"')
  expect(html).toContain('href="http://localhost:3000/go?a=1&amp;b=2"')
  expect(html).not.toContain('alert(1)')
  expect(page.headers.get('content-security-policy')).toContain("default-src 'none'")
  const [{ id }] = await (await visit('/api/dev/messages')).json()
  expect(await (await visit(`/console/mailbox/${id}`)).text()).toContain('<article>')
  expect((await visit('/console/mailbox/nothing')).status).toBe(302)
  const japanese = await visit('/console/mailbox', { headers: { 'accept-language': 'ja' } })
  expect(await japanese.text()).toContain('<html lang="ja"')
})

test('a mail is shown in a sandbox that runs and fetches nothing', async () => {
  const here = await world()
  const visit = visitorOf(here)
  await keepMessage(here.ctx, signUp)
  const [{ id }] = await (await visit('/api/dev/messages')).json()
  const frame = await visit(`/console/mailbox/${id}/html`)
  const policy = frame.headers.get('content-security-policy') ?? ''
  expect(policy).toMatch(/^sandbox allow-popups allow-popups-to-escape-sandbox;/)
  expect(policy).toContain("default-src 'none'")
  expect(policy).not.toMatch(/script-src|allow-scripts|allow-same-origin/)
  expect(frame.headers.get('x-frame-options')).toBe('SAMEORIGIN')
})

test('a link that is no web address is not offered', async () => {
  const here = await world()
  await keepMessage(here.ctx, { ...signUp, link: 'javascript:alert(2)' })
  expect(await (await visitorOf(here)('/console/mailbox')).text()).not.toContain('javascript:')
})

test.each([
  ['from another machine', '203.0.113.9', {}],
  ['under a name that is not loopback', '127.0.0.1', { host: 'evil.example:3001' }],
  ['through a proxy', '127.0.0.1', { 'x-forwarded-for': '203.0.113.9' }],
  ['from the page of another site', '127.0.0.1', { 'sec-fetch-site': 'cross-site' }],
  ['with the origin of another site', '127.0.0.1', { origin: 'https://evil.example' }],
])('nobody gets in %s', async (_how, peer, headers: Record<string, string>) => {
  const here = await world()
  await keepMessage(here.ctx, signUp)
  const visit = visitorOf(here, peer)
  for (const path of ['/api/dev/messages', '/console/mailbox', '/console']) {
    expect((await visit(path, { headers })).status).toBe(403)
  }
  const command = {
    method: 'POST',
    headers: { ...headers, authorization: `Bearer ${token}` },
    body: '{}',
  }
  expect((await visit('/api/dev/commands/keys', command)).status).toBe(403)
  const empty = await visit('/console/mailbox/empty', { method: 'POST', headers })
  expect(empty.status).toBe(403)
  expect(await here.mails()).toHaveLength(1)
})

test('the door of the command line opens with its token only, and answers faults', async () => {
  const here = await world()
  const visit = visitorOf(here)
  const call = (name: string, input: unknown, bearer = token) =>
    visit(`/api/dev/commands/${name}`, {
      method: 'POST',
      headers: { authorization: `Bearer ${bearer}` },
      body: JSON.stringify(input),
    })
  expect((await call('user.list', {}, 'a guess')).status).toBe(401)
  expect((await visit('/api/dev/commands/user.list', { method: 'POST' })).status).toBe(401)
  expect((await call('toString', {})).status).toBe(404)
  const made = await call('user.create', { primaryEmail: 'ann@example.com' })
  expect(await made.json()).toMatchObject({ result: { primaryEmail: 'ann@example.com' } })
  const twice = await call('user.create', { primaryEmail: 'ANN@example.com' })
  expect(twice.status).toBe(400)
  expect(await twice.json()).toEqual({ code: 'email_exists', details: {} })
  const wrong = await call('user.create', { primaryEmail: 'x', secret: 'y' })
  expect(await wrong.json()).toMatchObject({ code: 'input_invalid' })
  expect(
    (
      await visit('/api/dev/commands/keys', {
        method: 'POST',
        headers: { authorization: `Bearer ${token}` },
        body: 'no json',
      })
    ).status,
  ).toBe(400)
  expect(await here.events()).toEqual(['user.created'])
})

test('an app without the door has no mailbox at all', async () => {
  const { ctx } = await world()
  const app = createApp(ctx)
  const env = { incoming: { socket: { remoteAddress: '127.0.0.1' } } }
  for (const path of ['/api/dev/messages', '/console/mailbox']) {
    expect((await app.request(path, { headers: { host: 'localhost' } }, env)).status).toBe(404)
  }
  const bare = new Hono<Env>().route('/', dev({ token }))
  expect((await bare.request('/api/dev/messages', { headers: { host: 'localhost' } })).status).toBe(
    403,
  )
})
