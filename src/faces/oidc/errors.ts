import type { Context as HonoContext } from 'hono'
import { Fault, type FaultCode, isFault } from '../../base/fault.ts'
import { secondsToWait } from '../../base/unavailable.ts'
import { dpopChallenge } from './dpop.ts'

type Status = 400 | 401 | 403 | 404 | 413 | 429 | 500 | 503

/** How OAuth says a fault: RFC 6749 §§ 4.1.2.1, 5.2, RFC 6750 § 3.1, OpenID Connect Core § 3.1.2.6. */
interface Said {
  status: Status
  error: string
  description: string
}

const request: Said = {
  status: 400,
  error: 'invalid_request',
  description: 'The request is not understood.',
}
const denied: Said = {
  status: 403,
  error: 'access_denied',
  description: 'The user may not sign in.',
}
const noGrant: Said = {
  status: 400,
  error: 'invalid_grant',
  description: 'The grant is invalid, expired, revoked or spent, or was issued to somebody else.',
}
const noToken: Said = {
  status: 401,
  error: 'invalid_token',
  description: 'The access token is invalid, expired or revoked.',
}
const ours: Said = {
  status: 500,
  error: 'server_error',
  description: 'Something went wrong on our side.',
}
const busy: Said = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'Too much to do right now. Try again in a moment.',
}
const away: Said = {
  status: 503,
  error: 'temporarily_unavailable',
  description: 'The service cannot answer right now. Try again in a moment.',
}
const often: Said = {
  status: 429,
  error: 'slow_down',
  description: 'Too many tries. Wait before the next.',
}
const signIn: Said = {
  status: 400,
  error: 'login_required',
  description: 'The user has to sign in.',
}

const said: Record<FaultCode, Said> = {
  input_invalid: request,
  not_found: { status: 404, error: 'invalid_request', description: 'There is nothing here.' },
  conflict: request,
  unavailable: away,
  overloaded: busy,
  invalid_credentials: denied,
  user_not_found: denied,
  user_banned: denied,
  email_not_confirmed: denied,
  phone_not_confirmed: denied,
  email_exists: denied,
  phone_exists: denied,
  username_exists: denied,
  user_already_exists: denied,
  identity_exists: denied,
  email_address_invalid: request,
  phone_invalid: request,
  weak_password: denied,
  password_too_long: request,
  password_required: denied,
  same_password: denied,
  current_password_required: denied,
  current_password_invalid: denied,
  reauthentication_needed: signIn,
  reauthentication_not_valid: signIn,
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
  flow_state_not_found: noGrant,
  flow_state_expired: noGrant,
  bad_code_verifier: noGrant,
  interaction_not_found: {
    status: 400,
    error: 'invalid_request',
    description: 'This sign-in has ended. Begin again at the application.',
  },
  no_authorization: noToken,
  bad_jwt: noToken,
  passkey_disabled: denied,
  passkey_unknown: denied,
  passkey_refused: denied,
  passkey_expired: signIn,
  passkey_exists: denied,
  too_many_passkeys: denied,
  factor_not_found: denied,
  factor_disabled: denied,
  factor_exists: denied,
  factor_name_taken: denied,
  too_many_factors: denied,
  factor_challenge_spent: signIn,
  factor_challenge_expired: signIn,
  factor_code_wrong: signIn,
  factor_rejected: denied,
  not_admin: denied,
  session_not_found: signIn,
  session_expired: signIn,
  refresh_token_invalid: noGrant,
  refresh_token_not_found: noGrant,
  refresh_token_already_used: noGrant,
  over_request_rate_limit: often,
  over_email_send_rate_limit: often,
  over_sms_send_rate_limit: often,
  invalid_request: request,
  invalid_client: {
    status: 401,
    error: 'invalid_client',
    description: 'Client authentication failed.',
  },
  invalid_grant: noGrant,
  unauthorized_client: {
    status: 400,
    error: 'unauthorized_client',
    description: 'An application of this type may not use this grant type.',
  },
  unsupported_grant_type: {
    status: 400,
    error: 'unsupported_grant_type',
    description: 'This grant type is not supported.',
  },
  unsupported_response_type: {
    status: 400,
    error: 'unsupported_response_type',
    description: 'Only response_type=code is supported.',
  },
  invalid_scope: {
    status: 400,
    error: 'invalid_scope',
    description: 'The scope is wider than what was granted.',
  },
  invalid_target: {
    status: 400,
    error: 'invalid_target',
    description: 'The resource is unknown.',
  },
  access_denied: { status: 403, error: 'access_denied', description: 'Access was denied.' },
  login_required: signIn,
  consent_required: {
    status: 400,
    error: 'consent_required',
    description: 'The user has to consent.',
  },
  interaction_required: {
    status: 400,
    error: 'interaction_required',
    description: 'The user has to be asked.',
  },
  account_selection_required: {
    status: 400,
    error: 'account_selection_required',
    description: 'The user has to choose an account.',
  },
  invalid_token: noToken,
  unmet_authentication_requirements: {
    status: 400,
    error: 'unmet_authentication_requirements',
    description: 'The user cannot sign in as surely as was asked.',
  },
  invalid_request_uri: {
    status: 400,
    error: 'invalid_request_uri',
    description: 'The request_uri is unknown, expired, spent, or was made for another client.',
  },
  invalid_request_object: {
    status: 400,
    error: 'invalid_request_object',
    description: 'The request object is not signed as it must be, or its claims are wrong.',
  },
  invalid_redirect_uri: {
    status: 400,
    error: 'invalid_redirect_uri',
    description: 'A redirect URI cannot be registered.',
  },
  invalid_client_metadata: {
    status: 400,
    error: 'invalid_client_metadata',
    description: 'The client metadata cannot be registered.',
  },
  invalid_dpop_proof: {
    status: 400,
    error: 'invalid_dpop_proof',
    description: 'The DPoP proof is invalid, does not fit this request, or was used before.',
  },
  use_dpop_nonce: {
    status: 400,
    error: 'use_dpop_nonce',
    description: 'The DPoP proof has to carry the nonce of the DPoP-Nonce header.',
  },
  authorization_pending: {
    status: 400,
    error: 'authorization_pending',
    description: 'The user has not answered yet.',
  },
  polled_too_soon: {
    status: 400,
    error: 'slow_down',
    description: 'The user has not answered yet. Wait five seconds longer between two polls.',
  },
  device_code_expired: {
    status: 400,
    error: 'expired_token',
    description: 'The device code has expired. Ask for another one.',
  },
  device_refused: { status: 400, error: 'access_denied', description: 'The user refused.' },
  user_code_wrong: denied,
  insufficient_scope: {
    status: 403,
    error: 'insufficient_scope',
    description: 'A scope that this needs was not granted.',
  },
  provider_not_enabled: denied,
  provider_refused: denied,
  provider_failed: ours,
  provider_state_invalid: signIn,
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
  connector_not_found: ours,
  connector_invalid_config: ours,
  connector_template_not_found: ours,
  connector_failed: ours,
  hook_refused: denied,
  hook_failed: ours,
}

/** A fault in OAuth's words; what is none is a bug, and nothing of it is told. */
export function present(error: unknown): Said {
  if (!isFault(error)) return ours
  const { code, details } = error
  const found = said[code] ?? ours
  if (code === 'input_invalid' && details.problem === 'too-large') {
    return { ...found, status: 413, description: 'The request is too large.' }
  }
  if (code === 'invalid_client' && details.problem === 'unknown') {
    return { ...found, description: 'The client is unknown.' }
  }
  if (typeof details.field === 'string' && typeof details.problem === 'string') {
    return { ...found, description: `${shown(details.field)}: ${inAscii(details.problem)}.` }
  }
  const problem = problems[String(details.problem)]
  if (code !== 'invalid_request' || problem === undefined) return found
  const parameter = String(details.parameter)
  return {
    ...found,
    error: ownWordOf(parameter, details.problem) ?? found.error,
    description: `The parameter ${shown(parameter)} ${problem}.`,
  }
}

/** What another word than `invalid_request` says: OpenID Connect Core § 3.1.2.6, RFC 6749 §§ 4.1.2.1, 5.2. */
function ownWordOf(parameter: string, problem: unknown): string | null {
  if (problem === 'unsupported' && /^(?:request|request_uri|registration)$/.test(parameter)) {
    return `${parameter}_not_supported`
  }
  return problem === 'malformed' && parameter === 'scope' ? 'invalid_scope' : null
}

const problems: Record<string, string> = {
  missing: 'is missing',
  repeated: 'came more than once',
  malformed: 'cannot be read',
  unsupported: 'has a value that is not supported',
  unregistered: 'is not registered for this client',
  misplaced: 'does not belong here',
  unacceptable: 'is not one that can be used here',
}

/** A stranger's name of a parameter, in the characters that RFC 6749 § 5.2 allows. */
function shown(parameter: string): string {
  return parameter.replace(/[^\w.-]/g, '?').slice(0, 64)
}

/** RFC 6749 § 5.2. */
function inAscii(text: string): string {
  return text.replace(/[^\x20-\x7e]|["\\]/g, "'").slice(0, 256)
}

/** The body of an error. Logto's SDKs read `code` and `message`, all others `error`. */
export function errorBody({ error, description }: Said): Record<string, string> {
  return {
    error,
    error_description: description,
    code: `oidc.${error}`,
    message: description,
  }
}

/** Answers an application. What a 401 has to name is the way to come again (RFC 9110 § 15.5.2). */
export function answerError(c: HonoContext, error: unknown, issuer: string): Response {
  const found = present(error)
  c.header('cache-control', 'no-store')
  c.header('pragma', 'no-cache')
  const details = error instanceof Fault ? error.details : {}
  const wait = secondsToWait(error)
  if (wait !== null) c.header('retry-after', String(wait))
  // RFC 9728 § 5.1: who comes with no good token is told where it is said which would be.
  const where = c.req.path === '/oidc/me' ? `, resource_metadata="${metadataAddress(issuer)}"` : ''
  const challenge = challengeOf(found, issuer, { ...details, where })
  const proofChallenge = dpopChallenge(error, found.error, issuer)
  if (proofChallenge !== null) {
    c.header('www-authenticate', proofChallenge + where)
    return c.json(errorBody(found), 401)
  }
  if (challenge !== null) c.header('www-authenticate', challenge)
  return c.json(errorBody(found), found.status)
}

function metadataAddress(issuer: string): string {
  return issuer.replace(/\/oidc$/, '/.well-known/oauth-protected-resource/oidc/me')
}

function challengeOf(
  { error, description }: Said,
  issuer: string,
  details: Readonly<Record<string, unknown>>,
): string | null {
  switch (error) {
    case 'invalid_client':
      return `Basic realm="${issuer}", charset="UTF-8"`
    case 'invalid_token':
    case 'insufficient_scope': {
      const where = typeof details.where === 'string' ? details.where : ''
      // Who showed no token at all is told no error (RFC 6750 § 3.1).
      if (details.isBare === true) return `Bearer realm="${issuer}"${where}`
      const scope = typeof details.scope === 'string' ? `, scope="${details.scope}"` : ''
      return `Bearer realm="${issuer}", error="${error}", error_description="${description}"${scope}${where}`
    }
    case 'invalid_request':
      // At a resource this is said in the challenge as well (RFC 6750 § 3.1).
      return details.where
        ? `Bearer realm="${issuer}", error="${error}", error_description="${description}"${details.where}`
        : null
    default:
      return null
  }
}
