import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

export const twitch = oauth2Connector({
  id: 'twitch',
  name: { en: 'Twitch', ja: 'Twitch' },
  hosts: { authorization: 'id.twitch.tv', api: 'api.twitch.tv' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth2/authorize`,
    token: `${authorization}/oauth2/token`,
  }),
  scopes: ['user:read:email'],
  async profile({ get, places, settings }) {
    const answer = await get(`${places.api}/helix/users`, {
      'client-id': settings.clientIds[0] ?? '',
    })
    const user = at(answer, 'data', 0)
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      // Twitch hands out verified addresses only.
      emails: onlyEmail(at(user, 'email'), true),
      claims: present({
        name: at(user, 'login'),
        nickname: at(user, 'display_name'),
        picture: at(user, 'profile_image_url'),
      }),
      extra: Object.fromEntries(
        ['broadcaster_type', 'description', 'type', 'offline_image_url', 'view_count'].map(
          (key) => [key, at(user, key) ?? ''],
        ),
      ),
    }
  },
})
