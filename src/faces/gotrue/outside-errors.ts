import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Fault, FaultCode } from '../../base/fault.ts'
import { second } from '../../base/time.ts'
import type { Said } from './errors.ts'

type Details = Fault['details']
type OutsideFault = Extract<
  FaultCode,
  `connector_${string}` | `hook_${string}` | 'invalid_credentials' | 'factor_rejected'
>

function said(status: ContentfulStatusCode, code: string, message: string): Said {
  return { status, code, message }
}

const unexpected = (message: string) => said(500, 'unexpected_failure', message)

const letters: Record<string, string> = {
  confirmation: 'confirmation',
  invite: 'invite',
  recovery: 'recovery',
  magicLink: 'magic link',
  emailChange: 'email change',
  reauthentication: 'reauthentication',
}

/** Why a hook did not answer (reference/gotrue.md, appendix A: hookshttp.go). */
const silences: Record<string, (details: Details) => Said> = {
  timeout: ({ limit }) =>
    said(
      422,
      'hook_timeout',
      `Failed to reach hook within maximum time of ${(Number(limit) / second).toFixed(6)} seconds`,
    ),
  retries: () =>
    said(422, 'hook_timeout_after_retry', 'Failed to reach hook after maximum retries'),
  'too-large': ({ limit }) =>
    said(422, 'hook_payload_over_size_limit', `Payload size exceeded size limit of ${limit} bytes`),
  'content-type': ({ type, media }) =>
    said(400, 'hook_payload_invalid_content_type', contentTypeText(type, media)),
  unavailable: () => unexpected('Service currently unavailable due to hook'),
  unreachable: () => unexpected('Failed to trigger auth hook, error making HTTP request'),
  status: ({ status }) => unexpected(statusText(status)),
  output: () => unexpected('Error unmarshaling JSON output.'),
  claims: ({ problems }) =>
    unexpected(`output claims do not conform to the expected schema: ${problems}`),
}

function contentTypeText(type: unknown, media: unknown): string {
  if (type === null) return 'Invalid Content-Type: Missing Content-Type header'
  return media === ''
    ? 'Invalid Content-Type header: mime: no media type'
    : `Invalid JSON response. Received content-type: ${type}`
}

function statusText(status: unknown): string {
  if (status === 400) return 'Invalid payload sent to hook'
  if (status === 401) return 'Hook requires authorization token'
  return `Unexpected status code returned from hook: ${status}`
}

/** What others have a say in, and how it fails, in this protocol's tongue. */
export const outsideSayings: Record<OutsideFault, Said | ((details: Details) => Said)> = {
  connector_not_found: ({ channel }) =>
    unexpected(channel === 'sms' ? 'Unable to get SMS provider' : 'Error sending email'),
  connector_invalid_config: unexpected('Error sending email'),
  connector_template_not_found: unexpected('Error sending email'),
  connector_failed({ letter, channel, ...details }) {
    if (channel === 'sms') return smsFailed(details)
    const name = letters[String(letter)]
    return unexpected(name === undefined ? 'Error sending email' : `Error sending ${name} email`)
  },
  hook_refused: ({ status, message }) =>
    said(
      status as ContentfulStatusCode,
      status === 500 ? 'unexpected_failure' : 'unknown',
      String(message),
    ),
  hook_failed: (details) =>
    silences[String(details.why)]?.(details) ?? unexpected('Error invoking hook'),
  // A hook that rejects says why.
  invalid_credentials: ({ message }) =>
    said(400, 'invalid_credentials', String(message ?? 'Invalid login credentials')),
  factor_rejected: ({ message }) => said(403, 'mfa_verification_rejected', String(message)),
}

/** GoTrue shows the provider's own sentence; ours is the one that a connector found harmless. */
function smsFailed({ purpose, answer, reason, status }: Details): Said {
  const why = answer ?? (typeof status === 'number' ? `the provider answered ${status}` : reason)
  return said(422, 'sms_send_failed', `Error sending ${purpose} OTP to provider: ${why}`)
}
