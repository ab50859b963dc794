import { Fault } from '../base/fault.ts'
import type { ProfileEmail, SocialProfile } from '../connectors/social/index.ts'
import { isEmail, type Json, normalEmail } from '../model/user.ts'

/** Who came from a provider, with nothing in it that we could not keep. */
export interface External {
  provider: string
  subject: string
  /** Well-formed, in the form in which they are compared. */
  emails: readonly ProfileEmail[]
  /** The one that the account gets: the provider's primary one, else its last; null for somebody without. */
  email: ProfileEmail | null
  name: string | null
  picture: string | null
  /** What is kept of it, and shown to apps, by the names that Supabase's clients know. */
  data: Json
}

/** A subject is a key of an index, which has no room for a longer one. */
const longestSubject = 1000

/** Reads a profile. Throws `provider_failed` for somebody who is nobody, or has no address where one is needed. */
export function readExternal(
  provider: string,
  profile: SocialProfile,
  { isEmailOptional }: { isEmailOptional: boolean },
): External {
  const subject = plainText(profile.subject)
  if (subject === '' || subject.length > longestSubject) {
    throw new Fault('provider_failed', { provider, step: 'profile', why: 'no subject' })
  }
  const emails = profile.emails
    .map((email) => ({ ...email, address: email.address.trim() }))
    .filter(({ address }) => isEmail(address))
    .map((email) => ({ ...email, address: normalEmail(email.address) }))
  const email = emails.find(({ isPrimary }) => isPrimary) ?? emails.at(-1) ?? null
  if (email === null && !isEmailOptional) {
    throw new Fault('provider_failed', { provider, step: 'profile', why: 'no email' })
  }
  const data = plain(dataOf(profile, { subject, email })) as Json
  const textOf = (name: string) => (typeof data[name] === 'string' ? data[name] : null)
  return {
    provider,
    subject,
    emails,
    email,
    name: textOf('full_name') ?? textOf('name'),
    picture: textOf('picture'),
    data,
  }
}

/** Each fact under OpenID Connect's name and, for old apps, under the one that GoTrue had before. */
function dataOf(
  { issuer, claims, fullName, extra }: SocialProfile,
  { subject, email }: { subject: string; email: ProfileEmail | null },
): Json {
  return present({
    ...claims,
    full_name: fullName ?? claims.name,
    avatar_url: claims.picture,
    user_name: claims.preferred_username,
    slug: claims.nickname,
    iss: issuer,
    sub: subject,
    provider_id: subject,
    email: email?.address,
    email_verified: email?.isVerified ?? false,
    phone_verified: false,
    custom_claims: extra !== undefined && Object.keys(extra).length > 0 ? extra : undefined,
  })
}

function present(values: Json): Json {
  return Object.fromEntries(
    Object.entries(values).filter(([, value]) => value !== undefined && value !== ''),
  )
}

const deepest = 20

/** What a provider says, without what Postgres cannot keep, and no deeper than anybody looks. */
function plain(value: unknown, depth = 0): unknown {
  if (typeof value === 'string') return plainText(value)
  if (typeof value !== 'object' || value === null) return value
  if (depth === deepest) return null
  if (Array.isArray(value)) return value.map((inner) => plain(inner, depth + 1))
  return Object.fromEntries(
    Object.entries(value)
      .filter(([name]) => name !== '__proto__')
      .map(([name, inner]) => [plainText(name), plain(inner, depth + 1)]),
  )
}

function plainText(text: string): string {
  return text.replaceAll('\0', '').toWellFormed()
}
