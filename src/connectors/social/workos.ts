import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

/** WorkOS: an app says by `connection`, `organization` or `provider` to whom it leads, and the profile comes with the token. */
export const workos = oauth2Connector({
  id: 'workos',
  name: { en: 'WorkOS', ja: 'WorkOS' },
  hosts: { authorization: 'api.workos.com', api: 'api.workos.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/sso/authorize`,
    token: `${authorization}/sso/token`,
  }),
  scopes: [],
  async profile({ granted, places }) {
    const user = granted.answer.profile
    const names = [at(user, 'first_name'), at(user, 'last_name')].map(textOf)
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      emails: onlyEmail(at(user, 'email'), true),
      claims: present({ name: names.join(' ').trim() }),
      extra: {
        connection_id: textOf(at(user, 'connection_id')),
        organization_id: textOf(at(user, 'organization_id')),
      },
    }
  },
})
