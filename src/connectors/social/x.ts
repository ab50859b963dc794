import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

const fields = 'id,name,username,confirmed_email,profile_image_url,url,created_at'

/** X by OAuth 2.0, which wants PKCE; by OAuth 1.0a it is `twitter`. */
export const x = oauth2Connector({
  id: 'x',
  name: { en: 'X', ja: 'X' },
  hosts: { authorization: 'x.com', api: 'api.x.com' },
  endpoints: ({ authorization, api }) => ({
    authorize: `${authorization}/i/oauth2/authorize`,
    token: `${api}/2/oauth2/token`,
  }),
  scopes: ['users.email', 'tweet.read', 'users.read', 'offline.access'],
  authentication: 'header',
  usesPkce: true,
  async profile({ get, places }) {
    const user = at(await get(`${places.api}/2/users/me?user.fields=${fields}`), 'data')
    const username = textOf(at(user, 'username'))
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      emails: onlyEmail(at(user, 'confirmed_email'), true),
      claims: present({
        name: at(user, 'name'),
        preferred_username: username,
        picture: at(user, 'profile_image_url'),
        profile: `https://x.com/${username}`,
        website: at(user, 'url'),
      }),
      extra: present({ created_at: at(user, 'created_at') }),
    }
  },
})
