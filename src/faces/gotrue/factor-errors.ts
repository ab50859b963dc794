import type { ContentfulStatusCode } from 'hono/utils/http-status'
import type { Fault, FaultCode } from '../../base/fault.ts'
import type { Said } from './errors.ts'

type Details = Fault['details']
type FactorFault = Exclude<
  Extract<FaultCode, `factor_${string}` | 'too_many_factors' | 'insufficient_aal'>,
  'factor_rejected'
>

function said(status: ContentfulStatusCode, code: string, message: string): Said {
  return { status, code, message }
}

const names: Record<string, { code: string; text: string }> = {
  totp: { code: 'totp', text: 'TOTP' },
  phone: { code: 'phone', text: 'Phone' },
  webauthn: { code: 'webauthn', text: 'WebAuthn' },
}

/** Each place that wants two factors answers with a status of its own. */
const places: Record<string, Said> = {
  enroll: said(403, 'insufficient_aal', 'AAL2 required to enroll a new factor'),
  unenroll: said(422, 'insufficient_aal', 'AAL2 required to unenroll verified factor'),
  passkeys: said(
    403,
    'insufficient_aal',
    'AAL2 session is required to manage passkeys when MFA is enabled',
  ),
}

/** Second factors in this protocol's tongue (reference/gotrue.md, appendix A: mfa.go). */
export const factorSayings: Record<FactorFault, Said | ((details: Details) => Said)> = {
  factor_not_found: ({ at }) =>
    at === 'challenge'
      ? said(422, 'mfa_factor_not_found', 'MFA factor with the provided challenge ID not found')
      : said(404, 'mfa_factor_not_found', 'Factor not found'),
  factor_disabled({ type, at }) {
    const { code, text } = names[String(type)] ?? { code: 'totp', text: 'TOTP' }
    // Sic: a security key that may not be shown is told that it may not be enrolled.
    if (at === 'verify' && type === 'webauthn') {
      return said(
        422,
        'mfa_webauthn_enroll_not_enabled',
        'MFA verification is disabled for WebAuthn',
      )
    }
    return at === 'enroll'
      ? said(422, `mfa_${code}_enroll_not_enabled`, `MFA enroll is disabled for ${text}`)
      : said(422, `mfa_${code}_verify_not_enabled`, `MFA verification is disabled for ${text}`)
  },
  factor_exists: said(
    422,
    'mfa_verified_factor_exists',
    'A verified phone factor already exists, unenroll the existing factor to continue',
  ),
  factor_name_taken: ({ name }) =>
    said(
      422,
      'mfa_factor_name_conflict',
      `A factor with the friendly name ${JSON.stringify(name)} for this user already exists`,
    ),
  too_many_factors: said(
    422,
    'too_many_enrolled_mfa_factors',
    'Maximum number of verified factors reached, unenroll to continue',
  ),
  factor_challenge_spent: said(
    422,
    'mfa_ip_address_mismatch',
    'Challenge and verify IP addresses mismatch.',
  ),
  factor_challenge_expired: ({ id }) =>
    said(
      422,
      'mfa_challenge_expired',
      `MFA challenge ${id} has expired, verify against another challenge or create a new challenge.`,
    ),
  factor_code_wrong: ({ type }) =>
    said(
      422,
      'mfa_verification_failed',
      type === 'phone' ? 'Invalid MFA Phone code entered' : 'Invalid TOTP code entered',
    ),
  insufficient_aal: ({ at }) =>
    places[String(at)] ??
    said(
      401,
      'insufficient_aal',
      'AAL2 session is required to update email or password when MFA is enabled.',
    ),
}
