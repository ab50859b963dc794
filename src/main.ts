import { Server as NetServer } from 'node:net'
import { createAdaptorServer } from '@hono/node-server'
import { Hono, type Context as HonoContext } from 'hono'
import { matchedRoutes } from 'hono/route'
import { sql } from 'kysely'
import { createBackground } from './base/background.ts'
import { createCache } from './base/cache.ts'
import { clientIp, isTrustedProxy, namedIp } from './base/client-ip.ts'
import type { Config } from './base/config.ts'
import { type Context, systemNow } from './base/context.ts'
import { isFault } from './base/fault.ts'
import type { Env } from './base/http.ts'
import { createLog, type Log, logRequest, logWith } from './base/log.ts'
import { type Observer, observeProcess, observeRequest } from './base/observe.ts'
import { systemRandom } from './base/random.ts'
import { createReadiness, type Readiness } from './base/readiness.ts'
import { second } from './base/time.ts'
import { asFault, secondsToWait } from './base/unavailable.ts'
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
  /** The makers of metrics and traces, where there are any. */
  instruments?: Pick<Observer, 'metrics' | 'tracing'> | null
}): Context {
  const { config, database, log = createLog(config.logLevel), instruments } = parts
  const observer = instruments ? { ...instruments, observed: database.observed } : null
  const bare = { db: database.db, fetch: globalThis.fetch }
  return {
    ...(observer === null ? bare : observeProcess(observer, bare)),
    observer,
    trace: null,
    config,
    cache: createCache(),
    log,
    random: systemRandom,
    actor: { kind: 'anonymous' },
    client: { ip: null, userAgent: null },
    now: systemNow,
    clock: 'running',
    background: createBackground(log),
  }
}

export interface AppOptions {
  /** Development only: what the command line shows at the server's local door. */
  localToken?: string
  /** Asks the database at each question, unless told. */
  readiness?: Readiness
}

/** Puts the faces on one server; the only place that knows them all. */
export function createApp(ctx: Context, { localToken, readiness }: AppOptions = {}): Hono<Env> {
  const app = new Hono<Env>()
  const isDev = ctx.config.mode === 'dev'
  begin(app, ctx, readiness)

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
  app.onError((thrown, c) => {
    const error = asFault(thrown)
    c.get('ctx').log.error({ err: error }, 'A request failed.')
    if (isFault(error, 'unavailable', 'overloaded')) {
      c.header('retry-after', String(secondsToWait(error)))
      return c.json({ code: 'unavailable', message: 'The service cannot answer right now.' }, 503)
    }
    return c.json({ code: 'server_error', message: 'Something went wrong on our side.' }, 500)
  })
  return app
}

/** GoTrue's face at the root of a port of its own, as in GoTrue's image. */
export function createGotrueApp(
  ctx: Context,
  { readiness }: Pick<AppOptions, 'readiness'> = {},
): Hono<Env> {
  const app = new Hono<Env>()
  begin(app, ctx, readiness)
  app.route('/', assets())
  for (const path of ['/auth/v1', '/']) app.route(path, gotrue({ askToFollow }))
  return app
}

/** What comes first on every port: a context for each request, the headers of each answer, and signs of life. */
function begin(
  app: Hono<Env>,
  ctx: Context,
  readiness = createReadiness(() => askDatabase(ctx)),
): void {
  app.use(async (c, next) => {
    const request = c.req.raw
    const peer = c.env?.incoming?.socket?.remoteAddress ?? null
    const isBelieved = isTrustedProxy(peer, ctx.config.trustProxy)
    const requestId = requestIdOf(c, ctx, isBelieved)
    const observed = observe(c, ctx, { requestId, isBelieved })
    const traceId = observed?.parts.trace?.traceId
    c.set('requestId', requestId)
    c.set('ctx', {
      ...ctx,
      ...observed?.parts,
      log: logWith(ctx.log, traceId === undefined ? { requestId } : { requestId, traceId }),
      client: {
        ip: ipOf(c, ctx.config, peer),
        userAgent: c.req.header('user-agent') ?? null,
        isGone: () => request.signal.aborted,
      },
    })
    const began = performance.now()
    try {
      // A mail's template that names a page of ours would go out as a mail.
      if (c.req.header('user-agent') === templateReader) c.res = c.text('No template', 404)
      else await next()
    } finally {
      observed?.end(routeOf(c), c.res.status)
    }
    const { headers } = c.res
    headers.set('x-request-id', requestId)
    if (readiness.isDraining()) headers.set('connection', 'close')
    for (const [name, value] of defaultHeaders) {
      if (!headers.has(name)) headers.set(name, value)
    }
    // The query is left out: it may hold codes and tokens.
    if (ctx.config.mode !== 'dev') {
      const { method } = c.req
      const path = withoutSecrets(c.req.path)
      const tookMs = Math.round(performance.now() - began)
      logRequest(ctx.log, { requestId, method, path, status: c.res.status, tookMs })
    }
  })

  app.get('/livez', (c) => c.json({ status: 'ok' }))
  for (const path of ['/readyz', '/healthz']) {
    app.get(path, async (c) => {
      const reason = await readiness.trouble()
      return reason === null
        ? c.json({ status: 'ok' })
        : c.json({ status: 'unavailable', reason }, 503)
    })
  }
}

/** Null where nobody looks on, which costs nothing. */
function observe(
  c: HonoContext<Env>,
  ctx: Context,
  { requestId, isBelieved }: { requestId: string; isBelieved: boolean },
) {
  if (ctx.observer === null) return null
  const traceparent = isBelieved ? (c.req.header('traceparent') ?? null) : null
  return observeRequest(ctx.observer, ctx, { method: c.req.method, requestId, traceparent })
}

/** The pattern that answered. Paths are without number, and some hold what nobody else should read. */
function routeOf(c: HonoContext): string {
  const routes = matchedRoutes(c)
  const answered = routes[c.req.routeIndex]
  // What refuses a request before its handler does it for that handler.
  const route = answered?.method === 'ALL' ? routes.find(isHandler) : answered
  return route?.path ?? 'other'
}

function isHandler({ method, path }: { method: string; path: string }): boolean {
  return method !== 'ALL' || !path.endsWith('*')
}

/** Somebody may put a token where an id belongs. What is as long as one is left out, unless it is an id of ours. */
function withoutSecrets(path: string): string {
  return path.replaceAll(/[^/]{20,}/g, (part) =>
    /^[0-9a-f-]{36}$|^[a-z._-]+$/.test(part) ? part : '…',
  )
}

/** Made here, unless the header that the operator has named says it, or a proxy that is believed. */
function requestIdOf(c: HonoContext<Env>, ctx: Context, isBelieved: boolean): string {
  const { requestIdHeader } = ctx.config.gotrue
  const told = [
    requestIdHeader === null ? undefined : c.req.header(requestIdHeader),
    isBelieved ? c.req.header('x-request-id') : undefined,
  ]
  return told.find((id) => id !== undefined && /^[\x21-\x7e]{1,200}$/.test(id)) ?? ctx.random.uuid()
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
export async function askDatabase({ db }: Pick<Context, 'db'>): Promise<'database-away' | null> {
  const away = 'database-away' as const
  const late = new Promise<typeof away>((resolve) => {
    setTimeout(resolve, 2 * second, away).unref()
  })
  const asked = sql`select 1`.execute(db).then(
    () => null,
    () => away,
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
    // On a kept-alive connection a request may be on its way already: it still gets its answer, which is the last.
    const began = performance.now()
    const sweep = setInterval(() => {
      if (performance.now() - began > lastWord) server.closeIdleConnections()
    }, 50)
    const hurry = setTimeout(() => server.closeAllConnections(), 3 * second)
    // The HTTP server's own would cut idle connections at once.
    NetServer.prototype.close.call(server as unknown as NetServer, () => {
      clearInterval(sweep)
      clearTimeout(hurry)
      resolve()
    })
  })
}

/** So long an idle connection may bring one more request after no new one is taken. */
const lastWord = 0.5 * second

function hasCode(error: unknown, ...codes: string[]): boolean {
  return error instanceof Error && 'code' in error && codes.includes(String(error.code))
}
