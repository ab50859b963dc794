import { callback, challenge, secret, verifier } from '../oidc/scene.ts'
import { type Act, type Ask, checked, form, must, type Row, times } from './act.ts'

/** An OpenID Provider below `/oidc`, ours or another, where these browsers are signed in. */
export interface Browsers {
  cookies: readonly string[]
  refreshTokens: Row<string>
}

const basicOf = (id: string) => ({
  authorization: `Basic ${Buffer.from(`${id}:${secret}`).toString('base64')}`,
})
const shop = { ...form, ...basicOf('shop') }
const machine = { ...form, ...basicOf('machine') }

const authorization = `/oidc/auth?${new URLSearchParams({
  ...{ client_id: 'shop', redirect_uri: callback, response_type: 'code', state: 'a state' },
  ...{ scope: 'openid profile email', nonce: 'a nonce' },
  ...{ code_challenge: challenge, code_challenge_method: 'S256' },
})}`

const token = (ask: Ask, headers: Record<string, string>, fields: Record<string, string>) =>
  ask({ method: 'POST', path: '/oidc/token', headers, body: `${new URLSearchParams(fields)}` })

let visits = 0

async function authorize(ask: Ask, { cookies }: Browsers) {
  visits += 1
  const cookie = cookies[visits % cookies.length] ?? ''
  const away = await ask({ method: 'GET', path: authorization, headers: { cookie } })
  const location = away.header('location') ?? ''
  const code = URL.canParse(location) ? new URL(location).searchParams.get('code') : null
  return { away, code }
}

function redeem(ask: Ask, code: string) {
  const fields = { grant_type: 'authorization_code', code, redirect_uri: callback }
  return token(ask, shop, { ...fields, code_verifier: verifier })
}

/** Who is signed in at the provider comes from an application: a code, and the tokens for it. */
export async function signInSilently(ask: Ask, browsers: Browsers): Promise<Act> {
  return {
    async operation() {
      const { away, code } = await authorize(ask, browsers)
      if (code === null) return checked(away, 303, false)
      const answer = await redeem(ask, code)
      return checked(answer, 200, answer.text.includes('"id_token"'))
    },
  }
}

/** So many chains of tokens: a multiple of the clients of pgbench, so that each falls to one of them. */
const chains = 160

export async function refreshAtProvider(ask: Ask, browsers: Browsers): Promise<Act> {
  const { refreshTokens } = browsers
  await times(chains - refreshTokens.length, async () => {
    refreshTokens.put((await signedIn(ask, browsers)).refresh_token ?? '')
  })
  return {
    async operation() {
      const parent = await refreshTokens.take()
      let child = parent
      try {
        const fields = { grant_type: 'refresh_token', refresh_token: parent }
        const answer = await token(ask, shop, fields)
        if (answer.status === 200) child = JSON.parse(answer.text).refresh_token
        return checked(answer, 200, child !== parent)
      } finally {
        refreshTokens.put(child)
      }
    },
  }
}

async function signedIn(ask: Ask, browsers: Browsers): Promise<Record<string, string>> {
  const { away, code } = await authorize(ask, browsers)
  if (code === null) throw new Error(`No code: ${away.status} ${away.text.slice(0, 300)}`)
  return JSON.parse((await must(redeem(ask, code), 200)).text)
}

export async function askAsMachine(ask: Ask): Promise<Act> {
  return {
    async operation() {
      const answer = await token(ask, machine, { grant_type: 'client_credentials' })
      return checked(answer, 200, answer.text.includes('"access_token"'))
    },
  }
}

export async function introspect(ask: Ask, browsers: Browsers): Promise<Act> {
  const { access_token: shown = '' } = await signedIn(ask, browsers)
  return {
    async operation() {
      const answer = await ask({
        ...{ method: 'POST', path: '/oidc/token/introspection', headers: shop },
        body: `${new URLSearchParams({ token: shown })}`,
      })
      return checked(answer, 200, /"active": ?true/.test(answer.text))
    },
  }
}

export async function readKeys(ask: Ask): Promise<Act> {
  return {
    async operation() {
      const answer = await ask({ method: 'GET', path: '/oidc/jwks' })
      return checked(answer, 200, answer.text.includes('"keys"'))
    },
  }
}
