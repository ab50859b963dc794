import type { ContentfulStatusCode } from 'hono/utils/http-status'
import { Fault, type FaultCode } from '../../base/fault.ts'
import { bodyLimit } from '../../base/http.ts'
import { second } from '../../base/time.ts'
import { externalSayings } from './external-errors.ts'
import { factorSayings } from './factor-errors.ts'
import { clientRefused, grantRefused } from './oauth-server-errors.ts'
import { outsideSayings } from './outside-errors.ts'
import { ssoSayings } from './sso-errors.ts'

/** An error as this protocol says it. */
export interface Said {
  status: ContentfulStatusCode
  code: string
  message: string
  weakPassword?: { reasons: string[] }
  /** The third format, always 400: RFC 6749's. */
  isOAuth?: boolean
}

type Details = Readonly<Record<string, unknown>>
type Saying = Said | ((details: Details, path: string) => Said)

export function said(status: ContentfulStatusCode, code: string, message: string): Said {
  return { status, code, message }
}

export const invalid = (message: string, status: ContentfulStatusCode = 400) =>
  said(status, 'validation_failed', message)
export const unexpected = (message: string) => said(500, 'unexpected_failure', message)
const oauth = (code: string, message: string): Said => ({
  ...said(400, code, message),
  isOAuth: true,
})

/** Ends the request with words of this protocol: for what only this face knows, such as a missing field. */
export function refused(message: string, change: Partial<Said> = {}): Fault {
  return new Fault('input_invalid', { said: { ...invalid(message), ...change } })
}

const problems: Record<string, Saying> = {
  'too-large': said(
    413,
    'request_entity_too_large',
    `Request body too large (max ${bodyLimit} bytes)`,
  ),
  'not-json': said(400, 'bad_json', 'Could not parse request body as JSON: invalid syntax'),
  'not-utf8': said(400, 'bad_json', 'Could not parse request body as JSON: invalid UTF-8'),
  'null-character': said(
    400,
    'bad_json',
    'Could not parse request body as JSON: U+0000 in a string',
  ),
  'two-identifiers': invalid('Only an email address or phone number should be provided on signup.'),
  'phone-with-challenge': invalid('PKCE not supported for phone signups'),
  channel: invalid(
    "Invalid channel, supported values are 'sms' or 'whatsapp'. 'whatsapp' is only supported if Twilio or Twilio Verify is used as the provider.",
  ),
  'anonymous-password': invalid(
    'Updating password of an anonymous user without an email or phone is not allowed',
    422,
  ),
  'nobody-to-reauthenticate': invalid(
    'Reauthentication requires the user to have an email or a phone number',
  ),
  'factor-phone': invalid('Phone number required to enroll Phone factor'),
  'too-long': ({ field }) => invalid(`${field} is too long`),
  'no-identifier': invalid('Cannot create a user without either an email or phone'),
  'two-passwords': invalid('Only a password or a password hash should be provided'),
  'password-hash': invalid('password hash must be one of bcrypt or argon2'),
  id: invalid('ID must conform to the uuid v4 format'),
  'nil-id': invalid('ID cannot be a nil uuid'),
  'ban-duration': ({ duration }) =>
    invalid(`invalid format for ban duration: time: invalid duration ${JSON.stringify(duration)}`),
  'insecure-email-change': invalid('Enable secure email change to generate link for current email'),
}

const emailProblems: Record<string, string> = {
  missing: 'An email address is required',
  'too-long': 'An email address is too long',
  malformed: 'Unable to validate email address: invalid format',
}

const emailsOff: Record<string, Said> = {
  signup: said(400, 'email_provider_disabled', 'Email signups are disabled'),
  otp: said(422, 'email_provider_disabled', 'Email logins are disabled'),
  token: said(422, 'email_provider_disabled', 'Email logins are disabled'),
  'magic-link': said(422, 'email_provider_disabled', 'Login with magic link is disabled'),
}

const phonesOff: Record<string, Said> = {
  signup: said(400, 'phone_provider_disabled', 'Phone signups are disabled'),
  token: said(422, 'phone_provider_disabled', 'Phone logins are disabled'),
  otp: said(400, 'phone_provider_disabled', 'Unsupported phone provider'),
}

const sessionEnds: Record<string, string> = {
  expired: 'Invalid Refresh Token: Session Expired',
  inactive: 'Invalid Refresh Token: Session Expired (Inactivity)',
  'low-aal': 'Invalid Refresh Token: Session Expired (Low AAL: User Needs MFA Verification)',
  newer: 'Invalid Refresh Token: Session Expired (Revoked by Newer Login)',
}

const noFlowState = 'invalid flow state, no valid flow state found'

/** Every fault in this protocol's tongue (reference/gotrue.md, appendix A). */
export const sayings: Record<FaultCode, Saying> = {
  ...factorSayings,
  ...externalSayings,
  ...outsideSayings,
  ...ssoSayings,
  input_invalid(details, path) {
    if (isSaid(details.said)) return details.said
    const problem = typeof details.problem === 'string' ? problems[details.problem] : undefined
    if (typeof problem === 'function') return problem(details, path)
    return problem ?? invalid('The request is not valid')
  },
  not_found: said(404, 'not_found', 'Not found'),
  conflict: ({ what }) =>
    said(
      409,
      'conflict',
      what === 'refresh'
        ? 'Too many concurrent token refresh requests on the same session or refresh token'
        : 'The request conflicts with another one',
    ),
  unavailable: ({ what }) =>
    what === 'leaked-passwords'
      ? unexpected('Unable to perform password strength check with HaveIBeenPwned.org.')
      : said(503, 'unexpected_failure', 'The service is not available'),
  overloaded: said(429, 'over_request_rate_limit', 'Request rate limit reached'),

  user_not_found: ({ at }) =>
    at === 'bearer'
      ? said(403, 'user_not_found', 'User from sub claim in JWT does not exist')
      : at === 'generate_link'
        ? said(404, 'user_not_found', 'User with this email not found')
        : said(404, 'user_not_found', 'User not found'),
  user_banned({ at }, path) {
    if (at === 'refresh') return said(400, 'user_banned', 'Invalid Refresh Token: User Banned')
    return said(path.endsWith('/token') ? 400 : 403, 'user_banned', 'User is banned')
  },
  email_not_confirmed: ({ at }, path) =>
    at === 'reauthenticate'
      ? said(422, 'email_not_confirmed', 'Please verify your email first.')
      : said(unconfirmed(path), 'email_not_confirmed', 'Email not confirmed'),
  phone_not_confirmed: ({ at }, path) =>
    at === 'reauthenticate'
      ? said(422, 'phone_not_confirmed', 'Please verify your phone first.')
      : said(unconfirmed(path), 'phone_not_confirmed', 'Phone not confirmed'),
  email_exists: ({ at }) =>
    said(
      at === 'link' ? 400 : 422,
      'email_exists',
      'A user with this email address has already been registered',
    ),
  phone_exists: ({ at }) =>
    said(
      422,
      'phone_exists',
      at === 'account'
        ? 'A user with this phone number has already been registered'
        : 'Phone number already registered by another user',
    ),
  username_exists: said(422, 'conflict', 'A user with this user name has already been registered'),
  user_already_exists: said(422, 'user_already_exists', 'User already registered'),
  identity_exists: ({ at }) =>
    said(
      422,
      'identity_already_exists',
      at === 'same' ? 'Identity is already linked' : 'Identity is already linked to another user',
    ),
  email_address_invalid: ({ at, why, email }) =>
    why === 'unauthorized'
      ? said(
          400,
          'email_address_not_authorized',
          `Email address ${JSON.stringify(email)} cannot be used as it is not authorized`,
        )
      : why === 'refused'
        ? said(400, 'email_address_invalid', `Email address ${JSON.stringify(email)} is invalid`)
        : at === 'verify'
          ? invalid('Invalid email format', 422)
          : invalid(emailProblems[String(why)] ?? String(emailProblems.malformed)),
  phone_invalid: invalid('Invalid phone number format (E.164 required)'),
  weak_password: (details) => ({
    ...said(422, 'weak_password', weaknessText(details)),
    weakPassword: { reasons: weaknessReasons(details) },
  }),
  password_too_long: ({ max }) => invalid(`Password cannot be longer than ${max} characters`),
  password_required: invalid('Signup requires a valid password'),
  same_password: said(
    422,
    'same_password',
    'New password should be different from the old password.',
  ),
  current_password_required: said(
    400,
    'current_password_required',
    'Current password required when setting new password.',
  ),
  current_password_invalid: said(
    400,
    'current_password_invalid',
    'Current password required when setting new password.',
  ),
  reauthentication_needed: said(
    400,
    'reauthentication_needed',
    'Password update requires reauthentication',
  ),
  reauthentication_not_valid: said(
    422,
    'reauthentication_not_valid',
    'Nonce has expired or is invalid',
  ),
  user_sso_managed: said(
    422,
    'user_sso_managed',
    'Updating email, phone, password of a SSO account only possible via SSO',
  ),

  signup_disabled: said(422, 'signup_disabled', 'Signups not allowed for this instance'),
  otp_disabled: said(422, 'otp_disabled', 'Signups not allowed for otp'),
  email_provider_disabled: ({ at }) =>
    emailsOff[String(at)] ?? said(400, 'email_provider_disabled', 'Email logins are disabled'),
  phone_provider_disabled: ({ at }) =>
    phonesOff[String(at)] ?? said(400, 'phone_provider_disabled', 'Phone logins are disabled'),
  anonymous_provider_disabled: said(
    422,
    'anonymous_provider_disabled',
    'Anonymous sign-ins are disabled',
  ),

  code_wrong: said(403, 'otp_expired', 'Token has expired or is invalid'),
  code_expired: said(403, 'otp_expired', 'Token has expired or is invalid'),
  code_exhausted: said(403, 'otp_expired', 'Token has expired or is invalid'),
  otp_expired: ({ by }) =>
    said(
      403,
      'otp_expired',
      by === 'link' ? 'Email link is invalid or has expired' : 'Token has expired or is invalid',
    ),
  flow_state_not_found: ({ at }) =>
    at === 'verify'
      ? said(400, 'flow_state_not_found', 'No associated flow state found.')
      : said(404, 'flow_state_not_found', noFlowState),
  flow_state_expired: said(422, 'flow_state_expired', 'invalid flow state, flow state has expired'),
  bad_code_verifier: said(
    400,
    'bad_code_verifier',
    'code challenge does not match previously saved code verifier',
  ),
  interaction_not_found: said(404, 'flow_state_not_found', noFlowState),

  no_authorization: ({ why }) =>
    why === 'anonymous'
      ? said(403, 'no_authorization', 'Anonymous user not allowed to perform these actions')
      : said(401, 'no_authorization', 'This endpoint requires a valid Bearer token'),
  bad_jwt: ({ status, why }) => said(status === 400 ? 400 : 403, 'bad_jwt', String(why)),
  passkey_disabled: said(404, 'passkey_disabled', 'Passkeys are disabled'),
  passkey_unknown: said(400, 'webauthn_verification_failed', 'Credential verification failed'),
  passkey_refused: ({ why }) =>
    said(
      400,
      'webauthn_verification_failed',
      why === 'malformed' ? 'Invalid credential response' : 'Credential verification failed',
    ),
  passkey_expired: ({ why }) =>
    why === 'late'
      ? said(400, 'webauthn_challenge_expired', 'Challenge has expired')
      : said(400, 'webauthn_challenge_not_found', 'Challenge not found or already used'),
  passkey_exists: said(422, 'webauthn_credential_exists', 'This credential is already registered'),
  too_many_passkeys: said(422, 'too_many_passkeys', 'Maximum number of passkeys reached'),

  not_admin: ({ at }) =>
    said(
      403,
      'not_admin',
      at === 'app_metadata'
        ? 'Updating app_metadata requires admin privileges'
        : 'User not allowed',
    ),
  session_not_found: ({ at }) =>
    at === 'bearer'
      ? said(403, 'session_not_found', 'Session from session_id claim in JWT does not exist')
      : said(400, 'session_not_found', 'Invalid Refresh Token: No Valid Session Found'),
  session_expired: ({ at, why }) =>
    at === 'refresh'
      ? said(400, 'session_expired', sessionEnds[String(why)] ?? String(sessionEnds.expired))
      : said(403, 'session_expired', 'Session is no longer valid'),
  refresh_token_invalid: ({ why }) =>
    invalid(
      why === 'foreign'
        ? 'Invalid Refresh Token: Not Issued By This Server'
        : 'Refresh token is not valid',
    ),
  refresh_token_not_found: said(
    400,
    'refresh_token_not_found',
    'Invalid Refresh Token: Refresh Token Not Found',
  ),
  refresh_token_already_used: said(
    400,
    'refresh_token_already_used',
    'Invalid Refresh Token: Already Used',
  ),

  over_request_rate_limit: said(429, 'over_request_rate_limit', 'Request rate limit reached'),
  over_email_send_rate_limit: ({ retryAfter }) =>
    said(
      429,
      'over_email_send_rate_limit',
      typeof retryAfter === 'number' ? waitText(retryAfter) : 'email rate limit exceeded',
    ),
  over_sms_send_rate_limit: ({ retryAfter }) =>
    said(
      429,
      'over_sms_send_rate_limit',
      typeof retryAfter === 'number' ? waitText(retryAfter) : 'SMS rate limit exceeded',
    ),

  invalid_request: oauth('invalid_request', 'The request is not valid'),
  invalid_client: clientRefused,
  invalid_grant: grantRefused,
  unauthorized_client: oauth('unauthorized_client', 'The client may not do this'),
  unsupported_grant_type: oauth('unsupported_grant_type', 'The grant type is not supported'),
  unsupported_response_type: oauth(
    'unsupported_response_type',
    'The response type is not supported',
  ),
  invalid_scope: oauth('invalid_scope', 'The scope is not valid'),
  invalid_target: oauth('invalid_target', 'The resource is not known'),
  access_denied: oauth('access_denied', 'Access was denied'),
  login_required: oauth('login_required', 'A sign-in is required'),
  consent_required: oauth('consent_required', 'A consent is required'),
  interaction_required: oauth('interaction_required', 'An interaction is required'),
  account_selection_required: oauth('account_selection_required', 'An account has to be chosen'),
  invalid_token: oauth('invalid_token', 'The token is not valid'),
  unmet_authentication_requirements: oauth(
    'unmet_authentication_requirements',
    'The authentication does not suffice',
  ),
  invalid_request_uri: oauth('invalid_request_uri', 'The request URI is unknown'),
  invalid_request_object: oauth('invalid_request_object', 'The request object is invalid'),
  authorization_pending: oauth('authorization_pending', 'The user has not answered yet'),
  polled_too_soon: oauth('slow_down', 'Polled too soon'),
  device_code_expired: oauth('expired_token', 'The device code has expired'),
  device_refused: oauth('access_denied', 'The user refused'),
  user_code_wrong: oauth('access_denied', 'The user code is wrong'),
  invalid_redirect_uri: oauth('invalid_redirect_uri', 'A redirect URI cannot be registered'),
  invalid_client_metadata: oauth('invalid_client_metadata', 'The client metadata is invalid'),
  invalid_dpop_proof: oauth('invalid_dpop_proof', 'The DPoP proof is invalid'),
  use_dpop_nonce: oauth('use_dpop_nonce', 'The DPoP proof needs a nonce'),
  insufficient_scope: oauth('insufficient_scope', 'The scope does not suffice'),
}

/** A passkey that is right opens no account that is not. */
const unconfirmed = (path: string) => (path.includes('/passkeys/') ? 403 : 400)

function isSaid(value: unknown): value is Said {
  return typeof value === 'object' && value !== null && 'status' in value && 'message' in value
}

/** Why a password is weak, in GoTrue's words. */
export function weaknessText(details: Details): string {
  const reasons = weaknessReasons(details)
  const sets = Array.isArray(details.sets) ? details.sets : []
  const texts = [
    reasons.includes('length') && `Password should be at least ${details.min} characters.`,
    reasons.includes('characters') &&
      `Password should contain at least one character of each: ${sets.join(', ')}.`,
    reasons.includes('pwned') &&
      'Password is known to be weak and easy to guess, please choose a different one.',
  ]
  return texts.filter(Boolean).join(' ')
}

function weaknessReasons({ reasons, reason }: Details): string[] {
  if (Array.isArray(reasons)) return reasons.map(String)
  return [reason === 'length' ? 'length' : 'pwned']
}

function waitText(milliseconds: number): string {
  const seconds = Math.max(1, Math.ceil(milliseconds / second))
  return `For security purposes, you can only request this after ${seconds} seconds.`
}
