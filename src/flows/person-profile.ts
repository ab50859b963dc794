import { z } from 'zod'
import type { Json } from '../model/user.ts'

const line = z
  .string()
  .min(1)
  .max(1024)
  .refine((value) => !value.includes('\0'), 'must not contain U+0000')
  .optional()

/** OpenID Connect's further claims of a person, as the Management API spells them. */
export const personProfile = z.strictObject({
  familyName: line,
  givenName: line,
  middleName: line,
  nickname: line,
  preferredUsername: line,
  profile: line,
  website: line,
  gender: line,
  birthdate: line,
  zoneinfo: line,
  locale: line,
  /** Its members reach the claim as they are spelt here, as Logto's do. */
  address: z
    .strictObject({
      formatted: line,
      streetAddress: line,
      locality: line,
      region: line,
      postalCode: line,
      country: line,
    })
    .optional(),
})

export type PersonProfile = z.infer<typeof personProfile>

const names = Object.keys(personProfile.shape) as (keyof PersonProfile)[]
const claimOf = (name: string) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`)

/** A user's details with what the profile names; what it does not name stays. */
export function withProfile(details: Json, profile: PersonProfile): Json {
  const told = Object.entries(profile).filter(([, value]) => value !== undefined)
  return {
    ...details,
    ...Object.fromEntries(told.map(([name, value]) => [claimOf(name), value])),
  }
}

/** The profile among a user's details. */
export function profileOf(details: Json): Json {
  const known = names.filter((name) => details[claimOf(name)] !== undefined)
  return Object.fromEntries(known.map((name) => [name, details[claimOf(name)]]))
}
