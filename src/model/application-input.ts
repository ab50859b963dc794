import { z } from 'zod'
import { signatureAlgorithms } from '../base/jwt.ts'
import { proofMetadata, proofProblem } from './application-proofs.ts'

/** Logto's types of application. The first three sign people in; the fourth has only itself. */
export const applicationTypes = ['Native', 'SPA', 'Traditional', 'MachineToMachine'] as const

export type ApplicationType = (typeof applicationTypes)[number]

// Two parsers that read one address differently are how codes are stolen: nothing doubtful is registered.
const plainAddress = /^[\x21-\x7e]{1,2048}$/
const runsScript =
  /^(?:javascript|data|vbscript|file|blob|about|view-source|filesystem|ws|wss|ftp):$/

/** Why an address may not be registered as a redirect URI; null when it may. */
export function redirectUriProblem(uri: string, type: ApplicationType): string | null {
  if (!plainAddress.test(uri) || !URL.canParse(uri)) return 'must be an absolute URL'
  const url = new URL(uri)
  if (uri.includes('#')) return 'must not have a fragment'
  if (/[\\*<>"^`{|}]/.test(uri)) return 'must not contain * or \\ or other characters to be escaped'
  if (url.username !== '' || url.password !== '') return 'must not contain a user name'
  const isWeb = url.protocol === 'https:' || url.protocol === 'http:'
  if (isWeb) {
    return /^https?:\/\/[^/]/i.test(uri) ? null : 'must name a host'
  }
  if (type !== 'Native') return 'must begin with https:// or http://'
  return runsScript.test(url.protocol) ? 'must not begin with such a scheme' : null
}

const origin = z
  .string()
  .refine((text) => URL.canParse(text) && new URL(text).origin === text.replace(/\/$/, ''), {
    message: 'must be an origin such as https://app.example.com',
  })

/** What an application may change beside its addresses; null takes a value away. */
const signingAndLogout = {
  /** What its ID and logout tokens are signed with; ES384 unless it says otherwise. */
  idTokenSignedResponseAlg: z.enum(signatureAlgorithms).nullable().optional(),
  /** Where it hears that a session is over (OpenID Connect Back-Channel Logout 1.0 § 2.2). */
  backchannelLogoutUri: z.string().nullable().optional(),
  /** Whether it needs `sid` in the logout token, which is always there. */
  backchannelLogoutSessionRequired: z.boolean().nullable().optional(),
}

const oidcClientMetadata = z.strictObject({
  redirectUris: z.array(z.string()).default([]),
  postLogoutRedirectUris: z.array(z.string()).default([]),
  ...proofMetadata,
  ...signingAndLogout,
})

const customClientMetadata = z.strictObject({
  corsAllowedOrigins: z.array(origin).optional(),
  /** Seconds; of a token for an API, the shorter of this and the API's own. */
  accessTokenTtl: z.number().int().min(1).optional(),
  /** Seconds. */
  idTokenTtl: z.number().int().min(1).optional(),
  /** Seconds; Logto's old name, which the days go before. */
  refreshTokenTtl: z.number().int().min(1).optional(),
  refreshTokenTtlInDays: z.number().int().min(1).max(365).optional(),
  /** A refresh token also without `offline_access`; for Traditional applications only. */
  alwaysIssueRefreshToken: z.boolean().optional(),
  /** False leaves a confidential client its refresh token. Public clients' are always rotated. */
  rotateRefreshToken: z.boolean().optional(),
  /** It is told claims in OpenID Connect's form instead of Logto's, and those of scopes at UserInfo alone. */
  hasStandardClaims: z.boolean().optional(),
  /** PKCE may be left out; for confidential applications whose library cannot do it. */
  isPkceOptional: z.boolean().optional(),
  /** It asks by device codes (RFC 8628); for applications that have no browser of their own. */
  isDeviceFlow: z.boolean().optional(),
  /** It may exchange tokens (RFC 8693), and so act for a user who is not there; for the house's own applications. */
  allowTokenExchange: z.boolean().optional(),
  /** It may read and write all users, sessions and links, as the Auth.js adapter does; for confidential ones only. */
  isAuthjsAdapter: z.boolean().optional(),
})

const webAddress = z
  .string()
  .max(2048)
  .refine((text) => /^https?:\/\/[^/]/i.test(text) && URL.canParse(text), {
    message: 'must be an address of the web',
  })

/** What people are shown of an application, in the words of Logto's sign-in experience of an application. */
const appearance = z.strictObject({
  displayName: z.string().trim().min(1).max(256).refine(hasNoNull).optional(),
  logoUrl: webAddress.optional(),
  darkLogoUrl: webAddress.optional(),
  homepageUrl: webAddress.optional(),
  termsOfUseUrl: webAddress.optional(),
  privacyPolicyUrl: webAddress.optional(),
})

export type Appearance = z.infer<typeof appearance>
export type OidcClientMetadata = z.infer<typeof oidcClientMetadata>
export type CustomClientMetadata = z.infer<typeof customClientMetadata>

const shape = z.strictObject({
  /** Users' ids are uuids, so an application can never pose as a subject (RFC 9700 § 4.15). */
  id: z
    .string()
    .regex(/^[\w.~-]{1,128}$/, 'must be 1 to 128 of the characters A-Z a-z 0-9 . _ ~ -')
    .refine((id) => !/^[0-9a-f]{8}-([0-9a-f]{4}-){3}[0-9a-f]{12}$/i.test(id), {
      message: 'must not be a uuid, as the ids of users are',
    })
    .optional(),
  secret: z
    .string()
    .regex(/^[\x21-\x7e]{8,256}$/, 'must be 8 to 256 visible characters of ASCII')
    .optional(),
  name: z.string().trim().min(1).max(256).refine(hasNoNull, { message: 'must not contain U+0000' }),
  description: z
    .string()
    .max(2048)
    .refine(hasNoNull, { message: 'must not contain U+0000' })
    .nullable()
    .optional(),
  type: z.enum(applicationTypes),
  oidcClientMetadata: oidcClientMetadata.prefault({}),
  customClientMetadata: customClientMetadata.default({}),
  customData: z.record(z.string(), z.unknown()).default({}),
  /** Of somebody else: its users are asked what it may have. */
  isThirdParty: z.boolean().default(false),
  appearance: appearance.default({}),
})

function hasNoNull(text: string): boolean {
  return !text.includes('\0')
}

interface Checked {
  type: ApplicationType
  secret?: string | undefined
  oidcClientMetadata: OidcClientMetadata
  customClientMetadata: CustomClientMetadata
}

function check(application: Checked, issues: z.core.$RefinementCtx): void {
  const { type, secret, oidcClientMetadata: metadata, customClientMetadata: custom } = application
  for (const list of ['redirectUris', 'postLogoutRedirectUris'] as const) {
    for (const [index, uri] of metadata[list].entries()) {
      const problem = redirectUriProblem(uri, type)
      if (problem === null) continue
      issues.addIssue({
        code: 'custom',
        message: problem,
        input: uri,
        path: ['oidcClientMetadata', list, index],
      })
    }
  }
  const { backchannelLogoutUri } = metadata
  const problem =
    typeof backchannelLogoutUri === 'string'
      ? redirectUriProblem(backchannelLogoutUri, 'Traditional')
      : null
  if (problem !== null) {
    issues.addIssue({
      code: 'custom',
      message: problem,
      input: backchannelLogoutUri,
      path: ['oidcClientMetadata', 'backchannelLogoutUri'],
    })
  }
  if (custom.isAuthjsAdapter && isPublicType(type)) {
    issues.addIssue({
      code: 'custom',
      message: `a ${type} application keeps no secret, and so cannot be an adapter`,
      input: true,
      path: ['customClientMetadata', 'isAuthjsAdapter'],
    })
  }
  const unproved = proofProblem({
    isPublic: isPublicType(type),
    hasSecret: secret !== undefined,
    oidcClientMetadata: metadata,
    isPkceOptional: custom.isPkceOptional === true,
  })
  if (unproved !== null) issues.addIssue({ code: 'custom', input: '(not shown)', ...unproved })
  if (secret !== undefined && isPublicType(type)) {
    issues.addIssue({
      code: 'custom',
      message: `a ${type} application cannot keep a secret`,
      input: '(not shown)',
      path: ['secret'],
    })
  }
}

/** Applications that run on the user's machine can keep no secret: PKCE stands in its place. */
export function isPublicType(type: ApplicationType): boolean {
  return type === 'SPA' || type === 'Native'
}

/** A new application in the Management API's shape; `id` and `secret` may be given, or are made. */
export const newApplication = shape.superRefine(check)

export type NewApplication = z.input<typeof newApplication>

/** What may be changed; the two kinds of metadata are merged key by key, everything else is replaced. */
export const applicationChange = z.strictObject({
  name: shape.shape.name.optional(),
  description: shape.shape.description,
  oidcClientMetadata: z
    .strictObject({
      redirectUris: z.array(z.string()).optional(),
      postLogoutRedirectUris: z.array(z.string()).optional(),
      ...proofMetadata,
      ...signingAndLogout,
    })
    .optional(),
  customClientMetadata: customClientMetadata.optional(),
  customData: z.record(z.string(), z.unknown()).optional(),
  appearance: appearance.optional(),
})

export type ApplicationChange = z.input<typeof applicationChange>
