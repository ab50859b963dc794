import { readdirSync } from 'node:fs'
import { createServer } from 'node:http'
import { setTimeout as pause } from 'node:timers/promises'
import type { Config } from '../base/config.ts'
import type { Context } from '../base/context.ts'
import type { Log, ProcessLog } from '../base/log.ts'
import type { MetricSources, OutboxFigures, ProcessFigures } from '../base/metric-figures.ts'
import type { Metrics } from '../base/metrics.ts'
import type { Observer } from '../base/observe.ts'
import { passwordQueue } from '../base/password.ts'
import { second } from '../base/time.ts'
import type { OpenDatabase } from '../db/open.ts'
import { countDeliveries } from '../model/delivery.ts'
import { ending } from './ending.ts'
import { version } from './version.ts'

export type Instruments = Pick<Observer, 'metrics' | 'tracing'>

/** The makers of metrics and traces. Where nobody asked for them, none of their packages is loaded. */
export async function openInstruments(
  { metricsPort, tracing }: Config,
  log: Log,
): Promise<Instruments | null> {
  if (metricsPort === 0 && tracing === null) return null
  return {
    metrics: metricsPort === 0 ? null : (await import('../base/metrics.ts')).createMetrics(),
    tracing:
      tracing === null
        ? null
        : await (await import('../base/trace-export.ts')).openTracing(tracing, {
            version: version(),
            log,
          }),
  }
}

/** Opens the port for metrics, where there is one. Returns how to end all of it: what is left of traces is sent. */
export async function showInstruments(ctx: Context, parts: Parts): Promise<() => Promise<void>> {
  const { metrics = null, tracing = null } = ctx.observer ?? {}
  const stop =
    metrics === null ? () => {} : await listenForMetrics(ctx, metrics, sourcesOf(ctx, parts))
  return async () => {
    stop()
    await Promise.race([tracing?.close().catch(() => {}), pause(1 * second)])
  }
}

async function listenForMetrics(
  ctx: Context,
  metrics: Metrics,
  sources: MetricSources,
): Promise<() => void> {
  const { metricsHost: host, metricsPort: port } = ctx.config
  const server = createServer(async (request, response) => {
    if (request.method !== 'GET' || request.url?.split('?')[0] !== '/metrics') {
      response
        .writeHead(404, { 'content-type': 'text/plain' })
        .end('The metrics are at /metrics.\n')
      return
    }
    try {
      const text = await metrics.text(sources)
      response.writeHead(200, { 'content-type': metrics.contentType }).end(text)
    } catch (error) {
      ctx.log.error({ err: error }, 'The metrics could not be read.')
      response.writeHead(500).end()
    }
  })
  await new Promise<void>((resolve, reject) => {
    server.once('error', (cause) =>
      reject(
        ending(
          'actionNeeded',
          `The metrics cannot have port ${port} of ${host} (SEKISHO_METRICS_PORT, SEKISHO_METRICS_HOST): ${cause.message}`,
          { cause },
        ),
      ),
    )
    server.listen(port, host, resolve)
  })
  // Whoever reads them does not keep the process alive.
  server.unref()
  return () => {
    server.close()
    server.closeAllConnections()
    metrics.close()
  }
}

interface Parts {
  database: OpenDatabase
  log: ProcessLog
}

function sourcesOf(ctx: Context, { database, log }: Parts): MetricSources {
  return {
    version: version(),
    cache: ctx.cache,
    passwords: passwordQueue,
    pool: database.pool,
    outbox: () => outboxWithin(ctx, 2 * second),
    process: processFigures,
    droppedLogLines: log.dropped,
  }
}

/** The metrics are wanted above all when the database is away: they do not wait for it. */
async function outboxWithin(ctx: Context, patience: number): Promise<OutboxFigures | null> {
  const late = new Promise<null>((resolve) => setTimeout(resolve, patience, null).unref())
  return Promise.race([countDeliveries(ctx).catch(() => null), late])
}

function processFigures(): ProcessFigures {
  const { rss, heapUsed, external } = process.memoryUsage()
  const { user, system } = process.cpuUsage()
  return {
    cpuSeconds: (user + system) / 1e6,
    residentBytes: rss,
    heapUsedBytes: heapUsed,
    externalBytes: external,
    startedAtSeconds: performance.timeOrigin / 1000,
    openFiles: openFiles(),
  }
}

/** Linux only. */
function openFiles(): number | null {
  try {
    return readdirSync('/proc/self/fd').length
  } catch {
    return null
  }
}
