import fc from 'fast-check'
import { calculateJwkThumbprint, exportJWK, generateKeyPair, SignJWT } from 'jose'
import { expect, test } from 'vitest'
import { minute, second, unixSeconds } from '../../src/base/time.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import { createResource } from '../../src/model/resource.ts'
import {
  answerOf,
  authPath,
  type Browser,
  challenge,
  type Fields,
  type Gate,
  person,
  redemption,
  request,
  shopBasic,
  shopSecret,
  signIn,
  type Tokens,
  verifier,
} from '../contract/oidc-client.ts'
import { insideOf } from '../contract/oidc-inside.ts'
import { world } from '../world.ts'
import { concrete, type Fuzzed, fuzzed, type Material } from './oidc-requests.ts'

// `FUZZ_SECONDS=300 npx vitest run test/fuzz` looks for longer, and elsewhere in each run; `FUZZ_SEED` goes back.

const lasts = Number(process.env.FUZZ_SECONDS ?? 5) * second
const seed = Number(process.env.FUZZ_SEED ?? (process.env.FUZZ_SECONDS ? Date.now() % 2 ** 31 : 1))

const spa = { client_id: 'spa', redirect_uri: 'https://spa.example.com/callback' }
const api = 'https://api.example.com/things'
const clients = ['shop', 'spa', 'native', 'machine', 'device']
const confidential = ['shop', 'machine']
const registered = [
  /^https:\/\/shop\.example\.com\/callback\?from=sekisho(?:&|$)/,
  /^https:\/\/spa\.example\.com\/callback(?:\?|$)/,
  /^http:\/\/127\.0\.0\.1(?::\d{1,5})?\/done(?:\?|$)/,
]
const ownPages =
  /^\/(?:sign-in|register|select-account|consent|reset-password|forgot-password|oidc\/auth)\b/

test(
  'whatever is asked: no 5xx, no redirect to an unregistered address, no token without proof (C11, M8)',
  async () => {
    const stand = await standFor()
    const seen = new Map<string, number>()
    let asked = 0
    const property = fc.asyncProperty(fuzzed, async (one) => {
      if (asked++ % 25 === 0) await stand.renew()
      const sent = concrete(one, stand.material)
      const answer = await ask(stand.at, sent, stand.browser)
      const text = await answer.text()
      const kind = `${sent.path} ${answer.status}`
      seen.set(kind, (seen.get(kind) ?? 0) + 1)
      const fault = faultOf(sent, answer, text) ?? stand.unproved(sent, answer, text)
      if (fault !== null) throw new Error(`${fault}: ${JSON.stringify(sent).slice(0, 4000)}`)
    })
    const result = await fc.check(property, {
      ...{ seed, numRuns: Number.MAX_SAFE_INTEGER, interruptAfterTimeLimit: lasts },
      // What was there at the first time is spent at the second.
      endOnFailure: true,
    })
    const kinds = JSON.stringify(Object.fromEntries([...seen].sort()))
    if (process.env.FUZZ_SECONDS) console.info(`${asked} requests, seed ${seed}: ${kinds}`)
    expect(result.errorInstance ?? null, `seed ${seed}`).toBeNull()
    expect(asked).toBeGreaterThan(0)
  },
  lasts + 2 * minute,
)

test('what is watched for is seen', async () => {
  const stand = await standFor()
  await stand.renew()
  const none: Fuzzed = {
    method: 'POST',
    path: '/oidc/token',
    params: [],
    headers: {},
    isSignedIn: false,
  }
  const tokens = JSON.stringify({ access_token: 'x' })
  expect(faultOf(none, new Response(null, { status: 500 }), '')).toMatch(/500/)
  for (const location of [
    'https://evil.example/',
    '//evil.example',
    'javascript:x',
    '/elsewhere',
  ]) {
    const answer = new Response(null, { status: 303, headers: { location } })
    expect(faultOf(none, answer, ''), location).toMatch(/goes to/)
  }
  expect(stand.unproved(none, Response.json({}), tokens)).not.toBeNull()
  const good = concrete(
    {
      ...{ ...none, headers: { authorization: 'Basic shop:{secret}' } },
      params: Object.entries(redemption('{shop_code}', { code_verifier: '{verifier}' })).map(
        ([name, value]) => [name, encodeURIComponent(value ?? '')] as const,
      ),
    },
    stand.material,
  )
  const answer = await ask(stand.at, good, stand.browser)
  const text = await answer.text()
  expect([answer.status, stand.unproved(good, answer, text)]).toEqual([200, null])
  // The same once more would be without proof: the code is spent.
  expect(stand.unproved(good, answer, text)).not.toBeNull()
})

async function ask(at: Gate, sent: Fuzzed, browser: Browser): Promise<Response> {
  const { method, path, params, headers, isSignedIn } = sent
  const form = params.map((pair) => pair.join('=')).join('&')
  const hasBody = method !== 'GET' && method !== 'HEAD'
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return at.ask(hasBody || form === '' ? path : `${path}?${form}`, {
    method,
    headers: {
      ...(hasBody && { 'content-type': 'application/x-www-form-urlencoded' }),
      ...(isSignedIn && { cookie }),
      ...headers,
    },
    ...(hasBody && { body: form }),
  })
}

/** What no answer may be, whatever was asked. */
function faultOf({ path }: Fuzzed, answer: Response, text: string): string | null {
  if (answer.status >= 500) return `${answer.status} ${text}`
  const location = answer.headers.get('location')
  if (location !== null && !isTrusted(location)) return `it goes to ${location}`
  const [, action] = /<form[^>]* action="([^"]+)"/.exec(text) ?? []
  if (
    path === '/oidc/auth' &&
    action !== undefined &&
    !isTrusted(action.replaceAll('&amp;', '&'))
  ) {
    return `it posts to ${action}`
  }
  if (text.includes('<script>alert(1)')) return 'it shows a script'
  const isError = answer.status >= 400 && !path.endsWith('/auth') && text.startsWith('{')
  if (isError && !/^[a-z_]+$/.test(JSON.parse(text).error)) return `it says ${text}`
  return null
}

function isTrusted(location: string): boolean {
  return ownPages.test(location) || registered.some((address) => address.test(location))
}

interface Stand {
  at: Gate
  browser: Browser
  material(name: Material): string
  /** New codes and tokens, and time enough for who was stopped. */
  renew(): Promise<void>
  /** Why these tokens, or this code, should not have been given; null where none were, or rightly. */
  unproved(sent: Fuzzed, answer: Response, text: string): string | null
}

async function standFor(): Promise<Stand> {
  const scene = await world()
  const { ctx } = scene
  const at = insideOf(scene, createApp(ctx))
  await createApplications(at)
  const { user, browser } = await person(at)
  const { privateKey, publicKey } = await generateKeyPair('ES256')
  const jwk = await exportJWK(publicKey)
  const jkt = await calculateJwkThumbprint(jwk)
  let hand: Partial<Record<Material, string>> = {}
  /** Codes and refresh tokens that are out, each with whom it was made for and the key that it is bound to. */
  const open = new Map<string, { client: string; isBound: boolean }>()

  async function code(changes: Fields, more = ''): Promise<string> {
    const answer = await browser.open(authPath(changes) + more)
    const { code = '' } = answerOf(answer)
    open.set(code, { client: changes.client_id ?? 'shop', isBound: changes.dpop_jkt !== undefined })
    return code
  }

  async function tokens(client: 'shop' | 'spa'): Promise<Tokens & { code: string }> {
    const changes = client === 'spa' ? spa : {}
    const fresh = await code(changes)
    open.delete(fresh)
    const headers = client === 'spa' ? {} : shopBasic
    const answer = await at.post('/oidc/token', redemption(fresh, changes), headers)
    const given = (await answer.json()) as Tokens
    open.set(given.refresh_token, { client, isBound: false })
    return { ...given, code: fresh }
  }

  return {
    at,
    browser,
    material: (name) => hand[name] ?? '',
    async renew() {
      scene.pass(11 * minute)
      await signIn(at, browser, user)
      open.clear()
      const [shop, other] = [await tokens('shop'), await tokens('spa')]
      const form = { grant_type: 'client_credentials', resource: api }
      const machine = await at.post('/oidc/token', form, machineBasic)
      const pushed = await at.post('/oidc/par', request({ prompt: undefined }), shopBasic)
      const device = await at.post('/oidc/device/auth', { client_id: 'device', scope: 'openid' })
      const proof = await new SignJWT({
        ...{ jti: ctx.random.token(), htm: 'POST', htu: 'http://localhost:3001/oidc/token' },
        iat: unixSeconds(ctx.now()),
      })
        .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
        .sign(privateKey)
      hand = {
        ...{ verifier, challenge, secret: shopSecret, proof },
        ...{ shop_code: await code({}), spa_code: await code(spa) },
        api_code: await code({}, `&resource=${encodeURIComponent(api)}`),
        bound_code: await code({ dpop_jkt: jkt }),
        ...{ shop_refresh: shop.refresh_token, spa_refresh: other.refresh_token },
        ...{ shop_access: shop.access_token, spa_access: other.access_token },
        ...{ id_token: shop.id_token, spent_code: other.code },
        api_access: (await read(machine)).access_token ?? '',
        request_uri: (await read(pushed)).request_uri ?? '',
        device_code: (await read(device)).device_code ?? '',
      }
    },
    unproved({ path, method, params, headers, isSignedIn }, answer, text) {
      // What stands in the address of a page of ours was sent, not given.
      const isOwn = answer.headers.get('location')?.startsWith('/') === true
      const told = isOwn ? undefined : answerOf(answer).code
      const given = told ?? /name="code" value="([^"]+)"/.exec(text)?.[1]
      if (given !== undefined && path === '/oidc/auth') {
        return isSignedIn ? null : 'a code for nobody'
      }
      const body = path === '/oidc/token' && text.startsWith('{') ? JSON.parse(text) : {}
      if (body.access_token === undefined && body.id_token === undefined) return null
      if (method !== 'POST') return `tokens by ${method}`
      const form = new URLSearchParams(params.map((pair) => pair.join('=')).join('&'))
      const basic = headers.authorization?.replace(/^Basic /, '') ?? ''
      const [id = '', secret] = basic
        ? Buffer.from(basic, 'base64').toString().split(':').map(decodeURIComponent)
        : [form.get('client_id') ?? '', form.get('client_secret')]
      if (!clients.includes(id)) return `tokens for ${id}`
      if (confidential.includes(id) && secret !== shopSecret) return 'tokens without a secret'
      if (form.get('grant_type') === 'client_credentials') {
        return id === 'machine' ? null : `${id} is no machine`
      }
      const isCode = form.get('grant_type') === 'authorization_code'
      const shown = form.get(isCode ? 'code' : 'refresh_token') ?? ''
      const grant = open.get(shown)
      // A refresh token that comes again at once gets the same child.
      if (isCode) open.delete(shown)
      if (grant === undefined || grant.client !== id) return 'tokens for something else'
      if (isCode && form.get('code_verifier') !== verifier) return 'tokens without the verifier'
      if (grant.isBound && headers.dpop !== hand.proof) return 'tokens without the key'
      const isBound = grant.isBound || (id === 'spa' && headers.dpop !== undefined)
      if (body.refresh_token) open.set(body.refresh_token, { client: id, isBound })
      return null
    },
  }
}

async function read(answer: Response): Promise<Record<string, string>> {
  return (await answer.json()) as Record<string, string>
}

const machineBasic = {
  authorization: `Basic ${Buffer.from(`machine:${shopSecret}`).toString('base64')}`,
}

async function createApplications({ scene: { ctx } }: Gate): Promise<void> {
  await createResource(ctx, { name: 'Things', indicator: api, scopes: [{ name: 'read:things' }] })
  const named = (id: string) => ({ id, name: id })
  await createApplication(ctx, {
    ...{ ...named('shop'), type: 'Traditional', secret: shopSecret },
    oidcClientMetadata: { redirectUris: ['https://shop.example.com/callback?from=sekisho'] },
  })
  await createApplication(ctx, {
    ...{ ...named('spa'), type: 'SPA' },
    oidcClientMetadata: { redirectUris: [spa.redirect_uri] },
  })
  await createApplication(ctx, {
    ...{ ...named('native'), type: 'Native' },
    oidcClientMetadata: { redirectUris: ['http://127.0.0.1/done'] },
  })
  await createApplication(ctx, {
    ...{ ...named('device'), type: 'Native' },
    customClientMetadata: { isDeviceFlow: true },
  })
  await createApplication(ctx, {
    ...{ ...named('machine'), type: 'MachineToMachine', secret: shopSecret },
  })
}
