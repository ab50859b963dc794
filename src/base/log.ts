import { type Logger, pino } from 'pino'

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

/** What waits to be written, in bytes. Who reads the log may be slow, or stand still: lines are lost then, not memory. */
const bufferLimit = 4 * 1024 * 1024

/** Lines are written in pieces of so many bytes, or when they have waited so long (milliseconds): a write for each costs a tenth of a quick request. */
const pieces = { minLength: 4096, periodicFlush: 100 }

/**
 * JSON lines on standard error: standard output belongs to the answers of commands. Nobody waits for a line to be written,
 * and at the end of the process, a crash too, what is left is written before it goes.
 */
export function createLog(level: string): ProcessLog {
  const destination = pino.destination({ dest: 2, sync: false, maxLength: bufferLimit, ...pieces })
  let dropped = 0
  destination.on('drop', () => {
    dropped += 1
  })
  const logger = pino(
    {
      level,
      base: null,
      redact: { paths: secretPaths.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    destination,
  )
  return Object.assign(logger, { dropped: () => dropped })
}
