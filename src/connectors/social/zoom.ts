import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

/** Signed in with an address and a password of Zoom's own; all others came by a provider that had verified them. */
const byPassword = '100'

export const zoom = oauth2Connector({
  id: 'zoom',
  name: { en: 'Zoom', ja: 'Zoom' },
  hosts: { authorization: 'zoom.us', api: 'api.zoom.us' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/authorize`,
    token: `${authorization}/oauth/token`,
  }),
  scopes: [],
  authentication: 'header',
  async profile({ get, places }) {
    const user = await get(`${places.api}/v2/users/me`)
    const names = [at(user, 'first_name'), at(user, 'last_name')].map(textOf)
    const isVerified = textOf(at(user, 'login_type')) !== byPassword || at(user, 'verified') === 1
    return {
      subject: textOf(at(user, 'id')),
      issuer: `${places.api}/v2`,
      emails: onlyEmail(at(user, 'email'), isVerified),
      claims: present({ name: names.join(' ').trim(), picture: at(user, 'pic_url') }),
    }
  },
})
