import { discover } from './documents.ts'
import { type Endpoints, oauth2Connector, type Reach } from './oauth2.ts'
import { profileOfClaims } from './openid.ts'
import {
  at,
  type Claims,
  failed,
  isObject,
  type SocialConnector,
  type SocialOutside,
  type SocialProfile,
} from './social.ts'

/** A provider that an administrator described, instead of code of ours. */
export interface CustomDeclaration {
  id: string
  name: string
  scopes: readonly string[]
  usesPkce: boolean
  /** Claim of the profile to claim of the answer; what is no text stands for itself. */
  mapping: Readonly<Record<string, unknown>>
  /** Claims of the answer that are kept as they are. */
  keptClaims: readonly string[]
  parameters: Readonly<Record<string, string>>
  protocol:
    | { kind: 'openid'; issuer: string; discoveryUrl: string }
    | { kind: 'oauth2'; authorize: string; token: string; userinfo: string }
}

export function customConnector(declaration: CustomDeclaration): SocialConnector {
  const { id, name, scopes, usesPkce, parameters, protocol } = declaration
  return oauth2Connector({
    id,
    name: { en: name, ja: name },
    hosts: { authorization: 'custom.invalid', api: 'custom.invalid' },
    endpoints: (_places, out) => endpointsOf(declaration, out),
    scopes:
      protocol.kind === 'openid' && !scopes.includes('openid') ? ['openid', ...scopes] : scopes,
    replacesScopes: true,
    parameters,
    usesPkce,
    ...(protocol.kind === 'openid'
      ? {
          idTokens: {
            issuerOf: () => protocol.issuer,
            keysOf: (issuer: string) =>
              issuer === protocol.issuer ? { discoveryUrl: protocol.discoveryUrl } : null,
            profile: (claims: Claims) => profileOf(declaration, claims),
          },
        }
      : {}),
    profile: (reach) => findProfile(declaration, reach),
  })
}

async function endpointsOf(
  { id, protocol }: CustomDeclaration,
  out: SocialOutside,
): Promise<Endpoints> {
  if (protocol.kind === 'oauth2') return { authorize: protocol.authorize, token: protocol.token }
  const found = await discover(out, protocol.issuer, protocol.discoveryUrl)
  if (found.outcome === 'failed') throw failed(id, 'begin', { why: found.why })
  const { authorizationEndpoint: authorize, tokenEndpoint: token } = found.discovery
  if (!URL.canParse(authorize)) throw failed(id, 'begin', { why: 'no authorization endpoint' })
  return { authorize, token }
}

async function findProfile(declaration: CustomDeclaration, reach: Reach): Promise<SocialProfile> {
  const { id, protocol } = declaration
  if (protocol.kind === 'oauth2') {
    return profileOf(declaration, { iss: id, ...claimsOf(await reach.get(protocol.userinfo)) })
  }
  const claims = await reach.idToken()
  if (claims !== null) return profileOf(declaration, claims)
  const found = await discover(reach.out, protocol.issuer, protocol.discoveryUrl)
  const userinfo = found.outcome === 'found' ? found.discovery.userinfoEndpoint : ''
  if (userinfo === '') throw failed(id, 'profile', { why: 'neither ID token nor userinfo' })
  return profileOf(declaration, { iss: protocol.issuer, ...claimsOf(await reach.get(userinfo)) })
}

function claimsOf(answer: unknown): Claims {
  return isObject(answer) ? answer : {}
}

/** Whether an address was verified is never mapped: only the provider's own claim says it. */
function profileOf({ mapping, keptClaims }: CustomDeclaration, claims: Claims): SocialProfile {
  const mapped = { ...claims }
  for (const [target, source] of Object.entries(mapping)) {
    const value = typeof source === 'string' ? at(claims, source) : source
    if (value !== undefined) mapped[target] = value
  }
  const kept = keptClaims.filter((key) => Object.hasOwn(claims, key))
  return {
    ...profileOfClaims({ ...mapped, email_verified: claims.email_verified }),
    extra: Object.fromEntries(kept.map((key) => [key, claims[key]])),
  }
}
