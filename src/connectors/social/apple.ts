import { oauth2Connector, type Reach } from './oauth2.ts'
import {
  at,
  type Claims,
  failed,
  isObject,
  onlyEmail,
  present,
  type SocialProfile,
  textOf,
} from './social.ts'

const issuers = ['https://appleid.apple.com', 'https://account.apple.com']

/** Sign in with Apple: the answer comes as a form, the name only with the first one, and the rest in the ID token. */
export const apple = oauth2Connector({
  id: 'apple',
  name: { en: 'Apple', ja: 'Apple' },
  hosts: { authorization: 'appleid.apple.com', api: 'appleid.apple.com' },
  endpoints: () => ({
    authorize: 'https://appleid.apple.com/auth/authorize',
    token: 'https://appleid.apple.com/auth/token',
  }),
  scopes: ['email', 'name'],
  parameters: { response_mode: 'form_post' },
  idTokens: {
    issuerOf: () => null,
    keysOf: (issuer) =>
      issuers.includes(issuer) ? { jwksUri: 'https://appleid.apple.com/auth/keys' } : null,
    profile: profileOf,
  },
  async profile(reach) {
    const claims = await reach.idToken()
    if (claims === null) throw failed('apple', 'profile', { why: 'no ID token' })
    const profile = profileOf(claims)
    return { ...profile, claims: { ...profile.claims, ...nameOf(reach) } }
  },
})

function profileOf(claims: Claims): SocialProfile {
  const { is_private_email: isPrivate, auth_time, transfer_sub } = claims
  return {
    subject: textOf(claims.sub),
    issuer: textOf(claims.iss),
    emails: onlyEmail(claims.email, true),
    claims: {},
    extra: present({
      is_private_email:
        isPrivate === undefined ? undefined : isPrivate === true || isPrivate === 'true',
      auth_time,
      transfer_sub,
    }),
  }
}

/** What the browser carried: nobody signed it, so a name is all that is taken from it. */
function nameOf({ returned }: Reach): Record<string, unknown> {
  try {
    const user: unknown = JSON.parse(returned.get('user') ?? '')
    if (!isObject(user)) return {}
    const parts = [at(user, 'name', 'firstName'), at(user, 'name', 'lastName')].map(textOf)
    return present({ name: parts.join(' ').trim() })
  } catch {
    return {}
  }
}
