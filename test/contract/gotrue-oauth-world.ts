import { createHash } from 'node:crypto'
import { createClient, type SupabaseClient } from '@supabase/supabase-js'
import { type Answer, type Body, type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

export const verifier = 'a-verifier-of-43-characters-or-more-as-it-must-be'
export const challenge = createHash('sha256').update(verifier).digest('base64url')
export const callback = 'https://ledger.example.com/callback'

const settings = {
  GOTRUE_OAUTH_SERVER_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
  GOTRUE_OAUTH_SERVER_AUTHORIZATION_PATH: '/oauth/consent',
  GOTRUE_SITE_URL: 'https://site.example.com',
}

/** Somebody else's app, the user's own browser, and the server between them. */
export interface OAuthWorld extends GotrueWorld {
  app: Body
  /** What the app sends the browser to; returns the answer. */
  request(change?: Record<string, string>): Promise<Answer>
  /** The name of a request that the site's page was given. */
  begin(change?: Record<string, string>): Promise<string>
  /** The site, in the user's browser. */
  site: SupabaseClient
  /** From the first redirect to the code, allowed by the user. */
  codeFor(change?: Record<string, string>): Promise<string>
  /** The app's server asks for tokens. */
  token(form: Record<string, string>, secret?: string | null): Promise<Answer>
  redeem(code: string, change?: Record<string, string>): Promise<Answer>
}

export async function oauthWorld(environment: Record<string, string> = {}): Promise<OAuthWorld> {
  const world = await gotrueWorld({ ...settings, ...environment })
  await world.createAccount()
  const { body: app } = await world.ask('POST', '/oauth/clients/register', {
    body: { client_name: 'Ledger', redirect_uris: [callback] },
  })
  const site = siteOf(world)
  await site.auth.signInWithPassword({
    email: 'ann@example.com',
    password: 'correct horse battery',
  })

  const self: OAuthWorld = {
    ...world,
    app,
    site,
    request(change = {}) {
      const query = new URLSearchParams({
        response_type: 'code',
        client_id: app.client_id,
        redirect_uri: callback,
        scope: 'openid email profile',
        state: 'a state',
        nonce: 'a nonce',
        code_challenge: challenge,
        code_challenge_method: 'S256',
        ...change,
      })
      return world.ask('GET', `/oauth/authorize?${query}`)
    },
    async begin(change) {
      const { headers } = await self.request(change)
      const page = new URL(headers.get('location') ?? '')
      return page.searchParams.get('authorization_id') ?? ''
    },
    async codeFor(change) {
      const name = await self.begin(change)
      const details = await site.auth.oauth.getAuthorizationDetails(name)
      const answer =
        details.data !== null && 'redirect_url' in details.data
          ? details
          : await site.auth.oauth.approveAuthorization(name, { skipBrowserRedirect: true })
      if (answer.error !== null) throw answer.error
      const target = new URL((answer.data as { redirect_url: string }).redirect_url)
      return target.searchParams.get('code') ?? ''
    },
    token(form, secret = app.client_secret) {
      const basic = Buffer.from(`${app.client_id}:${secret}`).toString('base64')
      return world.ask('POST', '/oauth/token', {
        body: new URLSearchParams(form).toString(),
        headers: {
          'content-type': 'application/x-www-form-urlencoded',
          ...(secret === null ? {} : { authorization: `Basic ${basic}` }),
        },
      })
    },
    redeem(code, change = {}) {
      return self.token({
        grant_type: 'authorization_code',
        code,
        redirect_uri: callback,
        code_verifier: verifier,
        ...change,
      })
    },
  }
  return self
}

/** Another browser at the site. */
export function siteOf(world: GotrueWorld): SupabaseClient {
  return createClient('http://localhost:3001', 'anon', {
    auth: { persistSession: false, autoRefreshToken: false },
    global: {
      fetch: (input, init) => {
        const headers = new Headers(init?.headers)
        headers.set('origin', 'https://site.example.com')
        return world.fetch(String(input), { ...init, headers })
      },
    },
  })
}
