import { createHash } from 'node:crypto'
import type { OutgoingAnswer } from '../../base/outgoing.ts'
import type { Phrase } from '../connector.ts'
import { readIssuer, verifyIdToken } from './id-token.ts'
import {
  answerLimit,
  type Beginning,
  type Claims,
  failed,
  type Granted,
  type IdTokenRules,
  isObject,
  type SocialConnector,
  type SocialOutside,
  type SocialProfile,
  type SocialSettings,
  textOf,
} from './social.ts'

/** The two origins of a provider: where people sign in, and where its data are. */
export interface Places {
  authorization: string
  api: string
}

/** What tells one provider of OAuth 2.0 from the next. */
export interface OAuth2Declaration {
  id: string
  name: Phrase
  /** Hosts of the public installation, without `https://`. */
  hosts: Places
  endpoints(places: Places, out: SocialOutside): Endpoints | Promise<Endpoints>
  scopes: readonly string[]
  /** Always in the address, whatever an app says. */
  parameters?: Readonly<Record<string, string>>
  /** The scopes that somebody asks for stand in the place of the declared ones. */
  replacesScopes?: boolean
  /** How we say who we are at the token endpoint (RFC 6749 § 2.3.1); most take both, and some only one. */
  authentication?: 'header' | 'body'
  /** The provider wants, or at least understands, PKCE (RFC 7636). */
  usesPkce?: boolean
  /** There is no public installation: `url` has to be set. */
  needsUrl?: boolean
  idTokens?: IdTokenRules
  profile(reach: Reach): Promise<SocialProfile>
}

export interface Endpoints {
  authorize: string
  token: string
}

/** What a provider's own code gets, to find out who came. */
export interface Reach {
  granted: Granted
  settings: SocialSettings
  places: Places
  /** What the browser brought. */
  returned: URLSearchParams
  out: SocialOutside
  /** Asks the API as the person who signed in, and reads its JSON. */
  get(address: string, headers?: Record<string, string>): Promise<unknown>
  /** The verified claims of the ID token that came with the access token, or null where none came. */
  idToken(): Promise<Claims | null>
}

export function oauth2Connector(declaration: OAuth2Declaration): SocialConnector {
  const { id, name, idTokens } = declaration
  return {
    id,
    name,
    needsUrl: declaration.needsUrl ?? false,
    remembers: declaration.usesPkce ?? false,
    ...(idTokens === undefined ? {} : { idTokens }),
    async begin(settings, beginning, out) {
      const { authorize } = await declaration.endpoints(placesOf(declaration, settings), out)
      const verifier = declaration.usesPkce ? out.random.token() : null
      const url = authorizationUrl(declaration, { settings, beginning, authorize, verifier })
      return { url, remember: verifier }
    },
    hasReturned: (parameters) => (parameters.get('code') ?? '') !== '',
    async finish(settings, { parameters, remembered }, out) {
      const places = placesOf(declaration, settings)
      const { token } = await declaration.endpoints(places, out)
      const code = parameters.get('code') ?? ''
      const granted = await exchange(declaration, settings, {
        address: token,
        code,
        verifier: remembered,
        out,
      })
      const profile = await declaration.profile(
        reachOf(declaration, { granted, settings, places, returned: parameters, out }),
      )
      if (profile.subject === '') throw failed(id, 'profile', { why: 'no subject' })
      return { granted, profile }
    },
  }
}

function placesOf({ hosts }: OAuth2Declaration, { url, apiUrl }: SocialSettings): Places {
  return {
    authorization: originOf(url ?? `https://${hosts.authorization}`),
    api: originOf(apiUrl ?? url ?? `https://${hosts.api}`),
  }
}

function originOf(address: string): string {
  return address.replace(/\/+$/, '')
}

function authorizationUrl(
  declaration: OAuth2Declaration,
  way: {
    settings: SocialSettings
    beginning: Beginning
    authorize: string
    verifier: string | null
  },
): string {
  const { settings, beginning, authorize, verifier } = way
  const url = new URL(authorize)
  const set = (name: string, value: string) => url.searchParams.set(name, value)
  const scopes = scopesOf(declaration, beginning)
  if (scopes.length > 0) set('scope', scopes.join(' '))
  for (const [key, value] of beginning.parameters) set(key, value)
  for (const [key, value] of Object.entries(declaration.parameters ?? {})) set(key, value)
  set('client_id', settings.clientIds[0] ?? '')
  set('redirect_uri', settings.redirectUri)
  set('response_type', 'code')
  set('state', beginning.state)
  if (verifier !== null) {
    set('code_challenge', createHash('sha256').update(verifier).digest('base64url'))
    set('code_challenge_method', 'S256')
  }
  // Some providers read a plus as itself, not as a space.
  url.search = url.search.replaceAll('+', '%20')
  return url.href
}

function scopesOf(
  { scopes, replacesScopes = false }: OAuth2Declaration,
  { scopes: asked }: Beginning,
): readonly string[] {
  if (replacesScopes && asked.length > 0) return asked
  return [...scopes, ...asked]
}

async function exchange(
  { id, authentication = 'body' }: OAuth2Declaration,
  { clientIds, secret, redirectUri }: SocialSettings,
  asked: { address: string; code: string; verifier: string | null; out: SocialOutside },
): Promise<Granted> {
  const { address, code, verifier, out } = asked
  const clientId = clientIds[0] ?? ''
  const isHeader = authentication === 'header'
  const form = new URLSearchParams({
    grant_type: 'authorization_code',
    code,
    redirect_uri: redirectUri,
    ...(verifier === null ? {} : { code_verifier: verifier }),
    ...(isHeader ? {} : { client_id: clientId, client_secret: secret }),
  })
  const basic = Buffer.from(`${formText(clientId)}:${formText(secret)}`).toString('base64')
  const answer = await out.ask(address, {
    method: 'POST',
    headers: {
      accept: 'application/json',
      'content-type': 'application/x-www-form-urlencoded',
      ...(isHeader ? { authorization: `Basic ${basic}` } : {}),
    },
    body: form.toString(),
    limit: answerLimit,
  })
  const read = readTokens(answer)
  const accessToken = textOf(read?.access_token)
  if (read === null || accessToken === '') {
    // Four characters tell the developer which code it was, and nobody what it is.
    throw failed(id, 'exchange', { ...factsOf(answer), code: code.slice(0, 4) })
  }
  return {
    accessToken,
    refreshToken: textOf(read.refresh_token) || null,
    idToken: textOf(read.id_token) || null,
    answer: read,
  }
}

/** RFC 6749 § 2.3.1: both are form-encoded before they are joined. */
function formText(text: string): string {
  return new URLSearchParams({ '': text }).toString().slice(1)
}

/** JSON by the book, a form where an older provider still writes one. */
function readTokens(answer: OutgoingAnswer): Record<string, unknown> | null {
  if (answer.outcome !== 'answered' || answer.status < 200 || answer.status >= 300) return null
  try {
    const read: unknown = JSON.parse(answer.text)
    return isObject(read) ? read : null
  } catch {
    return Object.fromEntries(new URLSearchParams(answer.text))
  }
}

function factsOf(answer: OutgoingAnswer): Record<string, unknown> {
  return answer.outcome === 'answered' ? { status: answer.status } : { why: answer.outcome }
}

function reachOf(declaration: OAuth2Declaration, facts: Omit<Reach, 'get' | 'idToken'>): Reach {
  const { id, idTokens } = declaration
  const { granted, settings, out } = facts
  return {
    ...facts,
    async get(address, headers = {}) {
      const answer = await out.ask(address, {
        headers: {
          accept: 'application/json',
          authorization: `Bearer ${granted.accessToken}`,
          // GitHub refuses whoever does not say their name.
          'user-agent': 'sekisho',
          ...headers,
        },
        limit: answerLimit,
      })
      return readJson(id, answer)
    },
    async idToken() {
      const { idToken, accessToken } = granted
      if (idToken === null) return null
      const issuer = readIssuer(idToken) ?? ''
      const place = idTokens?.keysOf(issuer, settings)
      if (!place) throw failed(id, 'profile', { why: 'issuer' })
      const verified = await verifyIdToken(out, idToken, { issuer, place, accessToken })
      if (verified.outcome === 'invalid') throw failed(id, 'profile', { why: verified.why })
      if (!verified.audiences.some((audience) => settings.clientIds.includes(audience))) {
        throw failed(id, 'profile', { why: 'audience' })
      }
      return verified.claims
    },
  }
}

/** An answer of an API; anything but JSON with a good status ends the sign-in. */
export function readJson(provider: string, answer: OutgoingAnswer): unknown {
  if (answer.outcome !== 'answered' || answer.status < 200 || answer.status >= 300) {
    throw failed(provider, 'profile', factsOf(answer))
  }
  try {
    return JSON.parse(answer.text)
  } catch {
    throw failed(provider, 'profile', { why: 'no JSON' })
  }
}
