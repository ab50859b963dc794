import { oauth2Connector } from './oauth2.ts'
import { at, listOf, onlyEmail, present, textOf } from './social.ts'

export const gitlab = oauth2Connector({
  id: 'gitlab',
  name: { en: 'GitLab', ja: 'GitLab' },
  hosts: { authorization: 'gitlab.com', api: 'gitlab.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/authorize`,
    token: `${authorization}/oauth/token`,
  }),
  scopes: ['read_user'],
  async profile({ get, places }) {
    const user = await get(`${places.api}/api/v4/user`)
    const others = await get(`${places.api}/api/v4/user/emails`)
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      emails: [
        ...onlyEmail(at(user, 'email'), textOf(at(user, 'confirmed_at')) !== ''),
        // Of the others GitLab does not say whether they were confirmed.
        ...listOf(others).map((email) => ({
          address: textOf(at(email, 'email')),
          isVerified: false,
          isPrimary: false,
        })),
      ],
      claims: present({ name: at(user, 'name'), picture: at(user, 'avatar_url') }),
    }
  },
})
