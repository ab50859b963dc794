import { createHash } from 'node:crypto'
import { basic } from './oidc-client.ts'
import type { Params } from './oidc-differential-mutations.ts'
import { type Step, secret, webCallback } from './oidc-differential-world.ts'
import { peerResource } from './oidc-peer.ts'

/** A story: what comes first, which is not judged, and what is. */
export interface Case {
  /** The endpoint and the client, as the table of differences names them. */
  about: string
  name: string
  first: readonly Step[]
  judged: readonly Step[]
}

const verifier = 'v'.repeat(43)
const challenge = createHash('sha256').update(verifier).digest('base64url')
export const webBasic = basic('web', secret)
export const machineBasic = basic('robot', secret)

export function step(
  method: string,
  path: string,
  params: Params,
  extra: Partial<Step> = {},
): Step {
  return { method, path, params, headers: {}, isSignedIn: false, ...extra }
}

export function pairs(fields: Record<string, string>): Params {
  return Object.entries(fields)
}

export function authorization(
  client: string,
  redirect: string,
  more: Record<string, string> = {},
): Params {
  return pairs({
    ...{ client_id: client, redirect_uri: redirect, response_type: 'code' },
    ...{ scope: 'openid offline_access profile email', prompt: 'consent', state: 'a state' },
    ...{ nonce: 'a nonce', code_challenge: challenge, code_challenge_method: 'S256', ...more },
  })
}

export const webRequest = authorization('web', webCallback)
export const signedIn = { isSignedIn: true }
export const webCode = step('GET', '/auth', webRequest, signedIn)
export const apiCode = step('GET', '/auth', [...webRequest, ['resource', peerResource]], signedIn)
export const redeeming = pairs({
  ...{ grant_type: 'authorization_code', code: '{code}', redirect_uri: webCallback },
  code_verifier: verifier,
})
export const byWeb = { headers: webBasic }
export const webTokens = [webCode, step('POST', '/token', redeeming, byWeb)]
export const refreshing = pairs({ grant_type: 'refresh_token', refresh_token: '{refresh_token}' })
export const bearer = { headers: { authorization: 'Bearer {access_token}' } }
