import { createAdaptorServer } from '@hono/node-server'
import { Hono, type Context as HonoContext } from 'hono'
import { sql } from 'kysely'
import { createBackground } from './base/background.ts'
import { createCache } from './base/cache.ts'
import { clientIp, namedIp } from './base/client-ip.ts'
import type { Config } from './base/config.ts'
import { type Context, systemNow } from './base/context.ts'
import type { Env } from './base/http.ts'
import { createLog, type Log } from './base/log.ts'
import { systemRandom } from './base/random.ts'
import { second } from './base/time.ts'
import type { OpenDatabase } from './db/open.ts'
import { authjs } from './faces/authjs/index.ts'
import { dev } from './faces/dev/index.ts'
import { gotrue } from './faces/gotrue/index.ts'
import { oidc } from './faces/oidc/index.ts'
import {
  askSignOut,
  askToFollow,
  assets,
  pages,
  postBack,
  tellTrouble,
} from './faces/pages/index.ts'
import { templateReader } from './flows/mail-template.ts'

/** The context of a process; each request gets one of its own, with its client. */
export function createContext(parts: {
  config: Config
  database: OpenDatabase
  log?: Log
}): Context {
  const { config, database, log = createLog(config.logLevel) } = parts
  return {
    db: database.db,
    config,
    cache: createCache(),
    log,
    random: systemRandom,
    actor: { kind: 'anonymous' },
    client: { ip: null, userAgent: null },
    now: systemNow,
    clock: 'running',
    fetch: globalThis.fetch,
    background: createBackground(log),
  }
}

export interface AppOptions {
  /** Development only: what the command line shows at the server's local door. */
  localToken?: string
}

/** Puts the faces on one server; the only place that knows them all. */
export function createApp(ctx: Context, { localToken }: AppOptions = {}): Hono<Env> {
  const app = new Hono<Env>()
  const isDev = ctx.config.mode === 'dev'
  begin(app, ctx)

  app.get('/api/status', (c) => c.body(null, 204))
  app.get('/', (c) =>
    isDev
      ? c.redirect('/console/mailbox', 302)
      : c.json({ name: 'sekisho', openid: `${ctx.config.publicUrl}/oidc` }),
  )

  if (isDev && localToken !== undefined) app.route('/', dev({ token: localToken }))
  app.route('/auth/v1', gotrue({ askToFollow }))
  app.route('/api/authjs', authjs())
  app.route('/', oidc({ tellTrouble, postBack, askSignOut }))
  app.route('/', pages())

  app.notFound((c) => c.json({ code: 'not_found', message: 'There is nothing at this path.' }, 404))
  app.onError((error, c) => {
    c.get('ctx').log.error({ err: error }, 'A request failed.')
    return c.json({ code: 'server_error', message: 'Something went wrong on our side.' }, 500)
  })
  return app
}

/** GoTrue's face at the root of a port of its own, as in GoTrue's image. */
export function createGotrueApp(ctx: Context): Hono<Env> {
  const app = new Hono<Env>()
  begin(app, ctx)
  app.route('/', assets())
  for (const path of ['/auth/v1', '/']) app.route(path, gotrue({ askToFollow }))
  return app
}

/** What comes first on every port: a context for each request, the headers of each answer, and signs of life. */
function begin(app: Hono<Env>, ctx: Context): void {
  app.use(async (c, next) => {
    const requestId = ctx.random.uuid()
    const request = c.req.raw
    const peer = c.env?.incoming?.socket?.remoteAddress ?? null
    c.set('requestId', requestId)
    c.set('ctx', {
      ...ctx,
      log: ctx.log.child({ requestId }),
      client: {
        ip: ipOf(c, ctx.config, peer),
        userAgent: c.req.header('user-agent') ?? null,
        isGone: () => request.signal.aborted,
      },
    })
    const began = performance.now()
    await next()
    const { headers } = c.res
    headers.set('x-request-id', requestId)
    for (const [name, value] of defaultHeaders) {
      if (!headers.has(name)) headers.set(name, value)
    }
    // The query is left out: it may hold codes and tokens.
    if (ctx.config.mode !== 'dev') {
      const { method, path } = c.req
      const tookMs = Math.round(performance.now() - began)
      ctx.log.info({ requestId, method, path, status: c.res.status, tookMs }, 'request')
    }
  })

  // A mail's template that names a page of ours would go out as a mail.
  app.use(async (c, next) =>
    c.req.header('user-agent') === templateReader ? c.text('No template', 404) : next(),
  )

  app.get('/livez', (c) => c.json({ status: 'ok' }))
  for (const path of ['/readyz', '/healthz']) {
    app.get(path, async (c) =>
      (await answers(ctx)) ? c.json({ status: 'ok' }) : c.json({ status: 'unavailable' }, 503),
    )
  }
}

/** Proxies name the client in `X-Forwarded-For`, and Supabase's in a header of their own where that is asked for. */
function ipOf(c: HonoContext<Env>, { trustProxy, gotrue }: Config, peer: string | null) {
  const named = gotrue.sbForwardedFor
    ? namedIp(peer, c.req.header('sb-forwarded-for'), trustProxy)
    : null
  return named ?? clientIp(peer, c.req.header('x-forwarded-for'), trustProxy)
}

const defaultHeaders = [
  ['x-content-type-options', 'nosniff'],
  ['referrer-policy', 'no-referrer'],
  ['x-frame-options', 'DENY'],
] as const

/** Whether the database answers within two seconds. */
async function answers(ctx: Context): Promise<boolean> {
  const late = new Promise<boolean>((resolve) => setTimeout(resolve, 2 * second, false).unref())
  const asked = sql`select 1`.execute(ctx.db).then(
    () => true,
    () => false,
  )
  return Promise.race([asked, late])
}

export interface Listening {
  /** Stops accepting, lets what is under way end, for three seconds at most. */
  close(): Promise<void>
}

/** Listens on every host; rejects with the system's error, e.g. `EADDRINUSE`. */
export async function listen(
  app: Hono<Env>,
  { hosts, port }: { hosts: readonly string[]; port: number },
): Promise<Listening> {
  const servers: Server[] = []
  for (const host of hosts) {
    try {
      servers.push(await listenOn(app, host, port))
    } catch (error) {
      // A machine without IPv6 has only one of them.
      if (servers.length > 0 && hasCode(error, 'EADDRNOTAVAIL', 'EAFNOSUPPORT')) continue
      await Promise.all(servers.map(close))
      throw error
    }
  }
  return {
    async close() {
      await Promise.all(servers.map(close))
    },
  }
}

type Server = Extract<ReturnType<typeof createAdaptorServer>, { closeAllConnections(): void }>

function listenOn(app: Hono<Env>, host: string, port: number): Promise<Server> {
  const server = createAdaptorServer({ fetch: app.fetch }) as Server
  return new Promise((resolve, reject) => {
    server.once('error', reject)
    server.listen(port, host, () => {
      server.off('error', reject)
      resolve(server)
    })
  })
}

function close(server: Server): Promise<void> {
  return new Promise((resolve) => {
    // A kept-alive connection falls idle when its last answer is out, and would take further requests.
    const sweep = setInterval(() => server.closeIdleConnections(), 50)
    const hurry = setTimeout(() => server.closeAllConnections(), 3 * second)
    server.close(() => {
      clearInterval(sweep)
      clearTimeout(hurry)
      resolve()
    })
  })
}

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
