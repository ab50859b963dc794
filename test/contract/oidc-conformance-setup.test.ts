import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { createRemoteJWKSet, decodeProtectedHeader, jwtVerify } from 'jose'
import * as oauth from 'oauth4webapi'
import * as client from 'openid-client'
import { expect, onTestFinished, test } from 'vitest'
import { applyDeclaration } from '../../src/flows/apply.ts'
import { sendDue } from '../../src/flows/outbox.ts'
import { createApp, listen } from '../../src/main.ts'
import { findApplication } from '../../src/model/application.ts'
import { freePort } from '../setup/free-port.ts'
import { top } from '../walks/machine.ts'
import { signInWithPassword } from '../walks/pages.ts'
import { formsOf, type Page, type Visitor, visitor } from '../walks/visitor.ts'
import { type World, world } from '../world.ts'

// docs/conformance.md, put to the test: the set-up for the OpenID Foundation's suite, with two certified clients in its place.

const declared = JSON.parse(readFileSync(join(top, 'examples/conformance/apply.json'), 'utf8'))
const plan = JSON.parse(readFileSync(join(top, 'examples/conformance/plan.json'), 'utf8'))
const suite = 'https://localhost.emobix.co.uk:8443/test/a/op'
const callback = `${suite}/callback`
const home = `${suite}/post_logout_redirect`
const email = 'conformance@example.com'
const account = { email, password: 'correct horse battery' }
const scope = 'openid profile email address phone offline_access'

interface Op {
  scene: World
  issuer: string
  url: string
  /** What the suite's back-channel address was sent. */
  told: string[]
}

async function op(): Promise<Op> {
  const port = await freePort()
  const url = `http://localhost:${port}`
  const scene = await world({ SEKISHO_PUBLIC_URL: url })
  const told: string[] = []
  const suiteListens: typeof fetch = async (input, init) => {
    const request = new Request(input, init)
    if (request.url !== `${suite}/backchannel_logout`) return fetch(request)
    told.push(new URLSearchParams(await request.text()).get('logout_token') ?? '')
    return new Response(null, { status: 200 })
  }
  scene.keepTime()
  Object.assign(scene.ctx, { fetch: suiteListens })
  await applyDeclaration(scene.ctx, declared)
  const { close } = await listen(createApp(scene.ctx), { hosts: ['127.0.0.1', '::1'], port })
  onTestFinished(close)
  return { scene, issuer: `${url}/oidc`, url, told }
}

const browser = () => visitor({ stopAt: (url) => url.startsWith(suite) })

/** The person whom the suite scripts: to wherever they are sent after their password, if they are asked for it. */
async function through(guest: Visitor, asked: URL): Promise<Page> {
  const start = await guest.open(asked.href)
  return new URL(start.url).pathname === '/sign-in'
    ? signInWithPassword(guest, start, account)
    : start
}

/** The commands of one kind, wherever in the plan they stand. */
function commands(within: unknown, kind: string): string[][] {
  if (Array.isArray(within) && within[0] === kind) return [within]
  if (typeof within !== 'object' || within === null) return []
  return Object.values(within).flatMap((part) => commands(part, kind))
}

function secretOf(id: string): string {
  return declared.applications.find((one: { id: string }) => one.id === id).secret
}

test('the file makes the suite’s clients, and changes nothing when it is applied again', async () => {
  const { ctx } = await world()
  const first = await applyDeclaration(ctx, declared)
  expect(first.filter(({ outcome }) => outcome === 'created').map(({ name }) => name)).toEqual([
    'Conformance, client',
    'Conformance, client2',
    'Conformance, client_secret_post',
    'Conformance, back-channel logout',
    email,
  ])
  const again = await applyDeclaration(ctx, declared)
  expect(new Set(again.map(({ outcome }) => outcome))).toEqual(new Set(['unchanged']))
  for (const [id, method] of [
    ['cs-1', 'client_secret_basic'],
    ['cs-2', 'client_secret_basic'],
    ['cs-3', 'client_secret_post'],
    ['cs-4', 'client_secret_basic'],
  ] as const) {
    // A plan that does not wait for a back-channel logout fails when one comes.
    const backChannel = id === 'cs-4' ? `${suite}/backchannel_logout` : undefined
    const found = await findApplication(ctx, id)
    expect(found).toMatchObject({
      type: 'Traditional',
      isThirdParty: false,
      customClientMetadata: { isPkceOptional: true, hasStandardClaims: true },
      oidcClientMetadata: {
        redirectUris: [callback],
        postLogoutRedirectUris: [home],
        tokenEndpointAuthMethod: method,
        idTokenSignedResponseAlg: 'RS256',
      },
    })
    expect(found?.oidcClientMetadata.backchannelLogoutUri).toBe(backChannel)
  }
})

test('the plan’s configuration names the clients and the user that the file makes', () => {
  for (const [member, id] of [
    ['client', 'cs-1'],
    ['client2', 'cs-2'],
    ['client_secret_post', 'cs-3'],
  ] as const) {
    expect(plan[member]).toEqual({ client_id: id, client_secret: secretOf(id) })
  }
  expect(suite.endsWith(`/test/a/${plan.alias}`)).toBe(true)
  const typed = new Map(commands(plan, 'text').map(([, , name, text]) => [name, text]))
  expect(typed).toEqual(
    new Map([
      ['identifier', email],
      ['password', account.password],
    ]),
  )
  // What is clicked is what the pages have; the test of the pages looks for each.
  expect(new Set(commands(plan, 'click').map(([, , id]) => id))).toEqual(
    new Set(['sign-in', 'allow', 'confirm-logout']),
  )
})

test('discovery says what the plans look for', async () => {
  const { issuer } = await op()
  const found = await (await fetch(`${issuer}/.well-known/openid-configuration`)).json()
  expect(found).toMatchObject({
    issuer,
    id_token_signing_alg_values_supported: expect.arrayContaining(['RS256']),
    response_types_supported: ['code'],
    response_modes_supported: expect.arrayContaining(['query', 'form_post']),
    token_endpoint_auth_methods_supported: expect.arrayContaining([
      'client_secret_basic',
      'client_secret_post',
    ]),
    claims_parameter_supported: true,
    backchannel_logout_supported: true,
    backchannel_logout_session_supported: true,
    end_session_endpoint: expect.any(String),
  })
})

test('the pages have the elements and texts that the suite’s browser looks for', async () => {
  const { issuer } = await op()
  const asking = new URL(`${issuer}/auth`)
  const request = { client_id: 'cs-1', redirect_uri: callback, response_type: 'code', scope }
  asking.search = new URLSearchParams(request).toString()
  const guest = browser()
  const who = await guest.open(asking.href)
  for (const part of ['Sign in', 'name="identifier"', 'id="sign-in"']) {
    expect(who.body).toContain(part)
  }
  const proof = await guest.submit(who, { identifier: email }, '/sign-in')
  for (const part of ['name="password"', 'id="sign-in"']) expect(proof.body).toContain(part)
  const back = await guest.submit(proof, { password: account.password }, '/sign-in/password')
  expect(back.url).toContain(`${callback}?code=`)

  asking.searchParams.set('redirect_uri', `${callback}/elsewhere`)
  const wrong = await guest.open(asking.href)
  expect([wrong.status, wrong.trail]).toEqual([400, []])
  expect(wrong.body).toContain('invalid')

  const question = await guest.open(`${issuer}/session/end`)
  expect(question.body).toContain('id="confirm-logout"')
  expect((await guest.submit(question, {}, '/sign-out')).body).toContain('Signed out')
})

test.each([
  { id: 'cs-1', by: client.ClientSecretBasic, not: client.ClientSecretPost },
  { id: 'cs-3', by: client.ClientSecretPost, not: client.ClientSecretBasic },
])(
  'openid-client as $id, without PKCE: code, claims, refresh, introspection, revocation',
  async ({ id, by, not }) => {
    const { issuer } = await op()
    const as = (name: string, authentication: client.ClientAuth) =>
      client.discovery(
        new URL(issuer),
        name,
        { id_token_signed_response_alg: 'RS256' },
        authentication,
        { execute: [client.allowInsecureRequests] },
      )
    const config = await as(id, by(secretOf(id)))
    const guest = browser()
    const [expectedState, expectedNonce] = [client.randomState(), client.randomNonce()]
    const asked = client.buildAuthorizationUrl(config, {
      ...{ redirect_uri: callback, scope, state: expectedState, nonce: expectedNonce },
      max_age: '3600',
    })
    const back = new URL((await through(guest, asked)).url)
    const redeem = (config: client.Configuration) =>
      client.authorizationCodeGrant(config, back, { expectedState, expectedNonce, maxAge: 3600 })
    for (const wrong of [by('a wrong secret, which nobody has'), not(secretOf(id))]) {
      await expect(redeem(await as(id, wrong))).rejects.toMatchObject({ status: 401 })
    }
    const tokens = await redeem(config)
    expect(decodeProtectedHeader(tokens.id_token ?? '').alg).toBe('RS256')
    const { sub } = tokens.claims() ?? {}
    const told = await client.fetchUserInfo(config, tokens.access_token, String(sub))
    expect(told).toMatchObject({
      ...{ name: 'Ann Marie Example', given_name: 'Ann', middle_name: 'Marie' },
      ...{ family_name: 'Example', nickname: 'Annie', preferred_username: 'ann' },
      ...{ profile: 'https://example.com/ann', picture: 'https://example.com/ann.png' },
      ...{ website: 'https://ann.example.com', gender: 'female', birthdate: '1990-12-31' },
      ...{ zoneinfo: 'Europe/Berlin', locale: 'en', updated_at: expect.any(Number) },
      ...{ email, email_verified: true },
      ...{ phone_number: '+15550100100', phone_number_verified: true },
      address: { formatted: expect.any(String), locality: 'Berlin', country: 'Germany' },
    })
    // Seconds, until the year 2286.
    expect(told.updated_at).toBeLessThan(10_000_000_000)

    const next = await client.refreshTokenGrant(config, tokens.refresh_token ?? '')
    const other = await as('cs-2', client.ClientSecretBasic(secretOf('cs-2')))
    await expect(client.refreshTokenGrant(other, next.refresh_token ?? '')).rejects.toMatchObject({
      error: 'invalid_grant',
    })
    const facts = () => client.tokenIntrospection(config, next.access_token)
    expect(await facts()).toMatchObject({ active: true, client_id: id, sub })
    expect((await client.tokenIntrospection(other, next.access_token)).active).toBe(false)
    await client.tokenRevocation(config, next.refresh_token ?? '')
    expect((await facts()).active).toBe(false)
    await expect(redeem(config)).rejects.toMatchObject({ error: 'invalid_grant' })
  },
)

test('oauth4webapi as cs-2: form_post with PKCE, prompt=none, and a verifier of somebody else', async () => {
  const { issuer } = await op()
  const insecure = { [oauth.allowInsecureRequests]: true }
  const as = await oauth
    .discoveryRequest(new URL(issuer), insecure)
    .then((answer) => oauth.processDiscoveryResponse(new URL(issuer), answer))
  const shop: oauth.Client = { client_id: 'cs-2', id_token_signed_response_alg: 'RS256' }
  const secret = oauth.ClientSecretBasic(secretOf('cs-2'))
  const verifier = oauth.generateRandomCodeVerifier()
  const state = oauth.generateRandomState()
  const asked = new URL(as.authorization_endpoint ?? '')
  asked.search = new URLSearchParams({
    ...{ client_id: 'cs-2', redirect_uri: callback, response_type: 'code', scope, state },
    response_mode: 'form_post',
    code_challenge: await oauth.calculatePKCECodeChallenge(verifier),
    code_challenge_method: 'S256',
  }).toString()
  const guest = browser()
  const silent = new URL(asked)
  silent.searchParams.set('prompt', 'none')
  const answered = (page: Page) => {
    const [form] = formsOf(page)
    expect([form?.method, form?.action]).toEqual(['post', callback])
    return new URLSearchParams(form?.preset)
  }
  const refused = answered(await guest.open(silent.href))
  expect(() => oauth.validateAuthResponse(as, shop, refused, state)).toThrow(
    expect.objectContaining({ error: 'login_required' }),
  )
  const redeem = async (fields: URLSearchParams, with_: string) =>
    oauth.processAuthorizationCodeResponse(
      as,
      shop,
      await oauth.authorizationCodeGrantRequest(
        as,
        shop,
        secret,
        oauth.validateAuthResponse(as, shop, fields, state),
        callback,
        with_,
        insecure,
      ),
    )
  const tokens = await redeem(answered(await through(guest, asked)), verifier)
  expect(oauth.getValidatedIdTokenClaims(tokens)).toMatchObject({ aud: 'cs-2', iss: issuer })
  // Signed in now, the same silent request brings a code; but it is bound to the verifier.
  const second = answered(await guest.open(silent.href))
  expect(() => oauth.validateAuthResponse(as, shop, second, 'another state')).toThrow()
  await expect(redeem(second, oauth.generateRandomCodeVerifier())).rejects.toMatchObject({
    error: 'invalid_grant',
  })
})

test('a sign-out that cs-1 asks for comes back, and cs-4 is told by the back channel', async () => {
  const { scene, issuer, told } = await op()
  const guest = browser()
  const tokensOf = async (id: string, by: (secret: string) => client.ClientAuth) => {
    const config = await client.discovery(
      new URL(issuer),
      id,
      { id_token_signed_response_alg: 'RS256' },
      by(secretOf(id)),
      { execute: [client.allowInsecureRequests] },
    )
    const asked = client.buildAuthorizationUrl(config, { redirect_uri: callback, scope })
    const back = new URL((await through(guest, asked)).url)
    return { config, ...(await client.authorizationCodeGrant(config, back)) }
  }
  const first = await tokensOf('cs-1', client.ClientSecretBasic)
  const fourth = await tokensOf('cs-4', client.ClientSecretBasic)
  const leave = (post_logout_redirect_uri: string) =>
    client.buildEndSessionUrl(first.config, {
      ...{ post_logout_redirect_uri, id_token_hint: first.id_token ?? '', state: 'a state' },
    })

  const wrong = await guest.open(leave(`${home}/elsewhere`).href)
  expect([wrong.status, wrong.trail]).toEqual([400, []])
  await sendDue(scene.ctx)
  expect(told).toEqual([])

  const out = await guest.open(leave(home).href)
  expect(out.url).toBe(`${home}?state=a+state`)
  while ((await sendDue(scene.ctx)) > 0);
  const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))
  const heard = await Promise.all(
    told.map((token) => jwtVerify(token, keys, { issuer, typ: 'logout+jwt' })),
  )
  const { sid, sub } = decoded(fourth.id_token)
  expect(heard.map(({ payload }) => payload.aud)).toEqual(['cs-4'])
  for (const { payload, protectedHeader } of heard) {
    expect(payload).toMatchObject({ sid, sub })
    expect(protectedHeader.alg).toBe('RS256')
  }
  await expect(
    client.refreshTokenGrant(fourth.config, fourth.refresh_token ?? ''),
  ).rejects.toMatchObject({ error: 'invalid_grant' })
})

function decoded(idToken: string | undefined): Record<string, unknown> {
  return JSON.parse(Buffer.from(idToken?.split('.')[1] ?? '', 'base64url').toString())
}
