import type { Context as HonoContext } from 'hono'
import { providerNames, providerSettings } from '../../base/config/gotrue-external.ts'
import type { Env } from '../../base/http.ts'
import { publicJwks } from '../../model/key.ts'
import { needOAuthServer } from './oauth-server-clients.ts'

/** `GET /health`, by the name that clients look for. */
export function health(c: HonoContext<Env>): Response {
  return c.json({
    version: 'v2-sekisho',
    name: 'GoTrue',
    description: 'GoTrue is a user registration and authentication API',
  })
}

/** GoTrue leaves out these two. */
const unnamed = ['vercel_marketplace', 'x']
const providers = providerNames.filter((name) => !unnamed.includes(name))

/** `GET /settings`. */
export function settings(c: HonoContext<Env>): Response {
  const { gotrue } = c.get('ctx').config
  return c.json({
    external: {
      anonymous_users: gotrue.anonymousEnabled,
      ...Object.fromEntries(
        providers.map((name) => [name, providerSettings(gotrue, name).enabled]),
      ),
      email: gotrue.emailEnabled,
      phone: gotrue.phoneEnabled,
    },
    disable_signup: gotrue.disableSignup,
    mailer_autoconfirm: gotrue.mailerAutoconfirm,
    phone_autoconfirm: gotrue.smsAutoconfirm,
    sms_provider: gotrue.smsProvider,
    saml_enabled: gotrue.samlEnabled,
    saml_private_key_next_configured: gotrue.samlPrivateKeyNext !== null,
    passkeys_enabled: gotrue.passkeyEnabled,
  })
}

const tenMinutes = 'public, max-age=600'

/** `GET /.well-known/jwks.json`: a secret is never among them. */
export async function jwks(c: HonoContext<Env>): Promise<Response> {
  const keys = await publicJwks(c.get('ctx'), 'gotrue')
  c.header('Cache-Control', tenMinutes)
  return c.json({ keys: keys.map((key) => ({ ...key, use: 'sig', key_ops: ['verify'] })) })
}

/** `GET /.well-known/oauth-authorization-server` (RFC 8414): the same, where there is one. */
export function authorizationServer(c: HonoContext<Env>): Response {
  needOAuthServer(c.get('ctx'))
  return discovery(c)
}

/** `GET /.well-known/openid-configuration`: where the keys are, also where the OAuth server is off. */
export function discovery(c: HonoContext<Env>): Response {
  const { jwtIssuer, externalUrl, oauthServerEnabled, oauthServerRegistration } =
    c.get('ctx').config.gotrue
  const issuer = (jwtIssuer ?? externalUrl).replace(/\/$/, '')
  c.header('Cache-Control', tenMinutes)
  return c.json({
    issuer,
    authorization_endpoint: `${issuer}/oauth/authorize`,
    token_endpoint: `${issuer}/oauth/token`,
    jwks_uri: `${issuer}/.well-known/jwks.json`,
    userinfo_endpoint: `${issuer}/oauth/userinfo`,
    ...(oauthServerEnabled && oauthServerRegistration
      ? { registration_endpoint: `${issuer}/oauth/clients/register` }
      : {}),
    scopes_supported: ['openid', 'profile', 'email', 'phone', 'offline_access'],
    response_types_supported: ['code'],
    response_modes_supported: ['query'],
    grant_types_supported: ['authorization_code', 'refresh_token'],
    subject_types_supported: ['public'],
    id_token_signing_alg_values_supported: ['RS256', 'HS256', 'ES256'],
    token_endpoint_auth_methods_supported: ['client_secret_basic', 'client_secret_post', 'none'],
    claims_supported: [
      'sub',
      'aud',
      'iss',
      'exp',
      'iat',
      'auth_time',
      'nonce',
      'email',
      'email_verified',
      'phone_number',
      'phone_number_verified',
      'name',
      'picture',
      'preferred_username',
      'updated_at',
    ],
    code_challenge_methods_supported: ['S256', 'plain'],
  })
}
