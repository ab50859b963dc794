import { Agent, request as open } from 'node:http'
import { createApp, listen } from '../../src/main.ts'
import { createApplication } from '../../src/model/application.ts'
import type { NewApplication } from '../../src/model/application-input.ts'
import { createResource } from '../../src/model/resource.ts'
import { createRole, setApplicationRoles, setUserRoles } from '../../src/model/role.ts'
import { freePort } from '../setup/free-port.ts'
import { world } from '../world.ts'
import { person } from './oidc-client.ts'
import { insideOf } from './oidc-inside.ts'
import { type PeerClient, peerResource, startPeer } from './oidc-peer.ts'

/** One request; `{name}` stands for what an earlier answer gave: `{code}`, `{access_token}`, `{refresh_token}` … */
export interface Step {
  method: string
  path: string
  params: readonly (readonly [string, string])[]
  headers: Readonly<Record<string, string>>
  isSignedIn: boolean
}

export interface Answer {
  status: number
  headers: Record<string, string | string[] | undefined>
  body: string
}

/** One of the two providers. */
export interface Side {
  name: 'ours' | 'peer'
  issuer: string
  /** What a browser that is signed in brings. */
  cookie: string
  ask(step: Step, given: Readonly<Record<string, string>>): Promise<Answer>
}

export interface Both {
  ours: Side
  peer: Side
  close(): Promise<void>
}

export const webCallback = 'https://web.example.com/callback?from=op'
export const spaCallback = 'https://spa.example.com/callback'
export const nativeCallback = 'http://127.0.0.1/done'
export const secret = 'a-secret-of-the-application-40-characters'

const signIn = ['authorization_code', 'refresh_token']

const clients: PeerClient[] = [
  { client_id: 'web', client_secret: secret, redirect_uris: [webCallback], grant_types: signIn },
  {
    ...{
      client_id: 'post',
      client_secret: secret,
      token_endpoint_auth_method: 'client_secret_post',
    },
    ...{ redirect_uris: [spaCallback], grant_types: signIn },
  },
  {
    ...{ client_id: 'page', token_endpoint_auth_method: 'none' },
    ...{ redirect_uris: [spaCallback], grant_types: signIn },
  },
  {
    ...{ client_id: 'desk', application_type: 'native', token_endpoint_auth_method: 'none' },
    ...{ redirect_uris: [nativeCallback, 'com.example.app:/done'], grant_types: signIn },
  },
  {
    ...{ client_id: 'robot', client_secret: secret, redirect_uris: [] },
    grant_types: ['client_credentials'],
  },
]

const types: Record<string, NewApplication['type']> = {
  ...{ web: 'Traditional', post: 'Traditional', page: 'SPA' },
  ...{ desk: 'Native', robot: 'MachineToMachine' },
}

/** Our server and `oidc-provider` on loopback, with the same clients, the same API, and Ann signed in at both. */
export async function bothProviders(): Promise<Both> {
  const port = await freePort()
  const origin = `http://127.0.0.1:${port}`
  const scene = await world({ SEKISHO_PUBLIC_URL: origin, SEKISHO_TRUST_PROXY: '1' })
  const { ctx } = scene
  const scopes = [{ name: 'read:things' }, { name: 'write:things' }]
  await createResource(ctx, { name: 'Things', indicator: peerResource, scopes })
  for (const type of ['User', 'MachineToMachine'] as const) {
    const held = scopes.map(({ name }) => ({ resource: peerResource, name }))
    await createRole(ctx, { name: `writer ${type}`, type, scopes: held })
  }
  for (const client of clients) await createApplication(ctx, applicationOf(client))
  await setApplicationRoles(ctx, 'robot', ['writer MachineToMachine'])
  const { user, browser } = await person(insideOf(scene, createApp(ctx)))
  await setUserRoles(ctx, user.id, ['writer User'])
  const listening = await listen(createApp(ctx), { hosts: ['127.0.0.1'], port })
  const peer = await startPeer(clients, {
    id: user.id,
    claims: {
      ...{ name: user.name, picture: null, username: null, updated_at: 0, created_at: 0 },
      ...{ email: user.email, email_verified: true, phone_number: null },
      phone_number_verified: false,
    },
  })
  const agent = new Agent({ keepAlive: true })
  const cookie = [...browser.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  return {
    ours: side('ours', { issuer: `${origin}/oidc`, cookie, agent }),
    peer: side('peer', {
      issuer: peer.issuer,
      cookie: await signedInAt(peer.issuer, agent),
      agent,
    }),
    async close() {
      agent.destroy()
      await listening.close()
      await peer.close()
    },
  }
}

function applicationOf(client: PeerClient): NewApplication {
  const type = types[client.client_id] ?? 'Traditional'
  const method = client.token_endpoint_auth_method ?? 'client_secret_basic'
  return {
    ...{ id: client.client_id, name: client.client_id, type },
    ...(client.client_secret !== undefined && { secret: client.client_secret }),
    oidcClientMetadata: {
      redirectUris: client.redirect_uris,
      tokenEndpointAuthMethod: method as 'none' | 'client_secret_basic' | 'client_secret_post',
    },
  }
}

function side(
  name: Side['name'],
  { issuer, cookie, agent }: { issuer: string; cookie: string; agent: Agent },
): Side {
  let asked = 0
  return {
    name,
    issuer,
    cookie,
    ask({ method, path, params, headers, isSignedIn }, given) {
      asked += 1
      const filled = (text: string) =>
        text.replace(/\{(\w+)\}/g, (whole, key: string) => given[key] ?? whole)
      const form = params
        .map((pair) => pair.map((part) => encodeURIComponent(filled(part))).join('='))
        .join('&')
      const hasBody = method !== 'GET'
      const all = {
        ...(hasBody && { 'content-type': 'application/x-www-form-urlencoded' }),
        // Each request from another place, or guesses of secrets would be stopped (by ours).
        'x-forwarded-for': `198.18.${Math.floor(asked / 250) % 250}.${asked % 250}`,
        ...(isSignedIn && { cookie }),
        ...Object.fromEntries(
          Object.entries(headers).map(([header, value]) => [header, filled(value)]),
        ),
      }
      const address = `${issuer}${path}${hasBody || form === '' ? '' : `?${form}`}`
      return send(address, { method, headers: all, body: hasBody ? form : null, agent })
    },
  }
}

interface Sending {
  method: string
  headers: Record<string, string>
  body: string | null
  agent: Agent
}

function send(address: string, { method, headers, body, agent }: Sending): Promise<Answer> {
  return new Promise((resolve, reject) => {
    const asking = open(address, { method, headers, agent }, (answer) => {
      const chunks: Buffer[] = []
      answer.on('data', (chunk: Buffer) => chunks.push(chunk))
      answer.on('error', reject)
      answer.on('end', () =>
        resolve({
          status: answer.statusCode ?? 0,
          headers: answer.headers,
          body: Buffer.concat(chunks).toString(),
        }),
      )
    })
    asking.on('error', reject)
    asking.end(body ?? undefined)
  })
}

/** Through its sign-in page, which signs Ann in; the cookie of the session is what is left. */
async function signedInAt(issuer: string, agent: Agent): Promise<string> {
  const cookies = new Map<string, string>()
  let address = `${issuer}/auth?${new URLSearchParams({
    ...{ client_id: 'page', redirect_uri: spaCallback, response_type: 'code', scope: 'openid' },
    ...{ code_challenge: 'x'.repeat(43), code_challenge_method: 'S256' },
  })}`
  while (address.startsWith(issuer)) {
    const cookie = [...cookies].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await send(address, { method: 'GET', headers: { cookie }, body: null, agent })
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      cookies.set(name, value)
    }
    const { location } = answer.headers
    if (typeof location !== 'string') throw new Error(`No sign-in: ${answer.status} ${answer.body}`)
    address = new URL(location, address).href
  }
  return [...cookies]
    .filter(([name]) => name.startsWith('_session'))
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}
