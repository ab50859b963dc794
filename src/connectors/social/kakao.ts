import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

const issuer = 'https://kauth.kakao.com'

export const kakao = oauth2Connector({
  id: 'kakao',
  name: { en: 'Kakao', ja: 'Kakao' },
  hosts: { authorization: 'kauth.kakao.com', api: 'kapi.kakao.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/authorize`,
    token: `${authorization}/oauth/token`,
  }),
  scopes: ['account_email', 'profile_image', 'profile_nickname'],
  idTokens: {
    issuerOf: () => issuer,
    keysOf: (asked) => (asked === issuer ? { jwksUri: `${issuer}/.well-known/jwks.json` } : null),
    profile: (claims) => ({
      subject: textOf(claims.sub),
      issuer,
      // Into ID tokens Kakao puts only addresses that are valid and verified.
      emails: onlyEmail(claims.email, true),
      claims: present({
        name: claims.nickname,
        preferred_username: claims.nickname,
        picture: claims.picture,
      }),
    }),
  },
  async profile({ get, places }) {
    const user = await get(`${places.api}/v2/user/me`)
    const account = at(user, 'kakao_account')
    const nickname = at(account, 'profile', 'nickname')
    const isVerified =
      at(account, 'is_email_valid') === true && at(account, 'is_email_verified') === true
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      emails: onlyEmail(at(account, 'email'), isVerified),
      claims: present({
        name: nickname,
        preferred_username: nickname,
        picture: at(account, 'profile', 'profile_image_url'),
      }),
    }
  },
})
