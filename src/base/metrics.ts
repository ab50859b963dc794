import { monitorEventLoopDelay } from 'node:perf_hooks'
import { Counter, Gauge, Histogram, Registry } from 'prom-client'
import { figures, loopResolution, type MetricSources } from './metric-figures.ts'

/** Counts what a server does. One of these for each: two in one process do not count for each other. */
export interface Metrics {
  /** One more request is under way. */
  begin(): void
  /** Its end. The route is a pattern, never a path, so that there are no more of them than the program has. */
  end(request: { method: string; route: string; status: number; milliseconds: number }): void
  /** Statements that a route sent to the database. */
  queried(route: string, statements: { count: number; milliseconds: number }): void
  /** Each statement alone. */
  stated(statement: { milliseconds: number; failed: boolean }): void
  /** A message to somebody, and whether the connector took it. */
  messaged(connector: string, outcome: 'sent' | 'failed'): void
  /** A transaction of housekeeping, and how many rows of a table it deleted. */
  tidied(done: { table: string; gone: number; milliseconds: number }): void
  /** All of it, in Prometheus's text format. */
  text(sources: MetricSources): Promise<string>
  readonly contentType: string
  /** Every metric that there is. */
  list(): { name: string; type: string; labels: readonly string[] }[]
  close(): void
}

const methods = new Set(['GET', 'HEAD', 'POST', 'PUT', 'PATCH', 'DELETE', 'OPTIONS'])

const requestSeconds = [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10]
const tidyingSeconds = [0.005, 0.01, 0.025, 0.05, 0.1, 0.2, 0.5, 1, 5]
const statementSeconds = [0.00025, 0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.1, 0.5, 2.5, 10]

export function createMetrics(): Metrics {
  const registry = new Registry()
  const registers = [registry]
  const loop = monitorEventLoopDelay({ resolution: loopResolution })
  loop.enable()

  const requests = new Histogram({
    name: 'sekisho_http_request_duration_seconds',
    help: 'Requests that were answered, and how long it took.',
    labelNames: ['method', 'route', 'status'],
    buckets: requestSeconds,
    registers,
  })
  const routeStatements = new Counter({
    name: 'sekisho_db_route_statements_total',
    help: 'Statements sent to the database, begin and commit too, by the route that wanted them.',
    labelNames: ['route'],
    registers,
  })
  const routeSeconds = new Counter({
    name: 'sekisho_db_route_seconds_total',
    help: 'Time that the database took for the statements of a route.',
    labelNames: ['route'],
    registers,
  })
  const eachStatement = new Histogram({
    name: 'sekisho_db_statement_duration_seconds',
    help: 'How long statements took, each alone.',
    buckets: statementSeconds,
    registers,
  })
  const failedStatements = new Counter({
    name: 'sekisho_db_statement_failures_total',
    help: 'Statements that the database refused or did not answer.',
    registers,
  })
  const messages = new Counter({
    name: 'sekisho_messages_total',
    help: 'Mails and text messages, by connector, and whether it took them.',
    labelNames: ['connector', 'outcome'],
    registers,
  })
  const tidiedRows = new Counter({
    name: 'sekisho_housekeeping_rows_total',
    help: 'Rows that housekeeping deleted, by table.',
    labelNames: ['table'],
    registers,
  })
  const tidyings = new Histogram({
    name: 'sekisho_housekeeping_transaction_duration_seconds',
    help: 'How long transactions of housekeeping took.',
    buckets: tidyingSeconds,
    registers,
  })
  const readings = figures.map(({ read, type, labels, ...named }) => {
    const Kind = type === 'counter' ? Counter : Gauge
    const metric = new Kind({ ...named, labelNames: labels, registers })
    return { read, metric, isBare: labels.length === 0 }
  })
  let underWay = 0

  return {
    begin() {
      underWay += 1
    },
    end({ method, route, status, milliseconds }) {
      underWay -= 1
      requests.observe(
        {
          method: methods.has(method) ? method : 'other',
          route,
          status: `${Math.trunc(status / 100)}xx`,
        },
        milliseconds / 1000,
      )
    },
    queried(route, { count, milliseconds }) {
      routeStatements.inc({ route }, count)
      routeSeconds.inc({ route }, milliseconds / 1000)
    },
    stated({ milliseconds, failed }) {
      eachStatement.observe(milliseconds / 1000)
      if (failed) failedStatements.inc()
    },
    messaged(connector, outcome) {
      messages.inc({ connector, outcome })
    },
    tidied({ table, gone, milliseconds }) {
      tidiedRows.inc({ table }, gone)
      tidyings.observe(milliseconds / 1000)
    },
    async text(sources) {
      const outbox = await sources.outbox()
      for (const { read, isBare, metric } of readings) {
        metric.reset()
        // Without labels a reset leaves a zero behind, and it is to be absent.
        if (metric instanceof Gauge && isBare) metric.remove()
        for (const { labels = {}, value } of read({ sources, outbox, loop, underWay })) {
          metric.inc(labels, value)
        }
      }
      loop.reset()
      return registry.metrics()
    },
    contentType: registry.contentType,
    list: () =>
      registry.getMetricsAsArray().map((metric) => ({
        name: metric.name,
        type: String(Reflect.get(metric, 'type')),
        labels: Reflect.get(metric, 'labelNames') as string[],
      })),
    close() {
      loop.disable()
      registry.clear()
    },
  }
}
