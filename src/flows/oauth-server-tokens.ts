import { type Context, transaction } from '../base/context.ts'
import { type Challenge, matchesChallenge } from '../model/flow-state.ts'
import { findOAuthAuthorizationByCode, spendOAuthCode } from '../model/oauth-authorization.ts'
import { clientSecretMatches, findOAuthClient, type OAuthClient } from '../model/oauth-client.ts'
import { findUser } from '../model/user.ts'
import { admit, isBanned } from './admit.ts'
import type { SignedIn } from './sign-in.ts'

/** How somebody says which client they are. */
export interface ClientProof {
  id: string
  secret: string
  method: 'none' | 'client_secret_basic' | 'client_secret_post'
}

export type AuthenticatedClient =
  | { outcome: 'client'; client: OAuthClient }
  | { outcome: 'unknown' | 'no-secret' | 'wrong-secret' }
  | { outcome: 'other-method'; registered: string }

/** The client that asks for tokens: known, by the way that it registered, and with its secret. */
export async function authenticateOAuthClient(
  ctx: Context,
  { id, secret, method }: ClientProof,
): Promise<AuthenticatedClient> {
  const client = await findOAuthClient(ctx, id)
  if (client === null) return { outcome: 'unknown' }
  if (client.authMethod !== method) {
    return { outcome: 'other-method', registered: client.authMethod }
  }
  if (client.type === 'public') return { outcome: 'client', client }
  if (secret === '') return { outcome: 'no-secret' }
  return clientSecretMatches(client, secret)
    ? { outcome: 'client', client }
    : { outcome: 'wrong-secret' }
}

export interface CodeRequest {
  code: string
  redirectUri: string
  verifier: string
  resource: string
}

export type RedeemedCode =
  | { outcome: 'redeemed'; signedIn: SignedIn; scope: string; nonce: string; authenticatedAt: Date }
  | { outcome: 'unknown' | 'expired' | 'other-client' | 'other-resource' | 'other-address' }
  | { outcome: 'no-verifier' | 'wrong-verifier' | 'nobody' | 'banned' }

/**
 * Redeems a code for a session that the client holds: of all who come with it, one gets it. A wrong verifier or address
 * spends nothing, as in GoTrue; who does not know the verifier has no use for the code.
 */
export async function redeemOAuthCode(
  ctx: Context,
  client: OAuthClient,
  { code, redirectUri, verifier, resource }: CodeRequest,
): Promise<RedeemedCode> {
  const found = await findOAuthAuthorizationByCode(ctx, code)
  if (found === null) return { outcome: 'unknown' }
  if (found.isExpired) return { outcome: 'expired' }
  if (found.clientId !== client.id) return { outcome: 'other-client' }
  if (resource !== '' && resource !== found.resource) return { outcome: 'other-resource' }
  if (redirectUri !== '' && redirectUri !== found.redirectUri) return { outcome: 'other-address' }
  const proof = found.challenge === null ? null : unproved(verifier, found.challenge)
  if (proof !== null) return { outcome: proof }
  if (found.userId === null) return { outcome: 'nobody' }
  const user = await findUser(ctx, found.userId)
  if (user === null || user.deletedAt !== null) return { outcome: 'nobody' }
  if (isBanned(ctx, user)) return { outcome: 'banned' }
  const { scope, nonce } = found
  const session = await transaction(ctx, async (ctx) => {
    if (!(await spendOAuthCode(ctx, code))) return null
    return admit(ctx, user, {
      method: 'oauth_provider/authorization_code',
      traits: { provider_type: 'oauth_provider_authorization_code', client_id: client.id },
      applicationId: client.id,
      client: { id: client.id, scope },
      // They were in already when they allowed it.
      isVouchedFor: true,
    })
  })
  if (session === null) return { outcome: 'unknown' }
  const authenticatedAt = user.lastSignInAt ?? session.createdAt
  return { outcome: 'redeemed', signedIn: { user, session }, scope, nonce, authenticatedAt }
}

function unproved(verifier: string, challenge: Challenge): 'no-verifier' | 'wrong-verifier' | null {
  if (verifier === '') return 'no-verifier'
  return matchesChallenge(verifier, challenge) ? null : 'wrong-verifier'
}
