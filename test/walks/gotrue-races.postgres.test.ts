import { createHash, generateKeyPairSync, randomBytes, sign } from 'node:crypto'
import { inflateRawSync } from 'node:zlib'
import { TOTP } from 'otpauth'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import {
  entityId,
  gotrueKey,
  honest,
  metadataOf,
  nameIdPersistent,
  type Statement,
} from '../contract/gotrue-saml-world.ts'
import { softwareKey } from '../contract/software-key.ts'
import { query } from './ledger.ts'
import { type Server, startServer } from './server.ts'
import { createAccount, freshEmail, type Stage, setStage } from './stage.ts'

// Whatever counts once at /auth/v1, and where fifty come with it at once. What is missing here:
//
//   refresh token, magic link, e-mailed code, sign-up      races.postgres.test.ts, two nodes
//   state of a provider (both flows), its first sign-in    contract/gotrue-external.test.ts
//   the last identity                                      contract/gotrue-identities.test.ts
//   sign-ups and hooks, number of a sign-up                contract/gotrue-hooks.test.ts, gotrue-phone.test.ts
//   what Twilio Verify calls right                         contract/gotrue-phone-providers.test.ts
//   step of an app over many challenges                    contract/gotrue-factors.test.ts
//   answer of a security key as a factor                   contract/gotrue-factors-webauthn.test.ts
//   one person of a provider, linked to fifty              gotrue-races-links.postgres.test.ts
//   how many passkeys                                      contract/gotrue-passkeys.test.ts
//   SSO providers, custom providers                        contract/gotrue-saml-providers, gotrue-custom-providers.test.ts

const tries = 50
const place = { origin: 'http://localhost:5173', relyingParty: 'localhost' }
const verifier = randomBytes(32).toString('base64url')
const challenge = createHash('sha256').update(verifier).digest('base64url')
const phones = Array.from({ length: 2 }, (_, number) => `1555000000${number}`)

const sessionsOf = 'select 1 from auth.sessions join auth.users on users.id = user_id'

const env = {
  GOTRUE_MAILER_AUTOCONFIRM: 'true',
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
  GOTRUE_SMS_TEST_OTP: phones.map((phone) => `${phone}=123456`).join(','),
  GOTRUE_SMS_MAX_FREQUENCY: '0s',
  GOTRUE_EXTERNAL_WEB3_SOLANA_ENABLED: 'true',
  GOTRUE_SITE_URL: 'https://app.example.com',
  GOTRUE_OAUTH_SERVER_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
  GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: '/oauth/consent',
  GOTRUE_PASSKEY_ENABLED: 'true',
  GOTRUE_WEBAUTHN_RP_ID: place.relyingParty,
  GOTRUE_WEBAUTHN_RP_DISPLAY_NAME: 'An app',
  GOTRUE_WEBAUTHN_RP_ORIGINS: place.origin,
  GOTRUE_SAML_ENABLED: 'true',
}

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely, as a client in JavaScript does.
type Body = any
interface Said {
  status: number
  location: string
  body: Body
}

// Two processes need a database that both can open.
describe('fifty at once at GoTrue’s face, against two nodes', () => {
  let stage: Stage
  let second: Server

  beforeAll(async () => {
    const all = { ...env, GOTRUE_SAML_PRIVATE_KEY: gotrueKey() }
    stage = await setStage('postgres', { env: all })
    second = await startServer(stage.place, { env: all, publicUrl: stage.server.url })
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

  async function ask(
    server: Server,
    request: string,
    body: unknown = undefined,
    bearer: string | null = null,
  ): Promise<Said> {
    const [method = '', path = ''] = request.split(' ')
    const isForm = body instanceof URLSearchParams
    const answer = await fetch(`${server.url}/auth/v1${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(bearer === null ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined || isForm ? {} : { 'content-type': 'application/json' }),
      },
      ...(body === undefined ? {} : { body: isForm ? body : JSON.stringify(body) }),
    })
    const text = await answer.text()
    return {
      status: answer.status,
      location: answer.headers.get('location') ?? '',
      body: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : text,
    }
  }

  /** One has it; the others are told why not, and nobody meets a fault. */
  function expectOneWinner(answers: Said[], why: string[]): Said {
    const winners = answers.filter(({ status }) => status < 300)
    const losers = answers.filter(({ status }) => status >= 300)
    const reasons = new Set(
      losers.map(({ status, body }) => `${status} ${body.error_code ?? body.error ?? body.code}`),
    )
    expect([winners.length, [...reasons].filter((reason) => !why.includes(reason))]).toEqual([
      1,
      [],
    ])
    return winners[0] ?? expect.fail()
  }

  async function signedIn(): Promise<{ id: string; email: string; bearer: string }> {
    const account = await createAccount(stage.server)
    const { body } = await ask(stage.server, 'POST /token?grant_type=password', account)
    return { id: account.id, email: account.email, bearer: body.access_token }
  }

  async function anonymous(server: Server): Promise<{ id: string; bearer: string }> {
    const { body } = await ask(server, 'POST /signup', {})
    return { id: body.user.id, bearer: body.access_token }
  }

  async function count(text: string, ...values: unknown[]): Promise<number> {
    return (await query(stage.place, text, values))?.length ?? -1
  }

  test('a code that was sent to a phone has one winner (C1)', async () => {
    const [phone] = phones
    await ask(stage.server, 'POST /otp', { phone })
    const answers = await race((server) =>
      ask(server, 'POST /verify', { type: 'sms', phone, token: '123456' }),
    )
    expectOneWinner(answers, ['403 otp_expired', '429 over_request_rate_limit'])
    expect(await count(`${sessionsOf} where phone = $1`, phone)).toBe(1)
  }, 60_000)

  test('one number goes to one of those who change to it', async () => {
    const [, phone] = phones
    const people = await Promise.all([stage.server, second].map(anonymous))
    await Promise.all(people.map(({ bearer }) => ask(second, 'PUT /user', { phone }, bearer)))
    const answers = await race((server) =>
      ask(server, 'POST /verify', { type: 'phone_change', phone, token: '123456' }),
    )
    // Somebody has it now: to the others it is an ordinary number that they cannot have.
    expectOneWinner(answers, ['403 otp_expired', '422 phone_exists', '429 over_request_rate_limit'])
    expect(await count('select 1 from auth.users where phone = $1', phone)).toBe(1)
  }, 60_000)

  test('one challenge of an app raises one session, once (C8)', async () => {
    const { bearer } = await signedIn()
    const body = { factor_type: 'totp', friendly_name: 'app' }
    const made = await race((server) => ask(server, 'POST /factors', body, bearer))
    const { body: factor } = expectOneWinner(made, ['422 mfa_factor_name_conflict'])
    const asked = await ask(stage.server, `POST /factors/${factor.id}/challenge`, {}, bearer)
    const code = new TOTP({ secret: factor.totp.secret }).generate()
    const answers = await race((server) =>
      ask(
        server,
        `POST /factors/${factor.id}/verify`,
        { challenge_id: asked.body.id, code },
        bearer,
      ),
    )
    expectOneWinner(answers, [
      '422 mfa_verification_failed',
      '422 mfa_challenge_expired',
      '422 mfa_ip_address_mismatch',
      '422 mfa_factor_not_found',
      '429 over_request_rate_limit',
    ])
    expect(
      await count(
        "select 1 from auth.mfa_factors where id = $1 and status = 'verified'",
        factor.id,
      ),
    ).toBe(1)
  }, 60_000)

  test('one question makes one passkey, and one question lets it in once (O2)', async () => {
    const { id, bearer } = await signedIn()
    const key = softwareKey()
    const asked = await ask(stage.server, 'POST /passkeys/registration/options', {}, bearer)
    const made = await race((server) => {
      const credential = JSON.parse(key.register(asked.body.options.challenge, place))
      const body = { challenge_id: asked.body.challenge_id, credential }
      return ask(server, 'POST /passkeys/registration/verify', body, bearer)
    })
    expectOneWinner(made, ['400 webauthn_challenge_not_found'])
    const again = await ask(stage.server, 'POST /passkeys/authentication/options', {})
    const answers = await race((server) => {
      const { challenge } = again.body.options
      const credential = JSON.parse(key.answer(challenge, place, { userHandle: id }))
      const body = { challenge_id: again.body.challenge_id, credential }
      return ask(server, 'POST /passkeys/authentication/verify', body)
    })
    expectOneWinner(answers, ['400 webauthn_challenge_not_found'])
    expect(await count('select 1 from auth.sessions where user_id = $1', id)).toBe(2)
  }, 60_000)

  test('one code of a mailed link (PKCE) is redeemed once', async () => {
    const { email } = await createAccount(stage.server)
    const pkce = { code_challenge: challenge, code_challenge_method: 's256' }
    await ask(stage.server, 'POST /otp', { email, ...pkce })
    const { link } = await stage.post.next(email)
    const { pathname, search } = new URL(link)
    const { location } = await ask(stage.server, `GET ${pathname.replace('/auth/v1', '')}${search}`)
    const auth_code = new URL(location).searchParams.get('code')
    const answers = await race((server) =>
      ask(server, 'POST /token?grant_type=pkce', { auth_code, code_verifier: verifier }),
    )
    expectOneWinner(answers, ['404 flow_state_not_found'])
  }, 60_000)

  test('one consent makes one code, and one code one session', async () => {
    const { bearer } = await signedIn()
    const callback = 'https://ledger.example.com/callback'
    const { body: app } = await ask(stage.server, 'POST /oauth/clients/register', {
      client_name: 'Ledger',
      redirect_uris: [callback],
      token_endpoint_auth_method: 'client_secret_post',
    })
    const { location } = await ask(
      stage.server,
      `GET /oauth/authorize?${new URLSearchParams({
        response_type: 'code',
        client_id: app.client_id,
        redirect_uri: callback,
        scope: 'openid',
        code_challenge: challenge,
        code_challenge_method: 'S256',
      })}`,
    )
    const name = new URL(location).searchParams.get('authorization_id')
    await ask(second, `GET /oauth/authorizations/${name}`, undefined, bearer)
    const decided = await race((server) =>
      ask(server, `POST /oauth/authorizations/${name}/consent`, { action: 'approve' }, bearer),
    )
    const { body } = expectOneWinner(decided, ['400 validation_failed'])
    const form = new URLSearchParams({
      grant_type: 'authorization_code',
      client_id: app.client_id,
      client_secret: app.client_secret,
      redirect_uri: callback,
      code_verifier: verifier,
      code: new URL(body.redirect_url).searchParams.get('code') ?? '',
    })
    const answers = await race((server) => ask(server, 'POST /oauth/token', form))
    expectOneWinner(answers, ['400 invalid_grant'])
    expect(
      await count('select 1 from auth.sessions where oauth_client_id = $1', app.client_id),
    ).toBe(1)
  }, 60_000)

  test('one signed message of a wallet has one winner', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ed25519')
    const { x = '' } = publicKey.export({ format: 'jwk' })
    const message = [
      'app.example.com wants you to sign in with your Solana account:',
      base58(x),
      ...['', 'URI: https://app.example.com/in', 'Version: 1', 'Chain ID: solana:mainnet'],
      `Issued At: ${new Date().toISOString()}`,
    ].join('\n')
    const signature = sign(null, Buffer.from(message), privateKey).toString('base64')
    const answers = await race((server) =>
      ask(server, 'POST /token?grant_type=web3', { chain: 'solana', message, signature }),
    )
    expectOneWinner(answers, ['400 invalid_grant'])
    expect(await count("select 1 from auth.identities where provider = 'web3'")).toBe(1)
  }, 60_000)

  test('one assertion of a company has one winner, and so has one way there (G8)', async () => {
    const made = await ask(
      stage.server,
      'POST /admin/sso/providers',
      { type: 'saml', metadata_xml: metadataOf(), domains: ['company.example'] },
      stage.server.serviceRoleKey,
    )
    expect(made.status).toBe(201)
    const arrive = (server: Server, xml: string, relayState: string) =>
      ask(
        server,
        'POST /sso/saml/acs',
        new URLSearchParams({
          SAMLResponse: Buffer.from(xml).toString('base64'),
          ...(relayState === '' ? {} : { RelayState: relayState }),
        }),
      )
    const comeIn = (answers: Said[]) =>
      answers.filter(({ location }) => location.includes('access_token=')).length
    const sessions = () => count('select 1 from auth.sessions')

    const before = await sessions()
    const xml = honest(statement(stage.server, '_one', null))
    expect(comeIn(await race((server) => arrive(server, xml, '')))).toBe(1)

    const { body } = await ask(stage.server, 'POST /sso', {
      domain: 'company.example',
      skip_http_redirect: true,
    })
    const way = new URL(body.url).searchParams
    const request = inflateRawSync(Buffer.from(way.get('SAMLRequest') ?? '', 'base64')).toString()
    const requestId = / ID="([^"]+)"/.exec(request)?.[1] ?? ''
    const answers = await race((server, number) =>
      arrive(
        server,
        honest(statement(stage.server, `_of_many_${number}`, requestId)),
        way.get('RelayState') ?? '',
      ),
    )
    expect(comeIn(answers)).toBe(1)
    expect(await sessions()).toBe(before + 2)
    expect(answers.filter(({ status }) => status >= 500)).toEqual([])
  }, 60_000)

  test('one address goes to one of fifty anonymous people', async () => {
    const people = await race((server) => anonymous(server))
    const email = freshEmail()
    const answers = await race((server, number) =>
      ask(server, 'PUT /user', { email }, people[number]?.bearer),
    )
    expectOneWinner(answers, ['422 email_exists'])
    const users = 'select 1 from auth.users where email = $1 and not is_anonymous'
    expect(await count(users, email)).toBe(1)
    expect(await count('select 1 from auth.identities where email = $1', email)).toBe(1)
  }, 60_000)

  test.each(['invite', 'recovery', 'magiclink'])(
    'one link of kind %s has one winner (C10)',
    async (type) => {
      const email = type === 'invite' ? freshEmail() : (await createAccount(stage.server)).email
      const { body } = await ask(
        stage.server,
        'POST /admin/generate_link',
        { type, email },
        stage.server.serviceRoleKey,
      )
      const answers = await race((server) =>
        ask(server, 'POST /verify', { type, token_hash: body.hashed_token }),
      )
      // Whoever comes this often is taken for a guesser.
      expectOneWinner(answers, ['403 otp_expired', '429 over_request_rate_limit'])
      expect(await count(`${sessionsOf} where email = $1`, email)).toBe(1)
    },
    60_000,
  )

  test('of fifty administrators who make one account, one does (M9)', async () => {
    const email = freshEmail()
    const answers = await race((server) =>
      ask(server, 'POST /admin/users', { email, email_confirm: true }, stage.server.serviceRoleKey),
    )
    expectOneWinner(answers, ['422 email_exists'])
    expect(await count('select 1 from auth.users where email = $1', email)).toBe(1)
  }, 60_000)
})

function statement({ url }: Server, assertionId: string, inResponseTo: string | null): Statement {
  return {
    responseId: `${assertionId}_response`,
    assertionId,
    issuer: entityId,
    inResponseTo,
    responseInResponseTo: inResponseTo,
    audience: `${url}/auth/v1/sso/saml/metadata`,
    recipient: `${url}/auth/v1/sso/saml/acs`,
    destination: `${url}/auth/v1/sso/saml/acs`,
    status: 'Success',
    nameId: 'ann-1',
    nameIdFormat: nameIdPersistent,
    attributes: { mail: ['ann@company.example'] },
    now: new Date(),
    lifetime: 300_000,
    sessionEndsAt: null,
  }
}

/** The address of a wallet, of its key in base64url. */
function base58(key: string): string {
  const alphabet = '123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz'
  const bytes = Buffer.from(key, 'base64url')
  let text = ''
  for (let rest = BigInt(`0x${bytes.toString('hex')}`); rest > 0n; rest /= 58n) {
    text = `${alphabet[Number(rest % 58n)]}${text}`
  }
  return '1'.repeat(bytes.findIndex((byte) => byte !== 0)) + text
}
