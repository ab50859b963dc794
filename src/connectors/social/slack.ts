import { oauth2Connector, type Reach } from './oauth2.ts'
import { at, onlyEmail, present, type SocialProfile, textOf } from './social.ts'

const teamId = 'https://slack.com/team_id'
const common = {
  name: { en: 'Slack', ja: 'Slack' },
  hosts: { authorization: 'slack.com', api: 'slack.com' },
  scopes: ['profile', 'email', 'openid'],
}

/** Slack's sign-in before OpenID Connect. */
export const slack = oauth2Connector({
  ...common,
  id: 'slack',
  endpoints: ({ authorization, api }) => ({
    authorize: `${authorization}/oauth/authorize`,
    token: `${api}/api/oauth.access`,
  }),
  // It says nothing of whether an address was verified; Slack lets nobody in before it was.
  profile: (reach) => profileOf(reach, () => true),
})

export const slackOidc = oauth2Connector({
  ...common,
  id: 'slack_oidc',
  endpoints: ({ authorization, api }) => ({
    authorize: `${authorization}/openid/connect/authorize`,
    token: `${api}/api/openid.connect.token`,
  }),
  profile: (reach) => profileOf(reach, (user) => at(user, 'email_verified') === true),
})

async function profileOf(
  { get, places }: Reach,
  isVerified: (user: unknown) => boolean,
): Promise<SocialProfile> {
  const user = await get(`${places.api}/api/openid.connect.userInfo`)
  return {
    subject: textOf(at(user, 'https://slack.com/user_id')),
    issuer: `${places.api}/api`,
    emails: onlyEmail(at(user, 'email'), isVerified(user)),
    claims: present({ name: at(user, 'name'), picture: at(user, 'picture') }),
    extra: present({ [teamId]: at(user, teamId) }),
  }
}
