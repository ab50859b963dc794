import { oauth2Connector } from './oauth2.ts'
import { at, onlyEmail, present, textOf } from './social.ts'

/** LinkedIn's sign-in before OpenID Connect; new applications have only `linkedin_oidc`. */
export const linkedin = oauth2Connector({
  id: 'linkedin',
  name: { en: 'LinkedIn', ja: 'LinkedIn' },
  hosts: { authorization: 'api.linkedin.com', api: 'api.linkedin.com' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/oauth/v2/authorization`,
    token: `${authorization}/oauth/v2/accessToken`,
  }),
  scopes: ['r_emailaddress', 'r_liteprofile'],
  async profile({ get, places }) {
    const fields = '(id,firstName,lastName,profilePicture(displayImage~:playableStreams))'
    const user = await get(`${places.api}/v2/me?projection=${fields}`)
    const contact = await get(
      `${places.api}/v2/emailAddress?q=members&projection=(elements*(handle~))`,
    )
    const names = [nameOf(at(user, 'firstName')), nameOf(at(user, 'lastName'))]
    return {
      subject: textOf(at(user, 'id')),
      issuer: places.api,
      // The scope gives the primary address, which LinkedIn verified.
      emails: onlyEmail(at(contact, 'elements', 0, 'handle~', 'emailAddress'), true),
      claims: present({
        name: names.join(' ').trim(),
        picture: at(
          user,
          'profilePicture',
          'displayImage~',
          'elements',
          0,
          'identifiers',
          0,
          'identifier',
        ),
      }),
    }
  },
})

/** A name is written once for each language; the person prefers one of them. */
function nameOf(name: unknown): string {
  const language = textOf(at(name, 'preferredLocale', 'language'))
  const country = textOf(at(name, 'preferredLocale', 'country'))
  return textOf(at(name, 'localized', `${language}_${country}`))
}
