import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Fault, FaultCode } from '../../base/fault.ts'
import type { Said } from './errors.ts'

type Details = Fault['details']
type ExternalFault = Extract<
  FaultCode,
  | `provider_${string}`
  | `invite_${string}`
  | 'id_token_refused'
  | 'accounts_ambiguous'
  | 'manual_linking_disabled'
  | 'identity_not_found'
  | 'identity_last'
  | 'identity_email_conflict'
>

function said(status: ContentfulStatusCode, code: string, message: string): Said {
  return { status, code, message }
}

const invalid = (message: string) => said(400, 'validation_failed', message)
const unexpected = (message: string) => said(500, 'unexpected_failure', message)
const oauth = (code: string, message: string): Said => ({
  ...said(400, code, message),
  isOAuth: true,
})

/** Why a provider cannot be used, in GoTrue's words. */
const notEnabled: Record<string, (provider: string) => string> = {
  disabled: () => 'provider is not enabled',
  unknown: (provider) => `Provider ${provider} could not be found`,
  'no-client-id': () => 'missing OAuth client ID',
  'no-secret': () => 'missing OAuth secret',
  'no-url': (provider) => `unable to find URL for the ${provider} provider`,
  'custom-off': () => 'custom OAuth providers are disabled',
  'custom-unknown': (provider) => `custom provider ${provider} not found`,
  'custom-disabled': (provider) => `custom provider ${provider} is disabled`,
}

const states: Record<string, Said> = {
  missing: said(400, 'bad_oauth_callback', 'OAuth state parameter missing'),
  malformed: said(400, 'bad_oauth_state', 'OAuth state parameter is invalid'),
  unknown: said(400, 'bad_oauth_state', 'OAuth state not found or expired'),
  expired: said(400, 'bad_oauth_state', 'OAuth state has expired'),
  used: said(400, 'flow_state_already_used', 'State has already been used'),
  'no-code': said(
    400,
    'bad_oauth_callback',
    'OAuth callback with missing authorization code missing',
  ),
  'no-target': said(422, 'user_not_found', 'Linking target user not found'),
  'client-unknown': said(422, 'oauth_client_state_not_found', 'OAuth state not found'),
  'client-expired': said(422, 'oauth_client_state_expired', 'OAuth state expired'),
  'client-mismatch': said(400, 'oauth_invalid_state', 'OAuth provider mismatch'),
  'client-missing': said(400, 'oauth_invalid_state', 'OAuth PKCE code verifier missing'),
}

const names: Record<string, string> = { apple: 'Apple', azure: 'Azure' }

const tokens: Record<string, (details: Details) => Said> = {
  'no-issuer': ({ provider }) =>
    invalid(`Unable to detect issuer in ID token for ${names[String(provider)]} provider`),
  'strange-issuer': ({ provider }) => {
    const name = names[String(provider)]
    return invalid(`Detected ID token issuer is not an ${name} ID token issuer`)
  },
  'other-issuer': () => invalid('Provided issuer does not match ID token issuer'),
  'issuer-not-allowed': ({ issuer }) =>
    invalid(`Custom OIDC provider ${JSON.stringify(issuer)} not allowed`),
  disabled: ({ issuer }) =>
    said(400, 'provider_disabled', `Provider (issuer ${JSON.stringify(issuer)}) is not enabled`),
  'custom-off': () => invalid('Custom OAuth providers are disabled'),
  'custom-unknown': ({ provider }) => invalid(`Custom provider ${quoted(provider)} not found`),
  'custom-disabled': ({ provider }) =>
    said(400, 'provider_disabled', `Custom provider ${quoted(provider)} is disabled`),
  'custom-oauth2': ({ provider }) =>
    invalid(`Provider ${quoted(provider)} is not an OIDC provider`),
  bad: () => oauth('invalid request', 'Bad ID token'),
  'no-subject': () => oauth('invalid request', 'Missing sub claim in id_token'),
  audience: ({ audiences }) => {
    const list = Array.isArray(audiences) ? audiences.join(' ') : ''
    return oauth('invalid request', `Unacceptable audience in id_token: [${list}]`)
  },
  'one-nonce': () =>
    oauth('invalid request', 'Passed nonce and nonce in id_token should either both exist or not.'),
  nonce: () => oauth('invalid nonce', 'Nonces mismatch'),
}

function quoted(value: unknown): string {
  return JSON.stringify(String(value))
}

/** Providers and identities in this protocol's tongue (appendix A: external.go, identity.go, token_oidc.go). */
export const externalSayings: Record<ExternalFault, Said | ((details: Details) => Said)> = {
  provider_not_enabled({ why, provider, at }) {
    const text = notEnabled[String(why)]?.(String(provider)) ?? 'provider is not enabled'
    return at === 'callback'
      ? said(400, 'oauth_provider_not_supported', `Unsupported provider: ${text}`)
      : invalid(`Unsupported provider: ${text}`)
  },
  provider_refused: ({ error, description }) => oauth(String(error), String(description)),
  provider_failed({ step, code, why }) {
    if (why === 'no email') {
      return unexpected('Error getting user email from external provider')
    }
    if (step === 'exchange') return unexpected(`Unable to exchange external code: ${code ?? ''}`)
    if (step === 'begin') return unexpected('Unable to reach the external provider')
    return unexpected('Error getting user profile from external provider')
  },
  provider_state_invalid: ({ why }) =>
    states[String(why)] ?? said(400, 'bad_oauth_state', 'OAuth state parameter is invalid'),
  provider_email_unverified({ provider, isMailed, at }) {
    const code = at === 'link' ? 'email_not_confirmed' : 'provider_email_needs_verification'
    const text = isMailed
      ? `A confirmation email has been sent to your ${provider} email`
      : `Verify the email with ${provider} in order to sign in`
    return said(422, code, `Unverified email with ${provider}. ${text}`)
  },
  id_token_refused: (details) =>
    tokens[String(details.why)]?.(details) ?? oauth('invalid request', 'Bad ID token'),
  accounts_ambiguous: ({ domain }) =>
    unexpected(
      `Multiple accounts with the same email address in the same linking domain detected: ${domain}`,
    ),
  invite_not_found: ({ at }) =>
    at === 'authorize'
      ? said(404, 'user_not_found', 'User identified by token not found')
      : said(404, 'invite_not_found', 'Invite not found'),
  invite_email_mismatch: invalid('Invited email does not match emails from external provider'),
  manual_linking_disabled: said(404, 'manual_linking_disabled', 'Manual linking is disabled'),
  identity_not_found: said(422, 'identity_not_found', "Identity doesn't exist"),
  identity_last: said(
    422,
    'single_identity_not_deletable',
    'User must have at least 1 identity after unlinking',
  ),
  identity_email_conflict: said(
    422,
    'email_conflict_identity_not_deletable',
    'Unable to unlink identity due to email conflict',
  ),
}
