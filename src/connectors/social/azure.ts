import { discoveryUrlOf } from './documents.ts'
import { oauth2Connector } from './oauth2.ts'
import {
  type Claims,
  failed,
  onlyEmail,
  present,
  type SocialProfile,
  type SocialSettings,
  textOf,
} from './social.ts'

const tenantIssuer =
  /^https:\/\/(?:login\.microsoftonline\.com\/[^/]+\/v2\.0|sts\.windows\.net\/[^/]+)\/?$/
const customerIssuer = /^https:\/\/[a-z0-9-]+\.ciamlogin\.com\/[^/]+\/v2\.0\/?$/
const manyTenants = /\/(?:common|organizations|consumers)$/

/** Microsoft Entra ID: one address for each tenant, and the tenant in the issuer. */
export const azure = oauth2Connector({
  id: 'azure',
  name: { en: 'Microsoft', ja: 'Microsoft' },
  hosts: {
    authorization: 'login.microsoftonline.com/common',
    api: 'login.microsoftonline.com/common',
  },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth2/v2.0/authorize`,
    token: `${authorization}/oauth2/v2.0/token`,
  }),
  scopes: ['openid'],
  idTokens: {
    issuerOf: () => null,
    keysOf: (issuer, settings) =>
      isExpected(issuer, settings) ? { discoveryUrl: discoveryUrlOf(issuer) } : null,
    profile: profileOf,
  },
  async profile(reach) {
    const claims = await reach.idToken()
    if (claims === null) throw failed('azure', 'profile', { why: 'no ID token' })
    return profileOf(claims)
  },
})

/** Where one tenant was set up, only its people come; else those of every tenant. */
function isExpected(issuer: string, { url }: SocialSettings): boolean {
  if (url === null || manyTenants.test(url)) return tenantIssuer.test(issuer)
  const expected = `${url}/v2.0`
  if (!tenantIssuer.test(expected) && !customerIssuer.test(expected))
    return tenantIssuer.test(issuer)
  const tenant = /([^/]+)\/v2\.0$/.exec(expected)?.[1] ?? ''
  return issuer === expected || issuer === `https://sts.windows.net/${tenant}/`
}

/** What is about the token, or stands elsewhere in the profile. */
const notExtra = new Set([
  ...['aud', 'iss', 'iat', 'nbf', 'exp', 'c_hash', 'at_hash', 'aio', 'nonce', 'rh', 'uti', 'jti'],
  ...['ver', 'sub', 'name', 'preferred_username'],
])

function profileOf(claims: Claims): SocialProfile {
  return {
    subject: textOf(claims.sub),
    issuer: textOf(claims.iss),
    emails: onlyEmail(claims.email, isDomainOwner(claims.xms_edov)),
    claims: present({ name: claims.name, preferred_username: claims.preferred_username }),
    extra: Object.fromEntries(Object.entries(claims).filter(([key]) => !notExtra.has(key))),
  }
}

/**
 * `xms_edov`: the tenant owns the domain of the address. Entra writes it as a truth value or as text; where it is not set
 * up, Entra itself leaves out addresses that nobody verified (learn.microsoft.com, "migrate off email claim authorization").
 */
function isDomainOwner(claim: unknown): boolean {
  return claim === undefined || claim === true || claim === '1' || claim === 'true'
}
