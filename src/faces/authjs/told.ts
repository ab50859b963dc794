import { isFault } from '../../base/fault.ts'
import {
  isForeignKeyViolation,
  isUnavailable,
  isUniqueViolation,
  sqlState,
} from '../../base/sql-error.ts'
import { AdapterUnavailable, faultOf } from './faults.ts'

/**
 * What Auth.js logs when a method throws: a fault with a code where the cause is known, a sentence where somebody has
 * to do something; never SQL, and never a value from a row.
 */
export function told(error: unknown): unknown {
  if (isFault(error)) return faultOf(error.code, { ...error.details })
  if (isUniqueViolation(error, 'users_email_partial_key')) return faultOf('email_exists')
  if (isUniqueViolation(error, 'identities_provider_id_provider_unique')) {
    return faultOf('identity_exists')
  }
  if (isUniqueViolation(error)) return faultOf('conflict')
  // The only rows that ours refer to, and that may be missing, are users.
  if (isForeignKeyViolation(error)) return faultOf('user_not_found')
  if (isUnavailable(error)) return new AdapterUnavailable('unavailable', { cause: error })
  const state = sqlState(error)
  // A text that cannot be kept, one too long, a number out of range, JSON too deep.
  if (state?.startsWith('22') || state?.startsWith('54')) {
    return faultOf('input_invalid', { sqlState: state })
  }
  if (state === '42P01' || state === '3F000') {
    return new Error(
      'This database has no tables of Sekisho yet. Start the server on it once, or run `sekisho migrate`.',
    )
  }
  // The driver's error holds the statement and, in its details, values.
  return state === null ? error : new Error(`The database refused (SQLSTATE ${state}).`)
}
