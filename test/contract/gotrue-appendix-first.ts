/** Appendix A of the reference: status, code and text of every error, by the file of GoTrue that has it (`oauth`: status 400 in OAuth's format). */
export const firstErrors: Record<string, string> = {
  'admin.go': `
404 validation_failed user_id must be an UUID
404 user_not_found User not found
404 validation_failed factor_id must be an UUID
404 mfa_factor_not_found Factor not found
400 validation_failed Bad Sort Parameters: %v
400 validation_failed Bad Pagination Parameters: %v
400 validation_failed invalid format for ban duration: %v
400 validation_failed Cannot create a user without either an email or phone
422 email_exists A user with this email address has already been registered
422 phone_exists Phone number already registered by another user
400 validation_failed Only a password or a password hash should be provided
400 validation_failed %s
400 validation_failed ID must conform to the uuid v4 format
400 validation_failed ID cannot be a nil uuid
400 validation_failed Invalid phone number format (E.164 required)
`,
  'anonymous.go': `
422 signup_disabled Signups not allowed for this instance
`,
  'api.go': `
422 anonymous_provider_disabled Anonymous sign-ins are disabled
`,
  'audit.go': `
400 validation_failed Bad Pagination Parameters: %v
400 validation_failed Invalid query scope: %s
`,
  'auth.go': `
403 user_banned User is banned
403 no_authorization Anonymous user not allowed to perform these actions
403 bad_jwt Invalid token
403 not_admin User not allowed
401 no_authorization This endpoint requires a valid Bearer token
403 bad_jwt invalid JWT: unable to parse or verify signature, %v
403 bad_jwt invalid token: missing claims
403 bad_jwt invalid claim: missing sub claim
400 bad_jwt invalid claim: sub claim must be a UUID
403 user_not_found User from sub claim in JWT does not exist
403 bad_jwt invalid claim: session_id claim must be a UUID
403 session_not_found Session from session_id claim in JWT does not exist
`,
  'custom_oauth_admin.go': `
400 validation_failed type must be either 'oauth2' or 'oidc'
400 validation_failed identifier is required
400 validation_failed identifier must start with 'custom:' prefix, e.g. 'custom:%s'
404 custom_provider_not_found Custom OAuth provider not found
400 validation_failed provider_type must be either 'oauth2' or 'oidc'
400 over_custom_provider_quota Maximum number of custom OAuth/OIDC providers reached
400 conflict A custom OAuth provider with this identifier already exists
400 validation_failed name is required
400 validation_failed client_id is required
400 validation_failed client_secret is required
400 validation_failed issuer is required for OIDC providers
400 validation_failed authorization_url is required for OAuth2 providers
400 validation_failed token_url is required for OAuth2 providers
400 validation_failed userinfo_url is required for OAuth2 providers
400 validation_failed Cannot override reserved OAuth parameter: %s
400 validation_failed Authorization parameter %q must be a string
400 validation_failed OIDC discovery from %q failed: %v
400 validation_failed OIDC discovery document is missing required fields: %s
400 validation_failed Cannot map to protected system field: %s
400 validation_failed custom_claims_allowlist entries must be non-empty strings
`,
  'external.go': `
400 validation_failed Unsupported provider: %+v
404 user_not_found User identified by token not found
400 validation_failed Invalid code_challenge_method
400 flow_state_already_used State has already been used
oauth server_error terr.Error()
422 signup_disabled Signups not allowed for this instance
403 user_banned User is banned
422 provider_email_needs_verification Unverified email with %v. A confirmation email has been sent to your %v email
422 provider_email_needs_verification Unverified email with %v. Verify the email with %v in order to sign in
404 invite_not_found Invite not found
400 validation_failed Invited email does not match emails from external provider
400 bad_oauth_callback OAuth state parameter missing
400 bad_oauth_state OAuth state parameter is invalid
400 bad_oauth_state OAuth state not found or expired
400 bad_oauth_state OAuth state has expired
422 user_not_found Linking target user not found
`,
  'external_oauth.go': `
oauth extError error_description
400 bad_oauth_callback OAuth callback with missing authorization code missing
400 oauth_provider_not_supported Unsupported provider: %+v
422 oauth_client_state_not_found OAuth state not found
400 oauth_invalid_state OAuth provider mismatch
422 oauth_client_state_expired OAuth state expired
400 oauth_invalid_state OAuth PKCE code verifier missing
`,
  'helpers.go': `
413 request_entity_too_large Request body too large (max %d bytes)
400 bad_json Could not parse request body as JSON: %v
`,
  'hooks.go': `
422 signup_disabled Signups not allowed for this instance
`,
  'identity.go': `
404 validation_failed identity_id must be an UUID
403 unexpected_audience Token audience doesn't match request audience
422 single_identity_not_deletable User must have at least 1 identity after unlinking
422 identity_not_found Identity doesn't exist
422 email_conflict_identity_not_deletable Unable to unlink identity due to email conflict
422 identity_already_exists Identity is already linked
422 identity_already_exists Identity is already linked to another user
400 email_exists A user with this email address has already been registered
422 email_not_confirmed Unverified email with %v. A confirmation email has been sent to your %v email
`,
  'invite.go': `
422 email_exists A user with this email address has already been registered
`,
  'logout.go': `
400 validation_failed Unsupported logout scope %q
`,
  'magic_link.go': `
422 validation_failed Password recovery requires an email
422 email_provider_disabled Email logins are disabled
422 email_provider_disabled Login with magic link is disabled
400 bad_json Could not read verification params: %v
`,
  'mail.go': `
404 user_not_found User with this email not found
422 email_exists A user with this email address has already been registered
400 validation_failed Enable secure email change to generate link for current email
400 validation_failed Invalid email action link type requested: %v
429 over_email_send_rate_limit email rate limit exceeded
400 validation_failed An email address is required
400 validation_failed An email address is too long
400 validation_failed Unable to validate email address: %s
429 over_email_send_rate_limit %s
400 email_address_not_authorized Email address %q cannot be used as it is not authorized
400 email_address_invalid Email address %q is invalid
`,
  'mfa.go': `
422 mfa_factor_name_conflict A factor with the friendly name %q for this user already exists
422 too_many_enrolled_mfa_factors Maximum number of verified factors reached, unenroll to continue
403 insufficient_aal AAL2 required to enroll a new factor
400 validation_failed Phone number required to enroll Phone factor
400 validation_failed Invalid phone number format (E.164 required)
422 mfa_verified_factor_exists A verified phone factor already exists, unenroll the existing factor to continue
422 mfa_phone_enroll_not_enabled MFA enroll is disabled for Phone
422 mfa_totp_enroll_not_enabled MFA enroll is disabled for TOTP
422 mfa_webauthn_enroll_not_enabled MFA enroll is disabled for WebAuthn
400 validation_failed factor_type needs to be totp, phone, or webauthn
400 validation_failed Invalid channel, supported values are 'sms' or 'whatsapp'…
429 over_sms_send_rate_limit %s
422 mfa_factor_not_found MFA factor with the provided challenge ID not found
422 mfa_ip_address_mismatch Challenge and verify IP addresses mismatch.
422 mfa_challenge_expired MFA challenge %v has expired, verify against another challenge or create a new challenge.
422 mfa_phone_verify_not_enabled MFA verification is disabled for Phone
422 mfa_totp_verify_not_enabled MFA verification is disabled for TOTP
422 mfa_webauthn_verify_not_enabled MFA verification is disabled for WebAuthn
403 mfa_verification_rejected %s
422 mfa_verification_failed Invalid TOTP code entered
422 mfa_ip_address_mismatch Challenge and verify IP addresses mismatch
403 otp_expired Token has expired or is invalid
422 mfa_verification_failed Invalid MFA Phone code entered
400 validation_failed WebAuthn config required
400 validation_failed WebAuthn type must be create or request
400 validation_failed credential_response required
400 validation_failed Invalid credential_response
400 validation_failed Code needs to be non-empty
422 mfa_webauthn_enroll_not_enabled MFA verification is disabled for WebAuthn
422 insufficient_aal AAL2 required to unenroll verified factor
`,
  'middleware.go': `
429 over_request_rate_limit Request rate limit reached
400 invalid_credentials Invalid client credentials: %s
400 invalid_credentials Invalid client_id format
400 invalid_credentials Invalid client credentials
400 invalid_credentials %s
403 session_expired Session is no longer valid
400 email_provider_disabled Email logins are disabled
400 captcha_failed captcha protection: request disallowed (no captcha_token found)
400 captcha_failed captcha protection: request disallowed (%s)
404 saml_provider_disabled SAML 2.0 is disabled
404 manual_linking_disabled Manual linking is disabled
404 feature_disabled OAuth server is disabled
404 feature_disabled Custom OAuth providers are disabled
404 passkey_disabled Passkeys are disabled
404 feature_disabled SCIM server is disabled
`,
}
