import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { createLog } from '../../src/base/log.ts'
import type { MetricSources } from '../../src/base/metric-figures.ts'
import { createMetrics, type Metrics } from '../../src/base/metrics.ts'
import { openInstruments, showInstruments } from '../../src/cli/instruments.ts'
import { tidy } from '../../src/flows/housekeeping.ts'
import { createApp } from '../../src/main.ts'
import { startSmtp } from '../servers/smtp.ts'
import { freePort } from '../setup/free-port.ts'
import { node, top } from '../walks/machine.ts'
import { type World, world } from '../world.ts'

/** A world whose server is measured. */
async function measured(environment: Record<string, string> = {}) {
  const made = await world(environment)
  const metrics = createMetrics()
  const observer = { metrics, tracing: null, observed: made.database.observed }
  return { ...made, metrics, app: createApp({ ...made.ctx, observer }) }
}

const quiet: MetricSources = {
  version: '1.2.3',
  cache: { counts: { hits: 0, misses: 0 } },
  passwords: () => ({ waiting: 0, running: 0, refused: 0, dropped: 0, meanMs: 0 }),
  pool: () => null,
  outbox: async () => null,
  process: () => ({
    cpuSeconds: 1,
    residentBytes: 1,
    heapUsedBytes: 1,
    externalBytes: 1,
    startedAtSeconds: 1,
    openFiles: null,
  }),
  droppedLogLines: () => 0,
}

/** The samples of a metric, by their labels as they are written. */
async function read(
  metrics: Metrics,
  name: string,
  sources = quiet,
): Promise<Record<string, number>> {
  const lines = (await metrics.text(sources)).split('\n')
  return Object.fromEntries(
    lines
      .map((line) => /^(\w+)(?:\{(.*)\})? (\S+)$/.exec(line))
      .filter((match) => match?.[1] === name)
      .map((match) => [match?.[2] ?? '', Number(match?.[3])]),
  )
}

const requests = 'sekisho_http_request_duration_seconds_count'

const json = (body: unknown) => ({
  method: 'POST',
  headers: { 'content-type': 'application/json' },
  body: JSON.stringify(body),
})

test('requests are counted by method, by the route that answered, and by the kind of answer', async () => {
  const { app, metrics } = await measured()
  await app.request('/auth/v1/settings?token=secret')
  await app.request('/auth/v1/settings', { method: 'HEAD' })
  await app.request(
    '/auth/v1/token?grant_type=password',
    json({ email: 'a@example.com', password: 'x' }),
  )
  await app.request('/auth/v1/admin/users/3fa85f64-5717-4562-b3fc-2c963f66afa6')
  await app.request('/auth/v1/admin/users/3fa85f64-5717-4562-b3fc-2c963f66afa7')
  await app.request('/oidc/.well-known/openid-configuration')
  expect(await read(metrics, requests)).toEqual({
    'method="GET",route="/auth/v1/settings",status="2xx"': 1,
    'method="HEAD",route="/auth/v1/settings",status="4xx"': 1,
    'method="POST",route="/auth/v1/token",status="4xx"': 1,
    'method="GET",route="/auth/v1/admin/users/:id",status="4xx"': 2,
    'method="GET",route="/oidc/.well-known/openid-configuration",status="2xx"': 1,
  })
})

test('whatever paths and methods somebody thinks of, there is one row for them', async () => {
  const { app, metrics } = await measured()
  for (let time = 0; time < 50; time += 1) {
    await app.request(`/nothing/${time}`)
    await app.request(`/auth/v1/nothing-${time}`)
    await app.request(`/oidc/nothing-${time}`)
    await app.request('/nothing', { method: `METHOD${time}` })
  }
  expect(await read(metrics, requests)).toEqual({
    'method="GET",route="other",status="4xx"': 150,
    'method="other",route="other",status="4xx"': 50,
  })
})

test('statements are counted for the route that wanted them, and all of them', async () => {
  const { app, metrics, queries } = await measured()
  queries()
  await app.request('/auth/v1/signup', json({ email: 'a@example.com', password: 'correct horse' }))
  const signUp = queries().length
  expect(signUp).toBeGreaterThan(1)
  await app.request(
    '/auth/v1/token?grant_type=password',
    json({ email: 'a@example.com', password: 'x' }),
  )
  const signIn = queries().length
  expect(await read(metrics, 'sekisho_db_route_statements_total')).toEqual({
    'route="/auth/v1/signup"': signUp,
    'route="/auth/v1/token"': signIn,
  })
  expect(await read(metrics, 'sekisho_db_statement_duration_seconds_count')).toEqual({
    '': signUp + signIn,
  })
})

test('mails are counted by their connector, and by whether it took them', async () => {
  const smtp = await startSmtp({ disabledCommands: ['STARTTLS'] })
  const { app, metrics, ctx } = await measured({
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: String(smtp.port),
  })
  try {
    await app.request('/auth/v1/otp', json({ email: 'a@example.com' }))
    smtp.refuseWith({ status: 550, text: 'no' })
    await app.request('/auth/v1/otp', json({ email: 'b@example.com' }))
    await app.request('/auth/v1/otp', json({ email: 'c@example.com' }))
    await ctx.background.settled()
  } finally {
    await smtp.close()
  }
  expect(await read(metrics, 'sekisho_messages_total')).toEqual({
    'connector="simple-mail-transfer-protocol",outcome="sent"': 1,
    'connector="simple-mail-transfer-protocol",outcome="failed"': 2,
  })
})

test('what housekeeping deletes is counted by table, and how long its transactions took', async () => {
  const { metrics, ctx, database } = await measured()
  await database.execute(`insert into idp.limits (key, count, resets_at)
    select 'key ' || n, 1, '2025-01-01T00:00:00Z' from generate_series(1, 150) n`)
  await tidy({ ...ctx, observer: { metrics, tracing: null, observed: database.observed } })
  const rows = await read(metrics, 'sekisho_housekeeping_rows_total')
  expect(rows).toMatchObject({ 'table="idp.limits"': 150, 'table="auth.sessions"': 0 })
  const name = 'sekisho_housekeeping_transaction_duration_seconds_count'
  expect((await read(metrics, name))['']).toBeGreaterThanOrEqual(Object.keys(rows).length)
})

test('two servers in one process do not count for each other', async () => {
  const one = await measured()
  const other = await measured()
  await one.app.request('/livez')
  expect(Object.values(await read(one.metrics, requests))).toEqual([1])
  expect(await read(other.metrics, requests)).toEqual({})
})

test('what is not known is not there, and what the database does not say neither', async () => {
  const metrics = createMetrics()
  expect(await read(metrics, 'sekisho_db_up')).toEqual({ '': 0 })
  expect(await read(metrics, 'sekisho_outbox_lag_seconds')).toEqual({})
  expect(await read(metrics, 'sekisho_db_pool_connections')).toEqual({})
  const outbox = async () => ({ waiting: 3, due: 2, lagSeconds: 1.5, failed: 1 })
  expect(await read(metrics, 'sekisho_outbox_lag_seconds', { ...quiet, outbox })).toEqual({
    '': 1.5,
  })
  expect(await read(metrics, 'sekisho_outbox_lag_seconds')).toEqual({})
  expect(await read(metrics, 'sekisho_build_info')).toEqual({ 'version="1.2.3"': 1 })
})

/** The port of its own, as the command line opens it. */
async function withPort(made: World, work: (url: string) => Promise<void>): Promise<void> {
  const metricsPort = await freePort()
  const config = { ...made.ctx.config, metricsPort }
  const log = createLog('silent')
  const instruments = await openInstruments(config, log)
  if (instruments === null) throw new Error('There is a port')
  const observer = { ...instruments, observed: made.database.observed }
  const hide = await showInstruments(
    { ...made.ctx, config, observer },
    { database: made.database, log },
  )
  try {
    await work(`http://127.0.0.1:${metricsPort}`)
  } finally {
    await hide()
  }
  await expect(fetch(`http://127.0.0.1:${metricsPort}/metrics`)).rejects.toThrow()
}

test('the port answers at /metrics, with the outbox and the pool, and nothing else', async () => {
  const made = await world()
  await made.database.execute(`insert into idp.deliveries (kind, key, attempts, created_at, due_at)
    values ('mail-notice', 'one', 0, '2025-11-22T11:59:00Z', '-infinity'), ('mail-notice', 'two', 1, '2025-11-22T11:00:00Z', '2025-11-22T11:58:30Z'),
      ('mail-notice', 'three', 2, '2025-11-22T11:00:00Z', '2025-11-22T12:30:00Z')`)
  await withPort(made, async (url) => {
    const answer = await fetch(`${url}/metrics?x=1`)
    expect(answer.headers.get('content-type')).toMatch(/^text\/plain; version=0\.0\.4/)
    const page = await answer.text()
    for (const line of [
      'sekisho_db_up 1',
      'sekisho_outbox_waiting 3',
      'sekisho_outbox_due 2',
      'sekisho_outbox_failed 2',
      'sekisho_outbox_lag_seconds 90',
    ]) {
      expect(page.split('\n')).toContain(line)
    }
    const pooled = /^sekisho_db_pool_limit_connections 10$/m.test(page)
    expect(pooled).toBe(made.database.kind === 'postgres')
    expect((await fetch(`${url}/`)).status).toBe(404)
    expect((await fetch(`${url}/auth/v1/settings`)).status).toBe(404)
    expect((await fetch(`${url}/metrics`, { method: 'POST', body: 'x' })).status).toBe(404)
  })
})

test('where nobody asked for metrics or traces, nothing looks on', async () => {
  const { ctx } = await world()
  expect(await openInstruments(ctx.config, createLog('silent'))).toBe(null)
})

test('a server that nobody looks at has loaded neither metrics nor traces', () => {
  const program = `
    import { registerHooks } from 'node:module'
    const loaded = []
    registerHooks({ load: (url, context, next) => (loaded.push(url), next(url, context)) })
    await import(${JSON.stringify(join(top, 'src/cli/serve.ts'))})
    process.stdout.write(JSON.stringify(loaded.filter((url) => /pino|prom-client|opentelemetry/.test(url))))
    process.exit()`
  const printed = execFileSync(node, ['--input-type=module', '-e', program], { encoding: 'utf8' })
  const loaded: string[] = JSON.parse(printed)
  expect(loaded.some((url) => url.includes('/pino/'))).toBe(true)
  expect(loaded.filter((url) => /prom-client|opentelemetry/.test(url))).toEqual([])
})

test('docs/operations.md has every metric, with its kind and its labels, and no other', () => {
  const rows = readFileSync(join(top, 'docs/operations.md'), 'utf8')
    .split('\n')
    .map((line) => /^\| `(\w+)` \| (counter|gauge|histogram) \|(.*?)\| .+ \|$/.exec(line))
    .filter((match) => match !== null)
    .map(([, name, type, labels = '']) => ({
      name,
      type,
      labels: [...labels.matchAll(/`(\w+)`/g)].map(([, label]) => label),
    }))
  expect(rows).toEqual(createMetrics().list())
})
