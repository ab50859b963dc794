import { createHash, createHmac, generateKeyPairSync, type KeyObject } from 'node:crypto'
import { SignJWT } from 'jose'
import { ann, type Dialect, dialects, type Person } from './provider-dialects.ts'

export const client = { id: 'our-client', secret: 'our secret & more' }

/** The browser on its way back: by its address, or by a form. */
export interface WayBack {
  url: URL
  form: URLSearchParams | null
}

export interface Providers {
  /** The internet with nothing on it but providers. */
  fetch: typeof globalThis.fetch
  /** Who sits in front of the browser. */
  person: Person
  /** The browser at a provider: signs in, says yes, and is sent back. */
  visit(address: string): WayBack
  /** What came, oldest first. */
  asked: { url: URL; method: string; headers: Headers; body: string }[]
  /** The next answer of an address, instead of its own. */
  answer(address: string, response: () => Response): void
  /** An ID token of any issuer, signed with the key that all of them publish. */
  idToken(claims: Record<string, unknown>, options?: { header?: object }): Promise<string>
  /** From now on the issuers sign with, and publish, a new key. */
  changeKey(): void
  /** Describes one more OpenID Provider. */
  describe(issuer: string, change?: Record<string, unknown>): void
}

interface Code {
  clientId: string
  redirectUri: string
  challenge: string | null
  person: Person
  dialect: Dialect
}

/** Providers that speak their own dialects, in this process. `now` is the clock by which they sign. */
export function startProviders(now: () => Date): Providers {
  const codes = new Map<string, Code>()
  const tokens = new Map<string, { person: Person; dialect: Dialect }>()
  const instead = new Map<string, () => Response>()
  const described = new Map<string, object>()
  let key = makeKey('key-1')
  let count = 0

  const self: Providers = {
    person: ann,
    asked: [],
    fetch: async (input, init) => {
      const request = new Request(input, init)
      const url = new URL(request.url)
      const body = await request.text()
      self.asked.push({ url, method: request.method, headers: request.headers, body })
      const place = url.origin + url.pathname
      const replaced = instead.get(place)
      if (replaced !== undefined) return replaced()
      return answerTo(request, url, body)
    },
    visit(address) {
      const url = new URL(address)
      if (url.pathname === '/oauth/authenticate') return twitterBack(url)
      const dialect = dialectAt((one) => one.authorize, url) ?? ownDialect(url)
      const redirectUri = need(url, 'redirect_uri')
      if (url.searchParams.get('response_type') !== 'code') throw new Error('response_type')
      const challenge = url.searchParams.get('code_challenge')
      if (dialect.pkce && challenge === null) throw new Error('PKCE is missing')
      count += 1
      const code = `code-${count}`
      const clientId = need(url, 'client_id')
      codes.set(code, { clientId, redirectUri, challenge, person: self.person, dialect })
      const back = new URL(redirectUri)
      const state = need(url, 'state')
      if (url.searchParams.get('response_mode') === 'form_post') {
        const { given, family, email } = self.person
        const user = JSON.stringify({ name: { firstName: given, lastName: family }, email })
        return { url: back, form: new URLSearchParams({ code, state, user }) }
      }
      back.searchParams.set('code', code)
      back.searchParams.set('state', state)
      return { url: back, form: null }
    },
    answer(address, response) {
      instead.set(address, response)
    },
    idToken(claims, { header = {} } = {}) {
      const at = Math.floor(now().getTime() / 1000)
      return new SignJWT({ iat: at, exp: at + 600, ...claims })
        .setProtectedHeader({ alg: 'RS256', kid: key.kid, ...header })
        .sign(key.private)
    },
    changeKey() {
      key = makeKey(`${key.kid}+`)
    },
    describe(issuer, change = {}) {
      described.set(`${issuer}/.well-known/openid-configuration`, {
        issuer,
        authorization_endpoint: `${issuer}/authorize`,
        token_endpoint: `${issuer}/token`,
        userinfo_endpoint: `${issuer}/userinfo`,
        jwks_uri: `${issuer}/keys`,
        ...change,
      })
    },
  }
  for (const { idToken } of Object.values(dialects)) {
    if (idToken !== undefined) self.describe(idToken.issuer)
  }
  self.describe('https://www.facebook.com')
  self.describe('http://keycloak:8080/realms/club')

  function dialectAt(place: (dialect: Dialect) => string, url: URL, scope?: string | null) {
    const found = Object.values(dialects).filter((one) => place(one) === url.origin + url.pathname)
    const wanted = scope === undefined ? url.searchParams.get('scope') : scope
    return found.find((one) => wanted?.startsWith(one.scope ?? '')) ?? found[0]
  }

  /** An OpenID Provider by the book, at the address that its description gave. */
  function ownDialect(url: URL): Dialect {
    const issuer = `${url.origin}${url.pathname.replace(/\/[^/]*$/, '')}`
    return {
      authorize: `${issuer}/authorize`,
      token: `${issuer}/token`,
      client: 'body',
      scope: null,
      idToken: {
        issuer,
        claims: (person) => ({
          email: person.email,
          email_verified: person.isVerified,
          name: `${person.given} ${person.family}`,
          department: 'ships',
        }),
      },
      api: {},
      tellsTrust: true,
    }
  }

  async function answerTo(request: Request, url: URL, body: string): Promise<Response> {
    const place = url.origin + url.pathname
    if (described.has(place)) return Response.json(described.get(place))
    if (/(?:keys|certs|jwks(?:\.json)?)$/.test(url.pathname)) {
      return Response.json({ keys: [{ ...key.public, kid: key.kid, alg: 'RS256', use: 'sig' }] })
    }
    if (url.host === 'api.twitter.com') return twitter(request, url)
    if (request.method === 'POST') return redeem(request, place, new URLSearchParams(body))
    const bearer = request.headers.get('authorization')?.replace('Bearer ', '') ?? ''
    const known = tokens.get(bearer)
    const said = known?.dialect.api[place]
    if (known === undefined) return Response.json({ error: 'invalid_token' }, { status: 401 })
    if (said === undefined) return Response.json({ error: 'not_found' }, { status: 404 })
    if (url.host === 'api.twitch.tv' && request.headers.get('client-id') !== client.id) {
      return Response.json({ message: 'Client-Id is missing' }, { status: 401 })
    }
    if (url.host === 'api.notion.com' && !request.headers.has('notion-version')) {
      return Response.json({ code: 'missing_version' }, { status: 400 })
    }
    if (url.host === 'graph.facebook.com') {
      const proof = createHmac('sha256', client.secret).update(bearer).digest('hex')
      if (url.searchParams.get('appsecret_proof') !== proof) {
        return Response.json({ error: { code: 100 } }, { status: 400 })
      }
    }
    return Response.json(said(known.person))
  }

  async function redeem(request: Request, place: string, form: URLSearchParams): Promise<Response> {
    const code = codes.get(form.get('code') ?? '')
    codes.delete(form.get('code') ?? '')
    const refuse = (error: string) => Response.json({ error }, { status: 400 })
    if (code === undefined || form.get('grant_type') !== 'authorization_code') {
      return refuse('invalid_grant')
    }
    const { dialect } = code
    if (dialect.token !== place) return refuse('another endpoint')
    const basic = Buffer.from(`${encoded(client.id)}:${encoded(client.secret)}`).toString('base64')
    const isClient =
      dialect.client === 'header'
        ? request.headers.get('authorization') === `Basic ${basic}`
        : form.get('client_id') === client.id && form.get('client_secret') === client.secret
    if (!isClient || code.clientId !== client.id) return refuse('invalid_client')
    if (code.redirectUri !== form.get('redirect_uri')) return refuse('redirect_uri')
    const verifier = form.get('code_verifier') ?? ''
    const derived = createHash('sha256').update(verifier).digest('base64url')
    if (code.challenge !== null && code.challenge !== derived) return refuse('verifier')
    count += 1
    const accessToken = `access-${count}`
    tokens.set(accessToken, { person: code.person, dialect })
    const at_hash = createHash('sha256').update(accessToken).digest().subarray(0, 16)
    const { idToken } = dialect
    return Response.json({
      access_token: accessToken,
      refresh_token: `refresh-${count}`,
      token_type: 'bearer',
      expires_in: 3600,
      ...(idToken === undefined
        ? {}
        : {
            id_token: await self.idToken({
              iss: idToken.issuer,
              sub: code.person.id,
              aud: client.id,
              at_hash: at_hash.toString('base64url'),
              ...idToken.claims(code.person),
            }),
          }),
      ...dialect.more?.(code.person),
    })
  }

  const requestTokens = new Map<string, { secret: string; callback: string; verifier: string }>()
  const accessSecrets = new Map<string, string>()

  function twitterBack(url: URL): WayBack {
    const token = need(url, 'oauth_token')
    const known = requestTokens.get(token)
    if (known === undefined) throw new Error('an unknown request token')
    const back = new URL(known.callback)
    back.searchParams.set('oauth_token', token)
    back.searchParams.set('oauth_verifier', known.verifier)
    return { url: back, form: null }
  }

  function twitter(request: Request, url: URL): Response {
    const header = request.headers.get('authorization') ?? ''
    const oauth = Object.fromEntries(
      [...header.matchAll(/(\w+)="([^"]*)"/g)].map(([, name = '', value = '']) => [
        name,
        decodeURIComponent(value),
      ]),
    )
    const token = oauth.oauth_token ?? ''
    const secret = requestTokens.get(token)?.secret ?? accessSecrets.get(token) ?? ''
    const { oauth_signature, ...signed } = oauth
    const expected = signature(
      request.method,
      url,
      { ...Object.fromEntries(url.searchParams), ...signed },
      secret,
    )
    if (oauth_signature !== expected || oauth.oauth_consumer_key !== client.id) {
      return new Response('bad signature', { status: 401 })
    }
    count += 1
    switch (url.pathname) {
      case '/oauth/request_token': {
        const made = {
          secret: `s&${count}`,
          callback: oauth.oauth_callback ?? '',
          verifier: `v${count}`,
        }
        requestTokens.set(`r${count}`, made)
        return form({
          oauth_token: `r${count}`,
          oauth_token_secret: made.secret,
          oauth_callback_confirmed: 'true',
        })
      }
      case '/oauth/access_token': {
        if (requestTokens.get(token)?.verifier !== oauth.oauth_verifier) {
          return new Response('bad verifier', { status: 401 })
        }
        accessSecrets.set(`a${count}`, `as${count}`)
        return form({ oauth_token: `a${count}`, oauth_token_secret: `as${count}` })
      }
      default: {
        const { id, given, family, username, picture, email } = self.person
        return Response.json({
          id_str: id,
          name: `${given} ${family}`,
          screen_name: username,
          profile_image_url_https: picture,
          email,
        })
      }
    }
  }

  return self
}

function makeKey(kid: string): { kid: string; private: KeyObject; public: object } {
  const { privateKey, publicKey } = generateKeyPairSync('rsa', { modulusLength: 2048 })
  return { kid, private: privateKey, public: publicKey.export({ format: 'jwk' }) }
}

function need(url: URL, name: string): string {
  const value = url.searchParams.get(name)
  if (!value) throw new Error(`${name} is missing in ${url}`)
  return value
}

function form(values: Record<string, string>): Response {
  return new Response(new URLSearchParams(values).toString())
}

function encoded(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

/** RFC 5849 § 3.4, written apart from the server's own. */
function signature(
  method: string,
  url: URL,
  parameters: Record<string, string>,
  tokenSecret: string,
): string {
  const percent = (text: string) =>
    [...Buffer.from(text)]
      .map((byte) =>
        /[\w.~-]/.test(String.fromCharCode(byte))
          ? String.fromCharCode(byte)
          : `%${byte.toString(16).toUpperCase().padStart(2, '0')}`,
      )
      .join('')
  const pairs = Object.entries(parameters).map(
    ([name, value]) => `${percent(name)}=${percent(value)}`,
  )
  const base = [method, percent(url.origin + url.pathname), percent(pairs.sort().join('&'))].join(
    '&',
  )
  return createHmac('sha1', `${percent(client.secret)}&${percent(tokenSecret)}`)
    .update(base)
    .digest('base64')
}
