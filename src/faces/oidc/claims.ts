import type { User } from '../../model/user.ts'

type Claims = Record<string, unknown>

/** OpenID Connect's claims of `profile` that we keep among a user's details, and leave out where they are absent. */
const profileDetails = [
  'family_name',
  'given_name',
  'middle_name',
  'nickname',
  'profile',
  'website',
  'gender',
  'birthdate',
  'zoneinfo',
  'locale',
]

/** The claims of an ID token by scope, as Logto has them. */
export function idTokenClaims(user: User, scope: string): Claims {
  const granted = new Set(scope.split(' '))
  return {
    ...(granted.has('profile') && profileClaims(user)),
    ...(granted.has('email') && {
      email: user.email,
      email_verified: user.email !== null && user.emailVerifiedAt !== null,
    }),
    ...(granted.has('phone') && {
      phone_number: user.phone,
      phone_number_verified: user.phone !== null && user.phoneVerifiedAt !== null,
    }),
    ...(granted.has('address') &&
      isObject(user.details.address) && { address: user.details.address }),
    // There are no roles and organizations yet, so everybody has none.
    ...(granted.has('roles') && { roles: [] }),
    ...(granted.has('urn:logto:scope:organizations') && { organizations: [] }),
    ...(granted.has('urn:logto:scope:organization_roles') && { organization_roles: [] }),
  }
}

/** The same for UserInfo, which tells more. */
export function userInfoClaims(user: User, scope: string): Claims {
  const granted = new Set(scope.split(' '))
  return {
    sub: user.id,
    ...idTokenClaims(user, scope),
    ...(granted.has('custom_data') && { custom_data: user.customData }),
    ...(granted.has('identities') && { identities: identitiesOf(user), sso_identities: [] }),
    ...(granted.has('urn:logto:scope:organizations') && { organization_data: [] }),
  }
}

/** Absent values are null for the claims that have a column, as Logto's SDKs declare them. */
function profileClaims(user: User): Claims {
  const { details, username } = user
  const own = profileDetails.filter((name) => typeof details[name] === 'string')
  const preferred = details.preferred_username ?? username
  return {
    name: user.name,
    ...Object.fromEntries(own.map((name) => [name, details[name]])),
    ...(typeof preferred === 'string' && { preferred_username: preferred }),
    picture: user.avatar,
    username,
    // Milliseconds, though OpenID Connect says seconds: Logto's applications read them so.
    updated_at: user.updatedAt.getTime(),
    created_at: user.createdAt.getTime(),
  }
}

/** Social identities by their provider; the address and the phone number are no provider. */
function identitiesOf(user: User): Claims {
  return Object.fromEntries(
    user.identities
      .filter(({ provider }) => provider !== 'email' && provider !== 'phone')
      .map(({ provider, subject, data }) => [provider, { userId: subject, details: data }]),
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
