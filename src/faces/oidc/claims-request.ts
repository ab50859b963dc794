import { z } from 'zod'
import type { ClaimsRequest } from '../../flows/authorize.ts'

export const noClaims: ClaimsRequest = {
  idToken: [],
  userInfo: [],
  subject: null,
  acrValues: [],
  isAcrEssential: false,
}

/** More names than there are claims ask for nothing more. */
const mostClaims = 64

// What is asked of a claim: nothing, or a value, or one of some. `essential` matters for acr alone: of all others a
// user may have none (OpenID Connect Core § 5.5.1).
const wish = z.looseObject({
  essential: z.boolean().optional(),
  value: z.unknown().optional(),
  values: z.array(z.unknown()).max(mostClaims).optional(),
})

const member = z
  .record(z.string().max(256), wish.nullable())
  .refine((all) => Object.keys(all).length <= mostClaims)

const shape = z.looseObject({
  id_token: member.nullish(),
  userinfo: member.nullish(),
})

type Wish = z.infer<typeof wish> | null | undefined

/** Reads the parameter `claims` (OpenID Connect Core § 5.5); null where it is not what that section says. */
export function parseClaims(text: string | null): ClaimsRequest | null {
  if (text === null) return noClaims
  const read = shape.safeParse(jsonOf(text))
  if (!read.success) return null
  const idToken = read.data.id_token ?? {}
  const userInfo = read.data.userinfo ?? {}
  const subjects = [...valuesOf(idToken.sub), ...valuesOf(userInfo.sub)]
  if (new Set(subjects).size > 1) return null
  return {
    idToken: Object.keys(idToken),
    userInfo: Object.keys(userInfo),
    subject: subjects[0] ?? null,
    acrValues: valuesOf(idToken.acr),
    isAcrEssential: idToken.acr?.essential === true && valuesOf(idToken.acr).length > 0,
  }
}

function valuesOf(wish: Wish): string[] {
  const all = wish?.value === undefined ? (wish?.values ?? []) : [wish.value]
  return all.filter((value): value is string => typeof value === 'string')
}

function jsonOf(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}
