import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

export const discord = oauth2Connector({
  id: 'discord',
  name: { en: 'Discord', ja: 'Discord' },
  hosts: { authorization: 'discord.com', api: 'discord.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/api/oauth2/authorize`,
    token: `${authorization}/api/oauth2/token`,
  }),
  scopes: ['email', 'identify'],
  async profile({ get, places }) {
    const user = await get(`${places.api}/api/users/@me`)
    const [username, discriminator] = [
      textOf(at(user, 'username')),
      textOf(at(user, 'discriminator')),
    ]
    return {
      subject: textOf(at(user, 'id')),
      issuer: `${places.api}/api`,
      emails: onlyEmail(at(user, 'email'), at(user, 'verified') === true),
      claims: present({ name: `${username}#${discriminator}`, picture: pictureOf(user) }),
      fullName: username,
      extra: present({ global_name: at(user, 'global_name') }),
    }
  },
})

function pictureOf(user: unknown): string {
  const avatar = textOf(at(user, 'avatar'))
  if (avatar === '') {
    const number = Number(textOf(at(user, 'discriminator'))) || 0
    return `https://cdn.discordapp.com/embed/avatars/${number % 5}.png`
  }
  const extension = avatar.startsWith('a_') ? 'gif' : 'png'
  return `https://cdn.discordapp.com/avatars/${textOf(at(user, 'id'))}/${avatar}.${extension}`
}
