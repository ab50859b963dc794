import { unixSeconds } from '../../base/time.ts'
import type { Application } from '../../model/application.ts'
import type { Granted } from '../../model/grant.ts'
import type { Holder } from '../../model/holder.ts'
import type { Identity } from '../../model/identity.ts'
import { organizationRolesScope, organizationsScope } from '../../model/rights.ts'
import type { TokenUser } from '../../model/token.ts'

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

/** What the claims are told of: the user as they are now, and what was granted. */
type Told = Pick<Granted, 'user' | 'grantedScope' | 'rights'>

/** Whom they are told; null when it has been deleted since. */
type Reader = Pick<Application, 'customClientMetadata'> | null

/** The claims of an ID token by scope, as Logto has them, and those that were asked for by name. */
export function idTokenClaims(granted: Granted, reader: Reader): Claims {
  const byName = named(granted.user, granted.idTokenClaims)
  if (!wantsStandard(reader)) return { ...ownClaims(granted), ...byName }
  // Where an access token comes along, the claims of scopes are for UserInfo (OpenID Connect Core § 5.4).
  return inStandardForm(granted.user, { ...rightsClaims(granted), ...byName })
}

/** The same for UserInfo, which tells more. */
export function userInfoClaims(granted: TokenUser, reader: Reader): Claims {
  const claims = allClaims(granted)
  return wantsStandard(reader) ? inStandardForm(granted.user, claims) : claims
}

function wantsStandard(reader: Reader): boolean {
  return reader?.customClientMetadata.hasStandardClaims === true
}

/** OpenID Connect Core §§ 5.1 and 5.3.2: seconds, telephone numbers with their +, and nothing that is absent. */
function inStandardForm(user: Holder, claims: Claims): Claims {
  const formed = {
    ...claims,
    ...('updated_at' in claims && { updated_at: unixSeconds(user.updatedAt) }),
    ...('created_at' in claims && { created_at: unixSeconds(user.createdAt) }),
    ...(typeof claims.phone_number === 'string' && { phone_number: `+${claims.phone_number}` }),
    ...(user.email === null && { email_verified: null }),
    ...(user.phone === null && { phone_number_verified: null }),
  }
  return Object.fromEntries(Object.entries(formed).filter(([, value]) => value !== null))
}

function allClaims(granted: TokenUser): Claims {
  const { user, grantedScope, rights } = granted
  const scopes = new Set(grantedScope.split(' '))
  return {
    sub: user.id,
    ...ownClaims(granted),
    ...named(user, granted.userInfoClaims),
    ...(scopes.has('custom_data') && { custom_data: user.customData }),
    ...(scopes.has('identities') && {
      identities: identitiesOf(granted.identities),
      sso_identities: [],
    }),
    ...(rights.organizations !== null && { organization_data: rights.organizations }),
  }
}

function ownClaims(told: Told): Claims {
  const scopes = new Set(told.grantedScope.split(' '))
  return { ...standardClaims(told.user, scopes), ...rightsClaims(told) }
}

function rightsClaims({ grantedScope, rights }: Told): Claims {
  const scopes = new Set(grantedScope.split(' '))
  return {
    ...(scopes.has('roles') && { roles: rights.roles ?? [] }),
    ...(scopes.has(organizationsScope) && {
      organizations: (rights.organizations ?? []).map(({ id }) => id),
    }),
    ...(scopes.has(organizationRolesScope) && {
      organization_roles: rights.organizationRoles ?? [],
    }),
  }
}

const standardScopes: ReadonlySet<string> = new Set(['profile', 'email', 'phone', 'address'])

/** Claims that the `claims` parameter names, whatever the scope (OpenID Connect Core § 5.5); none that is absent. */
function named(user: Holder, names: readonly string[]): Claims {
  if (names.length === 0) return {}
  const all = standardClaims(user, standardScopes)
  return Object.fromEntries(
    names
      .filter((name) => Object.hasOwn(all, name) && all[name] !== null)
      .map((name) => [name, all[name]]),
  )
}

function standardClaims(user: Holder, scopes: ReadonlySet<string>): Claims {
  return {
    ...(scopes.has('profile') && profileClaims(user)),
    ...(scopes.has('email') && {
      email: user.email,
      email_verified: user.email !== null && user.emailVerifiedAt !== null,
    }),
    ...(scopes.has('phone') && {
      phone_number: user.phone,
      phone_number_verified: user.phone !== null && user.phoneVerifiedAt !== null,
    }),
    ...(scopes.has('address') &&
      isObject(user.details.address) && { address: user.details.address }),
  }
}

/** Absent values are null for the claims that have a column, as Logto's SDKs declare them. */
function profileClaims(user: Holder): Claims {
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
function identitiesOf(identities: readonly Identity[]): Claims {
  return Object.fromEntries(
    identities
      .filter(({ provider }) => provider !== 'email' && provider !== 'phone')
      .map(({ provider, subject, data }) => [provider, { userId: subject, details: data }]),
  )
}

function isObject(value: unknown): value is object {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
