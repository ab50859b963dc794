import { oauth2Connector } from './oauth2.ts'
import { type Claims, failed, onlyEmail, present, type SocialProfile, textOf } from './social.ts'

const issuer = 'https://www.linkedin.com/oauth'

export const linkedinOidc = oauth2Connector({
  id: 'linkedin_oidc',
  name: { en: 'LinkedIn', ja: 'LinkedIn' },
  hosts: { authorization: 'api.linkedin.com', api: 'api.linkedin.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/v2/authorization`,
    token: `${authorization}/oauth/v2/accessToken`,
  }),
  scopes: ['openid', 'email', 'profile'],
  idTokens: {
    issuerOf: () => issuer,
    keysOf: (asked) => (asked === issuer ? { jwksUri: `${issuer}/openid/jwks` } : null),
    profile: profileOf,
  },
  async profile({ idToken }) {
    const claims = await idToken()
    if (claims === null) throw failed('linkedin_oidc', 'profile', { why: 'no ID token' })
    return profileOf(claims)
  },
})

function profileOf(claims: Claims): SocialProfile {
  const { given_name, family_name, locale, picture, email_verified: isVerified } = claims
  return {
    subject: textOf(claims.sub),
    issuer,
    // LinkedIn writes the truth as text.
    emails: onlyEmail(claims.email, isVerified === true || isVerified === 'true'),
    claims: present({
      name: [given_name, family_name].map(textOf).join(' ').trim(),
      given_name,
      family_name,
      locale: textOf(locale),
      picture,
    }),
  }
}
