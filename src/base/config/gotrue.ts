import { minute } from '../time.ts'
import { externalVariables } from './gotrue-external.ts'
import { hookVariables } from './gotrue-hooks.ts'
import { mailVariables } from './gotrue-mail.ts'
import { mfaVariables } from './gotrue-mfa.ts'
import { oauthServerVariables } from './gotrue-oauth-server.ts'
import { protectionVariables } from './gotrue-protection.ts'
import { samlVariables } from './gotrue-saml.ts'
import { smsVariables } from './gotrue-sms.ts'
import { web3Variables } from './gotrue-web3.ts'
import { duration, flag, integer, jwks, list, optional, text, url } from './variables.ts'

/** What the GoTrue face honours, by GoTrue's names and defaults (reference/gotrue.md, appendix B). */
export const gotrueVariables = {
  ...externalVariables,
  ...hookVariables,
  ...mailVariables,
  ...mfaVariables,
  ...oauthServerVariables,
  ...protectionVariables,
  ...samlVariables,
  ...smsVariables,
  ...web3Variables,
  siteUrl: url('GOTRUE_SITE_URL', 'SITE_URL'),
  uriAllowList: list('GOTRUE_URI_ALLOW_LIST', []),
  requestIdHeader: optional(
    'GOTRUE_API_REQUEST_ID_HEADER',
    'GOTRUE_REQUEST_ID_HEADER',
    'REQUEST_ID_HEADER',
  ),
  /** Null: a request that is under way is answered, however long it takes. */
  maxRequestDuration: duration('GOTRUE_API_MAX_REQUEST_DURATION', null),
  disableSignup: flag('GOTRUE_DISABLE_SIGNUP', false),
  corsAllowedHeaders: list('GOTRUE_CORS_ALLOWED_HEADERS', []),
  jwtSecret: optional('GOTRUE_JWT_SECRET', 'JWT_SECRET', 'SUPABASE_JWT_SECRET'),
  jwtKeyId: optional('GOTRUE_JWT_KEY_ID'),
  jwtKeys: jwks('GOTRUE_JWT_KEYS'),
  jwtValidMethods: list('GOTRUE_JWT_VALID_METHODS', []),
  jwtExpSeconds: integer(['GOTRUE_JWT_EXP', 'JWT_EXP'], 3600, { min: 1 }),
  jwtAudience: text(['GOTRUE_JWT_AUD'], 'authenticated'),
  jwtIssuer: optional('GOTRUE_JWT_ISSUER'),
  jwtAdminRoles: list('GOTRUE_JWT_ADMIN_ROLES', ['service_role', 'supabase_admin']),
  jwtDefaultRole: text(['GOTRUE_JWT_DEFAULT_GROUP_NAME'], 'authenticated'),
  emailEnabled: flag('GOTRUE_EXTERNAL_EMAIL_ENABLED', true),
  magicLinkEnabled: flag('GOTRUE_EXTERNAL_EMAIL_MAGIC_LINK_ENABLED', true),
  phoneEnabled: flag('GOTRUE_EXTERNAL_PHONE_ENABLED', false),
  anonymousEnabled: flag('GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED', false),
  flowStateExpiry: duration('GOTRUE_EXTERNAL_FLOW_STATE_EXPIRY_DURATION', 5 * minute),
  auditToPostgres: {
    ...flag('GOTRUE_AUDIT_LOG_DISABLE_POSTGRES', true),
    parse: (value: string) => !flag('', false).parse(value),
  },
}
