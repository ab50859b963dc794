import { createHash } from 'node:crypto'
import {
  type Context as Parents,
  ROOT_CONTEXT,
  type Span,
  SpanKind,
  SpanStatusCode,
  TraceFlags,
  type Tracer,
  trace,
} from '@opentelemetry/api'
import type { Arrival, Statement, Tracing } from './observe.ts'

type Fetch = typeof globalThis.fetch

/** Spans of requests, of their statements, and of what they ask elsewhere; each is handed its parent. */
export function createTracing(tracer: Tracer, close: () => Promise<void>): Tracing {
  const nameOf = statementNames(1000)
  return {
    request(arrival) {
      const span = startRequest(tracer, arrival)
      const parents = trace.setSpan(ROOT_CONTEXT, span)
      return {
        trace: {
          traceId: span.spanContext().traceId,
          traceparent: traceparentOf(span),
          within: (name, work) =>
            during(tracer.startSpan(name, { kind: SpanKind.CLIENT }, parents), work),
        },
        statement(statement) {
          if (span.isRecording() || span.spanContext().traceFlags === TraceFlags.SAMPLED) {
            recordStatement(tracer, statement, nameOf(statement.sql), parents)
          }
        },
        fetch: (inner) => tracedFetch(inner, tracer, parents),
        end: (route, status) => endRequest(span, arrival.method, route, status),
      }
    },
    fetch: (inner) => tracedFetch(inner, tracer, ROOT_CONTEXT),
    close,
  }
}

function startRequest(tracer: Tracer, { method, requestId, traceparent }: Arrival): Span {
  const attributes = { 'http.request.method': method, 'sekisho.request_id': requestId }
  return tracer.startSpan(method, { kind: SpanKind.SERVER, attributes }, parentsOf(traceparent))
}

/** Neither path nor query is said: they hold codes and tokens. */
function endRequest(span: Span, method: string, route: string, status: number): void {
  span.updateName(`${method} ${route}`)
  span.setAttributes({ 'http.route': route, 'http.response.status_code': status })
  if (status >= 500) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end()
}

/** Told when it is over: the database has no use for the span, and what is not sampled costs nothing. */
function recordStatement(
  tracer: Tracer,
  { milliseconds, failed }: Statement,
  { operation, summary }: StatementName,
  parents: Parents,
): void {
  const now = performance.now()
  const span = tracer.startSpan(
    summary,
    {
      kind: SpanKind.CLIENT,
      startTime: now - milliseconds,
      attributes: {
        'db.system.name': 'postgresql',
        'db.operation.name': operation,
        'db.query.summary': summary,
      },
    },
    parents,
  )
  if (failed) span.setStatus({ code: SpanStatusCode.ERROR })
  span.end(now)
}

interface StatementName {
  operation: string
  /** The operation and a hash of the text, the same on every node. */
  summary: string
}

/** A text may hold a value where it was put together by hand, so none leaves. */
function statementNames(room: number): (sql: string) => StatementName {
  const known = new Map<string, StatementName>()
  return (sql) => {
    const found = known.get(sql)
    if (found !== undefined) return found
    const operation = (/^\s*([a-z]+)/i.exec(sql)?.[1] ?? 'unknown').toUpperCase()
    const hash = createHash('sha256').update(sql).digest('hex').slice(0, 8)
    const name = { operation, summary: `${operation} ${hash}` }
    if (known.size < room) known.set(sql, name)
    return name
  }
}

/** Whom we ask is said, what we ask is not. `traceparent` goes only where the request says so itself: to our own hooks. */
function tracedFetch(inner: Fetch, tracer: Tracer, parents: Parents): Fetch {
  return async (input, init) => {
    const { hostname, port, protocol } = new URL(input instanceof Request ? input.url : input)
    const method = init?.method ?? (input instanceof Request ? input.method : 'GET')
    const span = tracer.startSpan(
      `${method} ${hostname}`,
      {
        kind: SpanKind.CLIENT,
        attributes: {
          'http.request.method': method,
          'server.address': hostname,
          'server.port': Number(port || (protocol === 'https:' ? 443 : 80)),
        },
      },
      parents,
    )
    return during(span, async () => {
      const answer = await inner(input, withTraceparent(init, span))
      span.setAttribute('http.response.status_code', answer.status)
      if (answer.status >= 400) span.setStatus({ code: SpanStatusCode.ERROR })
      return answer
    })
  }
}

/** An error's text may hold what was sent, so only its name is told. */
async function during<T>(span: Span, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    span.setAttribute('error.type', error instanceof Error ? error.name : 'unknown')
    span.setStatus({ code: SpanStatusCode.ERROR })
    throw error
  } finally {
    span.end()
  }
}

function withTraceparent(init: RequestInit | undefined, span: Span): RequestInit | undefined {
  const headers = new Headers(init?.headers)
  if (!headers.has('traceparent')) return init
  headers.set('traceparent', traceparentOf(span))
  return { ...init, headers }
}

function traceparentOf(span: Span): string {
  const { traceId, spanId, traceFlags } = span.spanContext()
  return `00-${traceId}-${spanId}-${traceFlags.toString(16).padStart(2, '0')}`
}

/** W3C Trace Context § 3.2. What is not well formed is as if it were not there. */
function parentsOf(traceparent: string | null): Parents {
  const [, traceId = '', spanId = '', flags = ''] =
    /^00-([0-9a-f]{32})-([0-9a-f]{16})-([0-9a-f]{2})$/.exec(traceparent ?? '') ?? []
  if (/^0*$/.test(traceId) || /^0*$/.test(spanId)) return ROOT_CONTEXT
  const traceFlags = Number.parseInt(flags, 16) & TraceFlags.SAMPLED
  return trace.setSpanContext(ROOT_CONTEXT, { traceId, spanId, traceFlags, isRemote: true })
}
