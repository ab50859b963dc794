import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

export const figma = oauth2Connector({
  id: 'figma',
  name: { en: 'Figma', ja: 'Figma' },
  hosts: { authorization: 'www.figma.com', api: 'api.figma.com' },
  endpoints: ({ authorization, api }) => ({
    authorize: `${authorization}/oauth`,
    token: `${api}/v1/oauth/token`,
  }),
  scopes: ['current_user:read'],
  authentication: 'header',
  async profile({ get, places }) {
    const user = await get(`${places.api}/v1/me`)
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      emails: onlyEmail(at(user, 'email'), true),
      claims: present({ name: at(user, 'handle'), picture: at(user, 'img_url') }),
    }
  },
})
