import { oauth2Connector } from './oauth2.ts'
import { at, listOf, present, textOf } from './social.ts'

export const bitbucket = oauth2Connector({
  id: 'bitbucket',
  name: { en: 'Bitbucket', ja: 'Bitbucket' },
  hosts: { authorization: 'bitbucket.org', api: 'api.bitbucket.org' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/site/oauth2/authorize`,
    token: `${authorization}/site/oauth2/access_token`,
  }),
  scopes: ['account', 'email'],
  authentication: 'header',
  async profile({ get, places }) {
    const api = `${places.api}/2.0`
    const user = await get(`${api}/user`)
    const emails = await get(`${api}/user/emails`)
    return {
      subject: textOf(at(user, 'uuid')),
      issuer: api,
      emails: listOf(at(emails, 'values')).map((email) => ({
        address: textOf(at(email, 'email')),
        isVerified: at(email, 'is_confirmed') === true,
        isPrimary: at(email, 'is_primary') === true,
      })),
      claims: present({
        name: at(user, 'display_name'),
        picture: at(user, 'links', 'avatar', 'href'),
      }),
    }
  },
})
