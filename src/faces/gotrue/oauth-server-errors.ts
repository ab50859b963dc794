import type { Fault } from '../../base/fault.ts'
import type { OAuthRequestProblem } from '../../flows/oauth-server.ts'
import type { RedeemedCode } from '../../flows/oauth-server-tokens.ts'
import type { Said } from './errors.ts'

const clientProblems: Record<string, string> = {
  'other-client': "Client does not match the session's OAuth client",
  'no-client-allowed': 'Client authentication not allowed for non-OAuth session',
}

/** Whose session it is, when a refresh token comes back. */
export function clientRefused({ why }: Fault['details']): Said {
  return {
    status: 400,
    code: 'invalid_client',
    message: clientProblems[String(why)] ?? 'Client authentication required for OAuth session',
    isOAuth: true,
  }
}

/** A grant that somebody redeemed before. */
export function grantRefused({ why }: Fault['details']): Said {
  const message = why === 'message-used' ? 'Message was used already' : 'The grant is not valid'
  return { status: 400, code: 'invalid_grant', message, isOAuth: true }
}

const requestProblems: Record<Extract<OAuthRequestProblem, string>, string> = {
  'response-type': 'only response_type=code is supported',
  'no-scope': 'scope parameter cannot be empty',
  'resource-relative': 'resource must be an absolute URI',
  'resource-malformed': 'resource must be a valid URI',
  'resource-fragment': 'resource must not include a fragment component',
  'resource-query': 'resource must not include a query component',
  'no-challenge': 'PKCE flow requires both code_challenge and code_challenge_method',
  'challenge-method': "code_challenge_method must be 'S256' or 'plain'",
  'challenge-length': 'code_challenge must be between 43 and 128 characters',
  'challenge-characters':
    'code_challenge can only contain alphanumeric characters, hyphens, periods, underscores and tildes',
}

/** Why a request is refused, as its client is told in the redirect. */
export function requestProblemText(problem: OAuthRequestProblem): string {
  if (typeof problem === 'string') return requestProblems[problem]
  return 'tooLong' in problem
    ? `${problem.tooLong} is too long`
    : `unsupported scope: ${problem.unknownScope}`
}

/** Why a code is not redeemed. */
export const redeemProblems: Record<
  Exclude<RedeemedCode['outcome'], 'redeemed'>,
  { code: string; message: string }
> = {
  unknown: grant('Invalid authorization code'),
  expired: grant('Authorization code has expired'),
  'other-client': grant('Authorization code was not issued for this client'),
  'other-resource': grant('Authorization code resource does not match the resource parameter'),
  'other-address': grant('Invalid redirect_uri'),
  'no-verifier': grant(
    'PKCE verification failed: code_verifier is required when PKCE challenge is present',
  ),
  'wrong-verifier': grant(
    'PKCE verification failed: code challenge does not match previously saved code verifier',
  ),
  nobody: grant('User not found for authorization code'),
  banned: { code: 'access_denied', message: 'User is banned' },
}

function grant(message: string): { code: string; message: string } {
  return { code: 'invalid_grant', message }
}
