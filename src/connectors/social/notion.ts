import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

export const notion = oauth2Connector({
  id: 'notion',
  name: { en: 'Notion', ja: 'Notion' },
  hosts: { authorization: 'api.notion.com', api: 'api.notion.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/v1/oauth/authorize`,
    token: `${authorization}/v1/oauth/token`,
  }),
  scopes: [],
  authentication: 'header',
  async profile({ get, places }) {
    const bot = await get(`${places.api}/v1/users/me`, { 'notion-version': '2021-08-16' })
    const user = at(bot, 'bot', 'owner', 'user')
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      // Notion signs people in by their address, and so has checked it.
      emails: onlyEmail(at(user, 'person', 'email'), true),
      claims: present({ name: at(user, 'name'), picture: at(user, 'avatar_url') }),
    }
  },
})
