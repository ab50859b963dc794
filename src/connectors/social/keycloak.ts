import { discoveryUrlOf } from './documents.ts'
import { oauth2Connector } from './oauth2.ts'
import { profileOfClaims } from './openid.ts'
import { isObject, onlyEmail, present, textOf } from './social.ts'

/** A realm of somebody's own Keycloak: `url` is the realm's address, and its issuer. */
export const keycloak = oauth2Connector({
  id: 'keycloak',
  name: { en: 'Keycloak', ja: 'Keycloak' },
  // There is no public installation: without `url` the flow refuses before it comes here.
  hosts: { authorization: 'keycloak.invalid', api: 'keycloak.invalid' },
  endpoints: ({ authorization }) => ({
    authorize: `${authorization}/protocol/openid-connect/auth`,
    token: `${authorization}/protocol/openid-connect/token`,
  }),
  scopes: ['profile', 'email'],
  needsUrl: true,
  idTokens: {
    issuerOf: ({ url }) => url ?? '',
    keysOf: (issuer, { url }) =>
      url !== null && issuer === url ? { discoveryUrl: discoveryUrlOf(issuer) } : null,
    profile: profileOfClaims,
  },
  async profile({ get, places }) {
    const user = await get(`${places.api}/protocol/openid-connect/userinfo`)
    const { name, sub, email, email_verified: isVerified, ...extra } = isObject(user) ? user : {}
    return {
      subject: textOf(sub),
      issuer: places.api,
      emails: onlyEmail(email, isVerified === true),
      claims: present({ name }),
      extra,
    }
  },
})
