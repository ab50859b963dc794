import { createHash, randomBytes } from 'node:crypto'
import { signInWithPassword } from './pages.ts'
import type { Server } from './server.ts'
import type { Account, Application } from './stage.ts'
import { type Visitor, visitor } from './visitor.ts'

export interface Tokens {
  access_token: string
  id_token: string
  refresh_token: string
  token_type: string
  expires_in: number
  scope: string
}

export interface Answer {
  status: number
  body: Tokens & { error?: string; error_description?: string }
}

export interface Code {
  code: string
  verifier: string
  redirectUri: string
}

/** An authorization code for somebody who signs in with their password; nobody listens at the redirect URI. */
export async function codeOf(
  server: Server,
  app: Application,
  account: Account,
  guest: Visitor = visitor({ stopAt: (url) => url.includes('code=') }),
): Promise<Code> {
  const verifier = randomBytes(32).toString('base64url')
  const redirectUri = app.oidcClientMetadata.redirectUris[0] ?? ''
  const url = new URL(`${server.url}/oidc/auth`)
  url.search = new URLSearchParams({
    client_id: app.id,
    redirect_uri: redirectUri,
    response_type: 'code',
    scope: 'openid offline_access profile email',
    prompt: 'consent',
    state: 'a-state-of-the-walk',
    code_challenge: createHash('sha256').update(verifier).digest('base64url'),
    code_challenge_method: 'S256',
  }).toString()
  const start = await guest.open(url.href)
  const end = start.url.includes('code=') ? start : await signInWithPassword(guest, start, account)
  const code = new URL(end.url).searchParams.get('code')
  if (code === null) throw new Error(`No code came: ${end.status} at ${end.url}\n${end.body}`)
  return { code, verifier, redirectUri }
}

export function redeem(server: Server, app: Application, code: Code): Promise<Answer> {
  return ask(server, app, {
    grant_type: 'authorization_code',
    code: code.code,
    code_verifier: code.verifier,
    redirect_uri: code.redirectUri,
  })
}

export function refresh(server: Server, app: Application, refreshToken: string): Promise<Answer> {
  return ask(server, app, { grant_type: 'refresh_token', refresh_token: refreshToken })
}

export async function tokensOf(
  server: Server,
  app: Application,
  account: Account,
): Promise<Tokens> {
  const { status, body } = await redeem(server, app, await codeOf(server, app, account))
  if (status !== 200) throw new Error(`${status}: ${JSON.stringify(body)}`)
  return body
}

/** As Logto's SDKs ask: Basic, and `client_id` in the body as well. */
async function ask(
  server: Server,
  { id, secret }: Application,
  form: Record<string, string>,
): Promise<Answer> {
  const pair = `${encodeURIComponent(id)}:${encodeURIComponent(secret)}`
  const answer = await fetch(`${server.url}/oidc/token`, {
    method: 'POST',
    headers: { authorization: `Basic ${Buffer.from(pair).toString('base64')}` },
    body: new URLSearchParams({ client_id: id, ...form }),
  })
  return { status: answer.status, body: await answer.json() }
}
