import { expect, test } from 'vitest'
import { day, minute } from '../../src/base/time.ts'
import { findApplication } from '../../src/model/application.ts'
import {
  answerOf,
  authPath,
  codeForm,
  type Fields,
  type Gate,
  gate,
  type Person,
  person,
  redemption,
  type Tokens,
  verdict,
} from './oidc-client.ts'

const id = 'https://tool.example.com/oauth/client.json'
const redirect = 'https://tool.example.com/callback'
const document = { client_id: id, client_name: 'A Tool', redirect_uris: [redirect] }

interface Stage extends Gate {
  ann: Person
  /** What the world answers to who asks for the document. */
  site: { answer(): Response; asked: string[] }
}

function json(body: unknown, headers: Record<string, string> = {}): Response {
  const text = typeof body === 'string' ? body : JSON.stringify(body)
  return new Response(text, { headers: { 'content-type': 'application/json', ...headers } })
}

async function stage(environment: Record<string, string> = {}): Promise<Stage> {
  const at = await gate({ SEKISHO_CLIENT_DOCUMENTS: 'true', ...environment })
  const site: Stage['site'] = { answer: () => json(document), asked: [] }
  Object.assign(at.scene.ctx, {
    fetch: async (input: string | URL) => {
      site.asked.push(String(input))
      return site.answer()
    },
  })
  return { ...at, ann: await person(at), site }
}

function deep(levels: number): unknown {
  return levels === 0 ? 1 : [deep(levels - 1)]
}

const ask = (changes: Fields = {}) =>
  authPath({ client_id: id, redirect_uri: redirect, prompt: undefined, ...changes })

async function allow({ browser, sessionId }: Person, path: string) {
  const question = await browser.open(path)
  const location = question.headers.get('location') ?? ''
  expect(location).toMatch(/^\/consent\?/)
  const html = await (await browser.open(location)).text()
  const { flow } = answerOf(question)
  await browser.send('/consent', { flow, session: sessionId, want: 'allow' })
  return { html, code: answerOf(await browser.open(`/oidc/auth/${flow}`)).code ?? '' }
}

test('an address is no client until documents are switched on', async () => {
  const at = await stage({ SEKISHO_CLIENT_DOCUMENTS: 'false' })
  expect(await verdict(await at.ask(ask()))).toBe('400 invalid_request')
  expect(at.site.asked).toEqual([])
})

test('a client is known by its document: the user sees its host, allows it, and it gets tokens', async () => {
  const at = await stage()
  const metadata = await (await at.ask('/oidc/.well-known/oauth-authorization-server')).json()
  expect(metadata.client_id_metadata_document_supported).toBe(true)
  expect(metadata.token_endpoint_auth_methods_supported).toContain('none')

  const { html, code } = await allow(at.ann, ask({ scope: 'openid email phone' }))
  expect(html).toContain('Allow A Tool?')
  expect(html).toContain('introduced itself')
  expect(html).toContain('<strong><bdi>tool.example.com</bdi></strong>')
  expect(html).toContain('See your email address')
  // No more than what the configuration opens to strangers.
  expect(html).not.toContain('See your phone number')
  expect(await findApplication(at.scene.ctx, id)).toMatchObject({
    ...{ type: 'SPA', origin: 'document', isThirdParty: true, name: 'A Tool' },
  })
  const form = redemption(code, { client_id: id, redirect_uri: redirect })
  const answer = await at.post('/oidc/token', form)
  expect(answer.status).toBe(200)
  const tokens = (await answer.json()) as Tokens
  expect(tokens.scope).toBe('openid email')
  expect(tokens).not.toHaveProperty('refresh_token')
  at.scene.queries()
  const silent = await at.ann.browser.open(ask({ scope: 'openid email', prompt: 'none' }))
  expect(answerOf(silent).code).toMatch(codeForm)
  expect(at.scene.queries()).toHaveLength(2)
  expect(at.site.asked).toEqual([id])
})

test('a request that is pushed is the first that is heard of a client, too', async () => {
  const at = await stage()
  const form = Object.fromEntries(new URL(`http://x${ask()}`).searchParams)
  expect((await at.post('/oidc/par', form)).status).toBe(201)
  expect(at.site.asked).toEqual([id])
})

test('a redirect URI that the document does not name gets nobody, whatever it looks like', async () => {
  const at = await stage()
  for (const uri of [
    `${redirect}/`,
    `${redirect}?x=1`,
    'https://tool.example.com/other',
    'https://evil.example.com/',
  ]) {
    const answer = await at.ask(ask({ redirect_uri: uri }))
    expect(answer.headers.get('location')).toBeNull()
    expect(await verdict(answer)).toBe('400 invalid_request')
  }
})

test('a document is kept as long as it says, within a minute and a day', async () => {
  for (const [control, fresh, stale] of [
    [null, 9 * minute, 2 * minute],
    ['no-store', 0.9 * minute, 0.2 * minute],
    ['max-age=0', 0.9 * minute, 0.2 * minute],
    ['public, max-age=3600', 59 * minute, 2 * minute],
    ['max-age=31536000', 1 * day - minute, 2 * minute],
  ] as const) {
    const at = await stage()
    at.site.answer = () => json(document, control === null ? {} : { 'cache-control': control })
    await at.ask(ask())
    at.scene.pass(fresh)
    await at.ask(ask())
    expect(at.site.asked, String(control)).toHaveLength(1)
    at.scene.pass(stale)
    at.site.answer = () => json({ ...document, client_name: 'Another Name' })
    await at.ask(ask())
    expect(at.site.asked, String(control)).toHaveLength(2)
    expect(await findApplication(at.scene.ctx, id)).toMatchObject({ name: 'Another Name' })
  }
})

test('a document that is none is refused on a page, and nothing is kept of it', async () => {
  const at = await stage()
  const wrong: [string, () => Response, string][] = [
    ['another id', () => json({ ...document, client_id: `${id}x` }), 'invalid_client_metadata'],
    ['no id', () => json({ redirect_uris: [redirect] }), 'invalid_client_metadata'],
    ['a secret', () => json({ ...document, client_secret: 'x' }), 'invalid_client_metadata'],
    [
      'a proof by a secret',
      () => json({ ...document, token_endpoint_auth_method: 'client_secret_basic' }),
      'invalid_client_metadata',
    ],
    ['no address', () => json({ client_id: id }), 'invalid_redirect_uri'],
    ['no JSON', () => json('<html>'), 'invalid_client_metadata'],
    ['a list', () => json('[]'), 'invalid_client_metadata'],
    ['a NUL', () => json({ ...document, client_name: 'a\0b' }), 'invalid_client_metadata'],
    [
      'half a character',
      () => json({ ...document, client_name: 'a\ud83d' }),
      'invalid_client_metadata',
    ],
    ['endless depth', () => json({ ...document, jwks: deep(1000) }), 'invalid_client_metadata'],
    [
      'another type',
      () => new Response(JSON.stringify(document), { headers: { 'content-type': 'text/html' } }),
      'invalid_client_metadata',
    ],
    ['404', () => new Response('', { status: 404 }), 'invalid_client_metadata'],
    [
      'a redirect',
      () => new Response(null, { status: 302, headers: { location: 'https://evil.example.com/' } }),
      'invalid_client_metadata',
    ],
    ['six kilobytes', () => json({ ...document, x: 'x'.repeat(6144) }), 'invalid_client_metadata'],
    [
      'nobody there',
      () => {
        throw new TypeError('fetch failed')
      },
      'invalid_client_metadata',
    ],
  ]
  for (const [what, answer, error] of wrong) {
    at.site.answer = answer
    const told = await at.ask(ask())
    expect(told.headers.get('location'), what).toBeNull()
    expect(await verdict(told), what).toBe(`400 ${error}`)
  }
  expect(await findApplication(at.scene.ctx, id)).toBeNull()
})

test('addresses inside our network, odd ones and plain http are not asked for (E10, H1)', async () => {
  // Trusting one host makes the rest be treated as in production.
  const at = await stage()
  Object.assign(at.scene.ctx, { config: { ...at.scene.ctx.config, mode: 'start' } })
  for (const address of [
    'http://tool.example.com/client.json',
    'https://127.0.0.1/client.json',
    'https://[::1]/client.json',
    'https://169.254.169.254/latest',
    'https://10.0.0.1/client.json',
    'https://tool.example.com',
    'https://tool.example.com/',
    'https://tool.example.com/a/../client.json',
    'https://tool.example.com/./client.json',
    'https://TOOL.example.com/client.json',
    'https://tool.example.com:443/client.json',
    'https://user@tool.example.com/client.json',
    'https://tool.example.com/client.json#x',
    `https://tool.example.com/${'a'.repeat(600)}`,
    'https://',
  ]) {
    const answer = await at.ask(ask({ client_id: address }))
    expect(await verdict(answer), address).toBe('400 invalid_client_metadata')
  }
  expect(at.site.asked).toEqual([])
})

test('one visitor makes us read thirty documents in ten minutes, and no more', async () => {
  const at = await stage()
  at.site.answer = () => new Response('', { status: 404 })
  for (let number = 0; number < 31; number += 1) {
    const answer = await at.ask(ask({ client_id: `https://tool.example.com/${number}` }))
    expect(await verdict(answer)).toBe(
      number < 30 ? '400 invalid_client_metadata' : '429 slow_down',
    )
  }
  expect(at.site.asked).toHaveLength(30)
})

test('a client on the device is asked about each time, and its port may be any (E6)', async () => {
  const at = await stage()
  at.site.answer = () =>
    json({ ...document, redirect_uris: ['http://127.0.0.1/callback', 'http://localhost/callback'] })
  const native = (port: number, host = '127.0.0.1') =>
    ask({ redirect_uri: `http://${host}:${port}/callback` })
  const first = await at.ann.browser.open(native(51_234))
  expect(first.headers.get('location')).toMatch(/^\/select-account\?/)
  const silent = await at.ann.browser.open(`${native(51_234)}&prompt=none`)
  expect(answerOf(silent).error).toBe('account_selection_required')
  // RFC 8252 § 8.3: a name may be answered by somebody else; of the registered one the port is part.
  expect(await verdict(await at.ask(native(51_234, 'localhost')))).toBe('400 invalid_request')
  const { flow } = answerOf(first)
  await at.ann.browser.send('/select-account', { flow, session: at.ann.sessionId })
  const next = await at.ann.browser.open(`/oidc/auth/${flow}`)
  const page = await at.ann.browser.open(next.headers.get('location') ?? '')
  expect(await page.text()).toContain('a program on this device')
})
