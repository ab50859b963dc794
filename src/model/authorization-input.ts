import { z } from 'zod'

const text = (longest: number) =>
  z
    .string()
    .max(longest)
    .refine((value) => !value.includes('\0'), { message: 'must not contain U+0000' })

const name = text(256).min(1)
const description = text(2048).nullable().default(null)

/** RFC 6749 § 3.3: what can stand between spaces. */
const scopeName = z
  .string()
  .regex(
    /^[\x21\x23-\x5b\x5d-\x7e]{1,256}$/,
    'must be visible characters of ASCII without " and \\',
  )
  // A scope of the user's own data and one of an API must never be taken for each other.
  .refine((one) => !reservedScopes.has(one) && !one.startsWith('urn:logto:'), {
    message: 'is the name of a scope that the server itself knows',
  })

/** Scopes of a user's own data, as OpenID Connect and Logto name them. */
export const userScopes = [
  'openid',
  'offline_access',
  'profile',
  'email',
  'phone',
  'address',
  'custom_data',
  'identities',
  'roles',
] as const

const reservedScopes = new Set<string>(userScopes)

/** RFC 8707 § 2: an absolute URI without a fragment. */
const indicator = text(2048)
  .refine((value) => URL.canParse(value) && !value.includes('#') && !/\s/.test(value), {
    message: 'must be an absolute URI without a fragment',
  })
  .refine((value) => !value.startsWith('urn:logto:'), { message: 'is reserved' })

const type = z.enum(['User', 'MachineToMachine']).default('User')

/** A scope of an API resource, by the names that people give. */
const scopeOfResource = z.strictObject({ resource: z.string(), name: z.string() })

export type ScopeOfResource = z.infer<typeof scopeOfResource>

export const newResource = z.strictObject({
  name,
  indicator,
  isDefault: z.boolean().default(false),
  /** Seconds. */
  accessTokenTtl: z
    .number()
    .int()
    .min(1)
    .max(30 * 24 * 3600)
    .default(3600),
  /** Null signs as the provider signs by itself. */
  signingAlgorithm: z.enum(['ES256', 'ES384', 'RS256', 'EdDSA']).nullable().default(null),
  /** Applications that introduced themselves may ask for it, and its metadata is published. */
  isOpen: z.boolean().default(false),
  scopes: z.array(z.strictObject({ name: scopeName, description })).default([]),
})

export type NewResource = z.input<typeof newResource>
export type ResourceChange = Partial<Omit<NewResource, 'indicator'>>

export const newRole = z.strictObject({
  name,
  description,
  type,
  /** Every user who is made from now on has it. */
  isDefault: z.boolean().default(false),
  scopes: z.array(scopeOfResource).default([]),
})

export type NewRole = z.input<typeof newRole>

export const newOrganizationScope = z.strictObject({ name: scopeName, description })

export type NewOrganizationScope = z.input<typeof newOrganizationScope>

export const newOrganizationRole = z.strictObject({
  name,
  description,
  type,
  /** Names of the template's scopes. */
  scopes: z.array(z.string()).default([]),
  resourceScopes: z.array(scopeOfResource).default([]),
})

export type NewOrganizationRole = z.input<typeof newOrganizationRole>

export const newOrganization = z.strictObject({
  id: z
    .string()
    .regex(/^[\w-]{1,128}$/, 'must be 1 to 128 of the characters A-Z a-z 0-9 _ -')
    .optional(),
  name,
  description,
  customData: z.record(z.string(), z.unknown()).default({}),
  /** Its tokens are for members with a second factor only. */
  isMfaRequired: z.boolean().default(false),
})

export type NewOrganization = z.input<typeof newOrganization>

/** What a third-party application may ask of users at most. */
export const consentScopes = z.strictObject({
  userScopes: z.array(z.string()).default([]),
  resourceScopes: z.array(scopeOfResource).default([]),
  organizationScopes: z.array(z.string()).default([]),
  organizationResourceScopes: z.array(scopeOfResource).default([]),
})

export type ConsentScopes = z.output<typeof consentScopes>
