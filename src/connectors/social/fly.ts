import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

export const fly = oauth2Connector({
  id: 'fly',
  name: { en: 'Fly.io', ja: 'Fly.io' },
  hosts: { authorization: 'api.fly.io', api: 'api.fly.io' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/authorize`,
    token: `${authorization}/oauth/token`,
  }),
  scopes: ['read'],
  async profile({ get, places }) {
    const user = await get(`${places.api}/oauth/token/info`)
    return {
      subject: textOf(at(user, 'user_id')),
      issuer: places.api,
      emails: onlyEmail(at(user, 'email'), true),
      claims: present({ name: at(user, 'user_name') }),
      extra: present({
        resource_owner_id: at(user, 'resource_owner_id'),
        organizations: at(user, 'organizations'),
        application: at(user, 'application'),
        scope: at(user, 'scope'),
        created_at: at(user, 'created_at'),
      }),
    }
  },
})
