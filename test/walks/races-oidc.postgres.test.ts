import { createHash, randomBytes } from 'node:crypto'
import {
  type CryptoKey,
  exportJWK,
  type GenerateKeyPairResult,
  generateKeyPair,
  SignJWT,
} from 'jose'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { query } from './ledger.ts'
import { tokensOf } from './oidc.ts'
import { signInWithPassword } from './pages.ts'
import { type Server, startServer } from './server.ts'
import { type Account, application, createAccount, type Stage, setStage } from './stage.ts'
import { formsOf, type Page, visitor } from './visitor.ts'

const tries = 50
const home = 'http://localhost:9'
const deviceGrant = 'urn:ietf:params:oauth:grant-type:device_code'
const assertionType = 'urn:ietf:params:oauth:client-assertion-type:jwt-bearer'

// Two processes need a database that both can open.
describe('fifty at once at the OpenID Provider, against two nodes', () => {
  let stage: Stage
  let second: Server
  let pair: GenerateKeyPairResult
  const bookstore = application('bookstore', home, '/callback')
  const partner = { ...application('partner', home, '/partner'), isThirdParty: true }
  const tv = {
    ...{ id: 'tv', name: 'The Television', type: 'Native' },
    oidcClientMetadata: { redirectUris: ['http://127.0.0.1/cb'] },
    customClientMetadata: { isDeviceFlow: true },
  }

  beforeAll(async () => {
    pair = await generateKeyPair('ES256', { extractable: true })
    const robot = {
      ...{ id: 'robot', name: 'Robot', type: 'MachineToMachine' },
      oidcClientMetadata: {
        tokenEndpointAuthMethod: 'private_key_jwt',
        jwks: { keys: [await exportJWK(pair.publicKey)] },
      },
    }
    stage = await setStage('postgres', { apply: { applications: [bookstore, partner, tv, robot] } })
    second = await startServer(stage.place, { publicUrl: stage.server.url })
  }, 120_000)
  afterAll(async () => {
    await second?.stop()
    await stage?.clear()
  })

  function race<T>(attempt: (server: Server, number: number) => Promise<T>): Promise<T[]> {
    const nodes = [stage.server, second]
    return Promise.all(
      Array.from({ length: tries }, (_, number) => attempt(nodes[number % 2] ?? second, number)),
    )
  }

  interface Said {
    status: number
    body: Record<string, string>
  }

  async function post(
    server: Server,
    path: string,
    form: Record<string, string>,
    headers: Record<string, string> = {},
  ): Promise<Said> {
    const answer = await fetch(server.url + path, {
      ...{ method: 'POST', headers, redirect: 'manual' },
      body: new URLSearchParams(form),
    })
    return { status: answer.status, body: await answer.json() }
  }

  const basic = ({ id, secret }: { id: string; secret: string }) => ({
    authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
  })

  /** One answer is good, and all the others are one refusal. */
  function expectOneWinner(answers: Said[], refusal: string): void {
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    const losers = answers.filter(({ status }) => status !== 200)
    expect(new Set(losers.map(({ status, body }) => `${status} ${body.error}`))).toEqual(
      new Set([refusal]),
    )
  }

  function authorization(app: { id: string; oidcClientMetadata: { redirectUris: string[] } }) {
    const verifier = randomBytes(32).toString('base64url')
    const form = {
      client_id: app.id,
      redirect_uri: app.oidcClientMetadata.redirectUris[0] ?? '',
      ...{ response_type: 'code', scope: 'openid offline_access', code_challenge_method: 'S256' },
      code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    }
    return { verifier, form }
  }

  async function proof(key: CryptoKey, claims: Record<string, unknown>): Promise<string> {
    const jwk = await exportJWK(pair.publicKey)
    return new SignJWT({ jti: randomBytes(16).toString('hex'), ...claims })
      .setProtectedHeader({ alg: 'ES256', typ: 'dpop+jwt', jwk })
      .setIssuedAt()
      .sign(key)
  }
  const tokenEndpoint = () => `${stage.server.url}/oidc/token`
  const tokenProof = () => proof(pair.privateKey, { htm: 'POST', htu: tokenEndpoint() })

  /** Somebody whose browser is signed in, by way of the bookstore. */
  async function signedIn(account: Account) {
    const guest = visitor({ stopAt: (url) => url.startsWith(home) })
    const start = await guest.open(
      `${stage.server.url}/oidc/auth?${new URLSearchParams(authorization(bookstore).form)}`,
    )
    await signInWithPassword(guest, start, account)
    const cookie = guest
      .cookies()
      .map(({ name, value }) => `${name}=${value}`)
      .join('; ')
    return { guest, cookie }
  }

  async function press(guest: ReturnType<typeof visitor>, page: Page, want: string): Promise<Page> {
    const [form] = formsOf(page)
    return guest.submit(page, { want }, form?.action ?? '')
  }

  test('one device code has one winner (E5)', async () => {
    const { guest } = await signedIn(await createAccount(stage.server))
    const { body } = await post(stage.server, '/oidc/device/auth', {
      client_id: 'tv',
      scope: 'openid',
    })
    const page = await guest.open(`${stage.server.url}/device?user_code=${body.user_code}`)
    const asked = await guest.submit(page, {}, '/device')
    const done = await press(guest, asked, 'allow')
    expect(done.url).toContain('device-allowed')
    const form = { grant_type: deviceGrant, client_id: 'tv', device_code: body.device_code ?? '' }
    expectOneWinner(await race((server) => post(server, '/oidc/token', form)), '400 invalid_grant')
  }, 60_000)

  test('one request that was left leads one browser on (E11)', async () => {
    const { cookie } = await signedIn(await createAccount(stage.server))
    const left = await post(
      stage.server,
      '/oidc/par',
      authorization(bookstore).form,
      basic(bookstore),
    )
    expect(left.status).toBe(201)
    const address = new URLSearchParams({
      client_id: 'bookstore',
      request_uri: left.body.request_uri ?? '',
    })
    const answers = await race(async (server) => {
      const answer = await fetch(`${server.url}/oidc/auth?${address}`, {
        ...{ headers: { cookie }, redirect: 'manual' },
      })
      return `${answer.status} ${answer.headers.get('location')?.includes('code=') ?? false}`
    })
    expect(answers.filter((answer) => answer === '303 true')).toHaveLength(1)
    expect(answers.filter((answer) => answer === '400 false')).toHaveLength(tries - 1)
  }, 60_000)

  test('one proof of a key opens once', async () => {
    const dpop = await tokenProof()
    const { refresh_token } = await tokensOf(
      stage.server,
      bookstore,
      await createAccount(stage.server),
    )
    const form = { grant_type: 'refresh_token', refresh_token }
    const headers = { ...basic(bookstore), dpop }
    const answers = await race((server) => post(server, '/oidc/token', form, headers))
    expectOneWinner(answers, '400 invalid_dpop_proof')
  }, 60_000)

  test('one assertion of a client is believed once (E8)', async () => {
    const client_assertion = await new SignJWT({ jti: randomBytes(16).toString('hex') })
      .setProtectedHeader({ alg: 'ES256' })
      .setIssuer('robot')
      .setSubject('robot')
      .setAudience(`${stage.server.url}/oidc`)
      .setIssuedAt()
      .setExpirationTime('1m')
      .sign(pair.privateKey)
    const form = {
      grant_type: 'client_credentials',
      ...{ client_assertion_type: assertionType, client_assertion },
    }
    const answers = await race((server) => post(server, '/oidc/token', form))
    expect(answers.filter(({ status }) => status === 200)).toHaveLength(1)
    // Whoever comes with so many wrong proofs is taken for a guesser after twenty.
    const losers = answers.filter(({ status }) => status !== 200)
    for (const { status, body } of losers) {
      expect(['401 invalid_client', '429 slow_down']).toContain(`${status} ${body.error}`)
    }
  }, 60_000)

  test('one refresh token that is bound to a key has one child, bound to it as well', async () => {
    const account = await createAccount(stage.server)
    const { refresh_token: unbound } = await tokensOf(stage.server, bookstore, account)
    const form = {
      grant_type: 'refresh_token',
      ...{ client_id: bookstore.id, client_secret: bookstore.secret },
    }
    const bound = await post(
      stage.server,
      '/oidc/token',
      { ...form, refresh_token: unbound },
      { dpop: await tokenProof() },
    )
    expect(bound.body.token_type).toBe('DPoP')
    const refresh_token = bound.body.refresh_token ?? ''
    const answers = await race(async (server) =>
      post(server, '/oidc/token', { ...form, refresh_token }, { dpop: await tokenProof() }),
    )
    const winners = answers.filter(({ status }) => status === 200)
    expect(new Set(winners.map(({ body }) => body.refresh_token)).size).toBe(1)
    expect(new Set(winners.map(({ body }) => body.token_type))).toEqual(new Set(['DPoP']))
    for (const { status, body } of answers) {
      if (status !== 200) expect(`${status} ${body.error}`).toBe('400 invalid_grant')
    }
    const kept = await query(stage.place, `select generation from idp.grants where user_id = $1`, [
      account.id,
    ])
    // Its child, and the child's.
    expect(kept).toEqual([{ generation: 2 }])
  }, 60_000)

  test('a consent that is given fifty times is one, and makes one code', async () => {
    const account = await createAccount(stage.server)
    const { guest, cookie } = await signedIn(account)
    const page = await guest.open(
      `${stage.server.url}/oidc/auth?${new URLSearchParams(authorization(partner).form)}`,
    )
    expect(new URL(page.url).pathname).toBe('/consent')
    const hidden = [...page.body.matchAll(/type="hidden" name="([^"]+)" value="([^"]*)"/g)]
    const fields = Object.fromEntries(hidden.map(([, name = '', value = '']) => [name, value]))
    const ends = await race(async (server) => {
      const sent = await fetch(`${server.url}/consent`, {
        ...{ method: 'POST', redirect: 'manual', headers: { cookie } },
        body: new URLSearchParams({ ...fields, want: 'allow' }),
      })
      const on = sent.headers.get('location') ?? '/nowhere'
      const back = await fetch(new URL(on, server.url), { redirect: 'manual', headers: { cookie } })
      return { sent: sent.status, back: back.status, location: back.headers.get('location') ?? '' }
    })
    expect(ends.filter(({ sent, back }) => sent >= 500 || back >= 500)).toEqual([])
    expect(ends.filter(({ location }) => location.includes('code='))).toHaveLength(1)
    const consents = await query(
      stage.place,
      `select 1 from idp.consents where user_id = $1 and application_id = 'partner'`,
      [account.id],
    )
    expect(consents).toHaveLength(1)
  }, 60_000)
})
