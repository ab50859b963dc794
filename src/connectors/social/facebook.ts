import { createHmac } from 'node:crypto'
import { discoveryUrlOf } from './documents.ts'
import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

const issuer = 'https://www.facebook.com'

export const facebook = oauth2Connector({
  id: 'facebook',
  name: { en: 'Facebook', ja: 'Facebook' },
  hosts: { authorization: 'www.facebook.com', api: 'graph.facebook.com' },
  endpoints: ({ authorization, api }) => ({
    authorize: `${authorization}/dialog/oauth`,
    token: `${api}/oauth/access_token`,
  }),
  scopes: ['email'],
  /** Limited Login, the SDK for iOS: an ID token is all that an app gets. */
  idTokens: {
    issuerOf: () => issuer,
    ignoresNonce: true,
    keysOf: (asked) => (asked === issuer ? { discoveryUrl: discoveryUrlOf(issuer) } : null),
    profile: (claims) => ({
      subject: textOf(claims.sub),
      issuer,
      emails: onlyEmail(claims.email, true),
      claims: present({ name: claims.name, picture: claims.picture }),
    }),
  },
  async profile({ get, places, granted, settings }) {
    const address = `${places.api}/me?fields=email,first_name,last_name,name,picture`
    // Proves that the token is used by whom it was given to (Graph API, "Securing requests").
    const proof = createHmac('sha256', settings.secret).update(granted.accessToken).digest('hex')
    const user = await get(`${address}&appsecret_proof=${proof}`)
    const names = [at(user, 'first_name'), at(user, 'last_name')].map(textOf)
    return {
      subject: textOf(at(user, 'id')),
      issuer: address,
      // Facebook hands out confirmed addresses only.
      emails: onlyEmail(at(user, 'email'), true),
      claims: present({
        name: names.join(' ').trim(),
        nickname: at(user, 'name'),
        picture: at(user, 'picture', 'data', 'url'),
      }),
    }
  },
})
