import { createServer } from 'node:http'
import { buffer } from 'node:stream/consumers'
import { afterEach, expect, test } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import { openInstruments, showInstruments } from '../../src/cli/instruments.ts'
import { createApp } from '../../src/main.ts'
import { startHookServer } from '../servers/hooks.ts'
import { startSmtp } from '../servers/smtp.ts'
import { freePort } from '../setup/free-port.ts'
import { listenOnLoopback } from '../setup/listen.ts'
import { world } from '../world.ts'
import { hooksAt } from './gotrue-hooks-world.ts'

interface Span {
  name: string
  kind: number
  traceId: string
  spanId: string
  parentSpanId?: string
  attributes: { key: string; value: Record<string, unknown> }[]
  status?: { code?: number }
}

const endings: (() => Promise<unknown> | unknown)[] = []
afterEach(async () => {
  for (const end of endings.splice(0)) await end()
})

/** A collector on loopback, and what it was sent. */
async function collector() {
  const posts: { path: string; headers: Record<string, unknown>; body: Buffer }[] = []
  const server = createServer(async (request, response) => {
    posts.push({ path: request.url ?? '', headers: request.headers, body: await buffer(request) })
    response.writeHead(200, { 'content-type': 'application/json' }).end('{}')
  })
  const port = await listenOnLoopback(server)
  endings.push(() => server.close())
  return {
    url: `http://127.0.0.1:${port}`,
    posts,
    spans: (): Span[] =>
      posts
        .flatMap(({ body }) => JSON.parse(body.toString()).resourceSpans)
        .flatMap(({ scopeSpans }) => scopeSpans)
        .flatMap(({ spans }) => spans),
  }
}

/** A server whose requests are traced; `flush` sends what there is, and ends it. */
async function traced(environment: Record<string, string>) {
  const made = await world({
    SEKISHO_TRUST_PROXY: '10.0.0.0/8',
    GOTRUE_MAILER_AUTOCONFIRM: 'true',
    ...environment,
  })
  const log = createLog('silent')
  const instruments = await openInstruments(made.ctx.config, log)
  if (instruments === null) throw new Error('Traces are asked for')
  const observer = { ...instruments, observed: made.database.observed }
  const ctx = { ...made.ctx, fetch: globalThis.fetch, observer }
  const app = createApp(ctx)
  return {
    ...made,
    flush: await showInstruments(ctx, { database: made.database, log }),
    ask: (path: string, body: unknown, headers: Record<string, string> = {}, peer = '10.0.0.9') =>
      app.request(
        path,
        {
          method: 'POST',
          headers: { 'content-type': 'application/json', ...headers },
          body: JSON.stringify(body),
        },
        { incoming: { socket: { remoteAddress: peer } } },
      ),
  }
}

const account = { email: 'ann@example.com', password: 'correct horse battery' }

const attributesOf = (span: Span) =>
  Object.fromEntries(span.attributes.map(({ key, value }) => [key, Object.values(value)[0]]))

test('the spans of a sign-in reach the collector: the request, its statements, and no values', async () => {
  const sink = await collector()
  const { ask, flush, queries } = await traced({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_EXPORTER_OTLP_HEADERS: 'x-key=a%20key',
    OTEL_SERVICE_NAME: 'the-gate',
  })
  await ask('/auth/v1/signup', account)
  queries()
  const answer = await ask('/auth/v1/token?grant_type=password', account)
  const { access_token: token, refresh_token: refresh } = await answer.json()
  const statements = queries().length
  await ask('/auth/v1/token?grant_type=password', { ...account, password: 'wrong' })
  await flush()

  const [, first] = sink.spans().filter(({ kind }) => kind === 2)
  const requests = sink.spans().filter(({ kind }) => kind === 2)
  expect(requests.map(({ name }) => name)).toEqual([
    'POST /auth/v1/signup',
    'POST /auth/v1/token',
    'POST /auth/v1/token',
  ])
  if (first === undefined) throw new Error('There is a span')
  expect(first.parentSpanId ?? '').toBe('')
  expect(attributesOf(first)).toEqual({
    'http.request.method': 'POST',
    'http.route': '/auth/v1/token',
    'http.response.status_code': 200,
    'sekisho.request_id': answer.headers.get('x-request-id'),
  })
  const below = sink.spans().filter(({ parentSpanId }) => parentSpanId === first.spanId)
  expect(below).toHaveLength(statements)
  for (const span of below) {
    expect(span.traceId).toBe(first.traceId)
    expect(span.name).toMatch(/^[A-Z]+ [0-9a-f]{8}$/)
    expect(Object.keys(attributesOf(span)).sort()).toEqual([
      'db.operation.name',
      'db.query.summary',
      'db.system.name',
    ])
  }
  expect(sink.posts[0]).toMatchObject({ path: '/v1/traces', headers: { 'x-key': 'a key' } })
  const all = sink.posts.map(({ body }) => body.toString()).join()
  expect(all).toContain('the-gate')
  for (const secret of [account.email, account.password, token, refresh, 'grant_type']) {
    expect(all).not.toContain(secret)
  }
})

test('it is protobuf unless somebody wants JSON', async () => {
  const sink = await collector()
  const { ask, flush } = await traced({ OTEL_EXPORTER_OTLP_TRACES_ENDPOINT: `${sink.url}/here` })
  await ask('/auth/v1/signup', account)
  await flush()
  expect(sink.posts[0]).toMatchObject({
    path: '/here',
    headers: { 'content-type': 'application/x-protobuf' },
  })
  expect(sink.posts.some(({ body }) => body.includes('POST /auth/v1/signup'))).toBe(true)
})

test('a trace goes on behind a proxy that is believed, into the hook, and begins anew for anybody else', async () => {
  const sink = await collector()
  const hook = await startHookServer()
  endings.push(hook.close)
  const { ask, flush } = await traced({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    ...hooksAt(hook.url, 'BEFORE_USER_CREATED'),
  })
  const traceId = '4bf92f3577b34da6a3ce929d0e0e4736'
  const traceparent = `00-${traceId}-00f067aa0ba902b7-01`
  await ask('/auth/v1/signup', account, { traceparent })
  await ask('/auth/v1/token', account, { traceparent }, '192.0.2.1')
  await ask('/auth/v1/token', account, { traceparent: '00-zz-00-01' })
  await flush()

  const requests = sink.spans().filter(({ kind }) => kind === 2)
  expect(requests.map((span) => span.traceId === traceId)).toEqual([true, false, false])
  expect(requests.map((span) => span.parentSpanId ?? '')).toEqual(['00f067aa0ba902b7', '', ''])
  const asked = sink.spans().find(({ name }) => name === 'POST 127.0.0.1')
  expect(asked).toMatchObject({ traceId, parentSpanId: requests[0]?.spanId })
  expect(hook.last().headers.traceparent).toBe(`00-${traceId}-${asked?.spanId}-01`)
})

test('what the proxy did not choose to trace is not traced, and the share of the rest can be chosen', async () => {
  const sink = await collector()
  const { ask, flush } = await traced({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    OTEL_TRACES_SAMPLER: 'parentbased_traceidratio',
    OTEL_TRACES_SAMPLER_ARG: '0',
  })
  const sampled = '00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01'
  await ask('/auth/v1/signup', account)
  await ask('/auth/v1/signup', account, { traceparent: sampled.replace(/01$/, '00') })
  await ask('/auth/v1/token?grant_type=password', account, { traceparent: sampled })
  await flush()
  expect(
    sink
      .spans()
      .filter(({ kind }) => kind === 2)
      .map(({ name }) => name),
  ).toEqual(['POST /auth/v1/token'])
  expect(new Set(sink.spans().map(({ traceId }) => traceId)).size).toBe(1)
})

test('a mail is a part of its request, by its connector, and says nothing of whom it went to', async () => {
  const sink = await collector()
  const smtp = await startSmtp({ disabledCommands: ['STARTTLS'] })
  endings.push(smtp.close)
  const { ask, flush, ctx } = await traced({
    OTEL_EXPORTER_OTLP_ENDPOINT: sink.url,
    OTEL_EXPORTER_OTLP_PROTOCOL: 'http/json',
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(smtp.port),
  })
  await ask('/auth/v1/signup', account)
  await ask('/auth/v1/otp', { email: account.email })
  await ctx.background.settled()
  smtp.refuseWith({ status: 550, text: `no ${account.email}` })
  await ask('/auth/v1/otp', { email: 'bob@example.com' })
  await ctx.background.settled()
  await flush()
  const sent = sink.spans().filter(({ name }) => name.startsWith('send '))
  expect(sent.map(({ name, status }) => [name, status?.code ?? 0])).toEqual([
    ['send simple-mail-transfer-protocol', 0],
    ['send simple-mail-transfer-protocol', 2],
  ])
  const requests = sink.spans().filter(({ name }) => name === 'POST /auth/v1/otp')
  expect(sent.map(({ parentSpanId }) => parentSpanId)).toEqual(requests.map(({ spanId }) => spanId))
  expect(JSON.stringify(sink.spans())).not.toMatch(/example\.com/)
})

test('a collector that is away holds nobody up, not even the end', async () => {
  const { ask, flush } = await traced({
    OTEL_EXPORTER_OTLP_ENDPOINT: `http://127.0.0.1:${await freePort()}`,
  })
  expect((await ask('/auth/v1/signup', account)).status).toBe(200)
  await flush()
})

test.each([{ OTEL_TRACES_EXPORTER: 'none' }, { OTEL_SDK_DISABLED: 'true' }])(
  '%o: no traces, though there is a collector',
  async (environment) => {
    const { ctx } = await world({
      OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318',
      ...environment,
    })
    expect(ctx.config.tracing).toBe(null)
  },
)

test.each([
  [{ OTEL_EXPORTER_OTLP_PROTOCOL: 'grpc' }, /OTEL_EXPORTER_OTLP_PROTOCOL must be/],
  [{ OTEL_TRACES_SAMPLER_ARG: '2' }, /OTEL_TRACES_SAMPLER_ARG must be/],
  [
    { OTEL_EXPORTER_OTLP_HEADERS: 'a secret' },
    /^OTEL_EXPORTER_OTLP_HEADERS must be name=value pairs, separated by commas.$/,
  ],
  [{ OTEL_TRACES_EXPORTER: 'zipkin' }, /OTEL_TRACES_EXPORTER must be/],
])('%o is refused at start', async (environment, sentence) => {
  const collector = { OTEL_EXPORTER_OTLP_ENDPOINT: 'http://127.0.0.1:4318' }
  await expect(world({ ...collector, ...environment })).rejects.toThrow(sentence)
})
