import { type Logger, pino } from 'pino'

/** What is asked of a log; who has another one, or none, need not have pino. */
export interface Log extends Pick<Logger, 'debug' | 'info' | 'warn' | 'error'> {
  child(fields: Record<string, unknown>): Log
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

/** JSON lines on standard error: standard output belongs to the answers of commands. */
export function createLog(level: string): Log {
  return pino(
    {
      level,
      base: null,
      redact: { paths: secretPaths.flatMap((name) => [name, `*.${name}`]), censor: '[redacted]' },
    },
    pino.destination({ dest: 2, sync: true }),
  )
}
