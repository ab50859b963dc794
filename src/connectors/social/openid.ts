import { type Claims, onlyEmail, type SocialProfile, textOf } from './social.ts'

/** OpenID Connect Core § 5.1, without the address, which has a place of its own. */
const standard = [
  ...['name', 'family_name', 'given_name', 'middle_name', 'nickname', 'preferred_username'],
  ...['profile', 'picture', 'website', 'gender', 'birthdate', 'zoneinfo', 'locale', 'updated_at'],
  ...['phone'],
]

/** What an ID token or a userinfo endpoint by the book says. */
export function profileOfClaims(claims: Claims): SocialProfile {
  const found = standard.filter((name) => isPlain(claims[name]))
  return {
    subject: textOf(claims.sub),
    issuer: textOf(claims.iss),
    emails: onlyEmail(claims.email, claims.email_verified === true),
    claims: Object.fromEntries(found.map((name) => [name, claims[name]])),
  }
}

function isPlain(value: unknown): boolean {
  return (typeof value === 'string' && value !== '') || typeof value === 'number'
}
