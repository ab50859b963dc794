import { oauth2Connector } from './oauth2.ts'
import { at, listOf, onlyEmail, present, textOf } from './social.ts'

export const spotify = oauth2Connector({
  id: 'spotify',
  name: { en: 'Spotify', ja: 'Spotify' },
  hosts: { authorization: 'accounts.spotify.com', api: 'api.spotify.com/v1' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/authorize`,
    token: `${authorization}/api/token`,
  }),
  scopes: ['user-read-email'],
  authentication: 'header',
  async profile({ get, places }) {
    const user = await get(`${places.api}/me`)
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      // Spotify's own reference: "This email address is unverified".
      emails: onlyEmail(at(user, 'email'), false),
      claims: present({ name: at(user, 'display_name'), picture: largestOf(at(user, 'images')) }),
    }
  },
})

function largestOf(images: unknown): string {
  const sized = listOf(images).map((image) => ({
    url: textOf(at(image, 'url')),
    size: Number(at(image, 'height') ?? 0) * Number(at(image, 'width') ?? 0),
  }))
  return sized.reduce((best, image) => (image.size > best.size ? image : best), {
    url: sized[0]?.url ?? '',
    size: 0,
  }).url
}
