import { set } from './oidc-differential-mutations.ts'
import {
  apiCode,
  authorization,
  bearer,
  byWeb,
  machineBasic,
  pairs,
  redeeming,
  refreshing,
  signedIn,
  step,
  webCode,
  webRequest,
  webTokens,
} from './oidc-differential-steps.ts'
import { type Step, secret, spaCallback } from './oidc-differential-world.ts'
import { peerResource } from './oidc-peer.ts'

const inBody = pairs({ client_id: 'post', client_secret: secret })

/** What happens one after the other, and is told by the last of it. */
export const stories: Record<string, [first: Step[], judged: Step[]]> = {
  'a code twice': [webTokens, [step('POST', '/token', redeeming, byWeb)]],
  'what a code gave, after it came twice': [
    [...webTokens, step('POST', '/token', redeeming, byWeb)],
    [step('GET', '/me', [], bearer), step('POST', '/token', refreshing, byWeb)],
  ],
  'a code of another client': [
    [webCode],
    [step('POST', '/token', [...redeeming, ...inBody]), step('POST', '/token', redeeming, byWeb)],
  ],
  'a wrong verifier, and then the right one': [
    [webCode],
    [
      step('POST', '/token', set('code_verifier', 'w'.repeat(43)).change(redeeming), byWeb),
      step('POST', '/token', redeeming, byWeb),
    ],
  ],
  'a refresh token of another client': [
    webTokens,
    [step('POST', '/token', [...refreshing, ...inBody])],
  ],
  'a refresh token as a code': [
    webTokens,
    [step('POST', '/token', set('code', '{refresh_token}').change(redeeming), byWeb)],
  ],
  'a refresh token as a bearer': [
    webTokens,
    [step('GET', '/me', [], { headers: { authorization: 'Bearer {refresh_token}' } })],
  ],
  'a code as a refresh token': [
    [webCode],
    [step('POST', '/token', set('refresh_token', '{code}').change(refreshing), byWeb)],
  ],
  'an ID token as a bearer': [
    webTokens,
    [step('GET', '/me', [], { headers: { authorization: 'Bearer {id_token}' } })],
  ],
  'a secret by the wrong way': [
    [webCode],
    [step('POST', '/token', [...redeeming, ['client_id', 'web'], ['client_secret', secret]])],
  ],
  'both ways': [
    [webCode],
    [step('POST', '/token', [...redeeming, ['client_secret', secret]], byWeb)],
  ],
  'a secret in the body': [
    [step('GET', '/auth', authorization('post', spaCallback), signedIn)],
    [step('POST', '/token', [...set('redirect_uri', spaCallback).change(redeeming), ...inBody])],
  ],
  'a public client': [
    [step('GET', '/auth', authorization('page', spaCallback), signedIn)],
    [
      step('POST', '/token', [
        ...set('redirect_uri', spaCallback).change(redeeming),
        ['client_id', 'page'],
      ]),
      step('POST', '/token', [...refreshing, ['client_id', 'page']]),
      step('GET', '/me', [], bearer),
    ],
  ],
  'a public client with a secret': [
    [step('GET', '/auth', authorization('page', spaCallback), signedIn)],
    [
      step('POST', '/token', [
        ...set('redirect_uri', spaCallback).change(redeeming),
        ...pairs({ client_id: 'page', client_secret: secret }),
      ]),
    ],
  ],
  'a machine asks for a code’s tokens': [
    [webCode],
    [step('POST', '/token', redeeming, { headers: machineBasic })],
  ],
  'a web application asks as a machine': [
    [],
    [step('POST', '/token', pairs({ grant_type: 'client_credentials' }), byWeb)],
  ],
  'tokens by GET': [[webCode], [step('GET', '/token', redeeming, byWeb)]],
  'user info': [webTokens, [step('GET', '/me', [], bearer), step('POST', '/me', [], bearer)]],
  'user info by a form': [
    webTokens,
    [step('POST', '/me', pairs({ access_token: '{access_token}' }))],
  ],
  'user info by the address': [
    webTokens,
    [step('GET', '/me', pairs({ access_token: '{access_token}' }))],
  ],
  'user info with two tokens': [
    webTokens,
    [step('POST', '/me', pairs({ access_token: '{access_token}' }), bearer)],
  ],
  'user info with nothing': [[], [step('GET', '/me', [])]],
  'user info with nonsense': [
    [],
    [step('GET', '/me', [], { headers: { authorization: 'Bearer nonsense' } })],
  ],
  'user info with Basic': [[], [step('GET', '/me', [], byWeb)]],
  'user info with a machine’s token': [
    [
      step('POST', '/token', pairs({ grant_type: 'client_credentials' }), {
        headers: machineBasic,
      }),
    ],
    [step('GET', '/me', [], bearer)],
  ],
  'user info with an API’s token': [
    [apiCode, step('POST', '/token', [...redeeming, ['resource', peerResource]], byWeb)],
    [step('GET', '/me', [], bearer)],
  ],
  'introspection of an access token': [
    webTokens,
    [step('POST', '/token/introspection', pairs({ token: '{access_token}' }), byWeb)],
  ],
  'introspection of a refresh token': [
    webTokens,
    [step('POST', '/token/introspection', pairs({ token: '{refresh_token}' }), byWeb)],
  ],
  'introspection with a wrong hint': [
    webTokens,
    [
      step(
        'POST',
        '/token/introspection',
        pairs({ token: '{access_token}', token_type_hint: 'refresh_token' }),
        byWeb,
      ),
    ],
  ],
  'introspection of nonsense': [
    [],
    [step('POST', '/token/introspection', pairs({ token: 'nonsense' }), byWeb)],
  ],
  'introspection of nothing': [[], [step('POST', '/token/introspection', [], byWeb)]],
  'introspection by an API': [
    webTokens,
    [
      step('POST', '/token/introspection', pairs({ token: '{access_token}' }), {
        headers: machineBasic,
      }),
    ],
  ],
  'introspection by a public client': [
    webTokens,
    [step('POST', '/token/introspection', pairs({ token: '{access_token}', client_id: 'page' }))],
  ],
  'introspection of an ID token': [
    webTokens,
    [step('POST', '/token/introspection', pairs({ token: '{id_token}' }), byWeb)],
  ],
  'a revoked access token': [
    webTokens,
    [
      step('POST', '/token/revocation', pairs({ token: '{access_token}' }), byWeb),
      step('GET', '/me', [], bearer),
      step('POST', '/token/introspection', pairs({ token: '{access_token}' }), byWeb),
    ],
  ],
  'a revoked refresh token': [
    webTokens,
    [
      step('POST', '/token/revocation', pairs({ token: '{refresh_token}' }), byWeb),
      step('POST', '/token', refreshing, byWeb),
      step('GET', '/me', [], bearer),
    ],
  ],
  'revocation of nonsense': [
    [],
    [step('POST', '/token/revocation', pairs({ token: 'nonsense' }), byWeb)],
  ],
  'revocation of nothing': [[], [step('POST', '/token/revocation', [], byWeb)]],
  'revocation by another client': [
    webTokens,
    [
      step('POST', '/token/revocation', [['token', '{access_token}'], ...inBody]),
      step('GET', '/me', [], bearer),
    ],
  ],
  'a refresh with a narrower scope, and then with all': [
    webTokens,
    [
      step('POST', '/token', [...refreshing, ['scope', 'openid email']], byWeb),
      step('POST', '/token', refreshing, byWeb),
    ],
  ],
  'a request that is left': [[], [step('POST', '/par', webRequest, byWeb)]],
  'a pushed request': [
    [step('POST', '/par', webRequest, byWeb)],
    [
      step('GET', '/auth', pairs({ client_id: 'web', request_uri: '{request_uri}' }), signedIn),
      step('POST', '/token', redeeming, byWeb),
    ],
  ],
  'a pushed request twice': [
    [
      step('POST', '/par', webRequest, byWeb),
      step('GET', '/auth', pairs({ client_id: 'web', request_uri: '{request_uri}' }), signedIn),
    ],
    [step('GET', '/auth', pairs({ client_id: 'web', request_uri: '{request_uri}' }), signedIn)],
  ],
  'a pushed request of another client': [
    [step('POST', '/par', webRequest, byWeb)],
    [step('GET', '/auth', pairs({ client_id: 'page', request_uri: '{request_uri}' }), signedIn)],
  ],
  'a device of a web application': [
    [],
    [step('POST', '/device/auth', pairs({ scope: 'openid' }), byWeb)],
  ],
  keys: [[], [step('GET', '/jwks', [])]],
  'a path that is none': [[], [step('GET', '/nowhere', [])]],
}
