import {
  DummyDriver,
  PostgresAdapter,
  PostgresIntrospector,
  PostgresQueryCompiler,
  sql,
} from 'kysely'
import { createMetrics } from '../src/base/metrics.ts'
import { type Observer, observeRequest } from '../src/base/observe.ts'
import { openTracing } from '../src/base/trace-export.ts'
import { observable } from '../src/db/observe.ts'

const rounds = 9
const requests = 20_000
const statements = 3

/**
 * What it costs to look on: a request of three statements to a database that does nothing, with metrics, with traces that are
 * all sampled and sent nowhere, and without either. Processor time; the rounds take turns, and the medians are printed.
 */
export async function bench(): Promise<void> {
  const { db, observed } = observable({
    createDriver: () => new DummyDriver(),
    createAdapter: () => new PostgresAdapter(),
    createQueryCompiler: () => new PostgresQueryCompiler(),
    createIntrospector: (db) => new PostgresIntrospector(db),
  })
  const silent = { debug() {}, info() {}, warn() {}, error() {}, child: () => silent }
  // Nobody listens there: the queue of spans fills, and what is beyond it is dropped.
  const tracing = await openTracing(
    {
      ...{ address: 'http://127.0.0.1:9/v1/traces', protocol: 'http/json', headers: {} },
      ...{ sampler: 'always_on', ratio: 1, serviceName: 'bench' },
    },
    { version: '0', log: silent },
  )
  const metrics = createMetrics()
  const ways: Record<string, Observer | null> = {
    nobody: null,
    metrics: { metrics, tracing: null, observed },
    traces: { metrics: null, tracing, observed },
    both: { metrics, tracing, observed },
  }
  const ctx = { db, fetch: globalThis.fetch }
  const arrival = { method: 'GET', requestId: 'one', traceparent: null }

  async function request(observer: Observer | null): Promise<void> {
    const looking = observer === null ? null : observeRequest(observer, ctx, arrival)
    const used = looking?.parts.db ?? db
    for (let sent = 0; sent < statements; sent += 1) await sql`select 1`.execute(used)
    looking?.end('/auth/v1/user', 200)
  }

  const taken: Record<string, number[]> = {}
  for (let round = 0; round <= rounds; round += 1) {
    for (const [name, observer] of Object.entries(ways)) {
      const before = process.cpuUsage()
      for (let done = 0; done < requests; done += 1) await request(observer)
      const { user, system } = process.cpuUsage(before)
      // The first round is for the compiler.
      if (round > 0) taken[name] = [...(taken[name] ?? []), (user + system) / requests]
    }
  }
  const median = (name: string) =>
    taken[name]?.toSorted((one, other) => one - other)[Math.floor(rounds / 2)] ?? Number.NaN
  for (const name of Object.keys(ways)) {
    const more = median(name) - median('nobody')
    console.log(
      `${name.padEnd(8)} ${median(name).toFixed(2)} µs a request of ${statements} statements${name === 'nobody' ? '' : `, ${more.toFixed(2)} more`}`,
    )
  }
  metrics.close()
  await tracing.close().catch(() => {})
}
