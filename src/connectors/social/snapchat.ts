import { discoveryUrlOf } from './documents.ts'
import { oauth2Connector } from './oauth2.ts'
import { profileOfClaims } from './openid.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

const issuer = 'https://accounts.snapchat.com/accounts/oauth2/token'
const question = '{me { externalId displayName bitmoji { avatar id } email } }'

export const snapchat = oauth2Connector({
  id: 'snapchat',
  name: { en: 'Snapchat', ja: 'Snapchat' },
  hosts: { authorization: 'accounts.snapchat.com', api: 'kit.snapchat.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/accounts/oauth2/auth`,
    token: `${authorization}/accounts/oauth2/token`,
  }),
  scopes: ['external_id', 'display_name', 'bitmoji.avatar'].map(
    (field) => `https://auth.snapchat.com/oauth2/api/user.${field}`,
  ),
  authentication: 'header',
  idTokens: {
    issuerOf: () => issuer,
    keysOf: (asked) => (asked === issuer ? { discoveryUrl: discoveryUrlOf(issuer) } : null),
    profile: (claims) => ({ ...profileOfClaims(claims), emails: onlyEmail(claims.email, true) }),
  },
  async profile({ get, places }) {
    const answer = await get(`${places.api}/v1/me?${new URLSearchParams({ query: question })}`)
    const me = at(answer, 'data', 'me')
    const name = at(me, 'displayName')
    return {
      subject: textOf(at(me, 'externalId')),
      issuer,
      emails: onlyEmail(at(me, 'email'), true),
      claims: present({ name, nickname: name, picture: at(me, 'bitmoji', 'avatar') }),
    }
  },
})
