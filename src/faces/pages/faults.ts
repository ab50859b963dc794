import type { Fault, FaultCode } from '../../base/fault.ts'
import { minute, second } from '../../base/time.ts'
import { secondsToWait } from '../../base/unavailable.ts'
import { fill, type Words } from '../../words/words.ts'
import type { Problem } from './layout.ts'

type Status = 400 | 403 | 404 | 422 | 429 | 500 | 502 | 503

/** How a page says a fault: its status, its sentence, and the field to mend. */
interface Said {
  status: Status
  text: keyof Words['error']
  field?: Exclude<Problem['field'], null>
}

const here: Said = { status: 400, text: 'badRequest' }
const ours: Said = { status: 500, text: 'server' }
const wrongPassword: Said = { status: 422, text: 'passwordWrong', field: 'password' }
const expiredCode: Said = { status: 422, text: 'codeExpired', field: 'code' }
const ended: Said = { status: 400, text: 'flowEnded' }
const app: Said = { status: 400, text: 'appMisconfigured' }
const unsent: Said = { status: 502, text: 'mailFailed' }

const said: Record<FaultCode, Said> = {
  input_invalid: here,
  not_found: { status: 404, text: 'notFound' },
  conflict: here,
  unavailable: { status: 503, text: 'unavailable' },
  overloaded: { status: 503, text: 'busy' },
  invalid_credentials: wrongPassword,
  user_not_found: wrongPassword,
  user_banned: { status: 403, text: 'accountOff' },
  email_not_confirmed: { status: 422, text: 'notConfirmed' },
  phone_not_confirmed: { status: 422, text: 'notConfirmed' },
  email_exists: { status: 422, text: 'alreadyRegistered' },
  phone_exists: { status: 422, text: 'alreadyRegistered' },
  username_exists: { status: 422, text: 'alreadyRegistered' },
  user_already_exists: { status: 422, text: 'alreadyRegistered' },
  identity_exists: { status: 422, text: 'alreadyRegistered' },
  email_address_invalid: { status: 422, text: 'emailMalformed', field: 'identifier' },
  phone_invalid: here,
  weak_password: { status: 422, text: 'passwordWeak', field: 'password' },
  password_too_long: { status: 422, text: 'passwordLong', field: 'password' },
  password_required: { status: 422, text: 'passwordMissing', field: 'password' },
  same_password: { status: 422, text: 'passwordSame', field: 'password' },
  current_password_required: { status: 422, text: 'passwordMissing', field: 'password' },
  current_password_invalid: wrongPassword,
  reauthentication_needed: ended,
  reauthentication_not_valid: expiredCode,
  user_sso_managed: { status: 403, text: 'hookRefused' },
  insufficient_aal: { status: 403, text: 'secondFactorFirst' },
  signup_disabled: { status: 403, text: 'registerOff' },
  otp_disabled: { status: 403, text: 'codesOff' },
  email_provider_disabled: { status: 403, text: 'passwordsOff' },
  phone_provider_disabled: { status: 403, text: 'signInOff' },
  anonymous_provider_disabled: { status: 403, text: 'signInOff' },
  code_wrong: { status: 422, text: 'codeWrong', field: 'code' },
  code_expired: expiredCode,
  code_exhausted: { status: 429, text: 'codeExhausted', field: 'code' },
  otp_expired: expiredCode,
  passkey_disabled: { status: 403, text: 'passkeysOff' },
  passkey_unknown: { status: 404, text: 'passkeyUnknown' },
  passkey_refused: { status: 422, text: 'passkeyRefused' },
  passkey_expired: { status: 422, text: 'passkeyExpired' },
  passkey_exists: { status: 422, text: 'passkeyExists' },
  too_many_passkeys: { status: 422, text: 'passkeysMany' },
  factor_not_found: { status: 404, text: 'notFound' },
  factor_disabled: { status: 403, text: 'hookRefused' },
  factor_exists: { status: 422, text: 'alreadyRegistered' },
  factor_name_taken: { status: 422, text: 'alreadyRegistered' },
  too_many_factors: { status: 403, text: 'hookRefused' },
  factor_challenge_spent: expiredCode,
  factor_challenge_expired: expiredCode,
  factor_rejected: { status: 403, text: 'hookRefused' },
  factor_code_wrong: { status: 422, text: 'factorCodeWrong', field: 'code' },
  flow_state_not_found: ended,
  flow_state_expired: ended,
  bad_code_verifier: ended,
  interaction_not_found: ended,
  no_authorization: ended,
  bad_jwt: ended,
  not_admin: { status: 403, text: 'hookRefused' },
  session_not_found: ended,
  session_expired: ended,
  refresh_token_invalid: ended,
  refresh_token_not_found: ended,
  refresh_token_already_used: ended,
  over_request_rate_limit: { status: 429, text: 'tooMany', field: 'password' },
  over_email_send_rate_limit: { status: 429, text: 'mailTooSoon' },
  over_sms_send_rate_limit: { status: 429, text: 'mailTooSoon' },
  invalid_request: app,
  invalid_client: app,
  invalid_grant: app,
  unauthorized_client: app,
  unsupported_grant_type: app,
  unsupported_response_type: app,
  invalid_scope: app,
  invalid_target: app,
  access_denied: { status: 403, text: 'hookRefused' },
  login_required: ended,
  consent_required: ended,
  interaction_required: ended,
  account_selection_required: ended,
  invalid_token: ended,
  unmet_authentication_requirements: ended,
  invalid_request_uri: ended,
  invalid_request_object: app,
  authorization_pending: app,
  polled_too_soon: app,
  device_code_expired: ended,
  device_refused: ended,
  user_code_wrong: { status: 422, text: 'userCodeWrong', field: 'code' },
  invalid_redirect_uri: app,
  invalid_client_metadata: app,
  invalid_dpop_proof: app,
  use_dpop_nonce: app,
  insufficient_scope: app,
  provider_not_enabled: { status: 403, text: 'signInOff' },
  provider_refused: { status: 403, text: 'hookRefused' },
  provider_failed: { status: 502, text: 'server' },
  provider_state_invalid: ended,
  provider_email_unverified: { status: 422, text: 'notConfirmed' },
  id_token_refused: { status: 403, text: 'hookRefused' },
  accounts_ambiguous: ours,
  sso_refused: { status: 403, text: 'hookRefused' },
  invite_not_found: { status: 403, text: 'hookRefused' },
  invite_email_mismatch: { status: 403, text: 'hookRefused' },
  manual_linking_disabled: { status: 403, text: 'hookRefused' },
  identity_not_found: { status: 404, text: 'notFound' },
  identity_last: { status: 403, text: 'hookRefused' },
  identity_email_conflict: { status: 403, text: 'hookRefused' },
  connector_not_found: unsent,
  connector_invalid_config: unsent,
  connector_template_not_found: unsent,
  connector_failed: unsent,
  hook_refused: { status: 403, text: 'hookRefused' },
  hook_failed: ours,
}

export interface Presented {
  status: Status
  problem: Problem
  /** Whole seconds for `Retry-After`. */
  retryAfter: number | null
  /** Ours to mend: the log should hold it. */
  isOurs: boolean
}

export function present(
  fault: Fault,
  words: Words,
  { appName, canUseCode }: { appName: string; canUseCode: boolean },
): Presented {
  const { status, field = null, text } = said[fault.code] ?? ours
  const { error } = words
  const { attemptsLeft, min, max } = fault.details
  const wait = waitOf(fault)
  return {
    status,
    retryAfter: secondsToWait(fault),
    isOurs: status >= 500,
    problem: {
      field,
      ...(typeof fault.details.credentialId === 'string'
        ? { unknownPasskey: fault.details.credentialId }
        : {}),
      text: fill(error[exactly(fault, text, canUseCode)], {
        app: appName,
        tries: Number(attemptsLeft ?? 0),
        min: Number(min ?? 0),
        max: Number(max ?? 0),
        wait: waitText(wait ?? 1 * minute, words),
      }),
    },
  }
}

/** Where the details say more than the code does. */
function exactly(
  { code, details }: Fault,
  text: Said['text'],
  canUseCode: boolean,
): keyof Words['error'] {
  if (code === 'code_wrong' && details.isEmpty === true) return 'codeMissing'
  if (code === 'code_wrong' && details.attemptsLeft === 1) return 'codeWrongLast'
  if (code === 'weak_password' && details.reason === 'length') return 'passwordShort'
  if (code === 'email_address_invalid' && details.isEmpty === true) return 'emailMissing'
  if (text === 'passwordWrong' && !canUseCode) return 'passwordWrongOnly'
  return text
}

function waitOf({ details }: Fault): number | null {
  if (typeof details.retryAfter === 'number') return details.retryAfter
  return typeof details.retryAfterSeconds === 'number' ? details.retryAfterSeconds * second : null
}

function waitText(wait: number, { common }: Words): string {
  return wait < 2 * minute
    ? fill(common.seconds, { count: Math.max(2, Math.ceil(wait / second)) })
    : fill(common.minutes, { count: Math.ceil(wait / minute) })
}
