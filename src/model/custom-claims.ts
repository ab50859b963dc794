import { z } from 'zod'

/** What the protocols say in a token, or will: nobody else may say it (RFC 7519 § 4.1, RFC 9068 § 2.2). */
const reserved: ReadonlySet<string> = new Set([
  ...['iss', 'sub', 'aud', 'exp', 'nbf', 'iat', 'jti', 'scope', 'client_id', 'organization_id'],
  ...['sid', 'nonce', 'azp', 'auth_time', 'acr', 'amr', 'at_hash', 'c_hash', 'events'],
  ...['cnf', 'act', 'may_act', 'typ', 'authorization_details', '__proto__'],
])

export function isReservedClaim(name: string): boolean {
  return reserved.has(name)
}

const claimName = z
  .string()
  .regex(/^[\w:/.-]{1,128}$/, 'must be 1 to 128 of the characters A-Z a-z 0-9 _ : / . -')
  .refine((name) => !isReservedClaim(name), 'is a claim of the protocol')

const path = (roots: string) =>
  z
    .string()
    .max(256)
    .regex(
      new RegExp(`^(?:${roots})(?:\\.[\\w-]+)+$`),
      `must be a path such as ${roots.split('|')[0]}.name`,
    )

/** What JWT access tokens say beside the protocol's claims: from paths, and from a program that is asked. */
export const customClaims = z.strictObject({
  /** Of users' tokens: name of the claim → where it comes from. */
  accessToken: z.record(claimName, path('user|application|organization|grant')).default({}),
  /** Of applications' own. */
  clientCredentials: z.record(claimName, path('application|organization')).default({}),
  hook: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }).max(2048),
      /** Encrypted: with it the request is signed. */
      sealedSecret: z.string(),
      /** When it does not answer: the token goes without its claims, or does not go. */
      onFailure: z.enum(['issue', 'refuse']).default('issue'),
    })
    .nullable()
    .default(null),
})

export type CustomClaims = z.infer<typeof customClaims>

/** The same as people write it. The secret is Standard Webhooks': `whsec_` and 24 to 64 bytes in base64. */
export const customClaimsInput = customClaims.extend({
  hook: z
    .strictObject({
      url: z.url({ protocol: /^https?$/ }).max(2048),
      secret: z
        .string()
        .regex(/^whsec_[A-Za-z0-9+/]{32,88}={0,2}$/, 'must be whsec_ and 24 to 64 bytes in base64'),
      onFailure: z.enum(['issue', 'refuse']).default('issue'),
    })
    .nullable()
    .default(null),
})

export type CustomClaimsInput = z.output<typeof customClaimsInput>

/** The claims that a mapping draws from these facts; what a path does not find is left out. */
export function mapClaims(
  mapping: Readonly<Record<string, string>>,
  facts: Readonly<Record<string, unknown>>,
): Record<string, unknown> {
  return Object.fromEntries(
    Object.entries(mapping)
      .map(([claim, path]) => [claim, valueAt(facts, path.split('.'))] as const)
      .filter(([, value]) => value !== undefined && value !== null),
  )
}

function valueAt(from: unknown, [step, ...rest]: readonly string[]): unknown {
  if (step === undefined) return from
  if (typeof from !== 'object' || from === null || !Object.hasOwn(from, step)) return undefined
  return valueAt(Reflect.get(from, step), rest)
}
