import { discoveryUrlOf } from './documents.ts'
import { oauth2Connector } from './oauth2.ts'
import { type Claims, failed, onlyEmail, present, type SocialProfile, textOf } from './social.ts'

const issuer = 'https://marketplace.vercel.com'

export const vercelMarketplace = oauth2Connector({
  id: 'vercel_marketplace',
  name: { en: 'Vercel', ja: 'Vercel' },
  hosts: { authorization: 'api.vercel.com', api: 'api.vercel.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/v2/authorization`,
    token: `${authorization}/oauth/v2/accessToken`,
  }),
  scopes: [],
  idTokens: {
    issuerOf: () => issuer,
    keysOf: (asked) => (asked === issuer ? { discoveryUrl: discoveryUrlOf(issuer) } : null),
    profile: profileOf,
  },
  async profile({ idToken }) {
    const claims = await idToken()
    if (claims === null) throw failed('vercel_marketplace', 'profile', { why: 'no ID token' })
    return profileOf(claims)
  },
})

/** `sub` is of one installation; where Vercel names the person across them, that is who it is. */
function profileOf(claims: Claims): SocialProfile {
  const person = textOf(claims.global_user_id)
  return {
    subject: person === '' ? textOf(claims.sub) : `global_user_id:${person}`,
    issuer,
    emails: onlyEmail(claims.user_email, true),
    claims: present({ name: claims.user_name, picture: claims.user_avatar_url }),
  }
}
