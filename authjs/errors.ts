import { Fault } from '../src/base/fault.ts'
import {
  isConnectionError,
  isForeignKeyViolation,
  isUniqueViolation,
  sqlState,
} from '../src/base/sql-error.ts'
import { isDataDirectoryInUse } from '../src/db/open.ts'

/**
 * What Auth.js logs when a method throws: a `Fault` with a code where the cause is known, a sentence where somebody has
 * to do something, and never a value from a row.
 */
export function told(error: unknown): unknown {
  if (isUniqueViolation(error, 'users_email_partial_key')) return new Fault('email_exists')
  if (isUniqueViolation(error, 'identities_provider_id_provider_unique')) {
    return new Fault('identity_exists')
  }
  if (isUniqueViolation(error)) return new Fault('conflict')
  // The only rows that ours refer to, and that may be missing, are users.
  if (isForeignKeyViolation(error)) return new Fault('user_not_found')
  if (isConnectionError(error)) return new Fault('unavailable', {}, { cause: error })
  if (isDataDirectoryInUse(error)) {
    return new Error(
      `${error.message}. The embedded database has room for one process: stop that one, or let both use ` +
        'a Postgres (database: process.env.DATABASE_URL).',
      { cause: error },
    )
  }
  const state = sqlState(error)
  // A text that cannot be kept, one too long, a number out of range.
  if (state?.startsWith('22')) return new Fault('input_invalid', { sqlState: state })
  if (state === '42P01' || state === '3F000') {
    return new Error(
      'This database has no tables of Sekisho yet. Start the server on it once, or run `sekisho migrate`.',
    )
  }
  return error
}
