import { generateKeyPairSync } from 'node:crypto'
import { createServer } from 'node:http'
import {
  type Adapter,
  errors,
  interactionPolicy,
  type OidcContext,
  Provider,
  type StoredGrant,
} from 'oidc-provider'
import { freePort } from '../setup/free-port.ts'

/** An application, in RFC 7591's words, as both providers get it. */
export interface PeerClient {
  client_id: string
  client_secret?: string
  application_type?: 'web' | 'native'
  token_endpoint_auth_method?: string
  redirect_uris: string[]
  grant_types: string[]
}

export interface PeerAccount {
  id: string
  claims: Record<string, unknown>
}

export interface Peer {
  issuer: string
  close(): Promise<void>
}

const scopes = ['openid', 'offline_access', 'profile', 'email', 'phone']
export const peerResource = 'https://api.example.com/things'
const resourceScope = 'read:things write:things'

/**
 * `oidc-provider`, set up like ours as far as its settings go: the same clients, PKCE rule, scopes, claims, resource
 * and prompts; applications of the house are asked nothing; its sign-in page signs the one account in.
 */
export async function startPeer(clients: PeerClient[], account: PeerAccount): Promise<Peer> {
  const port = await freePort()
  const issuer = `http://127.0.0.1:${port}`
  const provider: Provider = new Provider(issuer, {
    adapter: memory(),
    clients: clients.map((client) => ({
      ...client,
      id_token_signed_response_alg: 'ES256',
      response_types: client.redirect_uris.length > 0 ? ['code'] : [],
      // Only so does it put `sid` into ID tokens.
      backchannel_logout_uri: 'https://web.example.com/sign-out',
      backchannel_logout_session_required: true,
    })),
    jwks: { keys: [signingKey()] },
    cookies: { keys: ['a key for cookies'] },
    scopes,
    claims: {
      openid: ['sub'],
      profile: ['name', 'picture', 'username', 'updated_at', 'created_at'],
      email: ['email', 'email_verified'],
      phone: ['phone_number', 'phone_number_verified'],
    },
    conformIdTokenClaims: false,
    acrValues: ['aal1', 'aal2'],
    responseTypes: ['code'],
    pkce: { required: () => true },
    allowOmittingSingleRegisteredRedirectUri: false,
    rotateRefreshToken: true,
    routes: {
      ...{ authorization: '/auth', token: '/token', userinfo: '/me', jwks: '/jwks' },
      pushed_authorization_request: '/par',
      introspection: '/token/introspection',
      revocation: '/token/revocation',
      end_session: '/session/end',
      device_authorization: '/device/auth',
    },
    findAccount: (_: OidcContext, id: string) => ({
      accountId: id,
      claims: () => ({ ...account.claims, sub: id }),
    }),
    loadExistingGrant: (ctx: OidcContext) => grantOf(provider, ctx),
    renderError(ctx: { body: unknown }, out: object) {
      ctx.body = out
    },
    interactions: {
      url: (_: OidcContext, { uid, prompt }: { uid: string; prompt: { name: string } }) =>
        `/interaction/${prompt.name}?${uid}`,
      policy: policy(),
    },
    features: {
      devInteractions: { enabled: false },
      backchannelLogout: { enabled: true },
      clientCredentials: { enabled: true },
      introspection: {
        enabled: true,
        allowedPolicy: (
          ctx: OidcContext,
          client: { clientId: string },
          token: { clientId: string },
        ) => client.clientId === 'robot' || isOwn(ctx, client, token),
      },
      revocation: { enabled: true, allowedPolicy: isOwn },
      claimsParameter: { enabled: true },
      requestObjects: { enabled: true },
      deviceFlow: { enabled: true },
      resourceIndicators: {
        enabled: true,
        useGrantedResource: () => false,
        getResourceServerInfo(_: OidcContext, indicator: string) {
          if (indicator !== peerResource) throw new errors.InvalidTarget()
          return { scope: resourceScope, audience: indicator, accessTokenFormat: 'jwt', jwt }
        },
      },
    },
    ttl: {
      ...{ AccessToken: 3600, ClientCredentials: 3600, Grant: 86_400, Session: 86_400 },
      ...{ IdToken: 3600, Interaction: 600, RefreshToken: 86_400, DeviceCode: 600 },
    },
  })
  const answer = provider.callback()
  const server = createServer((request, response) => {
    if (request.url?.startsWith('/interaction/')) {
      const login = { accountId: account.id, acr: 'aal1' }
      provider.interactionFinished(request, response, { login }).catch(() => response.destroy())
    } else answer(request, response)
  })
  await new Promise<void>((resolve) => server.listen(port, '127.0.0.1', resolve))
  return {
    issuer,
    close: () =>
      new Promise((resolve) => {
        server.close(() => resolve())
        server.closeAllConnections()
      }),
  }
}

function isOwn(_: OidcContext, client: { clientId: string }, token: { clientId: string }): boolean {
  return client.clientId === token.clientId
}

const jwt = { sign: { alg: 'ES256' } }

function signingKey(): object {
  const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
  return { ...privateKey.export({ format: 'jwk' }), kid: 'one', alg: 'ES256', use: 'sig' }
}

/** Nobody is asked for consent by an application of the house, as with ours, whatever `prompt` says. */
function policy() {
  const prompts = interactionPolicy.base()
  const consent = prompts.get('consent')
  consent.checks.remove('consent_prompt')
  consent.checks.remove('native_client_prompt')
  prompts.add(new interactionPolicy.Prompt({ name: 'create', requestable: true }), 0)
  prompts.add(new interactionPolicy.Prompt({ name: 'select_account', requestable: true }), 2)
  return prompts
}

async function grantOf(
  provider: Provider,
  { oidc }: OidcContext,
): Promise<StoredGrant | undefined> {
  const { accountId } = oidc.session
  if (accountId === undefined) return undefined
  const grant = new provider.Grant({ accountId, clientId: oidc.client.clientId })
  grant.addOIDCScope(scopes.join(' '))
  grant.addOIDCClaims([...oidc.requestParamClaims])
  grant.addResourceScope(peerResource, resourceScope)
  await grant.save()
  return grant
}

/** What its adapter has to do, in memory, and each code and refresh token once. */
function memory(): (model: string) => Adapter {
  const rows = new Map<string, Record<string, unknown>>()
  const found = (matches: (row: Record<string, unknown>) => boolean) =>
    [...rows.values()].find(matches)
  return (model) => ({
    async upsert(id, payload) {
      rows.set(`${model}:${id}`, payload)
    },
    find: async (id) => rows.get(`${model}:${id}`),
    findByUid: async (uid) => found((row) => row.uid === uid && row.kind === model),
    findByUserCode: async (code) => found((row) => row.userCode === code && row.kind === model),
    async consume(id) {
      const row = rows.get(`${model}:${id}`)
      if (row !== undefined) row.consumed = Math.floor(Date.now() / 1000)
    },
    async destroy(id) {
      rows.delete(`${model}:${id}`)
    },
    async revokeByGrantId(grantId) {
      for (const [id, row] of rows) {
        if (id.startsWith(`${model}:`) && row.grantId === grantId) rows.delete(id)
      }
    },
  })
}
