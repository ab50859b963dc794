import { Hono } from 'hono'
import { readConfig } from '../../src/base/config.ts'
import type { Env } from '../../src/base/http.ts'
import { signJwt } from '../../src/base/jwt.ts'
import { after, hour, unixSeconds } from '../../src/base/time.ts'
import { gotrue } from '../../src/faces/gotrue/index.ts'
import { askToFollow } from '../../src/faces/pages/index.ts'
import { signingKey } from '../../src/model/key.ts'
import { type World, world } from '../world.ts'

export const password = 'correct horse battery'

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely, as a client in JavaScript does.
export type Body = any

export interface Answer {
  status: number
  headers: Headers
  body: Body
}

export interface GotrueWorld extends World {
  /** A request to `/auth/v1`; a body that is no string is sent as JSON. */
  ask(method: string, path: string, options?: AskOptions): Promise<Answer>
  /** The official clients' way in. */
  fetch: typeof globalThis.fetch
  /** The key of the service role. */
  adminKey: string
  /** Somebody with a password, made and confirmed by an admin. */
  createAccount(email?: string): Promise<{ id: string; email: string; password: string }>
  /** That somebody, signed in. */
  signIn(email?: string): Promise<Body>
  /** The same world under other rules. */
  under(environment: Record<string, string>): GotrueWorld
  /** The same world with another way out. */
  through(fetch: typeof globalThis.fetch): GotrueWorld
  /** The same world, asked from another address. */
  from(ip: string): GotrueWorld
  /** The newest mail to an address. */
  mailTo(email: string): Promise<{ link: string; code: string; subject: string }>
}

export interface AskOptions {
  body?: unknown
  bearer?: string | null
  headers?: Record<string, string>
}

export const newFormat = { 'x-supabase-api-version': '2024-01-01' }

export async function gotrueWorld(environment: Record<string, string> = {}): Promise<GotrueWorld> {
  return gotrueIn(await world(environment))
}

/** GoTrue's face in a world that is there. */
export async function gotrueIn(made: World): Promise<GotrueWorld> {
  return serve(made, await keyOf(made, { role: 'service_role' }))
}

function serve(made: World, adminKey: string): GotrueWorld {
  const { ctx } = made
  const app = new Hono<Env>()
  app.use(async (c, next) => {
    c.set('requestId', 'a-request')
    c.set('ctx', ctx)
    await next()
  })
  app.route('/auth/v1', gotrue({ askToFollow }))

  const self: GotrueWorld = {
    ...made,
    fetch: async (input, init) => app.request(new Request(input, init)),
    adminKey,
    async ask(method, path, { body, bearer, headers = {} } = {}) {
      const isRaw = typeof body === 'string' || body instanceof Uint8Array || body === undefined
      const answer = await app.request(`/auth/v1${path}`, {
        method,
        headers: {
          ...(bearer ? { authorization: `Bearer ${bearer}` } : {}),
          ...(body === undefined ? {} : { 'content-type': 'application/json' }),
          ...headers,
        },
        ...(body === undefined ? {} : { body: isRaw ? (body as BodyInit) : JSON.stringify(body) }),
      })
      const text = await answer.text()
      return { status: answer.status, headers: answer.headers, body: jsonOf(text) }
    },
    async createAccount(email = 'ann@example.com') {
      const { status, body } = await self.ask('POST', '/admin/users', {
        bearer: self.adminKey,
        body: { email, password, email_confirm: true },
      })
      if (status !== 200) throw new Error(JSON.stringify(body))
      return { id: body.id, email, password }
    },
    async signIn(email = 'ann@example.com') {
      const { status, body } = await self.ask('POST', '/token?grant_type=password', {
        body: { email, password },
      })
      if (status !== 200) throw new Error(JSON.stringify(body))
      return body
    },
    under(environment) {
      const config = readConfig({
        mode: 'dev',
        environment: { SEKISHO_PUBLIC_URL: ctx.config.publicUrl, ...environment },
        storedSecret: ctx.config.secret,
      })
      return serve({ ...made, ctx: { ...ctx, config } }, adminKey)
    },
    through(fetch) {
      return serve({ ...made, ctx: { ...ctx, fetch } }, adminKey)
    },
    from(ip) {
      return serve({ ...made, ctx: { ...ctx, client: { ...ctx.client, ip } } }, adminKey)
    },
    async mailTo(email) {
      const [mail] = await made.mails(email)
      if (!mail) throw new Error(`There is no mail to ${email}`)
      return { link: mail.link ?? '', code: mail.code ?? '', subject: mail.subject ?? '' }
    },
  }
  return self
}

/** A token that the server signed itself. */
export async function keyOf({ ctx }: World, claims: Record<string, unknown>): Promise<string> {
  const now = ctx.now()
  return signJwt(await signingKey(ctx, 'gotrue'), {
    iat: unixSeconds(now),
    exp: unixSeconds(after(now, 24 * hour)),
    ...claims,
  })
}

function jsonOf(text: string): Body {
  try {
    return JSON.parse(text)
  } catch {
    return text
  }
}

/** The claims of a token, unchecked. */
export function claimsOf(token: string): Body {
  return JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
}

/** The path of a mailed link, below `/auth/v1`. */
export function pathOf(link: string): string {
  const { pathname, search } = new URL(link)
  return pathname.replace('/auth/v1', '') + search
}

/** What stands behind the `#` of an answer's Location. */
export function fragmentOf({ headers }: Answer): Record<string, string> {
  const location = new URL(headers.get('location') ?? '')
  return Object.fromEntries(new URLSearchParams(location.hash.slice(1)))
}

/** What stands behind the `?` of an answer's Location. */
export function queryOf({ headers }: Answer): Record<string, string> {
  return Object.fromEntries(new URL(headers.get('location') ?? '').searchParams)
}
