import type { Kysely } from 'kysely'
import type { Database } from '../db/tables.ts'
import type { Context } from './context.ts'
import type { Metrics } from './metrics.ts'

/** A statement that went to the database, and how it ended. */
export interface Statement {
  sql: string
  milliseconds: number
  failed: boolean
}

/** Who looks on while this process works: metrics, traces, or both. */
export interface Observer {
  readonly metrics: Metrics | null
  readonly tracing: Tracing | null
  /** The database, for one who wants to be told of each statement. */
  observed(tell: (statement: Statement) => void): Kysely<Database>
}

/** What is known of a request before it is answered. */
export interface Arrival {
  method: string
  requestId: string
  /** W3C's `traceparent`, where who brings it is believed. */
  traceparent: string | null
}

/** What a request's context knows of its trace. */
export interface Trace {
  readonly traceId: string
  /** For who is asked on behalf of this request (W3C Trace Context). */
  readonly traceparent: string
  /** A part of the request's work that is worth a name; it fails where the work throws. */
  within<T>(name: string, work: () => Promise<T>): Promise<T>
}

export interface Tracing {
  request(arrival: Arrival): RequestTrace
  /** For what no request asked for. */
  fetch(inner: Context['fetch']): Context['fetch']
  /** Sends what is left. */
  close(): Promise<void>
}

export interface RequestTrace {
  readonly trace: Trace
  statement(statement: Statement): void
  fetch(inner: Context['fetch']): Context['fetch']
  end(route: string, status: number): void
}

/** One request that is looked at. */
export interface Observation {
  /** What the request's context has instead of the process's. */
  parts: Pick<Context, 'db' | 'fetch' | 'trace'>
  /** The route is the pattern that answered, never the path. */
  end(route: string, status: number): void
}

/** The statements of one request are told apart by its own Kysely: nothing follows it in secret. */
export function observeRequest(
  { metrics, tracing, observed }: Observer,
  ctx: Pick<Context, 'fetch'>,
  arrival: Arrival,
): Observation {
  const began = performance.now()
  const traced = tracing?.request(arrival) ?? null
  const sent = { count: 0, milliseconds: 0 }
  let answered: string | null = null

  function sum(milliseconds: number): void {
    sent.count += 1
    sent.milliseconds += milliseconds
  }

  function tell(statement: Statement): void {
    metrics?.stated(statement)
    traced?.statement(statement)
    const { milliseconds } = statement
    // What goes on after the answer is the same route's.
    if (answered !== null) metrics?.queried(answered, { count: 1, milliseconds })
    else sum(milliseconds)
  }

  metrics?.begin()
  return {
    parts: {
      db: observed(tell),
      fetch: traced === null ? ctx.fetch : traced.fetch(ctx.fetch),
      trace: traced?.trace ?? null,
    },
    end(route, status) {
      answered = route
      traced?.end(route, status)
      if (metrics === null) return
      const { method } = arrival
      metrics.end({ method, route, status, milliseconds: performance.now() - began })
      if (sent.count > 0) metrics.queried(route, sent)
    },
  }
}

/** A message on its way out, by the connector that sends it. To whom, and what, is not told. */
export async function observeSending<T>(
  { observer, trace }: Pick<Context, 'observer' | 'trace'>,
  connectorId: string,
  send: () => Promise<T>,
): Promise<T> {
  if (observer === null) return send()
  let outcome: 'sent' | 'failed' = 'failed'
  try {
    const answer = await (trace === null ? send() : trace.within(`send ${connectorId}`, send))
    outcome = 'sent'
    return answer
  } finally {
    observer.metrics?.messaged(connectorId, outcome)
  }
}

/** The route of what no request asked for. */
const noRoute = '(background)'

/** What works without a request, looked at: housekeeping, the outbox. */
export function observeProcess(
  { metrics, tracing, observed }: Observer,
  ctx: Pick<Context, 'db' | 'fetch'>,
): Pick<Context, 'db' | 'fetch'> {
  const tell = (statement: Statement) => {
    metrics?.stated(statement)
    metrics?.queried(noRoute, { count: 1, milliseconds: statement.milliseconds })
  }
  return {
    db: metrics === null ? ctx.db : observed(tell),
    fetch: tracing === null ? ctx.fetch : tracing.fetch(ctx.fetch),
  }
}
