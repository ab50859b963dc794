/**
 * Every way in which a request may end early. Each face holds a `Record<FaultCode, …>`, so a new code
 * does not compile until every face says it in its own tongue.
 */
export type FaultCode =
  | 'input_invalid'
  | 'not_found'
  | 'conflict'
  | 'unavailable'
  | 'overloaded'
  // Accounts and credentials.
  | 'invalid_credentials'
  | 'user_not_found'
  | 'user_banned'
  | 'email_not_confirmed'
  | 'phone_not_confirmed'
  | 'email_exists'
  | 'phone_exists'
  | 'username_exists'
  | 'user_already_exists'
  | 'identity_exists'
  | 'email_address_invalid'
  | 'phone_invalid'
  | 'weak_password'
  | 'password_too_long'
  | 'password_required'
  | 'same_password'
  | 'current_password_required'
  | 'current_password_invalid'
  | 'reauthentication_needed'
  | 'reauthentication_not_valid'
  | 'user_sso_managed'
  | 'insufficient_aal'
  // What is switched off.
  | 'signup_disabled'
  | 'otp_disabled'
  | 'email_provider_disabled'
  | 'phone_provider_disabled'
  | 'anonymous_provider_disabled'
  // Codes and links.
  | 'code_wrong'
  | 'code_expired'
  | 'code_exhausted'
  | 'otp_expired'
  | 'flow_state_not_found'
  | 'flow_state_expired'
  | 'bad_code_verifier'
  | 'interaction_not_found'
  // Passkeys.
  | 'passkey_disabled'
  | 'passkey_unknown'
  | 'passkey_refused'
  | 'passkey_expired'
  | 'passkey_exists'
  | 'too_many_passkeys'
  // Second factors.
  | 'factor_not_found'
  | 'factor_disabled'
  | 'factor_exists'
  | 'factor_name_taken'
  | 'too_many_factors'
  | 'factor_challenge_spent'
  | 'factor_challenge_expired'
  | 'factor_code_wrong'
  | 'factor_rejected'
  // Sessions and tokens.
  | 'no_authorization'
  | 'bad_jwt'
  | 'not_admin'
  | 'session_not_found'
  | 'session_expired'
  | 'refresh_token_invalid'
  | 'refresh_token_not_found'
  | 'refresh_token_already_used'
  // Limits.
  | 'over_request_rate_limit'
  | 'over_email_send_rate_limit'
  | 'over_sms_send_rate_limit'
  // OAuth and OpenID Connect: the codes of RFC 6749, OIDC Core § 3.1.2.6, RFC 6750.
  | 'invalid_request'
  | 'invalid_client'
  | 'invalid_grant'
  | 'unauthorized_client'
  | 'unsupported_grant_type'
  | 'unsupported_response_type'
  | 'invalid_scope'
  | 'invalid_target'
  | 'access_denied'
  | 'login_required'
  | 'consent_required'
  | 'interaction_required'
  | 'account_selection_required'
  | 'unmet_authentication_requirements'
  | 'invalid_request_uri'
  | 'invalid_request_object'
  | 'invalid_redirect_uri'
  | 'invalid_client_metadata'
  | 'invalid_dpop_proof'
  | 'use_dpop_nonce'
  // A device that polls (RFC 8628 § 3.5), and what people type for it.
  | 'authorization_pending'
  | 'polled_too_soon'
  | 'device_code_expired'
  | 'device_refused'
  | 'user_code_wrong'
  | 'invalid_token'
  | 'insufficient_scope'
  // Providers elsewhere, and the identities that they vouch for.
  | 'provider_not_enabled'
  | 'provider_refused'
  | 'provider_failed'
  | 'provider_state_invalid'
  | 'provider_email_unverified'
  | 'id_token_refused'
  | 'accounts_ambiguous'
  | 'sso_refused'
  | 'invite_not_found'
  | 'invite_email_mismatch'
  | 'manual_linking_disabled'
  | 'identity_not_found'
  | 'identity_last'
  | 'identity_email_conflict'
  // Connectors.
  | 'connector_not_found'
  | 'connector_invalid_config'
  | 'connector_template_not_found'
  | 'connector_failed'
  // Hooks: what they say themselves, and their silence.
  | 'hook_refused'
  | 'hook_failed'

/**
 * The request ends here, with a code. It carries no HTTP status and no sentence for people:
 * `details` are facts for the face that presents it, never a secret.
 */
export class Fault extends Error {
  readonly code: FaultCode
  readonly details: Readonly<Record<string, unknown>>

  constructor(code: FaultCode, details: Record<string, unknown> = {}, options?: ErrorOptions) {
    super(code, options)
    this.name = 'Fault'
    this.code = code
    this.details = details
  }
}

/** Whether `error` is a Fault, and, where codes are named, one of those. */
export function isFault(error: unknown, ...codes: FaultCode[]): error is Fault {
  return error instanceof Fault && (codes.length === 0 || codes.includes(error.code))
}
