import { basic } from './oidc-client.ts'
import {
  agreed,
  anythingTo,
  drop,
  harmless,
  type Mutation,
  ofAuthorization,
  ofToken,
  set,
} from './oidc-differential-mutations.ts'
import {
  apiCode,
  authorization,
  byWeb,
  type Case,
  machineBasic,
  pairs,
  redeeming,
  refreshing,
  signedIn,
  step,
  webBasic,
  webCode,
  webRequest,
  webTokens,
} from './oidc-differential-steps.ts'
import { stories } from './oidc-differential-stories.ts'
import { nativeCallback, type Step, secret, spaCallback } from './oidc-differential-world.ts'
import { peerResource } from './oidc-peer.ts'

/** One base request, and all that is done to it, one thing at a time. */
function mutated(
  base: Omit<Case, 'name' | 'judged'> & { step: Step },
  mutations: readonly Mutation[],
): Case[] {
  const { step: one, ...about } = base
  return mutations.map(({ name, change }) => ({
    ...about,
    name,
    judged: [{ ...one, params: change(one.params) }],
  }))
}

const authorizationNames = webRequest.map(([name]) => name)
const redeemingNames = redeeming.map(([name]) => name)

const authorizations: Case[] = [
  ...mutated({ about: 'auth', first: [], step: webCode }, [
    ...harmless,
    ...authorizationNames.flatMap(anythingTo),
    ...ofAuthorization,
  ]),
  ...mutated({ about: 'auth, nobody', first: [], step: { ...webCode, isSignedIn: false } }, [
    ...harmless,
    ...authorizationNames.map(drop),
    ...ofAuthorization,
  ]),
  ...mutated(
    {
      ...{ about: 'auth, spa', first: [] },
      step: step('GET', '/auth', authorization('page', spaCallback), signedIn),
    },
    [
      ...harmless,
      ...authorizationNames.map(drop),
      ...authorizationNames.map((name) => set(name, '')),
    ],
  ),
  ...mutated(
    {
      ...{ about: 'auth, form_post', first: [] },
      step: step('GET', '/auth', [...webRequest, ['response_mode', 'form_post']], signedIn),
    },
    [...harmless, ...authorizationNames.map(drop)],
  ),
  ...mutated(
    {
      ...{ about: 'auth, native', first: [] },
      step: step('GET', '/auth', authorization('desk', nativeCallback), signedIn),
    },
    [
      ...['http://127.0.0.1:5000/done', 'http://127.0.0.1:5000/other', 'http://localhost/done'],
      ...['com.example.app:/done', 'com.example.app:/other', 'http://[::1]/done'],
      ...['http://127.0.0.2/done', 'https://127.0.0.1/done', 'http://127.0.0.1:99999/done'],
    ].map((address) => set('redirect_uri', address)),
  ),
]

const tokens: Case[] = [
  ...mutated(
    { about: 'token, code', first: [webCode], step: step('POST', '/token', redeeming, byWeb) },
    [...harmless, ...redeemingNames.flatMap(anythingTo), ...ofToken],
  ),
  ...mutated(
    {
      ...{ about: 'token, code for an API', first: [apiCode] },
      step: step('POST', '/token', redeeming, byWeb),
    },
    [...harmless, ...ofToken],
  ),
  ...mutated(
    { about: 'token, refresh', first: webTokens, step: step('POST', '/token', refreshing, byWeb) },
    [...harmless, ...refreshing.flatMap(([name]) => anythingTo(name)), ...ofToken],
  ),
  ...mutated(
    {
      ...{ about: 'token, machine', first: [] },
      step: step('POST', '/token', pairs({ grant_type: 'client_credentials' }), {
        headers: machineBasic,
      }),
    },
    [...harmless, ...anythingTo('grant_type'), ...ofToken],
  ),
  ...mutated(
    {
      ...{ about: 'token, machine for an API', first: [] },
      step: step(
        'POST',
        '/token',
        pairs({ grant_type: 'client_credentials', resource: peerResource, scope: 'read:things' }),
        { headers: machineBasic },
      ),
    },
    [...harmless, ...ofToken, ...anythingTo('scope')],
  ),
]

/** Other people's credentials, and other ways of showing them. */
const proofs: Case[] = Object.entries({
  'no credentials': {},
  'a wrong secret': basic('web', 'wrong'),
  'an empty secret': basic('web', ''),
  'another client': basic('post', secret),
  'a machine': machineBasic,
  nobody: basic('nobody', secret),
  'no Basic': { authorization: 'Bearer abc' },
  'a bare Basic': { authorization: 'Basic' },
  'no base64': { authorization: 'Basic !!!!' },
  'no colon': { authorization: `Basic ${Buffer.from('web').toString('base64')}` },
  'a basic in capitals': { authorization: webBasic.authorization?.replace('Basic', 'BASIC') ?? '' },
  'JSON for a form': { ...webBasic, 'content-type': 'application/json' },
  'plain text': { ...webBasic, 'content-type': 'text/plain' },
  'a form with a charset': {
    ...webBasic,
    'content-type': 'application/x-www-form-urlencoded; charset=utf-8',
  },
}).flatMap(([name, headers]): Case[] => [
  {
    ...{ about: 'proof, code', name, first: [webCode] },
    judged: [step('POST', '/token', redeeming, { headers })],
  },
  {
    ...{ about: 'proof, refresh', name, first: webTokens },
    judged: [step('POST', '/token', refreshing, { headers })],
  },
  ...['/token/introspection', '/token/revocation', '/par'].map((path) => ({
    about: `proof, ${path}`,
    name,
    first: webTokens,
    judged: [
      step('POST', path, path === '/par' ? webRequest : pairs({ token: '{access_token}' }), {
        headers,
      }),
    ],
  })),
])

/** Requests that are left first are judged like those that come at once. */
const pushed = mutated({ about: 'par', first: [], step: step('POST', '/par', webRequest, byWeb) }, [
  ...harmless,
  ...authorizationNames.map(drop),
  ...ofAuthorization,
])

export const cases: readonly Case[] = [
  ...authorizations,
  ...tokens,
  ...proofs,
  ...pushed,
  ...Object.entries(stories).map(([name, [first, judged]]) => ({
    ...{ about: 'story', name, first, judged },
  })),
]

/** Changes to which both answer alike, in pairs; the same pairs in every run. */
export const twoThings: readonly Case[] = Array.from({ length: 200 }, (_, at): Case => {
  const one = agreed[(at * 7) % agreed.length] ?? agreed[0]
  const two = agreed[(at * 13 + 5) % agreed.length] ?? agreed[0]
  const params = two.change(one.change(webRequest))
  return {
    ...{ about: 'auth', name: `${one.name}, ${two.name}`, first: [] },
    judged: [step('GET', '/auth', params, { isSignedIn: at % 2 === 0 })],
  }
})
