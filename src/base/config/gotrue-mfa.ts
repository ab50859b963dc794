import { minute } from '../time.ts'
import { template } from './gotrue-sms.ts'
import { duration, flag, integer, list, optional, type Variable } from './variables.ts'

/** Second factors, passkeys, and what of them is encrypted (reference/gotrue.md § 1.4, 1.6, 2.3, 2.12). */
export const mfaVariables = {
  mfaChallengeSeconds: integer(['GOTRUE_MFA_CHALLENGE_EXPIRY_DURATION'], 300, { min: 1 }),
  mfaFactorExpiry: duration('GOTRUE_MFA_FACTOR_EXPIRY_DURATION', 5 * minute),
  mfaRateLimit: integer(['GOTRUE_MFA_RATE_LIMIT_CHALLENGE_AND_VERIFY'], 15),
  mfaMaxEnrolled: integer(['GOTRUE_MFA_MAX_ENROLLED_FACTORS'], 10),
  mfaMaxVerified: integer(['GOTRUE_MFA_MAX_VERIFIED_FACTORS'], 10),
  mfaTotpEnroll: flag('GOTRUE_MFA_TOTP_ENROLL_ENABLED', true),
  mfaTotpVerify: flag('GOTRUE_MFA_TOTP_VERIFY_ENABLED', true),
  mfaPhoneEnroll: flag('GOTRUE_MFA_PHONE_ENROLL_ENABLED', false),
  mfaPhoneVerify: flag('GOTRUE_MFA_PHONE_VERIFY_ENABLED', false),
  mfaPhoneOtpLength: integer(['GOTRUE_MFA_PHONE_OTP_LENGTH'], 6, { min: 6, max: 10 }),
  mfaPhoneTemplate: template('GOTRUE_MFA_PHONE_TEMPLATE', 'Your code is {{ .Code }}'),
  mfaPhoneMaxFrequency: duration('GOTRUE_MFA_PHONE_MAX_FREQUENCY', 1 * minute),
  mfaWebauthnEnroll: flag('GOTRUE_MFA_WEB_AUTHN_ENROLL_ENABLED', false),
  mfaWebauthnVerify: flag('GOTRUE_MFA_WEB_AUTHN_VERIFY_ENABLED', false),
  /** How long a session may stay with one factor when its user has two. */
  sessionsAllowLowAal: duration('GOTRUE_SESSIONS_ALLOW_LOW_AAL', null),

  passkeyEnabled: flag('GOTRUE_PASSKEY_ENABLED', false),
  passkeyMaxPerUser: integer(['GOTRUE_PASSKEY_MAX_PASSKEYS_PER_USER'], 10),
  webauthnId: optional('GOTRUE_WEBAUTHN_RP_ID'),
  webauthnName: optional('GOTRUE_WEBAUTHN_RP_DISPLAY_NAME'),
  webauthnOrigins: list('GOTRUE_WEBAUTHN_RP_ORIGINS', []),
  webauthnChallengeExpiry: duration('GOTRUE_WEBAUTHN_CHALLENGE_EXPIRY_DURATION', 5 * minute),

  databaseEncryption: flag('GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPT', false),
  databaseKeyId: optional('GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY_ID'),
  databaseKey: {
    ...optional('GOTRUE_SECURITY_DB_ENCRYPTION_ENCRYPTION_KEY'),
    parse: (value: string) => (value === '' ? null : checkedKey(value)),
  } satisfies Variable<string | null>,
  databaseKeys: {
    names: ['GOTRUE_SECURITY_DB_ENCRYPTION_DECRYPTION_KEYS'],
    fallback: {},
    parse: parseKeys,
  } satisfies Variable<Readonly<Record<string, string>>>,
}

/** `id:key,id:key`, each key of 256 bits in base64url. */
function parseKeys(value: string): Record<string, string> {
  const pairs = value.split(',').filter((pair) => pair.trim() !== '')
  return Object.fromEntries(
    pairs.map((pair) => {
      const [id = '', key = '', ...more] = pair.trim().split(':')
      if (id === '' || more.length > 0) throw new Error('must be id:key,id:key')
      return [id, checkedKey(key)]
    }),
  )
}

function checkedKey(key: string): string {
  if (!/^[\w-]{43}$/.test(key)) throw new Error('must hold keys of 32 bytes in base64url')
  return key
}
