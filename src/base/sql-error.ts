/** What went wrong in the database, told alike by both drivers. */

/** Five characters, of which Node's own codes (EPIPE) begin with the one that no SQLSTATE begins with. */
export function sqlState(error: unknown): string | null {
  if (typeof error !== 'object' || error === null || !('code' in error)) return null
  return typeof error.code === 'string' && /^(?!E)[0-9A-Z]{5}$/.test(error.code) ? error.code : null
}

/** With a constraint: whether it was that one (the name of the constraint or of the unique index). */
export function isUniqueViolation(error: unknown, constraint?: string): boolean {
  return sqlState(error) === '23505' && isOf(error, constraint)
}

export function isForeignKeyViolation(error: unknown, constraint?: string): boolean {
  return sqlState(error) === '23503' && isOf(error, constraint)
}

/** The text holds what Postgres cannot keep: a NUL, or half a surrogate pair. */
export function isUnstorableText(error: unknown): boolean {
  const state = sqlState(error)
  return state === '22021' || state === '22P05'
}

/** The database cannot be reached, is going down, or has no room for another connection: trying again may help. */
export function isConnectionError(error: unknown): boolean {
  const state = sqlState(error)
  if (state !== null) return state.startsWith('08') || connectionStates.has(state)
  if (!(error instanceof Error)) return false
  if ('code' in error && typeof error.code === 'string') return networkCodes.has(error.code)
  return connectionTexts.some((text) => error.message.includes(text))
}

/**
 * The database does not do it now, and has done nothing: it is away, stands in line for somebody else's lock, is full, was
 * made to only read, or broke off. Nothing is wrong with the request. Of a commit that was not answered nobody knows.
 */
export function isUnavailable(error: unknown): boolean {
  const state = sqlState(error)
  if (state === null) return isConnectionError(error)
  return state.startsWith('53') || unavailableStates.has(state) || isConnectionError(error)
}

function isOf(error: unknown, constraint: string | undefined): boolean {
  if (constraint === undefined) return true
  return (
    typeof error === 'object' &&
    error !== null &&
    'constraint' in error &&
    error.constraint === constraint
  )
}

// admin_shutdown, crash_shutdown, cannot_connect_now, database_dropped, idle_session_timeout,
// idle_in_transaction_session_timeout, too_many_connections.
const connectionStates = new Set(['57P01', '57P02', '57P03', '57P04', '57P05', '25P03', '53300'])

// read_only_sql_transaction, lock_not_available, query_canceled, serialization_failure, deadlock_detected,
// statement_completion_unknown, io_error.
const unavailableStates = new Set(['25006', '55P03', '57014', '40001', '40P01', '40003', '58030'])

const networkCodes = new Set([
  // Our own driver's, where it did not ask, or was not answered.
  'DATABASE_UNAVAILABLE',
  'ECONNREFUSED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
  'EHOSTUNREACH',
  'ENETUNREACH',
  'ENOTFOUND',
  'EAI_AGAIN',
  'ENOENT',
])

// The Postgres driver tells these apart by their text alone.
const connectionTexts = [
  'Connection terminated',
  'timeout exceeded when trying to connect',
  'Client has encountered a connection error and is not queryable',
  'Client was closed and is not queryable',
  'timeout expired',
  'PGlite is closed',
]
