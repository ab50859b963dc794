import { type Logger, pino } from 'pino'
import { systemNow } from './context.ts'
import { createLogWriter, type LogWriter } from './log-writer.ts'

/** What is asked of a log; who has another one, or none, need not have pino. */
export interface Log extends Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> {
  child(fields: Record<string, unknown>): Log
}

/** The log of a process. */
export interface ProcessLog extends Log {
  /** How many lines were given up, since nobody read them fast enough. */
  dropped(): number
}

/** Fields that carry secrets, wherever they stand in what is logged. */
const secretPaths = [
  'password',
  'token',
  'access_token',
  'refresh_token',
  'code',
  'authorization',
  'cookie',
  'secret',
  'apiKey',
]

/**
 * JSON lines on standard error: standard output belongs to the answers of commands. Nobody waits for a line to be written,
 * and at the end of the process, a crash too, what is left is written before it goes.
 */
export function createLog(level: string): ProcessLog {
  const writer = createLogWriter(2)
  const paths = secretPaths.flatMap((name) => [name, `*.${name}`])
  const redact = { paths, censor: '[redacted]' }
  const logger = pino({ level, base: null, redact }, writer)
  if (logger.isLevelEnabled('info')) writerOf.set(logger, writer)
  return Object.assign(logger, { dropped: writer.dropped })
}

/** Where a log writes the lines of requests, if it wants them. */
const writerOf = new WeakMap<object, LogWriter>()

/** Every field is made by us. */
export interface RequestLine {
  requestId: string
  method: string
  /** Without a query, and with whatever is secret in it masked. */
  path: string
  status: number
  tookMs: number
}

/** The line that each request has, as pino would write it: with a look for secrets in it, it costs five times as much. */
export function logRequest(log: Log, line: RequestLine): void {
  const writer = writerOf.get(log)
  if (writer === undefined) {
    log.info(line, 'request')
    return
  }
  const [requestId, method, path] = [line.requestId, line.method, line.path].map(quoted)
  const { status, tookMs } = line
  writer.write(
    `{"level":30,"time":${systemNow().getTime()},"requestId":${requestId},"method":${method},"path":${path},"status":${status},"tookMs":${tookMs},"msg":"request"}\n`,
  )
}

const quoted = (text: string) => JSON.stringify(text)

/** The same log with these fields in each line; that costs something with the first one, and most requests have none. */
export function logWith(log: Log, fields: Record<string, unknown>): Log {
  return new LogWith(log, fields)
}

class LogWith implements Log {
  readonly #log: Log
  readonly #fields: Record<string, unknown>
  #made: Log | null = null

  constructor(log: Log, fields: Record<string, unknown>) {
    this.#log = log
    this.#fields = fields
  }

  get debug(): Log['debug'] {
    return this.#own().debug.bind(this.#made)
  }

  get info(): Log['info'] {
    return this.#own().info.bind(this.#made)
  }

  get warn(): Log['warn'] {
    return this.#own().warn.bind(this.#made)
  }

  get error(): Log['error'] {
    return this.#own().error.bind(this.#made)
  }

  child(fields: Record<string, unknown>): Log {
    return this.#own().child(fields)
  }

  #own(): Log {
    this.#made ??= this.#log.child(this.#fields)
    return this.#made
  }
}
