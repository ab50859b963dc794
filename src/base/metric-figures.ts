import type { monitorEventLoopDelay } from 'node:perf_hooks'
import type { Cache } from './cache.ts'

/** What is asked when somebody reads the metrics, and costs nothing before. */
export interface MetricSources {
  version: string
  cache: Pick<Cache, 'counts'>
  passwords(): {
    waiting: number
    running: number
    refused: number
    dropped: number
    meanMs: number
  }
  /** Null where there is no pool of ours. */
  pool(): { size: number; idle: number; limit: number; waiting: number } | null
  /** Null where the database does not answer. */
  outbox(): Promise<OutboxFigures | null>
  process(): ProcessFigures
  droppedLogLines(): number
}

export interface OutboxFigures {
  /** Not told yet, to be told now or later. */
  waiting: number
  /** To be told now. */
  due: number
  /** How long the oldest of these has been due. */
  lagSeconds: number
  /** Tried at least once, without success. */
  failed: number
}

export interface ProcessFigures {
  cpuSeconds: number
  residentBytes: number
  heapUsedBytes: number
  externalBytes: number
  startedAtSeconds: number
  /** Null where the system does not say. */
  openFiles: number | null
}

interface Reading {
  value: number
  labels?: Record<string, string>
}

export interface Moment {
  sources: MetricSources
  outbox: OutboxFigures | null
  loop: ReturnType<typeof monitorEventLoopDelay>
  underWay: number
}

/** A figure that is read when it is asked for, not counted. */
interface Figure {
  name: string
  type: 'gauge' | 'counter'
  help: string
  labels: readonly string[]
  read(moment: Moment): readonly Reading[]
}

type Read = (moment: Moment) => number | null

export const figures: readonly Figure[] = [
  gauge('sekisho_http_requests_in_flight', 'Requests under way.', ({ underWay }) => underWay),
  gauge(
    'sekisho_db_up',
    'Whether the database answered when the metrics were read: 1 or 0.',
    ({ outbox }) => (outbox === null ? 0 : 1),
  ),
  gauge(
    'sekisho_db_pool_connections',
    'Connections to the database that are open.',
    ({ sources }) => sources.pool()?.size ?? null,
  ),
  gauge(
    'sekisho_db_pool_idle_connections',
    'Those of them that nobody uses.',
    ({ sources }) => sources.pool()?.idle ?? null,
  ),
  gauge(
    'sekisho_db_pool_limit_connections',
    'How many there may be (GOTRUE_DB_MAX_POOL_SIZE).',
    ({ sources }) => sources.pool()?.limit ?? null,
  ),
  gauge(
    'sekisho_db_pool_waiting_requests',
    'Requests that wait for a connection.',
    ({ sources }) => sources.pool()?.waiting ?? null,
  ),
  gauge(
    'sekisho_password_waiting_jobs',
    'Passwords that wait to be hashed.',
    ({ sources }) => sources.passwords().waiting,
  ),
  gauge(
    'sekisho_password_running_jobs',
    'Passwords that are being hashed.',
    ({ sources }) => sources.passwords().running,
  ),
  counter(
    'sekisho_password_refused_total',
    'Passwords that were refused, since they would have waited too long.',
    ({ sources }) => sources.passwords().refused,
  ),
  counter(
    'sekisho_password_dropped_total',
    'Passwords that were let go while they waited: nobody was there any more, or it had taken too long.',
    ({ sources }) => sources.passwords().dropped,
  ),
  gauge(
    'sekisho_password_mean_seconds',
    'What one hash takes at present.',
    ({ sources }) => sources.passwords().meanMs / 1000,
  ),
  gauge(
    'sekisho_outbox_waiting',
    'Notices and logouts that nobody has been told of yet.',
    ({ outbox }) => outbox?.waiting ?? null,
  ),
  gauge('sekisho_outbox_due', 'Those of them that are due.', ({ outbox }) => outbox?.due ?? null),
  gauge(
    'sekisho_outbox_lag_seconds',
    'How long the oldest of these has been due.',
    ({ outbox }) => outbox?.lagSeconds ?? null,
  ),
  gauge(
    'sekisho_outbox_failed',
    'Those that failed at least once, and are tried again.',
    ({ outbox }) => outbox?.failed ?? null,
  ),
  {
    name: 'sekisho_event_loop_delay_seconds',
    type: 'gauge',
    help: 'How late timers were since the metrics were read last.',
    labels: ['quantile'],
    read: ({ loop }) =>
      loop.count === 0
        ? []
        : [
            { labels: { quantile: '0.5' }, value: lateness(loop.percentile(50)) },
            { labels: { quantile: '0.99' }, value: lateness(loop.percentile(99)) },
            { labels: { quantile: '1' }, value: lateness(loop.max) },
          ],
  },
  counter(
    'sekisho_cache_hits_total',
    'Settings, keys and applications that were found in the cache.',
    ({ sources }) => sources.cache.counts.hits,
  ),
  counter(
    'sekisho_cache_misses_total',
    'Those that had to be read.',
    ({ sources }) => sources.cache.counts.misses,
  ),
  counter(
    'sekisho_log_dropped_lines_total',
    'Lines that were not logged, since nobody read the log fast enough.',
    ({ sources }) => sources.droppedLogLines(),
  ),
  counter(
    'process_cpu_seconds_total',
    'Processor time, of the user and of the system.',
    ({ sources }) => sources.process().cpuSeconds,
  ),
  gauge(
    'process_resident_memory_bytes',
    'Memory that the process has.',
    ({ sources }) => sources.process().residentBytes,
  ),
  gauge(
    'nodejs_heap_used_bytes',
    'Memory that JavaScript uses.',
    ({ sources }) => sources.process().heapUsedBytes,
  ),
  gauge(
    'nodejs_external_memory_bytes',
    'Memory of buffers, and of the embedded database.',
    ({ sources }) => sources.process().externalBytes,
  ),
  gauge(
    'process_start_time_seconds',
    'When the process began, since 1970.',
    ({ sources }) => sources.process().startedAtSeconds,
  ),
  gauge(
    'process_open_fds',
    'Open files and connections.',
    ({ sources }) => sources.process().openFiles,
  ),
  {
    name: 'sekisho_build_info',
    type: 'gauge',
    help: 'Always 1; what runs is in the label.',
    labels: ['version'],
    read: ({ sources }) => [{ labels: { version: sources.version }, value: 1 }],
  },
]

/** How often the event loop is looked at, in milliseconds. */
export const loopResolution = 20

/** Node says how long it was between two looks, in nanoseconds; what was meant to be is no delay. */
function lateness(nanoseconds: number): number {
  return Math.max(0, nanoseconds / 1e9 - loopResolution / 1000)
}

function gauge(name: string, help: string, read: Read) {
  return { name, help, type: 'gauge' as const, labels: [], read: single(read) }
}

function counter(name: string, help: string, read: Read) {
  return { name, help, type: 'counter' as const, labels: [], read: single(read) }
}

/** Nothing is said of what is not known: a zero would be a lie. */
function single(read: Read) {
  return (moment: Moment): Reading[] => {
    const value = read(moment)
    return value === null ? [] : [{ value }]
  }
}
