import { Fault, type FaultCode } from '../../base/fault.ts'

/** Somebody has it already: an address, an account, a token, a passkey. Trying again does not help. */
export class AdapterConflict extends Fault {
  constructor(code: FaultCode) {
    super(code)
    this.name = 'AdapterConflict'
  }
}

/** The database or the server cannot be reached, or has too much to do. Trying again later may help. */
export class AdapterUnavailable extends Fault {
  constructor(code: FaultCode = 'unavailable', options?: ErrorOptions) {
    super(code, {}, options)
    this.name = 'AdapterUnavailable'
  }
}

/** By name and not by class: a bundler may leave an app with two copies of it. */
export function isAdapterConflict(error: unknown): error is AdapterConflict {
  return error instanceof Error && error.name === 'AdapterConflict'
}

export function isAdapterUnavailable(error: unknown): error is AdapterUnavailable {
  return error instanceof Error && error.name === 'AdapterUnavailable'
}

const conflicts: readonly string[] = ['email_exists', 'identity_exists', 'conflict']
const pauses: readonly string[] = ['unavailable', 'overloaded', 'over_request_rate_limit']

/** The adapter's own error for a code. */
export function faultOf(code: FaultCode, details: Record<string, unknown> = {}): Fault {
  if (conflicts.includes(code)) return new AdapterConflict(code)
  return pauses.includes(code) ? new AdapterUnavailable(code) : new Fault(code, details)
}
