/** The rest of appendix A; see `gotrue-appendix-first.ts`. */
export const secondErrors: Record<string, string> = {
  'oauthserver/authorize.go': `
400 oauth_client_not_found invalid client_id format
400 oauth_client_not_found invalid client_id
400 validation_failed invalid redirect_uri
403 bad_jwt authentication required
400 validation_failed authorization_id is required
404 oauth_authorization_not_found authorization not found
400 validation_failed authorization request cannot be processed
400 bad_json invalid JSON body
400 validation_failed action must be 'approve' or 'deny'
400 validation_failed authorization request is no longer pending
400 validation_failed unauthorized request origin
400 validation_failed client_id is required
400 validation_failed redirect_uri is required
`,
  'oauthserver/handlers.go': `
400 validation_failed client_id is required
400 validation_failed invalid client_id format
404 oauth_client_not_found OAuth client not found
400 bad_json Invalid JSON body
400 validation_failed %s
403 oauth_dynamic_client_registration_disabled Dynamic client registration is not enabled
400 validation_failed No fields provided for update
400 validation_failed Cannot regenerate secret for public client
oauth invalid_request Invalid JSON body
oauth invalid_request Failed to parse form data
oauth invalid_request grant_type is required
oauth invalid_client Client authentication required
oauth unsupported_grant_type Client is not allowed to use grant type: 
oauth unsupported_grant_type Unsupported grant type: 
oauth invalid_request code is required for authorization_code grant
oauth invalid_grant Invalid authorization code
oauth invalid_grant Authorization code has expired
oauth invalid_grant Authorization code was not issued for this client
oauth invalid_grant Authorization code resource does not match the resource parameter
oauth invalid_grant Invalid redirect_uri
oauth invalid_grant PKCE verification failed: 
oauth invalid_grant Authorization code has no associated user
oauth invalid_grant User not found for authorization code
oauth access_denied User is banned
oauth invalid_request refresh_token is required for refresh_token grant
403 bad_jwt authentication required
400 validation_failed client_id query parameter is required
404 oauth_consent_not_found No active grant found for this client
`,
  'oauthserver/service.go': `
400 validation_failed redirect_uris is required
400 validation_failed redirect_uris cannot be empty
400 validation_failed redirect_uris cannot exceed 10 items
400 validation_failed invalid redirect_uri '%s': %v
400 validation_failed grant_types cannot be empty
400 validation_failed grant_types must only contain 'authorization_code' and/or 'refresh_token'
400 validation_failed client_name cannot exceed 1024 characters
400 validation_failed client_uri cannot exceed 2048 characters
400 validation_failed client_uri must be a valid URL
400 validation_failed logo_uri cannot exceed 2048 characters
400 validation_failed logo_uri must be a valid URL
400 validation_failed registration_type must be 'dynamic' or 'manual'
400 validation_failed client_type must be '%s' or '%s'
400 validation_failed token_endpoint_auth_method must be one of: %v
400 validation_failed %s
400 validation_failed invalid token_endpoint_auth_method: must be one of %v
400 validation_failed token_endpoint_auth_method '%s' is not valid for client_type '%s'; valid methods: %v
`,
  'otp.go': `
400 validation_failed Only an email address or phone number should be provided
400 validation_failed Channel should only be specified with Phone OTP
400 validation_failed Invalid channel, supported values are 'sms' or 'whatsapp'…
422 otp_disabled Signups not allowed for otp
400 validation_failed One of email or phone must be set
400 phone_provider_disabled Unsupported phone provider
`,
  'passkey_admin.go': `
404 validation_failed Passkey not found
`,
  'passkey_authentication.go': `
400 bad_json Could not read request body
400 bad_json Could not parse request body as JSON: %v
400 validation_failed challenge_id is required
400 validation_failed credential is required
400 validation_failed challenge_id must be a valid UUID
400 webauthn_challenge_not_found Challenge not found or already used
400 webauthn_challenge_expired Challenge has expired
400 webauthn_verification_failed Invalid credential response
400 webauthn_verification_failed Credential verification failed
400 validation_failed Invalid user handle in assertion
403 email_not_confirmed Email not confirmed
403 phone_not_confirmed Phone not confirmed
403 user_banned User is banned
`,
  'passkey_manage.go': `
404 validation_failed Passkey not found
400 bad_json Could not read request body
400 bad_json Could not parse request body as JSON: %v
400 validation_failed friendly_name is required
400 validation_failed friendly_name must be 120 characters or less
`,
  'passkey_registration.go': `
422 validation_failed SSO users cannot register passkeys
422 too_many_passkeys Maximum number of passkeys reached
400 bad_json Could not read request body
400 bad_json Could not parse request body as JSON: %v
400 validation_failed challenge_id is required
400 validation_failed credential is required
400 validation_failed challenge_id must be a valid UUID
400 webauthn_challenge_not_found Challenge not found or already used
400 webauthn_challenge_expired Challenge has expired
400 webauthn_verification_failed Invalid credential response
400 webauthn_verification_failed Credential verification failed
422 webauthn_credential_exists This credential is already registered
`,
  'passkey_webauthn.go': `
403 insufficient_aal AAL2 session is required to manage passkeys when MFA is enabled
`,
  'password.go': `
400 validation_failed Password cannot be longer than %v characters
`,
  'phone.go': `
400 validation_failed Invalid phone number format (E.164 required)
429 over_sms_send_rate_limit %s
429 over_sms_send_rate_limit SMS rate limit exceeded
422 sms_send_failed Error sending %s OTP to provider: %v
`,
  'pkce.go': `
400 validation_failed code challenge has to be between %v and %v characters
400 validation_failed code challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes
422 flow_state_not_found No valid flow state found for user.
422 flow_state_not_found Flow state does not have an auth code (not a PKCE flow).
400 validation_failed PKCE flow requires code_challenge_method and code_challenge
`,
  'reauthenticate.go': `
400 validation_failed Reauthentication requires the user to have an email or a phone number
422 email_not_confirmed Please verify your email first.
422 phone_not_confirmed Please verify your phone first.
422 reauthentication_not_valid Nonce has expired or is invalid
403 otp_expired Token has expired or is invalid
422 reauthentication_not_valid Reauthentication requires an email or a phone number
`,
  'recover.go': `
400 validation_failed Password recovery requires an email
`,
  'resend.go': `
400 validation_failed Missing one of these types: signup, email_change, sms, phone_change
400 validation_failed Type provided requires an email address
400 validation_failed Type provided requires a phone number
400 validation_failed Only an email address or phone number should be provided.
400 email_provider_disabled Email logins are disabled
400 phone_provider_disabled Phone logins are disabled
400 validation_failed Missing email address or phone number
`,
  'samlacs.go': `
404 saml_relay_state_not_found SAML RelayState does not exist, try logging in again?
422 saml_relay_state_expired SAML RelayState has expired. Try logging in again?
404 sso_provider_disabled SSO Provider assigned for this domain is currently disabled
400 validation_failed SAML Artifact response can only be used with SP initiated flow
400 validation_failed SAMLResponse is missing
400 validation_failed SAMLResponse is not a valid Base64 string
400 validation_failed SAMLResponse is not a valid XML SAML assertion
400 validation_failed SAML RelayState is not a valid UUID or URL
404 saml_idp_not_found A SAML connection has not been established with this Identity Provider
400 validation_failed SAML Assertion is not valid %s
400 validation_failed SAML Assertion is not valid
400 saml_assertion_no_user_id SAML Assertion did not contain a persistent Subject Identifier attribute or Subject NameID uniquely identifying this user
400 saml_assertion_no_email SAML Assertion does not contain an email address
400 flow_state_already_used State has already been used
`,
  'signup.go': `
400 validation_failed Signup requires a valid password
400 validation_failed Only an email address or phone number should be provided on signup.
400 validation_failed Invalid channel, supported values are 'sms' or 'whatsapp'…
400 validation_failed PKCE not supported for phone signups
422 signup_disabled Signups not allowed for this instance
400 email_provider_disabled Email signups are disabled
400 phone_provider_disabled Phone signups are disabled
400 validation_failed %s
422 user_already_exists User already registered
`,
  'sso.go': `
400 validation_failed Only one of provider_id or domain supported
400 validation_failed A provider_id or domain needs to be provided
404 sso_provider_not_found No such SSO provider
404 sso_provider_not_found No SSO provider assigned for this domain
404 sso_provider_disabled SSO Provider is currently disabled
400 validation_failed Invalid code_challenge_method
`,
  'ssoadmin.go': `
404 sso_provider_not_found SSO Identity Provider not found
400 validation_failed Only 'saml' supported for SSO provider type
400 validation_failed Only one of metadata_xml or metadata_url needs to be set
400 validation_failed Either metadata_xml or metadata_url must be set
400 validation_failed metadata_url is not a valid URL
400 validation_failed metadata_url is not a HTTPS URL
400 validation_failed name_id_format must be unspecified or one of %v
400 validation_failed SAML Metadata XML contains invalid UTF-8 characters, which are not supported at this time
400 validation_failed SAML Metadata does not contain an EntityID
400 validation_failed SAML Metadata does not contain any IDPSSODescriptor
400 validation_failed SAML Metadata contains multiple IDPSSODescriptors
400 saml_metadata_fetch_failed HTTP %v error fetching SAML Metadata from URL '%s'
422 saml_idp_already_exists SAML Identity Provider with this EntityID (%s) already exists
400 sso_domain_already_exists SSO Domain '%s' is already assigned to an SSO identity provider (%s)
400 saml_entity_id_mismatch SAML Metadata can be updated only if the EntityID matches for the provider; expected '%s' but got '%s'
400 sso_domain_already_exists SSO domain '%s' already assigned to another provider (%s)
422 conflict Updating SSO provider failed, likely due to a conflict. Try again?
`,
  'token.go': `
400 invalid_credentials unsupported_grant_type
400 validation_failed Only an email address or phone number should be provided on login.
422 email_provider_disabled Email logins are disabled
422 phone_provider_disabled Phone logins are disabled
400 validation_failed missing email or phone
400 invalid_credentials Invalid login credentials
400 user_banned User is banned
400 invalid_credentials %s
400 email_not_confirmed Email not confirmed
400 phone_not_confirmed Phone not confirmed
400 validation_failed invalid request: both auth code and code verifier should be non-empty
404 flow_state_not_found invalid flow state, no valid flow state found
422 flow_state_expired invalid flow state, flow state has expired
400 bad_code_verifier %s
`,
  'token_oidc.go': `
400 validation_failed Unable to detect issuer in ID token for Apple provider
400 validation_failed Detected ID token issuer is not an Apple ID token issuer
400 validation_failed Provided issuer does not match ID token issuer
400 validation_failed Unable to detect issuer in ID token for Azure provider
400 validation_failed Detected ID token issuer is not an Azure ID token issuer
400 validation_failed Custom OAuth providers are disabled
400 validation_failed Custom provider %q not found
400 provider_disabled Custom provider %q is disabled
400 validation_failed Provider %q is not an OIDC provider
400 validation_failed OIDC provider %q missing issuer
400 validation_failed Custom OIDC provider %q not allowed
400 provider_disabled Provider (issuer %q) is not enabled
oauth invalid_request id_token required
oauth invalid_request provider or client_id and issuer required
oauth invalid_request Linking requires a valid user access token in Authorization
oauth invalid_request Linking requires a valid user authentication
oauth invalid_request Bad ID token
oauth invalid_request Missing sub claim in id_token
oauth invalid_request Unacceptable audience in id_token: %v
oauth invalid_request Passed nonce and nonce in id_token should either both exist or not.
oauth invalid_nonce Nonces mismatch
oauth server_error Internal Server Error
`,
  'token_refresh.go': `
400 validation_failed Refresh token is not valid
`,
  'user.go': `
400 validation_failed Invalid channel, supported values are 'sms' or 'whatsapp'…
400 validation_failed Token audience doesn't match request audience
403 not_admin Updating app_metadata requires admin privileges
401 insufficient_aal AAL2 session is required to update email or password when MFA is enabled.
422 validation_failed Updating password of an anonymous user without an email or phone is not allowed
422 user_sso_managed Updating email, phone, password of a SSO account only possible via SSO
422 email_exists A user with this email address has already been registered
422 phone_exists A user with this phone number has already been registered
400 reauthentication_needed Password update requires reauthentication
400 current_password_required Current password required when setting new password.
400 current_password_invalid Current password required when setting new password.
422 same_password New password should be different from the old password.
`,
  'verify.go': `
400 validation_failed Verify requires a verification type
400 validation_failed Verify requires a token or a token hash
400 validation_failed Verify requires either a token or a token hash
422 validation_failed Invalid email format
400 validation_failed Only an email address or phone number should be provided on verify
400 validation_failed Only the token_hash and type should be provided
400 validation_failed Unsupported verification type
400 flow_state_not_found No associated flow state found. %s
400 validation_failed Invalid email verification type
403 otp_expired Email link is invalid or has expired
403 user_banned User is banned
403 otp_expired Token has expired or is invalid
`,
  'web3.go': `
422 web3_provider_disabled Web3 provider is disabled
422 web3_provider_disabled Solana Web3 provider is disabled
422 web3_provider_disabled Ethereum Web3 provider is disabled
400 web3_unsupported_chain Unsupported chain
400 validation_failed message is too short
400 validation_failed message must not exceed 20KB
400 validation_failed signature must be 64 bytes encoded as base64 with or without padding
400 validation_failed signature does not contain valid base64 characters
400 validation_failed %s
oauth invalid_grant Signature does not match address in message
oauth invalid_grant Signed Solana message is using URI which does not use HTTPS
oauth invalid_grant Signed Solana message is using URI which is not allowed on this server, message was signed for another app
oauth invalid_grant Signed Solana message is using a Domain that does not match the one in URI which is not allowed on this server
oauth invalid_grant Signed Solana message becomes valid in the future
oauth invalid_grant Signed Solana message is expired
oauth invalid_grant Solana message was issued too long ago
oauth invalid_grant Solana message was issued too far in the future
oauth server_error Internal Server Error
400 validation_failed signature must be 65 bytes long, encoded as a 130 character-long hexadecimal string
oauth invalid_grant Signed Ethereum message is using URI which does not use HTTPS
oauth invalid_grant Signed Ethereum message is using URI which is not allowed on this server, message was signed for another app
oauth invalid_grant Signed Ethereum message is using a Domain that does not match the one in URI which is not allowed on this server
oauth invalid_grant Signed Ethereum message becomes valid in the future
oauth invalid_grant Signed Ethereum message is expired
oauth invalid_grant Ethereum message was issued too long ago
oauth invalid_grant Ethereum message was issued too far in the future
`,
  'hooks/hookshttp/hookshttp.go': `
422 hook_timeout Failed to reach hook within maximum time of %f seconds
422 hook_timeout_after_retry Failed to reach hook after maximum retries
400 hook_payload_invalid_content_type Invalid Content-Type: Missing Content-Type header
400 hook_payload_invalid_content_type Invalid Content-Type header: %s
400 hook_payload_invalid_content_type Invalid JSON response. Received content-type: %s
422 hook_payload_over_size_limit Payload size exceeded size limit of %d bytes
`,
  'tokens/service.go': `
oauth invalid_request refresh_token required
400 refresh_token_not_found Invalid Refresh Token: Refresh Token Not Found
400 user_banned Invalid Refresh Token: User Banned
400 session_not_found Invalid Refresh Token: No Valid Session Found
400 session_expired Invalid Refresh Token: Session Expired (Inactivity)
400 session_expired Invalid Refresh Token: Session Expired (Low AAL: User Needs MFA Verification)
400 session_expired Invalid Refresh Token: Session Expired
oauth invalid_client Client authentication required for OAuth session
oauth invalid_client Client does not match the session's OAuth client
oauth invalid_client Client authentication not allowed for non-OAuth session
400 session_expired Invalid Refresh Token: Session Expired (Revoked by Newer Login)
400 refresh_token_already_used Invalid Refresh Token: Already Used
400 validation_failed Invalid Refresh Token: Not Issued By This Server
409 conflict Too many concurrent token refresh requests on the same session or refresh token
`,
  'utilities/url_validator.go': `
400 validation_failed Invalid URL format
400 validation_failed URL must use HTTPS
400 validation_failed URL must have a valid hostname
400 validation_failed URL cannot point to localhost or loopback addresses
400 validation_failed Unable to resolve hostname
400 validation_failed URL cannot resolve to loopback addresses
400 validation_failed URL cannot resolve to private network addresses
400 validation_failed URL cannot resolve to link-local addresses
400 validation_failed URL cannot resolve to cloud metadata endpoints
400 validation_failed URL cannot resolve to multicast addresses
400 validation_failed URL cannot resolve to unspecified addresses
`,
}
