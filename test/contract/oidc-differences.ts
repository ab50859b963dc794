/** Where the two providers differ on purpose; whatever is not here, and differs, fails. */
export interface Difference {
  /** The endpoint and what was done to the request, as `oidc-differential-cases.ts` names them. */
  about: RegExp
  name: RegExp
  ours: RegExp
  peer: RegExp
  reason: string
}

const any = /^/
const tokens = /^200 access_token/
const code = /^303 → \S+ code (?:from )?iss state$/
const login = /^303 page login$/
const toldBack = /^(?:303|200 form) → \S+ \w+ (?:from )?iss(?: state)?$/
const pushed = /^201 expires_in request_uri$/
const passes = new RegExp(`${code.source}|${login.source}|${pushed.source}`)
const refusedRequest =
  /^(?:303 → \S+ invalid_request (?:from )?iss(?: state)?|400 invalid_request)$/
const noClient = /^401 invalid_client by Basic$/

export const differences: readonly Difference[] = [
  {
    about: /^auth/,
    name: /^(?:redirect_uri|client_id)=/,
    ours: /^400 invalid_request$/,
    peer: /^400 invalid_(?:redirect_uri|client)$/,
    reason:
      'Neither sends the browser anywhere. The words are for people; RFC 6749 § 4.1.2.1 has none for this, and RFC 7591 means another thing by invalid_redirect_uri.',
  },
  {
    about: any,
    name: /^\w+="a\\u0000b"$/,
    ours: refusedRequest,
    peer: new RegExp(`${code.source}|${toldBack.source}|^400 (?:invalid|unsupported)_\\w+$`),
    reason: 'U+0000 is refused wherever it stands, before anything is made of the value.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^(?:no scope|scope=)/,
    ours: new RegExp(`${passes.source}|^200 form → \\S+ code from iss state$`),
    peer: /^(?:303 → \S+ invalid_request .*|400 form → .*|400 invalid_request)$/,
    reason: 'Without openid it is plain OAuth, and nonce is not looked at (RFC 6749 § 3.1).',
  },
  {
    about: /^(?:auth|par)/,
    name: /^scope="openid {2}profile"$/,
    ours: passes,
    peer: /^(?:303 → \S+ invalid_scope .*|400 invalid_scope)$/,
    reason: 'Two spaces separate two names as one does.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^nonce=3000 characters$/,
    ours: refusedRequest,
    peer: passes,
    reason:
      'A nonce travels in the code, through the browser’s address: it has 1024 characters at most.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^response_type="code "$/,
    ours: passes,
    peer: /unsupported_response_type/,
    reason: 'A list of one, with a space behind it.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^response_type="code code"$/,
    ours: /unsupported_response_type/,
    peer: passes,
    reason: 'A list that names a thing twice is none that is registered.',
  },
  {
    about: /^auth/,
    name: /^response_type="(?:token|id_token|code token)"$/,
    ours: /^303 → \S+callback unsupported_response_type from iss state$/,
    peer: /^303 → \S+callback# unsupported_response_type iss state$/,
    reason: 'Nothing of ours goes into a fragment; response types that would are unknown here.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^response_mode=/,
    ours: refusedRequest,
    peer: /unsupported_response_mode|^303 → \S+callback# code iss state$|^303 page login$|^201 /,
    reason:
      'Modes are query and form_post, as discovery says; the word for others is RFC 6749’s, not JARM’s.',
  },
  {
    about: /^auth, form_post$/,
    name: any,
    ours: /^200 form → \S+ invalid_request from iss state$/,
    peer: /^400 form → \S+ invalid_request from iss state$/,
    reason: 'The page that posts an error is an answer like the one that posts a code.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^(?:code_challenge|max_age|dpop_jkt)=/,
    ours: refusedRequest,
    peer: passes,
    reason:
      'An S256 challenge and a thumbprint have 43 characters, and seconds are digits: what can never be met is refused at once.',
  },
  {
    about: /^(?:auth|par)/,
    name: /^claims="\{(?:|\\"other\\":\{\})\}"$/,
    ours: passes,
    peer: refusedRequest,
    reason:
      'Members that are not understood are ignored (OpenID Connect Core § 5.5), and none is none.',
  },
  {
    about: /^auth/,
    name: /^request_uri="urn:/,
    ours: /^400 invalid_request_uri$/,
    peer: /^303 → \S+ invalid_request_uri from iss state$/,
    reason:
      'What stands beside the address of a pushed request counts for nothing, so there is no way back.',
  },
  {
    about: /^par$/,
    name: /^no client_id$/,
    ours: pushed,
    peer: /^400 invalid_request$/,
    reason: 'Who is authenticated by the header is known.',
  },
  {
    about: /^par$/,
    name: /^request_uri=/,
    ours: /^400 invalid_request$/,
    peer: /^(?:400 request_uri_not_supported|201 expires_in request_uri)$/,
    reason: 'RFC 9126 § 2.1: it must not be there, not even empty.',
  },
  {
    about: /^story$/,
    name: /^a pushed request of another client$/,
    ours: /^400 invalid_request_uri$/,
    peer: /^400 invalid_request_object$/,
    reason: 'There was no object (RFC 9126 § 4, RFC 9101 § 6).',
  },
  {
    about: /^auth, native$/,
    name: any,
    ours: /^303 page select_account$/,
    peer: code,
    reason:
      'A program on the device gets nothing silently (RFC 8252 § 8.6); the peer’s prompt for it, its consent page, is switched off.',
  },
  {
    about: /^token, code/,
    name: /^code_verifier=/,
    ours: /^400 invalid_grant$/,
    peer: /^400 invalid_request$/,
    reason: 'A verifier of another form is not the one (RFC 7636 § 4.6).',
  },
  {
    about: /^story$/,
    name: /^(?:a code of another client|a wrong verifier, and then the right one)$/,
    ours: /^400 invalid_grant \| 400 invalid_grant$/,
    peer: /^400 invalid_grant \| 200 /,
    reason: 'Whoever shows a code has spent it: there is no second try for who guesses.',
  },
  {
    about: /^token, refresh$|^proof, refresh$|^story$/,
    name: any,
    ours: /id_token\(aud (?:created_at email email_verified exp iat iss name picture sid sub updated_at username|email email_verified exp iat iss sid sub|exp iat iss sid sub)\) refresh_token scope\((?:email offline_access openid profile|openid|email openid)\) token_type=Bearer/,
    peer: /id_token\([^)]* nonce [^)]*\) refresh_token/,
    reason: 'A refreshed ID token has no nonce (OpenID Connect Core § 12.2).',
  },
  {
    about: /^token, refresh$/,
    name: /^scope="openid email unknown"$/,
    ours: tokens,
    peer: /^400 invalid_scope$/,
    reason:
      'A scope that we do not know is ignored; one that we know and did not grant is invalid_scope.',
  },
  {
    about: /^token, machine$/,
    name: any,
    ours: /^200 access_token expires_in scope\(\) token_type=Bearer$/,
    peer: /^200 access_token expires_in (?:scope\([^)]+\) )?token_type=Bearer$/,
    reason:
      'A token for nothing opens nothing, not even scopes of users, and says so: scope is in every answer.',
  },
  {
    about: /^token, (?:machine|code) for an API$|^token, machine$/,
    name: any,
    ours: /^200 access_token\(aud client_id exp iat iss jti scope sub\) /,
    peer: /^200 access_token\(aud client_id exp iat iss jti sub\) /,
    reason:
      'JWTs have a scope, be it empty. A machine that names none gets what its roles hold; names that are no scopes of the API are ignored.',
  },
  {
    about: /^token/,
    name: /^client_assertion_type=/,
    ours: /^400 invalid_request$/,
    peer: tokens,
    reason: 'A type of an assertion without one is half a proof.',
  },
  {
    about: /^(?:proof|story)/,
    name: /^(?:no credentials|an empty secret|no Basic|a bare Basic|no base64|no colon)$/,
    ours: noClient,
    peer: /^(?:400 invalid_request|401 invalid_client)$/,
    reason: 'Who is not proved is not proved (RFC 6749 § 5.2), however it was tried.',
  },
  {
    about: /^(?:proof|story)/,
    name: /^(?:another client|a secret by the wrong way|introspection by a public client)$/,
    ours: noClient,
    peer: /^(?:200 .*|200|400 invalid_grant)$/,
    reason:
      'The registered way is the only way: the peer takes a secret by Basic and by the body alike. Public clients introspect nothing.',
  },
  {
    about: /^story$/,
    name: /^a public client with a secret$/,
    ours: noClient,
    peer: /^401 invalid_client$/,
    reason: 'A 401 names a way to come again (RFC 9110 § 15.5.2).',
  },
  {
    about: /^(?:proof, (?:code|refresh)|story)$/,
    name: /machine|device/,
    ours: /^400 unauthorized_client$/,
    peer: /^400 invalid_request$/,
    reason: 'RFC 6749 § 5.2 has a word for a grant type that is not for this client.',
  },
  {
    about: /^(?:proof, .token.introspection|story)$/,
    name: any,
    ours: /^200 active=true client_id exp iat iss scope\([^)]*\) sub token_type=\w+$/,
    peer: /^200 active=true client_id exp iat iss scope\([^)]*\) sid sub(?: token_type=Bearer)?$/,
    reason: 'An API needs no session; a refresh token is told from an access token by its type.',
  },
  {
    about: /^story$/,
    name: /^introspection of an ID token$/,
    ours: /^200 active=false$/,
    peer: /^400 unsupported_token_type$/,
    reason: 'RFC 7662 § 2.2: what is no token of ours is not active.',
  },
  {
    about: /^story$/,
    name: /^user info with Basic$/,
    ours: /^401 invalid_token by Bearer$/,
    peer: /^400 invalid_request by Bearer$/,
    reason: 'No token was shown; the way to show one is named.',
  },
  {
    about: /^story$/,
    name: /^(?:a path that is none|tokens by GET)$/,
    ours: /^404 invalid_request$/,
    peer: /^404 a page$/,
    reason: 'Applications get JSON everywhere.',
  },
]
