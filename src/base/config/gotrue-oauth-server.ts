import { minute } from '../time.ts'
import { duration, flag, optional, text } from './variables.ts'

/** GoTrue's OAuth 2.1 server, for the apps of others (reference/gotrue.md § 1.9), and its SCIM documents (§ 1.10). */
export const oauthServerVariables = {
  oauthServerEnabled: flag('GOTRUE_OAUTH_SERVER_ENABLED', false),
  oauthServerRegistration: flag('GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION', false),
  /** The page of the site on which a user is asked. */
  oauthServerPath: optional('GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH'),
  oauthServerTtl: duration('GOTRUE_OAUTH_SERVER_AUTHORIZATION_TTL', 10 * minute),
  oauthServerDefaultScope: text(['GOTRUE_OAUTH_SERVER_DEFAULT_SCOPE'], 'email'),
  scimEnabled: flag('GOTRUE_EXPERIMENTAL_SCIM_ENABLED', false),
}
