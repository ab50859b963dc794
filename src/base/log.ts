import { type Logger, pino } from 'pino'
import { createLogWriter } from './log-writer.ts'

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
  const shape = { level, base: null }
  const logger = pino({ ...shape, redact: { paths, censor: '[redacted]' } }, writer)
  plainOf.set(logger, pino(shape, writer))
  return Object.assign(logger, { dropped: writer.dropped })
}

/** The same logs, without a look for secrets in every line. */
const plainOf = new WeakMap<object, Log>()

/** Every field is made by us. */
export interface RequestLine {
  requestId: string
  method: string
  /** Without a query, and with whatever is secret in it masked. */
  path: string
  status: number
  tookMs: number
}

/** The line that each request has. To look for secrets in it would cost as much as all the rest of it. */
export function logRequest(log: Log, line: RequestLine): void {
  const plain = plainOf.get(log) ?? log
  plain.info(line, 'request')
}

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
