const web3 = ['Solana', 'Ethereum'].flatMap((chain) =>
  [
    'message is using URI which does not use HTTPS',
    'message is using URI which is not allowed on this server, message was signed for another app',
    'message is using a Domain that does not match the one in URI which is not allowed on this server',
    'message becomes valid in the future',
    'message is expired',
  ].map((text) => [`web3.go: oauth invalid_grant Signed ${chain} ${text}`, `Signed $ ${text}`]),
)

/** Errors whose text another one gives, or a person: by what a test knows them. */
export const otherwise: Record<string, string> = {
  // The test of wallets has `$` for the chain.
  ...Object.fromEntries(web3),
  'web3.go: oauth invalid_grant Solana message was issued too long ago':
    '$ message was issued too long ago',
  'web3.go: oauth invalid_grant Solana message was issued too far in the future':
    '$ message was issued too far in the future',
  'web3.go: oauth invalid_grant Ethereum message was issued too far in the future':
    '$ message was issued too far in the future',
  'tokens/service.go: oauth invalid_request refresh_token required':
    'refresh_token is required for refresh_token grant',
  'oauthserver/handlers.go: 400 validation_failed %s': 'redirect_uris is required',
  'oauthserver/service.go: 400 validation_failed %s':
    "invalid redirect_uri '/here': must have scheme and host",
  'web3.go: 400 validation_failed %s': 'siwe: URI is not valid',
  'middleware.go: 400 invalid_credentials %s': 'confidential clients must provide client_secret',
  'admin.go: 400 validation_failed %s': 'password hash must be one of bcrypt or argon2',
  'mail.go: 429 over_email_send_rate_limit %s': 'you can only request this after',
  'mfa.go: 429 over_sms_send_rate_limit %s': 'you can only request this after',
  'phone.go: 429 over_sms_send_rate_limit %s': 'you can only request this after',
  'token.go: 400 bad_code_verifier %s': 'code challenge does not match previously saved',
  'mfa.go: 403 mfa_verification_rejected %s': 'mfa_verification_rejected',
  'token.go: 400 invalid_credentials %s': 'invalid_credentials',
}

/** What no request to this server can cause, and why. */
export const unreachable: Record<string, string> = {
  'auth.go: 403 bad_jwt invalid token: missing claims':
    'a token that was verified has claims, there and here',
  'magic_link.go: 400 bad_json Could not read verification params: %v':
    'the body has been read when this would be asked',
  'passkey_authentication.go: 400 bad_json Could not read request body':
    'a body that breaks off never becomes a request',
  'passkey_manage.go: 400 bad_json Could not read request body':
    'a body that breaks off never becomes a request',
  'passkey_registration.go: 400 bad_json Could not read request body':
    'a body that breaks off never becomes a request',
  'passkey_authentication.go: 400 validation_failed Invalid user handle in assertion':
    'a handle that names nobody is a verification that failed',
  'pkce.go: 422 flow_state_not_found No valid flow state found for user.':
    'inside GoTrue; clients see verify.go’s and token.go’s',
  'pkce.go: 422 flow_state_not_found Flow state does not have an auth code (not a PKCE flow).':
    'such a flow is not found by its code',
  'reauthenticate.go: 422 reauthentication_not_valid Reauthentication requires an email or a phone number':
    'nobody without both has been sent a nonce',
  'signup.go: 400 validation_failed %s':
    'who gives neither address nor number signs up anonymously',
  'token_oidc.go: 400 validation_failed OIDC provider %q missing issuer':
    'the table has a constraint against it',
  'token_oidc.go: oauth invalid_request Linking requires a valid user authentication':
    'a bearer of nobody is refused as a bearer',
  'token_oidc.go: oauth server_error Internal Server Error': 'what fails inside is a 500 here',
  'external.go: oauth server_error terr.Error()': 'what fails inside is a 500 here',
  'web3.go: oauth server_error Internal Server Error': 'what fails inside is a 500 here',
  'tokens/service.go: 409 conflict Too many concurrent token refresh requests on the same session or refresh token':
    'a rotation is one statement: nobody waits for a lock (gotrue-tokens.test.ts, races)',
  'oauthserver/authorize.go: 400 validation_failed authorization_id is required':
    'a path without it is another path',
  'oauthserver/handlers.go: oauth unsupported_grant_type Unsupported grant type: ':
    'a grant that no client may use is refused as one that this client may not use',
  'oauthserver/handlers.go: oauth invalid_grant Authorization code has no associated user':
    'only a user’s consent makes a code',
  'oauthserver/handlers.go: oauth invalid_grant User not found for authorization code':
    'a user’s requests go with the user',
  "oauthserver/service.go: 400 validation_failed registration_type must be 'dynamic' or 'manual'":
    'it is not asked for: the endpoint decides it',
  'utilities/url_validator.go: 400 validation_failed URL must have a valid hostname':
    'an https address without a host is no address',
  'utilities/url_validator.go: 400 validation_failed Unable to resolve hostname':
    'names are resolved when a provider is asked; what is inside is refused there',
  'utilities/url_validator.go: 400 validation_failed URL cannot resolve to loopback addresses':
    'said as “cannot point to localhost”, or when the provider is asked',
  'utilities/url_validator.go: 400 validation_failed URL cannot resolve to link-local addresses':
    'said as “private network addresses”',
  'utilities/url_validator.go: 400 validation_failed URL cannot resolve to cloud metadata endpoints':
    'said as “private network addresses”',
  'utilities/url_validator.go: 400 validation_failed URL cannot resolve to multicast addresses':
    'said as “private network addresses”',
  'utilities/url_validator.go: 400 validation_failed URL cannot resolve to unspecified addresses':
    'said as “private network addresses”',
}
