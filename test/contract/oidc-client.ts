import { createHash } from 'node:crypto'
import { transaction } from '../../src/base/context.ts'
import { browserCookies } from '../../src/base/cookies.ts'
import { day } from '../../src/base/time.ts'
import { admit } from '../../src/flows/admit.ts'
import { createApp } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import type { NewApplication } from '../../src/model/application-input.ts'
import { carrySession } from '../../src/model/session.ts'
import { createUser, type NewUser, type User } from '../../src/model/user.ts'
import { type World, world } from '../world.ts'
import { type Ask, wireTo } from './oidc-wire.ts'

export const issuer = 'http://localhost:3001/oidc'
export const callback = 'https://shop.example.com/callback?from=sekisho'
export const verifier = 'a-verifier-of-43-characters-or-more-as-it-must-be'
export const challenge = createHash('sha256').update(verifier).digest('base64url')
export const shopSecret = 'the-secret-of-the-shop'

/** A code says what it stands for, under our mark. */
export const codeForm = /^[\w-]{300,600}$/

/** A form, of which a value that is undefined is left out. */
export type Fields = Record<string, string | undefined>

export interface Gate {
  scene: World
  /** Asks like a program: no cookies, no redirects. */
  ask: Ask
  post(path: string, form: Fields | string, headers?: Record<string, string>): Promise<Response>
}

/** The whole server, which listens, over a small world with a shop (Traditional), an SPA, a Native and a machine application. */
export async function gate(environment: Record<string, string> = {}): Promise<Gate> {
  const scene = await world(environment)
  const ask = await wireTo(createApp(scene.ctx))
  await createApplication(scene.ctx, {
    ...{ id: 'shop', secret: shopSecret, name: 'The Shop', type: 'Traditional' },
    oidcClientMetadata: {
      redirectUris: [callback],
      postLogoutRedirectUris: ['https://shop.example.com/'],
    },
  })
  await made(scene, 'spa', 'SPA', ['https://spa.example.com/callback'])
  await made(scene, 'native', 'Native', ['http://127.0.0.1/done', 'com.example.app:/done'])
  await createApplication(scene.ctx, {
    ...{ id: 'machine', secret: 'the-secret-of-the-machine', name: 'M', type: 'MachineToMachine' },
  })
  scene.queries()
  return {
    scene,
    ask,
    post: (path, form, headers = {}) =>
      ask(path, {
        method: 'POST',
        body: typeof form === 'string' ? form : encoded(form),
        headers: { 'content-type': 'application/x-www-form-urlencoded', ...headers },
      }),
  }
}

function made(
  scene: World,
  id: string,
  type: NewApplication['type'],
  redirectUris: string[],
): Promise<unknown> {
  return createApplication(scene.ctx, { id, name: id, type, oidcClientMetadata: { redirectUris } })
}

export function encoded(fields: Fields): string {
  const known = Object.entries(fields).filter((pair): pair is [string, string] => pair[1] != null)
  return new URLSearchParams(known).toString()
}

export function basic(id: string, secret: string): Record<string, string> {
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  return { authorization: `Basic ${Buffer.from(pair).toString('base64')}` }
}

export const shopBasic = basic('shop', shopSecret)
export const machineBasic = basic('machine', 'the-secret-of-the-machine')

export interface Person {
  user: User
  sessionId: string
  /** A browser that is signed in. */
  browser: Browser
}

/** Somebody who has signed in with a password just now. */
export async function person(at: Gate, given: Partial<NewUser> = {}): Promise<Person> {
  const { ctx } = at.scene
  const user = await createUser(ctx, {
    email: 'ann@example.com',
    emailVerified: true,
    name: 'Ann',
    ...given,
  })
  const browser = browserAt(at)
  const sessionId = await signIn(at, browser, user)
  return { user, sessionId, browser }
}

/** What the pages do at the end: a session by the one door, carried by the browser's cookie. */
export async function signIn(at: Gate, browser: Browser, user: User): Promise<string> {
  const { ctx } = at.scene
  const { id, token } = await transaction(ctx, async (ctx) => {
    const session = await admit(ctx, user, { method: 'password', audit: null })
    return { id: session.id, ...(await carrySession(ctx, session.id, 'browser', 14 * day)) }
  })
  browser.cookies.set(browserCookies(ctx.config).session, token)
  return id
}

/** Keeps cookies, runs no scripts, and stops at every redirect. */
export interface Browser {
  cookies: Map<string, string>
  open(path: string): Promise<Response>
  send(path: string, form: Fields, headers?: Record<string, string>): Promise<Response>
}

export function browserAt(at: Gate): Browser {
  const cookies = new Map<string, string>()
  async function go(path: string, init: RequestInit): Promise<Response> {
    const headers = new Headers({ accept: 'text/html', ...(init.headers as object) })
    headers.set('cookie', [...cookies].map(([name, value]) => `${name}=${value}`).join('; '))
    const answer = await at.ask(path, { ...init, headers })
    for (const cookie of answer.headers.getSetCookie()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/max-age=0/i.test(cookie)) cookies.delete(name)
      else cookies.set(name, value)
    }
    return answer
  }
  return {
    cookies,
    open: (path) => go(path, {}),
    send: (path, form, headers = {}) =>
      go(path, {
        method: 'POST',
        body: encoded(form),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          origin: 'http://localhost:3001',
          ...headers,
        },
      }),
  }
}

/** An authorization request as Logto's SDKs send it. */
export function request(changes: Fields = {}): Fields {
  return {
    client_id: 'shop',
    redirect_uri: callback,
    response_type: 'code',
    scope: 'openid offline_access profile email',
    prompt: 'consent',
    state: 'a state',
    code_challenge: challenge,
    code_challenge_method: 'S256',
    ...changes,
  }
}

export function authPath(changes: Fields = {}): string {
  return `/oidc/auth?${encoded(request(changes))}`
}

/** The query of a redirect's target. */
export function answerOf(response: Response): Record<string, string> {
  const location = response.headers.get('location') ?? 'about:blank'
  return Object.fromEntries(new URL(location, issuer).searchParams)
}

export async function codeFor(browser: Browser, changes: Fields = {}): Promise<string> {
  const response = await browser.open(authPath(changes))
  const { code } = answerOf(response)
  if (code === undefined) {
    throw new Error(`No code: ${response.status} ${response.headers.get('location')}`)
  }
  return code
}

export function redemption(code: string, changes: Fields = {}): Fields {
  return {
    grant_type: 'authorization_code',
    client_id: 'shop',
    code,
    redirect_uri: callback,
    code_verifier: verifier,
    ...changes,
  }
}

export interface Tokens {
  access_token: string
  id_token: string
  refresh_token: string
  scope: string
  token_type: string
  expires_in: number
}

/** Signs in at the shop and returns its tokens. */
export async function tokensFor(at: Gate, browser: Browser, changes: Fields = {}): Promise<Tokens> {
  const code = await codeFor(browser, changes)
  const response = await at.post('/oidc/token', redemption(code), shopBasic)
  if (response.status !== 200) throw new Error(await response.text())
  return (await response.json()) as Tokens
}

export function refresh(at: Gate, token: string, changes: Fields = {}): Promise<Response> {
  const form = { grant_type: 'refresh_token', client_id: 'shop', refresh_token: token, ...changes }
  return at.post('/oidc/token', form, shopBasic)
}

export function me(at: Gate, accessToken: string): Promise<Response> {
  return at.ask('/oidc/me', { headers: { authorization: `Bearer ${accessToken}` } })
}

/** `400 invalid_grant`, as a test reads it. */
export async function verdict(response: Response): Promise<string> {
  const text = await response.text()
  const body = text.startsWith('{') ? JSON.parse(text) : {}
  return [response.status, body.error].filter(Boolean).join(' ')
}

export function claimsOf(jwt: string): Record<string, unknown> {
  return JSON.parse(Buffer.from(jwt.split('.')[1] ?? '', 'base64url').toString())
}
