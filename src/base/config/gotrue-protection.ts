import { second } from '../time.ts'
import { allowance, duration, flag, integer, list, oneOf, optional, text } from './variables.ts'

/** What keeps strangers, machines and weak passwords out (reference/gotrue.md § 0.6, 2.3, 2.6, 2.10). */
export const protectionVariables = {
  rateLimitHeader: optional('GOTRUE_RATE_LIMIT_HEADER'),
  // Null: no cap for all together, which one stranger could use up for everybody.
  rateLimitEmailSent: allowance('GOTRUE_RATE_LIMIT_EMAIL_SENT'),
  rateLimitSmsSent: allowance('GOTRUE_RATE_LIMIT_SMS_SENT'),
  // In five minutes; anonymous sign-ups in an hour.
  rateLimitVerify: integer(['GOTRUE_RATE_LIMIT_VERIFY'], 30),
  rateLimitTokenRefresh: integer(['GOTRUE_RATE_LIMIT_TOKEN_REFRESH'], 150),
  rateLimitOtp: integer(['GOTRUE_RATE_LIMIT_OTP'], 30),
  rateLimitSso: integer(['GOTRUE_RATE_LIMIT_SSO'], 30),
  rateLimitAnonymousUsers: integer(['GOTRUE_RATE_LIMIT_ANONYMOUS_USERS'], 30),
  rateLimitWeb3: integer(['GOTRUE_RATE_LIMIT_WEB3'], 30),
  rateLimitPasskey: integer(['GOTRUE_RATE_LIMIT_PASSKEY'], 30),
  rateLimitClientRegister: integer(['GOTRUE_RATE_LIMIT_OAUTH_DYNAMIC_CLIENT_REGISTER'], 10),

  passwordMinLength: integer(['GOTRUE_PASSWORD_MIN_LENGTH'], 6, { min: 6, max: 72 }),
  passwordRequiredCharacters: text(['GOTRUE_PASSWORD_REQUIRED_CHARACTERS'], ''),
  hibpEnabled: flag('GOTRUE_PASSWORD_HIBP_ENABLED', false),
  hibpFailClosed: flag('GOTRUE_PASSWORD_HIBP_FAIL_CLOSED', false),
  hibpUserAgent: text(['GOTRUE_PASSWORD_HIBP_USER_AGENT'], 'sekisho'),
  updatePasswordRequireReauthentication: flag(
    'GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION',
    false,
  ),
  updatePasswordRequireCurrentPassword: flag(
    'GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_CURRENT_PASSWORD',
    false,
  ),

  captchaEnabled: flag('GOTRUE_SECURITY_CAPTCHA_ENABLED', false),
  captchaProvider: oneOf('GOTRUE_SECURITY_CAPTCHA_PROVIDER', ['hcaptcha', 'turnstile'], 'hcaptcha'),
  captchaSecret: optional('GOTRUE_SECURITY_CAPTCHA_SECRET'),
  captchaTimeout: duration('GOTRUE_SECURITY_CAPTCHA_TIMEOUT', 10 * second),
  sbForwardedFor: flag('GOTRUE_SECURITY_SB_FORWARDED_FOR_ENABLED', false),

  refreshTokenRotation: flag('GOTRUE_SECURITY_REFRESH_TOKEN_ROTATION_ENABLED', true),
  refreshTokenReuseSeconds: integer(['GOTRUE_SECURITY_REFRESH_TOKEN_REUSE_INTERVAL'], 10),
  refreshTokenAllowReuse: flag('GOTRUE_SECURITY_REFRESH_TOKEN_ALLOW_REUSE', false),
  /** 2 keeps no bearer value at rest; 1 (GoTrue: also 0) writes rows of `auth.refresh_tokens`. */
  refreshTokenAlgorithm: integer(['GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION'], 2, {
    max: 2,
  }),

  sessionsTimebox: duration('GOTRUE_SESSIONS_TIMEBOX', null),
  sessionsInactivity: duration('GOTRUE_SESSIONS_INACTIVITY_TIMEOUT', null),
  sessionsSinglePerUser: flag('GOTRUE_SESSIONS_SINGLE_PER_USER', false),
  sessionsTags: list('GOTRUE_SESSIONS_TAGS', []),
}
