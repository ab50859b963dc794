/** Somebody with an account at a provider. */
export interface Person {
  id: string
  email: string | null
  isVerified: boolean
  given: string
  family: string
  username: string
  picture: string
}

export const ann: Person = {
  id: '4711',
  email: 'ann@example.com',
  isVerified: true,
  given: 'Ann',
  family: 'Archer',
  username: 'ann',
  picture: 'https://pictures.example.com/ann.png',
}

/** How one provider speaks, written from its own documentation. */
export interface Dialect {
  authorize: string
  token: string
  /** How a client says at the token endpoint who it is. */
  client: 'header' | 'body'
  /** What an app asks for when nobody says more, as the query has it. */
  scope: string | null
  pkce?: true
  /** The claims of the ID token that comes with the access token, and whose it is. */
  idToken?: { issuer: string; claims(person: Person): object }
  /** More in the answer of the token endpoint. */
  more?(person: Person): object
  /** By address without query, what the API says of the person. */
  api: Record<string, (person: Person) => unknown>
  /** How the picture and the name come out, where it is not simply the person's. */
  name?: string
  /** The provider can say that an address was not verified. */
  tellsTrust: boolean
  /** Without being told, its addresses do not count as verified. */
  isUntrusted?: true
}

const full = (person: Person) => `${person.given} ${person.family}`
const slackUser = (person: Person) => ({
  'https://slack.com/user_id': person.id,
  'https://slack.com/team_id': 'T1',
  email: person.email,
  email_verified: person.isVerified,
  name: full(person),
  picture: person.picture,
})

export const dialects: Record<string, Dialect> = {
  apple: {
    authorize: 'https://appleid.apple.com/auth/authorize',
    token: 'https://appleid.apple.com/auth/token',
    client: 'body',
    scope: 'email name',
    idToken: {
      issuer: 'https://appleid.apple.com',
      claims: ({ email }) => ({ email, email_verified: 'true', is_private_email: 'true' }),
    },
    api: {},
    tellsTrust: false,
  },
  azure: {
    authorize: 'https://login.microsoftonline.com/common/oauth2/v2.0/authorize',
    token: 'https://login.microsoftonline.com/common/oauth2/v2.0/token',
    client: 'body',
    scope: 'openid',
    idToken: {
      issuer: 'https://login.microsoftonline.com/9188040d-6c67-4c5b-b112-36a304b66dad/v2.0',
      claims: (person) => ({
        email: person.email,
        name: full(person),
        preferred_username: person.username,
        xms_edov: person.isVerified ? '1' : false,
        tid: '9188040d-6c67-4c5b-b112-36a304b66dad',
        ver: '2.0',
      }),
    },
    api: {},
    tellsTrust: true,
  },
  bitbucket: {
    authorize: 'https://bitbucket.org/site/oauth2/authorize',
    token: 'https://bitbucket.org/site/oauth2/access_token',
    client: 'header',
    scope: 'account email',
    api: {
      'https://api.bitbucket.org/2.0/user': (person) => ({
        uuid: person.id,
        display_name: full(person),
        links: { avatar: { href: person.picture } },
      }),
      'https://api.bitbucket.org/2.0/user/emails': (person) => ({
        values: [
          { email: 'old@example.com', is_primary: false, is_confirmed: false },
          { email: person.email, is_primary: true, is_confirmed: person.isVerified },
        ],
      }),
    },
    tellsTrust: true,
  },
  discord: {
    authorize: 'https://discord.com/api/oauth2/authorize',
    token: 'https://discord.com/api/oauth2/token',
    client: 'body',
    scope: 'email identify',
    api: {
      'https://discord.com/api/users/@me': (person) => ({
        id: person.id,
        username: person.username,
        discriminator: '7',
        global_name: full(person),
        avatar: null,
        email: person.email,
        verified: person.isVerified,
      }),
    },
    name: 'ann#7',
    tellsTrust: true,
  },
  facebook: {
    authorize: 'https://www.facebook.com/dialog/oauth',
    token: 'https://graph.facebook.com/oauth/access_token',
    client: 'body',
    scope: 'email',
    api: {
      'https://graph.facebook.com/me': (person) => ({
        id: person.id,
        email: person.email ?? undefined,
        first_name: person.given,
        last_name: person.family,
        name: person.username,
        picture: { data: { url: person.picture } },
      }),
    },
    tellsTrust: false,
  },
  figma: {
    authorize: 'https://www.figma.com/oauth',
    token: 'https://api.figma.com/v1/oauth/token',
    client: 'header',
    scope: 'current_user:read',
    api: {
      'https://api.figma.com/v1/me': (person) => ({
        id: person.id,
        email: person.email,
        handle: full(person),
        img_url: person.picture,
      }),
    },
    tellsTrust: false,
  },
  fly: {
    authorize: 'https://api.fly.io/oauth/authorize',
    token: 'https://api.fly.io/oauth/token',
    client: 'body',
    scope: 'read',
    api: {
      'https://api.fly.io/oauth/token/info': (person) => ({
        resource_owner_id: 'owner',
        user_id: person.id,
        user_name: full(person),
        email: person.email,
        organizations: [{ id: 'o1', role: 'member' }],
        application: { uid: 'app' },
        scope: ['read'],
        created_at: 1_700_000_000,
      }),
    },
    tellsTrust: false,
  },
  github: {
    authorize: 'https://github.com/login/oauth/authorize',
    token: 'https://github.com/login/oauth/access_token',
    client: 'body',
    scope: 'user:email',
    api: {
      'https://api.github.com/user': (person) => ({
        id: Number(person.id),
        login: person.username,
        name: full(person),
        avatar_url: person.picture,
        email: 'shown@example.com',
      }),
      'https://api.github.com/user/emails': (person) => [
        { email: 'second@example.com', primary: false, verified: false, visibility: null },
        ...(person.email === null
          ? []
          : [{ email: person.email, primary: true, verified: person.isVerified }]),
      ],
    },
    tellsTrust: true,
  },
  gitlab: {
    authorize: 'https://gitlab.com/oauth/authorize',
    token: 'https://gitlab.com/oauth/token',
    client: 'body',
    scope: 'read_user',
    api: {
      'https://gitlab.com/api/v4/user': (person) => ({
        id: Number(person.id),
        name: full(person),
        avatar_url: person.picture,
        email: person.email,
        confirmed_at: person.isVerified ? '2020-01-01T00:00:00Z' : null,
      }),
      'https://gitlab.com/api/v4/user/emails': () => [{ id: 1, email: 'other@example.com' }],
    },
    tellsTrust: true,
  },
  google: {
    authorize: 'https://accounts.google.com/o/oauth2/v2/auth',
    token: 'https://oauth2.googleapis.com/token',
    client: 'body',
    scope: 'email profile',
    idToken: {
      issuer: 'https://accounts.google.com',
      claims: (person) => ({
        email: person.email,
        email_verified: person.isVerified,
        name: full(person),
        picture: person.picture,
        hd: 'example.com',
      }),
    },
    api: {
      'https://www.googleapis.com/userinfo/v2/me': (person) => ({
        id: person.id,
        email: person.email,
        verified_email: person.isVerified,
        name: full(person),
        picture: person.picture,
      }),
    },
    tellsTrust: true,
  },
  kakao: {
    authorize: 'https://kauth.kakao.com/oauth/authorize',
    token: 'https://kauth.kakao.com/oauth/token',
    client: 'body',
    scope: 'account_email profile_image profile_nickname',
    api: {
      'https://kapi.kakao.com/v2/user/me': (person) => ({
        id: Number(person.id),
        kakao_account: {
          email: person.email,
          is_email_valid: true,
          is_email_verified: person.isVerified,
          profile: { nickname: full(person), profile_image_url: person.picture },
        },
      }),
    },
    tellsTrust: true,
  },
  keycloak: {
    authorize: 'http://keycloak:8080/realms/club/protocol/openid-connect/auth',
    token: 'http://keycloak:8080/realms/club/protocol/openid-connect/token',
    client: 'body',
    scope: 'profile email',
    api: {
      'http://keycloak:8080/realms/club/protocol/openid-connect/userinfo': (person) => ({
        sub: person.id,
        email: person.email,
        email_verified: person.isVerified,
        name: full(person),
        groups: ['members'],
      }),
    },
    tellsTrust: true,
  },
  linkedin: {
    authorize: 'https://api.linkedin.com/oauth/v2/authorization',
    token: 'https://api.linkedin.com/oauth/v2/accessToken',
    client: 'body',
    scope: 'r_emailaddress r_liteprofile',
    api: {
      'https://api.linkedin.com/v2/me': (person) => ({
        id: person.id,
        firstName: localized(person.given),
        lastName: localized(person.family),
        profilePicture: {
          'displayImage~': { elements: [{ identifiers: [{ identifier: person.picture }] }] },
        },
      }),
      'https://api.linkedin.com/v2/emailAddress': ({ email }) => ({
        elements: [{ handle: 'urn:li:emailAddress:1', 'handle~': { emailAddress: email } }],
      }),
    },
    tellsTrust: false,
  },
  linkedin_oidc: {
    authorize: 'https://api.linkedin.com/oauth/v2/authorization',
    token: 'https://api.linkedin.com/oauth/v2/accessToken',
    client: 'body',
    scope: 'openid email profile',
    idToken: {
      issuer: 'https://www.linkedin.com/oauth',
      claims: (person) => ({
        email: person.email,
        email_verified: String(person.isVerified),
        given_name: person.given,
        family_name: person.family,
        locale: 'en_US',
        picture: person.picture,
      }),
    },
    api: {},
    tellsTrust: true,
  },
  notion: {
    authorize: 'https://api.notion.com/v1/oauth/authorize',
    token: 'https://api.notion.com/v1/oauth/token',
    client: 'header',
    scope: null,
    api: {
      'https://api.notion.com/v1/users/me': (person) => ({
        object: 'user',
        type: 'bot',
        bot: {
          owner: {
            type: 'user',
            user: {
              id: person.id,
              name: full(person),
              avatar_url: person.picture,
              person: { email: person.email },
            },
          },
        },
      }),
    },
    tellsTrust: false,
  },
  slack: {
    authorize: 'https://slack.com/oauth/authorize',
    token: 'https://slack.com/api/oauth.access',
    client: 'body',
    scope: 'profile email openid',
    api: { 'https://slack.com/api/openid.connect.userInfo': slackUser },
    tellsTrust: false,
  },
  slack_oidc: {
    authorize: 'https://slack.com/openid/connect/authorize',
    token: 'https://slack.com/api/openid.connect.token',
    client: 'body',
    scope: 'profile email openid',
    api: { 'https://slack.com/api/openid.connect.userInfo': slackUser },
    tellsTrust: true,
  },
  snapchat: {
    authorize: 'https://accounts.snapchat.com/accounts/oauth2/auth',
    token: 'https://accounts.snapchat.com/accounts/oauth2/token',
    client: 'header',
    scope: ['external_id', 'display_name', 'bitmoji.avatar']
      .map((field) => `https://auth.snapchat.com/oauth2/api/user.${field}`)
      .join(' '),
    api: {
      'https://kit.snapchat.com/v1/me': (person) => ({
        data: {
          me: {
            externalId: person.id,
            displayName: full(person),
            bitmoji: { avatar: person.picture },
            email: person.email,
          },
        },
      }),
    },
    tellsTrust: false,
  },
  spotify: {
    authorize: 'https://accounts.spotify.com/authorize',
    token: 'https://accounts.spotify.com/api/token',
    client: 'header',
    scope: 'user-read-email',
    api: {
      'https://api.spotify.com/v1/me': (person) => ({
        id: person.id,
        display_name: full(person),
        email: person.email,
        images: [
          { url: 'https://pictures.example.com/small.png', height: 64, width: 64 },
          { url: person.picture, height: 300, width: 300 },
        ],
      }),
    },
    tellsTrust: true,
    isUntrusted: true,
  },
  twitch: {
    authorize: 'https://id.twitch.tv/oauth2/authorize',
    token: 'https://id.twitch.tv/oauth2/token',
    client: 'body',
    scope: 'user:read:email',
    api: {
      'https://api.twitch.tv/helix/users': (person) => ({
        data: [
          {
            id: person.id,
            login: person.username,
            display_name: full(person),
            email: person.email,
            profile_image_url: person.picture,
            broadcaster_type: 'partner',
            description: 'plays chess',
            type: '',
            offline_image_url: '',
            view_count: 3,
          },
        ],
      }),
    },
    name: 'ann',
    tellsTrust: false,
  },
  vercel_marketplace: {
    authorize: 'https://api.vercel.com/oauth/v2/authorization',
    token: 'https://api.vercel.com/oauth/v2/accessToken',
    client: 'body',
    scope: null,
    idToken: {
      issuer: 'https://marketplace.vercel.com',
      claims: (person) => ({
        user_email: person.email,
        user_name: full(person),
        user_avatar_url: person.picture,
      }),
    },
    api: {},
    tellsTrust: false,
  },
  workos: {
    authorize: 'https://api.workos.com/sso/authorize',
    token: 'https://api.workos.com/sso/token',
    client: 'body',
    scope: null,
    more: (person) => ({
      profile: {
        id: person.id,
        connection_id: 'conn_1',
        organization_id: 'org_1',
        email: person.email,
        first_name: person.given,
        last_name: person.family,
      },
    }),
    api: {},
    tellsTrust: false,
  },
  x: {
    authorize: 'https://x.com/i/oauth2/authorize',
    token: 'https://api.x.com/2/oauth2/token',
    client: 'header',
    scope: 'users.email tweet.read users.read offline.access',
    pkce: true,
    api: {
      'https://api.x.com/2/users/me': (person) => ({
        data: {
          id: person.id,
          name: full(person),
          username: person.username,
          confirmed_email: person.email,
          profile_image_url: person.picture,
          url: 'https://ann.example.com',
          created_at: '2012-01-01T00:00:00.000Z',
        },
      }),
    },
    tellsTrust: false,
  },
  zoom: {
    authorize: 'https://zoom.us/oauth/authorize',
    token: 'https://zoom.us/oauth/token',
    client: 'header',
    scope: null,
    api: {
      'https://api.zoom.us/v2/users/me': (person) => ({
        id: person.id,
        first_name: person.given,
        last_name: person.family,
        email: person.email,
        verified: person.isVerified ? 1 : 0,
        login_type: 100,
        pic_url: person.picture,
      }),
    },
    tellsTrust: true,
  },
}

function localized(text: string) {
  return { localized: { en_US: text }, preferredLocale: { language: 'en', country: 'US' } }
}
