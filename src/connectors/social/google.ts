import { oauth2Connector } from './oauth2.ts'
import { at, type Claims, onlyEmail, present, type SocialProfile, textOf } from './social.ts'

const issuer = 'https://accounts.google.com'
const userInfo = 'https://www.googleapis.com/userinfo/v2/me'

export const google = oauth2Connector({
  id: 'google',
  name: { en: 'Google', ja: 'Google' },
  hosts: { authorization: 'accounts.google.com', api: 'www.googleapis.com' },
  endpoints: () => ({
    authorize: 'https://accounts.google.com/o/oauth2/v2/auth',
    token: 'https://oauth2.googleapis.com/token',
  }),
  scopes: ['email', 'profile'],
  idTokens: {
    issuerOf: () => issuer,
    keysOf: (asked) =>
      asked === issuer ? { jwksUri: 'https://www.googleapis.com/oauth2/v3/certs' } : null,
    profile: profileOf,
  },
  async profile({ idToken, get }) {
    const claims = await idToken()
    if (claims !== null) return profileOf(claims)
    // Without the scope `openid` Google gives no ID token.
    const user = await get(userInfo)
    return profileOf({
      iss: userInfo,
      sub: at(user, 'id'),
      email: at(user, 'email'),
      email_verified: at(user, 'verified_email'),
      name: at(user, 'name'),
      picture: at(user, 'picture'),
      hd: at(user, 'hd'),
    })
  },
})

function profileOf(claims: Claims): SocialProfile {
  const isVerified = claims.email_verified === true || claims.verified_email === true
  return {
    subject: textOf(claims.sub),
    issuer: textOf(claims.iss),
    emails: onlyEmail(claims.email, isVerified),
    claims: present({ name: claims.name, picture: claims.picture }),
    extra: present({ hd: claims.hd }),
  }
}
