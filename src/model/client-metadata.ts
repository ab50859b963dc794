import { z } from 'zod'
import { signatureAlgorithms } from '../base/jwt.ts'
import {
  type Appearance,
  type ApplicationType,
  type NewApplication,
  redirectUriProblem,
} from './application-input.ts'
import { type AuthMethod, authMethods, keySet, proofAlgorithms } from './application-proofs.ts'

/** What an application says of itself in the words of RFC 7591 § 2 and OpenID Connect Registration 1.0 § 2. */
export interface Introduction {
  application: Omit<NewApplication, 'id' | 'secret' | 'type'> & { type: ApplicationType }
  method: AuthMethod
  /** What is registered of all that was said, in RFC 7591's words, to be told again. */
  metadata: Record<string, unknown>
}

/** What is wrong with it; `field` is RFC 7591's word. */
export interface IntroductionProblem {
  field: string
  problem: string
}

export type Read =
  | { outcome: 'understood'; introduction: Introduction }
  | ({ outcome: 'refused' } & IntroductionProblem)

/** What an application's grant can be: the others are taken out of what it asks for (RFC 7591 § 2.1). */
const grantTypes = ['authorization_code', 'refresh_token'] as const

// Characters that turn the direction of a text would let one name look like another's.
const misleading = /[\p{Cc}\u200e\u200f\u202a-\u202e\u2066-\u2069]/u

const line = (longest: number) =>
  z
    .string()
    .trim()
    .min(1)
    .max(longest)
    .refine((text) => !misleading.test(text), 'must not contain control characters')

const webAddress = z
  .string()
  .max(2048)
  .refine((text) => /^https?:\/\/[\x21-\x7e]+$/i.test(text) && URL.canParse(text), {
    message: 'must be an address of the web',
  })

const addresses = z.array(z.string()).max(10)
const names = z.array(z.string().max(128)).max(20)

/** Members that we do not know are passed over (RFC 7591 § 2). */
const clientMetadata = z.object({
  redirect_uris: addresses.min(1),
  application_type: z.enum(['web', 'native']).optional(),
  token_endpoint_auth_method: z.enum(authMethods).optional(),
  grant_types: names.default(['authorization_code']),
  response_types: names.default(['code']),
  client_name: line(256).optional(),
  client_uri: webAddress.optional(),
  logo_uri: webAddress.optional(),
  tos_uri: webAddress.optional(),
  policy_uri: webAddress.optional(),
  contacts: z.array(line(256)).max(10).optional(),
  software_id: line(256).optional(),
  software_version: line(256).optional(),
  scope: z.string().max(2048).optional(),
  jwks: keySet.optional(),
  jwks_uri: webAddress.optional(),
  subject_type: z.literal('public').optional(),
  token_endpoint_auth_signing_alg: z.enum(proofAlgorithms).optional(),
  request_object_signing_alg: z.enum(proofAlgorithms).optional(),
  // OpenID Connect Registration 1.0 § 2: who does not say expects RS256, whatever we would choose.
  id_token_signed_response_alg: z.enum(signatureAlgorithms).default('RS256'),
  require_pushed_authorization_requests: z.boolean().optional(),
  require_signed_request_object: z.boolean().optional(),
  dpop_bound_access_tokens: z.boolean().optional(),
  post_logout_redirect_uris: addresses.optional(),
  backchannel_logout_uri: webAddress.optional(),
  backchannel_logout_session_required: z.boolean().optional(),
})

type ClientMetadata = z.infer<typeof clientMetadata>

/** Reads what an application says of itself; `home` is the host that vouches for it, if one does. */
export function readIntroduction(
  input: unknown,
  { fallback, home }: { fallback: AuthMethod; home: string | null },
): Read {
  const parsed = clientMetadata.safeParse(withoutNulls(input))
  if (!parsed.success) {
    const [issue] = parsed.error.issues
    return refused(String(issue?.path[0] ?? 'request'), issue?.message ?? 'cannot be read')
  }
  const said = parsed.data
  const isNative = isNativeOne(said)
  const method = said.token_endpoint_auth_method ?? (needsNone(said) ? 'none' : fallback)
  const problem = problemOf(said, { isNative, method })
  if (problem !== null) return { outcome: 'refused', ...problem }
  const grants = grantTypes.filter((one) => said.grant_types.includes(one))
  const type = method !== 'none' ? 'Traditional' : isNative ? 'Native' : 'SPA'
  return {
    outcome: 'understood',
    introduction: {
      method,
      application: {
        name: said.client_name ?? hostsOf(said)[0] ?? 'Application',
        type,
        isThirdParty: true,
        appearance: appearanceOf(said, home),
        oidcClientMetadata: oidcMetadataOf(said),
        customClientMetadata: { alwaysIssueRefreshToken: grants.includes('refresh_token') },
      },
      metadata: {
        ...said,
        application_type: isNative ? 'native' : 'web',
        token_endpoint_auth_method: method,
        grant_types: grants,
        response_types: ['code'],
      },
    },
  }
}

function refused(field: string, problem: string): Read {
  return { outcome: 'refused', field, problem }
}

/** Some libraries send what they do not know as null. */
function withoutNulls(input: unknown): unknown {
  if (typeof input !== 'object' || input === null || Array.isArray(input)) return input
  return Object.fromEntries(Object.entries(input).filter(([, value]) => value !== null))
}

/** RFC 7591 has no `application_type`, and who does not say it shows it by its addresses. */
function isNativeOne({ application_type: type, redirect_uris: uris }: ClientMetadata): boolean {
  return type === undefined ? uris.some((uri) => !/^https:/i.test(uri)) : type === 'native'
}

/** Where an application says nothing, only one that somebody hosts can be taken for one that keeps a secret. */
function needsNone({ application_type: type, redirect_uris: uris }: ClientMetadata): boolean {
  return type === 'native' || uris.some((uri) => !/^https?:/i.test(uri))
}

function problemOf(
  said: ClientMetadata,
  { isNative, method }: { isNative: boolean; method: AuthMethod },
): IntroductionProblem | null {
  for (const field of ['redirect_uris', 'post_logout_redirect_uris'] as const) {
    for (const uri of said[field] ?? []) {
      const problem = addressProblem(uri, isNative)
      if (problem !== null) return { field, problem }
      if (!/^https?:/i.test(uri) && method !== 'none') {
        // Any program of a device may take such an address for its own: there is no secret to be kept.
        return { field, problem: 'must be https for an application that keeps a secret' }
      }
    }
  }
  if (!said.grant_types.includes('authorization_code')) {
    return { field: 'grant_types', problem: 'must hold authorization_code' }
  }
  if (!said.response_types.includes('code')) {
    return { field: 'response_types', problem: 'must hold code' }
  }
  return null
}

const loopbackHosts = ['127.0.0.1', '[::1]', 'localhost']

/** RFC 8252 §§ 7 and 8.4, OpenID Connect Registration 1.0 § 2. */
function addressProblem(uri: string, isNative: boolean): string | null {
  const problem = redirectUriProblem(uri, 'Native')
  if (problem !== null) return problem
  const { protocol, hostname } = new URL(uri)
  if (protocol === 'https:') return null
  if (!isNative) return 'must begin with https://'
  if (protocol === 'http:') {
    return loopbackHosts.includes(hostname) ? null : 'must begin with https:// or be on the device'
  }
  return protocol.includes('.') ? null : 'must begin with a scheme that has a dot'
}

function hostsOf({ redirect_uris: uris }: ClientMetadata): string[] {
  return uris.filter((uri) => /^https:/i.test(uri)).map((uri) => new URL(uri).host)
}

/**
 * Links are shown where they lead to a host of the application itself (RFC 7591 § 5). Its logo is not: anybody could
 * come with somebody else's, and pages of ours load nothing from strangers.
 */
function appearanceOf(said: ClientMetadata, home: string | null): Appearance {
  const own = [...hostsOf(said), ...(home === null ? [] : [home])]
  const link = (address: string | undefined) =>
    address !== undefined && /^https:/i.test(address) && own.includes(new URL(address).host)
      ? address
      : undefined
  const links = {
    homepageUrl: link(said.client_uri),
    termsOfUseUrl: link(said.tos_uri),
    privacyPolicyUrl: link(said.policy_uri),
  }
  return Object.fromEntries(Object.entries(links).filter(([, url]) => url !== undefined))
}

function oidcMetadataOf(said: ClientMetadata) {
  return {
    redirectUris: said.redirect_uris,
    postLogoutRedirectUris: said.post_logout_redirect_uris ?? [],
    // Libraries that name none send the secret by either way, whatever they are told that the default is.
    tokenEndpointAuthMethod: said.token_endpoint_auth_method,
    tokenEndpointAuthSigningAlg: said.token_endpoint_auth_signing_alg,
    jwks: said.jwks,
    jwksUri: said.jwks_uri,
    requirePushedAuthorizationRequests: said.require_pushed_authorization_requests,
    requireSignedRequestObject: said.require_signed_request_object,
    requestObjectSigningAlg: said.request_object_signing_alg,
    dpopBoundAccessTokens: said.dpop_bound_access_tokens,
    idTokenSignedResponseAlg: said.id_token_signed_response_alg,
    backchannelLogoutUri: said.backchannel_logout_uri,
    backchannelLogoutSessionRequired: said.backchannel_logout_session_required,
  }
}
