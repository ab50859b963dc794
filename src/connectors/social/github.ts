import { oauth2Connector } from './oauth2.ts'
import { at, listOf, present, textOf } from './social.ts'

export const github = oauth2Connector({
  id: 'github',
  name: { en: 'GitHub', ja: 'GitHub' },
  hosts: { authorization: 'github.com', api: 'api.github.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/login/oauth/authorize`,
    token: `${authorization}/login/oauth/access_token`,
  }),
  scopes: ['user:email'],
  async profile({ get, places }) {
    // GitHub Enterprise has its API below its own address.
    const api = places.api.endsWith('api.github.com') ? places.api : `${places.api}/api/v3`
    const user = await get(`${api}/user`)
    // The address in the profile is the one that is shown, verified or not: only this list says which are.
    const emails = await get(`${api}/user/emails`)
    return {
      subject: textOf(at(user, 'id')),
      issuer: api,
      emails: listOf(emails).map((email) => ({
        address: textOf(at(email, 'email')),
        isVerified: at(email, 'verified') === true,
        isPrimary: at(email, 'primary') === true,
      })),
      claims: present({
        name: at(user, 'name'),
        preferred_username: at(user, 'login'),
        picture: at(user, 'avatar_url'),
      }),
    }
  },
})
