import { createHash, randomBytes, randomUUID } from 'node:crypto'
import { TOTP } from 'otpauth'
import { runCommand } from '../../src/flows/administer.ts'
import {
  companyKey,
  entityId,
  gotrueKey,
  honest,
  metadataOf,
  statementOf,
} from '../contract/gotrue-saml-world.ts'
import { type Smtp, startSmtp } from '../servers/smtp.ts'
import { freePort } from '../setup/free-port.ts'
import { adapterApplication } from './club.ts'
import { until } from './mail.ts'
import { codeOf, redeem, refresh, type Tokens } from './oidc.ts'
import type { Secrets } from './secrets.ts'
import { type LocalServer, serve, within } from './secrets-stage.ts'
import { type Place, type Server, startServer } from './server.ts'
import { application, codesAndPasswords } from './stage.ts'
import { visitor } from './visitor.ts'

export interface Setting {
  server: Server
  smtp: Smtp
  hooks: LocalServer
  collector: LocalServer
  metricsUrl: string
  /** The bodies of all errors. */
  errors: string[]
  provider: LocalServer
  /** The id of a request, and of a user: no secret, and everywhere. */
  canary: string
}

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely.
type Body = any

/** A server with everything that has secrets, at its most talkative. */
export async function setUp(place: Place, secrets: Secrets): Promise<Setting> {
  const random = (kind: string) =>
    secrets.keep(kind, `${kind.replaceAll(' ', '-')}/${randomBytes(18).toString('base64')}`)
  secrets.keep('root secret', place.secret)
  const smtp = await startSmtp({
    account: { user: 'gate', pass: random('SMTP password') },
    disabledCommands: ['STARTTLS'],
    allowInsecureAuth: true,
  })
  const hooks = await serve(({ body }) => {
    const asked = JSON.parse(body)
    if (asked.sms?.otp) secrets.keep('mailed or sent code', asked.sms.otp)
    if (asked.claims !== undefined) return { body: { claims: asked.claims } }
    return { body: {} }
  })
  const provider = await serve(({ path }) => {
    if (path.endsWith('/token')) {
      return {
        body: {
          access_token: random("provider's access token"),
          refresh_token: random("provider's refresh token"),
          token_type: 'bearer',
        },
      }
    }
    return { body: { sub: 'p-1', email: 'provided@example.com', email_verified: true, name: 'P' } }
  })
  const collector = await serve(() => ({ body: {} }))
  const metricsPort = await freePort()
  const hookSecret = secrets.keep('hook secret', randomBytes(32).toString('base64'))
  const hookAt = (name: string) => ({
    [`GOTRUE_HOOK_${name}_ENABLED`]: 'true',
    [`GOTRUE_HOOK_${name}_URI`]: `${hooks.url}/${name.toLowerCase()}`,
    [`GOTRUE_HOOK_${name}_SECRETS`]: `v1,whsec_${hookSecret}`,
  })
  const server = await startServer(place, {
    env: {
      SEKISHO_LOG_LEVEL: 'trace',
      SEKISHO_METRICS_PORT: String(metricsPort),
      SEKISHO_REGISTRATION: 'token',
      SEKISHO_REGISTRATION_TOKEN: random('initial access token'),
      SEKISHO_PRIVATE_HOSTS: '127.0.0.1',
      OTEL_EXPORTER_OTLP_ENDPOINT: collector.url,
      OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
      OTEL_EXPORTER_OTLP_HEADERS: `x-key=${encodeURIComponent(random("collector's key"))}`,
      GOTRUE_JWT_SECRET: random('JWT secret'),
      GOTRUE_API_REQUEST_ID_HEADER: 'x-id',
      GOTRUE_SMTP_HOST: '127.0.0.1',
      GOTRUE_SMTP_PORT: String(smtp.port),
      GOTRUE_SMTP_USER: 'gate',
      GOTRUE_SMTP_PASS: secrets.all().find(({ kind }) => kind === 'SMTP password')?.value ?? '',
      GOTRUE_SMTP_ADMIN_EMAIL: 'gate@example.com',
      GOTRUE_SMTP_LOGGING_ENABLED: 'true',
      GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
      GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
      GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
      GOTRUE_URI_ALLOW_LIST: 'http://app.example.com/**',
      GOTRUE_SITE_URL: 'http://app.example.com/',
      GOTRUE_EXTERNAL_KEYCLOAK_ENABLED: 'true',
      GOTRUE_EXTERNAL_KEYCLOAK_CLIENT_ID: 'gate',
      GOTRUE_EXTERNAL_KEYCLOAK_SECRET: random("provider's client secret"),
      GOTRUE_EXTERNAL_KEYCLOAK_REDIRECT_URI: 'http://app.example.com/callback',
      GOTRUE_EXTERNAL_KEYCLOAK_URL: `${provider.url}/realms/one`,
      GOTRUE_SAML_ENABLED: 'true',
      GOTRUE_SAML_PRIVATE_KEY: secrets.keep('SAML key', gotrueKey()),
      ...hookAt('CUSTOM_ACCESS_TOKEN'),
      ...hookAt('SEND_SMS'),
    },
    apply: {
      signInExperience: codesAndPasswords,
      applications: [
        {
          ...application('shop', 'http://shop.example.com', '/callback'),
          secret: random('client secret'),
        },
        {
          ...adapterApplication('club', 'http://club.example.com'),
          secret: random('client secret'),
        },
        {
          id: 'tv',
          name: 'The Television',
          type: 'Native',
          oidcClientMetadata: { redirectUris: [], postLogoutRedirectUris: [] },
          customClientMetadata: { isDeviceFlow: true },
        },
      ],
    },
  })
  secrets.keep('service key', server.serviceRoleKey)
  const metricsUrl = `http://127.0.0.1:${metricsPort}/metrics`
  return { server, smtp, hooks, collector, metricsUrl, errors: [], provider, canary: randomUUID() }
}

interface Asked {
  method?: string
  bearer?: string
  body?: unknown
  headers?: Record<string, string>
}

/** Makes every kind of secret, uses it, and uses it wrongly. */
export async function walk(place: Place, setting: Setting, secrets: Secrets): Promise<void> {
  const { server, errors, smtp } = setting

  async function ask(path: string, { method = 'POST', bearer, body, headers = {} }: Asked = {}) {
    const answer = await fetch(`${server.url}${path}`, {
      method,
      redirect: 'manual',
      headers: {
        ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
        ...(body === undefined || body instanceof URLSearchParams
          ? {}
          : { 'content-type': 'application/json' }),
        ...headers,
      },
      ...(body === undefined
        ? {}
        : {
            body:
              typeof body === 'string' || body instanceof URLSearchParams
                ? body
                : JSON.stringify(body),
          }),
    })
    const said = await answer.text()
    if (answer.status >= 400) errors.push(said)
    let read: Body = said
    try {
      read = JSON.parse(said)
    } catch {}
    return { status: answer.status, headers: answer.headers, body: read }
  }

  /** What has to go well, that its secrets are worth looking for. */
  async function well(path: string, asked: Asked = {}): Promise<Body> {
    const { status, body, headers } = await ask(path, asked)
    if (status >= 400) throw new Error(`${path}: ${status} ${JSON.stringify(body)}`)
    const location = headers.get('location')
    return location === null ? body : new URL(location)
  }

  const handedOut = new Set<object>()
  async function mailTo(to: string): Promise<{ token: string; code: string }> {
    const message = await until(`a mail to ${to}`, () =>
      smtp.messages.find((one) => one.to.includes(to) && !handedOut.has(one)),
    )
    handedOut.add(message)
    const content = `${message.html ?? ''} ${message.text ?? ''}`.replaceAll('&amp;', '&')
    const token = /[?&]token=([^&"\s]+)/.exec(content)?.[1] ?? ''
    const code = /\b\d{6}\b/.exec(content.replaceAll(/<[^>]*>/g, ' '))?.[0] ?? ''
    if (token !== '') secrets.keep("mailed link's token", token)
    if (code !== '') secrets.keep('mailed or sent code', code)
    return { token, code }
  }

  function session(body: Body): { access: string; refresh: string } {
    return {
      access: secrets.keep('access token', body.access_token),
      refresh: secrets.keep('refresh token', body.refresh_token),
    }
  }

  const service = server.serviceRoleKey
  const email = 'ann@example.com'
  const password = secrets.keep('password', `right-${randomBytes(12).toString('base64')}&é`)
  const wrong = () => secrets.keep('wrong password', `wrong-${randomBytes(12).toString('base64')}`)
  const made = await well('/auth/v1/admin/users', {
    bearer: service,
    body: { id: setting.canary, email, password, email_confirm: true },
    headers: { 'x-id': setting.canary },
  })

  // Passwords, right and wrong, and where they do not belong.
  const signIn = (given: string) =>
    ask('/auth/v1/token?grant_type=password', { body: { email, password: given } })
  const first = session((await signIn(password)).body)
  await signIn(wrong())
  await ask('/auth/v1/token?grant_type=password', {
    body: `{"email":"${email}","password":"${wrong()}",`,
  })
  await ask('/auth/v1/token?grant_type=password', { body: { email, password: { value: wrong() } } })
  await ask(`/auth/v1/token?grant_type=password&password=${encodeURIComponent(wrong())}`, {
    body: {},
  })
  await ask('/auth/v1/signup', { body: { email: 'x', password: wrong(), data: [wrong()] } })
  await ask('/auth/v1/signup', { body: { email: 'nul@example.com', password: `${wrong()}\0` } })
  await ask('/auth/v1/user', {
    method: 'PUT',
    bearer: first.access,
    body: { password: secrets.keep('password', `next-${randomBytes(12).toString('base64')}`) },
  })

  // Refresh tokens, used twice; access tokens, spoilt and in the wrong place.
  const rotated = session(
    await well('/auth/v1/token?grant_type=refresh_token', {
      body: { refresh_token: first.refresh },
    }),
  )
  const again = await well('/auth/v1/token?grant_type=refresh_token', {
    body: { refresh_token: rotated.refresh },
  })
  const { access } = session(again)
  await ask('/auth/v1/token?grant_type=refresh_token', { body: { refresh_token: first.refresh } })
  await ask('/auth/v1/user', { method: 'GET', bearer: `${access}x` })
  await ask(`/auth/v1/nothing/${first.refresh}?access_token=${access}`, { method: 'GET' })
  await ask('/auth/v1/admin/users', { method: 'GET', bearer: access })

  // Codes and links, by mail and by text message.
  for (const path of ['/auth/v1/otp', '/auth/v1/recover', '/auth/v1/magiclink']) {
    const to = `${path.split('/').at(-1)}@example.com`
    await well('/auth/v1/admin/users', {
      bearer: service,
      body: { email: to, email_confirm: true },
    })
    await well(path, { body: { email: to } })
    const { token, code } = await mailTo(to)
    await ask('/auth/v1/verify', {
      body: { type: 'email', email: to, token: secrets.keep('wrong code', '000001') },
    })
    if (path === '/auth/v1/otp' && code !== '') {
      await ask('/auth/v1/verify', { body: { type: 'email', email: to, token: code } })
    }
    const landed = await ask(`/auth/v1/verify?type=magiclink&token=${token}`, { method: 'GET' })
    keepFragment(landed.headers.get('location'), secrets)
    await ask(`/auth/v1/verify?type=magiclink&token=${token}`, { method: 'GET' })
  }
  await well('/auth/v1/signup', { body: { email: 'new@example.com', password: wrong() } })
  await mailTo('new@example.com')
  await well('/auth/v1/invite', { bearer: service, body: { email: 'invited@example.com' } })
  await mailTo('invited@example.com')
  const generated = await well('/auth/v1/admin/generate_link', {
    bearer: service,
    body: { type: 'recovery', email: 'recover@example.com' },
  })
  secrets.keep("mailed link's token", generated.hashed_token)
  secrets.keep('mailed or sent code', generated.email_otp)
  await well('/auth/v1/otp', { body: { phone: '15551234567' } })
  await ask('/auth/v1/verify', { body: { type: 'sms', phone: '15551234567', token: '000002' } })
  await well('/auth/v1/reauthenticate', { method: 'GET', bearer: access })
  await mailTo(email)
  smtp.refuseWith({ status: 550, text: 'no' })
  await ask('/auth/v1/signup', { body: { email: 'refused@example.com', password: wrong() } })
  smtp.refuseWith(null)

  await well('/auth/v1/user', {
    method: 'PUT',
    bearer: access,
    body: { email: 'ann2@example.com' },
  })
  await mailTo('ann2@example.com')

  // GoTrue's PKCE: the code of a link is redeemed with a verifier, or lies there.
  const newVerifier = () => secrets.keep('PKCE verifier', randomBytes(40).toString('base64url'))
  const [redeemed, left] = [
    await codeByLink('pkce@example.com'),
    await codeByLink('left@example.com'),
  ]
  const pkce = (auth_code: string, code_verifier: string) =>
    ask('/auth/v1/token?grant_type=pkce', { body: { auth_code, code_verifier } })
  await pkce(left.code, newVerifier())
  session((await pkce(redeemed.code, redeemed.verifier)).body)

  // An app that shows codes.
  const factor = await well('/auth/v1/factors', {
    bearer: access,
    body: { factor_type: 'totp', friendly_name: 'app' },
  })
  const totp = secrets.keep('TOTP secret', factor.totp.secret)
  const { id: challenge_id } = await well(`/auth/v1/factors/${factor.id}/challenge`, {
    bearer: access,
    body: {},
  })
  const shown = new TOTP({ secret: totp, digits: 6, period: 30 }).generate()
  await ask(`/auth/v1/factors/${factor.id}/verify`, {
    bearer: access,
    body: { challenge_id, code: '000003' },
  })
  session(
    await well(`/auth/v1/factors/${factor.id}/verify`, {
      bearer: access,
      body: { challenge_id, code: secrets.keep('TOTP code', shown) },
    }),
  )

  async function codeByLink(to: string): Promise<{ code: string; verifier: string }> {
    const verifier = newVerifier()
    await well('/auth/v1/admin/users', {
      bearer: service,
      body: { email: to, email_confirm: true },
    })
    await well('/auth/v1/otp', {
      body: {
        email: to,
        code_challenge: createHash('sha256').update(verifier).digest('base64url'),
        code_challenge_method: 's256',
      },
    })
    const { token } = await mailTo(to)
    const landed: URL = await well(
      `/auth/v1/verify?type=magiclink&token=${token}&redirect_to=http://app.example.com/in`,
      { method: 'GET' },
    )
    const code = secrets.keep("GoTrue's authorization code", landed.searchParams.get('code'))
    return { code, verifier }
  }

  await atProvider()
  await bySaml()
  await asApplication()
  await asAdapter()

  /** A provider elsewhere: its code, its tokens, and the state. */
  async function atProvider(): Promise<void> {
    for (const outcome of ['well', 'badly'] as const) {
      const away: URL = await well(
        '/auth/v1/authorize?provider=keycloak&redirect_to=http://app.example.com/in',
        { method: 'GET' },
      )
      const state = secrets.keep('state', away.searchParams.get('state'))
      const code = secrets.keep("provider's code", randomBytes(24).toString('base64url'))
      const query = new URLSearchParams({ code, state: outcome === 'well' ? state : `${state}x` })
      const back = await ask(`/auth/v1/callback?${query}`, { method: 'GET' })
      const fragment = keepFragment(back.headers.get('location'), secrets)
      if (outcome === 'well' && !fragment.has('provider_token')) {
        throw new Error(`The provider brought nobody: ${back.headers.get('location')}`)
      }
    }
  }

  async function bySaml(): Promise<void> {
    await well('/auth/v1/admin/sso/providers', {
      bearer: service,
      body: { type: 'saml', metadata_xml: metadataOf(), domains: ['company.example'] },
    })
    const acs = `${server.url}/auth/v1/sso/saml/acs`
    for (const recipient of [acs, `${acs}/elsewhere`]) {
      const assertionId = `_${randomBytes(12).toString('hex')}`
      const xml = honest(
        statementOf(
          { ctx: { now: () => new Date() } },
          {
            ...{ issuer: entityId, assertionId, recipient, destination: acs },
            audience: `${server.url}/auth/v1/sso/saml/metadata`,
          },
        ),
        { key: companyKey },
      )
      const signature = /<(?:\w+:)?SignatureValue>([^<]+)/.exec(xml)?.[1]
      secrets.keep('SAML assertion', signature)
      const answer = await ask('/auth/v1/sso/saml/acs', {
        body: new URLSearchParams({ SAMLResponse: Buffer.from(xml).toString('base64') }),
      })
      const fragment = keepFragment(answer.headers.get('location'), secrets)
      if (recipient === acs && !fragment.has('access_token')) {
        throw new Error(`SAML let nobody in: ${answer.status} ${JSON.stringify(answer.body)}`)
      }
    }
  }

  /** The OpenID Provider, with all that it hands out. */
  async function asApplication(): Promise<void> {
    const shop = {
      ...application('shop', 'http://shop.example.com', '/callback'),
      secret: secrets.all().find(({ kind }) => kind === 'client secret')?.value ?? '',
    }
    const bob = {
      email: 'bob@example.com',
      password: secrets.keep('password', `bob-${randomBytes(12).toString('base64url')}`),
    }
    const { id } = await well('/auth/v1/admin/users', {
      bearer: service,
      body: { ...bob, email_confirm: true },
    })
    const guest = visitor({ stopAt: (url) => url.includes('code=') })
    const code = await codeOf(server, shop, { id, ...bob }, guest)
    secrets.keep('authorization code', code.code)
    secrets.keep('PKCE verifier', code.verifier)
    for (const { value } of guest.cookies()) if (value.length > 20) secrets.keep('cookie', value)
    const keepTokens = (tokens: Tokens) => {
      secrets.keep('ID token', tokens.id_token)
      secrets.keep('access token', tokens.access_token)
      return secrets.keep('refresh token', tokens.refresh_token)
    }
    const held = keepTokens((await redeem(server, shop, code)).body)
    const next = keepTokens((await refresh(server, shop, held)).body)
    errors.push(JSON.stringify((await redeem(server, shop, code)).body))
    errors.push(JSON.stringify((await refresh(server, shop, `${next}x`)).body))
    const basic = (secret: string) => ({
      authorization: `Basic ${Buffer.from(`shop:${encodeURIComponent(secret)}`).toString('base64')}`,
    })
    const form = (fields: Record<string, string>) => new URLSearchParams(fields)
    await ask('/oidc/token', {
      headers: basic(secrets.keep('client secret', randomBytes(24).toString('base64url'))),
      body: form({ grant_type: 'refresh_token', refresh_token: next }),
    })
    await well('/oidc/token/introspection', {
      headers: basic(shop.secret),
      body: form({ token: next }),
    })
    await ask('/oidc/me', { method: 'GET', bearer: `${next}x` })
    await ask(`/oidc/auth?client_id=shop&redirect_uri=http://evil.example.com&code=${code.code}`, {
      method: 'GET',
    })

    const waiting = await well('/oidc/device/auth', {
      body: form({ client_id: 'tv', scope: 'openid' }),
    })
    secrets.keep('device code', waiting.device_code)
    secrets.keep('user code', waiting.user_code)
    await ask('/oidc/token', {
      body: form({
        grant_type: 'urn:ietf:params:oauth:grant-type:device_code',
        client_id: 'tv',
        device_code: waiting.device_code,
      }),
    })

    const initial = secrets.all().find(({ kind }) => kind === 'initial access token')?.value ?? ''
    const registered = await well('/oidc/register', {
      bearer: initial,
      body: {
        redirect_uris: ['https://tool.example.com/callback'],
        token_endpoint_auth_method: 'client_secret_basic',
      },
    })
    secrets.keep('client secret', registered.client_secret)
    secrets.keep('registration access token', registered.registration_access_token)
    await ask('/oidc/register', { bearer: `${initial}x`, body: {} })

    const personal = await within(place, (ctx) =>
      runCommand(ctx, 'token.create', { who: made.id, name: 'program' }),
    )
    await ask('/oidc/token', {
      headers: basic(shop.secret),
      body: form({
        grant_type: 'urn:ietf:params:oauth:grant-type:token-exchange',
        subject_token: secrets.keep('personal access token', personal.value),
        subject_token_type: 'urn:logto:token-type:personal_access_token',
      }),
    })
  }

  /** Auth.js keeps its sessions and its links here. */
  async function asAdapter(): Promise<void> {
    const [, club] = secrets.all().filter(({ kind }) => kind === 'client secret')
    const headers = {
      authorization: `Basic ${btoa(`club:${encodeURIComponent(club?.value ?? '')}`)}`,
    }
    const expires = new Date(Date.now() + 3_600_000).toISOString()
    const sessionToken = secrets.keep('session token', randomBytes(24).toString('base64url'))
    const token = secrets.keep('verification token', randomBytes(24).toString('base64url'))
    const call = (method: string, body: unknown) => ask(`/api/authjs/${method}`, { headers, body })
    for (const [method, body] of [
      ['createSession', { sessionToken, userId: made.id, expires }],
      ['getSessionAndUser', { sessionToken }],
      ['createVerificationToken', { identifier: email, token, expires }],
      [
        'linkAccount',
        {
          ...{ userId: made.id, type: 'oauth', provider: 'github', providerAccountId: '1' },
          access_token: secrets.keep(
            "provider's access token",
            randomBytes(24).toString('base64url'),
          ),
        },
      ],
    ] as const) {
      const { status, body: answer } = await call(method, body)
      if (status !== 200) throw new Error(`${method}: ${status} ${JSON.stringify(answer)}`)
    }
    await call('createSession', { sessionToken, userId: 'nobody', expires: 'never' })
    await ask('/api/authjs/getUser', {
      headers: { authorization: `Basic ${btoa('club:wrong')}` },
      body: {},
    })
  }
}

/** The tokens of a session or of a provider in an address, behind its number sign. */
function keepFragment(location: string | null, secrets: Secrets): URLSearchParams {
  const fragment = new URLSearchParams(new URL(location ?? 'about:blank').hash.slice(1))
  const kinds = {
    access_token: 'access token',
    refresh_token: 'refresh token',
    provider_token: "provider's access token",
    provider_refresh_token: "provider's refresh token",
  }
  for (const [name, kind] of Object.entries(kinds)) {
    const value = fragment.get(name)
    if (value !== null) secrets.keep(kind, value)
  }
  return fragment
}
