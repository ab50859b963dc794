import { createHash, randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { TOTP } from 'otpauth'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { query } from './ledger.ts'
import { node, top } from './machine.ts'
import { refresh, type Tokens, tokensOf } from './oidc.ts'
import { signInWithPassword } from './pages.ts'
import { runToEnd } from './process.ts'
import { startServer, variablesOf } from './server.ts'
import { application, createAccount, type Stage, setStage } from './stage.ts'
import { formsOf, type Page, visitor } from './visitor.ts'

// A server is killed while people enrol factors, allow applications and devices, refresh, and while keys turn.

const callback = 'https://ledger.example.com/callback'
const home = 'http://localhost:9'
const enough = 6
const bookstore = application('bookstore', home, '/callback')
const tv = {
  ...{ id: 'tv', name: 'The Television', type: 'Native' },
  oidcClientMetadata: { redirectUris: ['http://127.0.0.1/cb'] },
  customClientMetadata: { isDeviceFlow: true },
}
const env = {
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_RATE_LIMIT_ANONYMOUS_USERS: '100000',
  GOTRUE_OAUTH_SERVER_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
  GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: '/oauth/consent',
}
const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')

let stage: Stage

beforeAll(async () => {
  stage = await setStage(databaseKind(), { env, apply: { applications: [bookstore, tv] } })
}, 120_000)
afterAll(() => stage?.clear())

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely, as a client in JavaScript does.
type Body = any

/** Throws where the server refuses or is gone: then nothing was acknowledged. */
async function ask(request: string, body?: unknown, bearer?: string): Promise<Body> {
  const [method = '', path = ''] = request.split(' ')
  const isForm = body instanceof URLSearchParams
  const answer = await fetch(stage.server.url + path, {
    method,
    redirect: 'manual',
    headers: {
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
      ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
    },
    ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (answer.status >= 400) throw new Error(`${request}: ${answer.status} ${text}`)
  return text.startsWith('{') ? JSON.parse(text) : { location: answer.headers.get('location') }
}

/** An app is enrolled and shown. */
async function enrol(): Promise<{ user: string; factor: string; refreshToken: string }> {
  const account = await createAccount(stage.server)
  const { access_token, user } = await ask('POST /auth/v1/token?grant_type=password', account)
  const body = { factor_type: 'totp', friendly_name: 'app' }
  const factor = await ask('POST /auth/v1/factors', body, access_token)
  const path = `/auth/v1/factors/${factor.id}`
  const asked = await ask(`POST ${path}/challenge`, {}, access_token)
  const code = new TOTP({ secret: factor.totp.secret }).generate()
  const shown = await ask(`POST ${path}/verify`, { challenge_id: asked.id, code }, access_token)
  return { user: user.id, factor: factor.id, refreshToken: shown.refresh_token }
}

/** Another app may know who somebody is: the code that it was given. */
async function allowLedger(client: string): Promise<string> {
  const { access_token } = await ask('POST /auth/v1/signup', {})
  const { location } = await ask(
    `GET /auth/v1/oauth/authorize?${new URLSearchParams({
      response_type: 'code',
      client_id: client,
      redirect_uri: callback,
      scope: 'profile',
      code_challenge: challenge,
      code_challenge_method: 'S256',
    })}`,
  )
  const path = `/auth/v1/oauth/authorizations/${new URL(location).searchParams.get('authorization_id')}`
  await ask(`GET ${path}`, undefined, access_token)
  const { redirect_url } = await ask(`POST ${path}/consent`, { action: 'approve' }, access_token)
  return new URL(redirect_url).searchParams.get('code') ?? ''
}

/** A television is allowed in: what it waits with. */
async function allowDevice(guest: ReturnType<typeof visitor>): Promise<string> {
  const form = new URLSearchParams({ client_id: 'tv', scope: 'openid offline_access' })
  const { device_code, user_code } = await ask('POST /oidc/device/auth', form)
  const press = (page: Page, fields: Record<string, string>) =>
    guest.submit(page, fields, formsOf(page)[0]?.action ?? '')
  const page = await guest.open(`${stage.server.url}/device?user_code=${user_code}`)
  const done = await press(await press(page, {}), { want: 'allow' })
  if (!done.url.includes('device-allowed')) throw new Error(done.url)
  return device_code
}

async function signedInBrowser() {
  const guest = visitor({ stopAt: (url) => url.startsWith(home) })
  const asked = new URLSearchParams({
    ...{ client_id: bookstore.id, redirect_uri: `${home}/callback`, response_type: 'code' },
    ...{ scope: 'openid', code_challenge: challenge, code_challenge_method: 'S256' },
  })
  const start = await guest.open(`${stage.server.url}/oidc/auth?${asked}`)
  await signInWithPassword(guest, start, await createAccount(stage.server))
  return guest
}

async function turnKeys(): Promise<string[]> {
  const args = ['keys', 'rotate', '--purpose', 'oidc', '--now', '--json']
  const flags = databaseKind() === 'pglite' ? ['--data-dir', `${stage.place.folder}/data`] : []
  const printed = await runToEnd(node, [`${top}/src/cli.ts`, ...args, ...flags], {
    cwd: stage.place.folder,
    env: { ...variablesOf(stage.place), SEKISHO_PUBLIC_URL: stage.server.url },
  })
  return printed
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line).id)
}

test('whatever a killed server had acknowledged is there when it comes back, and whole', async () => {
  const { client_id, client_secret } = await ask('POST /auth/v1/oauth/clients/register', {
    client_name: 'Ledger',
    redirect_uris: [callback],
    token_endpoint_auth_method: 'client_secret_post',
  })
  const guest = await signedInBrowser()
  let tokens: Tokens = await tokensOf(stage.server, bookstore, await createAccount(stage.server))

  const enrolled: Awaited<ReturnType<typeof enrol>>[] = []
  const codes: string[] = []
  const devices: string[] = []
  const refreshed: Tokens[] = []
  const keys: string[][] = []
  let isOver = false
  const failures: unknown[] = []
  async function goOn<T>(acknowledged: T[], step: () => Promise<T>): Promise<void> {
    try {
      while (!isOver) acknowledged.push(await step())
    } catch (error) {
      // The connection broke: nothing was acknowledged, and it may be there or not.
      if (!isOver) failures.push(error)
    }
  }
  const everybody = Promise.all([
    goOn(enrolled, enrol),
    goOn(enrolled, enrol),
    goOn(codes, () => allowLedger(client_id)),
    goOn(devices, () => allowDevice(guest)),
    goOn(keys, turnKeys),
    goOn(refreshed, async () => {
      const { status, body } = await refresh(stage.server, bookstore, tokens.refresh_token)
      if (status !== 200) throw new Error(JSON.stringify(body))
      tokens = body
      return body
    }),
  ])
  const isEnough = () =>
    [enrolled, codes, devices, refreshed].every((done) => done.length >= enough) && keys.length > 0
  while (!isEnough() && failures.length === 0) await sleep(5)
  isOver = true
  await stage.server.kill()
  await everybody
  expect(failures).toEqual([])

  stage.server = await startServer(stage.place, { env })
  for (const { user, factor, refreshToken } of enrolled) {
    const path = `GET /auth/v1/admin/users/${user}/factors`
    const answer = await fetch(`${stage.server.url}${path.slice(4)}`, {
      headers: { authorization: `Bearer ${stage.server.serviceRoleKey}` },
    })
    expect(await answer.json()).toMatchObject([{ id: factor, status: 'verified' }])
    const { access_token } = await ask('POST /auth/v1/token?grant_type=refresh_token', {
      refresh_token: refreshToken,
    })
    const [, claims = ''] = access_token.split('.')
    expect(JSON.parse(Buffer.from(claims, 'base64url').toString())).toMatchObject({ aal: 'aal2' })
  }
  for (const code of codes) {
    const form = { grant_type: 'authorization_code', code, redirect_uri: callback }
    const fields = { ...form, client_id, client_secret, code_verifier: verifier }
    expect(await ask('POST /auth/v1/oauth/token', new URLSearchParams(fields))).toHaveProperty(
      'refresh_token',
    )
  }
  const published = createRemoteJWKSet(new URL(`${stage.server.url}/oidc/jwks`))
  for (const device_code of devices) {
    const grant_type = 'urn:ietf:params:oauth:grant-type:device_code'
    const form = new URLSearchParams({ grant_type, client_id: 'tv', device_code })
    const { id_token } = await ask('POST /oidc/token', form)
    expect((await jwtVerify(id_token, published)).payload.aud).toBe('tv')
  }
  for (const { access_token } of refreshed) {
    expect(await ask('GET /oidc/me', undefined, access_token)).toHaveProperty('sub')
  }
  const { keys: there } = await ask('GET /oidc/jwks')
  const kids = there.map(({ kid }: { kid: string }) => kid)
  expect(keys.flat().filter((id) => !kids.includes(id))).toEqual([])

  // Of what nobody was told, a half may not be there either.
  const halves = await query(
    stage.place,
    `select 'factor' as what from auth.mfa_factors f where status = 'verified' and not exists (
       select 1 from auth.sessions s where s.user_id = f.user_id and aal = 'aal2' and s.factor_id = f.id)
     union all select 'consent' from auth.oauth_authorizations a where status = 'approved' and not exists (
       select 1 from auth.oauth_consents c where c.user_id = a.user_id and c.client_id = a.client_id)
     union all select 'signing keys' from idp.keys
       group by purpose, algorithm having count(*) filter (where state = 'current') <> 1`,
  )
  expect(halves ?? []).toEqual([])
}, 180_000)
