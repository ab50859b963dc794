import { Fault } from '../base/fault.ts'
import { second } from '../base/time.ts'

/** How long a provider may take for one message, from the connection to its answer. */
export const patience = 10 * second

/** `address`: the recipient is not one plain address. `header`: a header field would break out of its line. */
export type FailureReason = 'address' | 'header' | 'refused' | 'unreachable' | 'timeout'

interface FailureFacts {
  /** What the provider answered: an HTTP or SMTP status. */
  status?: number
  /** The system's name for what went wrong, such as `ECONNREFUSED`. */
  cause?: string
  /** The provider's own sentence, after `harmless`. */
  answer?: string
}

/**
 * How a connector says that a message could not be handed over. The facts are all that leaves it: the original error
 * is not kept as a cause, because HTTP and SMTP clients put credentials and the message itself into theirs.
 */
export function failuresOf(connectorId: string) {
  return (reason: FailureReason, facts: FailureFacts = {}) =>
    new Fault('connector_failed', { connectorId, reason, ...facts })
}

const longestAnswer = 300

/**
 * The provider's sentence on one line without the recipient, or undefined where it repeats a secret.
 * Nothing is cut out of a sentence: what is left around a secret may still tell it.
 */
export function harmless(
  answer: string,
  recipient: string,
  secrets: readonly (string | undefined)[],
): string | undefined {
  const line = answer
    .replaceAll(recipient, '(recipient)')
    // biome-ignore lint/suspicious/noControlCharactersInRegex: they are what must go.
    .replace(/[\s\u0000-\u001f\u007f]+/g, ' ')
    .trim()
  if (line === '' || line.length > longestAnswer) return undefined
  const readings = [line, decoded(line)]
  const told = secrets.some((secret) => secret && readings.some((text) => text.includes(secret)))
  return told ? undefined : line
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text.replaceAll('+', ' '))
  } catch {
    return text
  }
}
