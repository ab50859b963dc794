import type { Context as HonoContext } from 'hono'
import { type FaultCode, isFault } from '../../base/fault.ts'
import { secondsToWait } from '../../base/unavailable.ts'

type Status = 400 | 401 | 403 | 404 | 409 | 413 | 429 | 500 | 502 | 503

/** How an adapter is told: by a status, the fault's own code, and a sentence for its developer. */
interface Said {
  status: Status
  message: string
}

const bad: Said = { status: 400, message: 'The request is not understood.' }
const taken: Said = { status: 409, message: 'This exists already.' }
const denied: Said = { status: 403, message: 'This is not allowed.' }
const busy: Said = { status: 503, message: 'Too much to do right now. Try again in a moment.' }
const away: Said = {
  status: 503,
  message: 'The service cannot answer right now. Try again in a moment.',
}
const often: Said = { status: 429, message: 'Too many tries. Wait before the next.' }
const ours: Said = { status: 500, message: 'Something went wrong on our side.' }

const said: Record<FaultCode, Said> = {
  input_invalid: { status: 400, message: 'The request is not understood.' },
  not_found: { status: 404, message: 'There is no such thing here.' },
  conflict: { status: 409, message: 'This exists already.' },
  unavailable: away,
  overloaded: busy,
  invalid_credentials: denied,
  user_not_found: { status: 404, message: 'There is no such user.' },
  user_banned: { status: 403, message: 'The user is banned.' },
  email_not_confirmed: {
    status: 403,
    message: 'The account is somebody else’s, who never proved this address.',
  },
  phone_not_confirmed: denied,
  email_exists: { status: 409, message: 'Somebody has this address.' },
  phone_exists: taken,
  username_exists: taken,
  user_already_exists: taken,
  identity_exists: { status: 409, message: 'Somebody has this account.' },
  email_address_invalid: bad,
  phone_invalid: bad,
  weak_password: denied,
  password_too_long: denied,
  password_required: denied,
  same_password: denied,
  current_password_required: denied,
  current_password_invalid: denied,
  reauthentication_needed: denied,
  reauthentication_not_valid: denied,
  user_sso_managed: denied,
  insufficient_aal: denied,
  signup_disabled: denied,
  otp_disabled: denied,
  email_provider_disabled: denied,
  phone_provider_disabled: denied,
  anonymous_provider_disabled: denied,
  code_wrong: denied,
  code_expired: denied,
  code_exhausted: denied,
  otp_expired: denied,
  flow_state_not_found: denied,
  flow_state_expired: denied,
  bad_code_verifier: denied,
  interaction_not_found: denied,
  passkey_disabled: denied,
  passkey_unknown: denied,
  passkey_refused: denied,
  passkey_expired: denied,
  passkey_exists: taken,
  too_many_passkeys: denied,
  factor_not_found: denied,
  factor_disabled: denied,
  factor_exists: taken,
  factor_name_taken: taken,
  too_many_factors: denied,
  factor_challenge_spent: denied,
  factor_challenge_expired: denied,
  factor_code_wrong: denied,
  factor_rejected: denied,
  no_authorization: denied,
  bad_jwt: denied,
  not_admin: denied,
  session_not_found: denied,
  session_expired: denied,
  refresh_token_invalid: denied,
  refresh_token_not_found: denied,
  refresh_token_already_used: denied,
  over_request_rate_limit: often,
  over_email_send_rate_limit: often,
  over_sms_send_rate_limit: often,
  invalid_request: bad,
  invalid_client: {
    status: 401,
    message: 'The application’s id or secret is wrong.',
  },
  invalid_grant: denied,
  unauthorized_client: denied,
  unsupported_grant_type: denied,
  unsupported_response_type: denied,
  invalid_scope: denied,
  invalid_target: denied,
  access_denied: {
    status: 403,
    message:
      'This application was not given the right of an adapter (sekisho app create --adapter).',
  },
  login_required: denied,
  consent_required: denied,
  interaction_required: denied,
  account_selection_required: denied,
  invalid_token: denied,
  unmet_authentication_requirements: denied,
  invalid_request_uri: denied,
  invalid_request_object: denied,
  authorization_pending: denied,
  polled_too_soon: denied,
  device_code_expired: denied,
  device_refused: denied,
  user_code_wrong: denied,
  invalid_redirect_uri: denied,
  invalid_client_metadata: denied,
  invalid_dpop_proof: denied,
  use_dpop_nonce: denied,
  insufficient_scope: denied,
  provider_not_enabled: denied,
  provider_refused: denied,
  provider_failed: ours,
  provider_state_invalid: denied,
  provider_email_unverified: denied,
  id_token_refused: denied,
  accounts_ambiguous: ours,
  sso_refused: denied,
  invite_not_found: denied,
  invite_email_mismatch: denied,
  manual_linking_disabled: denied,
  identity_not_found: denied,
  identity_last: denied,
  identity_email_conflict: denied,
  connector_not_found: { status: 503, message: 'No connector is set up for this.' },
  connector_invalid_config: { status: 503, message: 'The connector is not set up well.' },
  connector_template_not_found: { status: 503, message: 'The connector has no template for this.' },
  connector_failed: { status: 502, message: 'The message could not be handed on.' },
  hook_refused: denied,
  hook_failed: ours,
}

/** A fault in this face's words; what is none is a bug, and nothing of it is told. */
export function present(error: unknown): Said & { code: string; field?: string } {
  if (!isFault(error)) return { ...ours, code: 'server_error' }
  const { code, details } = error
  const field = typeof details.field === 'string' ? { field: details.field } : {}
  if (code === 'input_invalid' && typeof details.problem === 'string') {
    return { ...(problems[details.problem] ?? said[code]), code, ...field }
  }
  return { ...said[code], code, ...field }
}

const problems: Record<string, Said> = {
  'too-large': { status: 413, message: 'The body is too large.' },
  'not-utf8': { status: 400, message: 'The body is no UTF-8.' },
  'not-json': { status: 400, message: 'The body is no JSON.' },
  'too-deep': { status: 400, message: 'The body is nested too deeply.' },
}

/** `{code, message, field?}`, whatever went wrong. */
export function answerError(c: HonoContext, error: unknown): Response {
  const { status, ...body } = present(error)
  c.header('cache-control', 'no-store')
  if (status === 401) c.header('www-authenticate', 'Basic realm="authjs", charset="UTF-8"')
  const wait = secondsToWait(error)
  if (wait !== null) c.header('retry-after', String(wait))
  return c.json(body, status)
}
