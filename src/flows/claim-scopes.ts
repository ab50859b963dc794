import type { Scope } from './consent.ts'

/** The scope under which each standard claim lies (OpenID Connect Core § 5.4). */
const scopesByClaim = new Map<string, Scope>([
  ...[
    ...['name', 'family_name', 'given_name', 'middle_name', 'nickname', 'preferred_username'],
    ...['profile', 'picture', 'website', 'gender', 'birthdate', 'zoneinfo', 'locale'],
    ...['updated_at', 'created_at', 'username'],
  ].map((claim): [string, Scope] => [claim, 'profile']),
  ['email', 'email'],
  ['email_verified', 'email'],
  ['phone_number', 'phone'],
  ['phone_number_verified', 'phone'],
  ['address', 'address'],
])

/** The scope whose consent a claim needs that is asked for by its name; null for what is no standard claim. */
export function scopeOfClaim(claim: string): Scope | null {
  return scopesByClaim.get(claim) ?? null
}

/** The scopes under which these claims lie, each once. */
export function scopesOfClaims(claims: readonly string[]): Scope[] {
  return [...new Set(claims.map(scopeOfClaim).filter((scope) => scope !== null))]
}
