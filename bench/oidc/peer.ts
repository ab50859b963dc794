import { request } from 'undici'
import { startServer } from '../machine/processes.ts'
import { type Competitor, callback, challenge, users } from './scene.ts'

/** `oidc-provider` in its process, with people who signed in through its interaction. */
export async function startPeer(url: string, port: number): Promise<Competitor> {
  const issuer = `http://127.0.0.1:${port}/oidc`
  const environment = { DATABASE_URL: url, PORT: String(port) }
  const server = await startServer(['bench/oidc/library.ts'], environment)
  const cookies: string[] = []
  while (cookies.length < users) cookies.push(await signedIn(issuer))
  return { ...server, name: 'oidc-provider', databaseUrl: url, issuer, cookies }
}

async function signedIn(issuer: string): Promise<string> {
  const jar = new Map<string, string>()
  let address = `${issuer}/auth?${new URLSearchParams({
    ...{ client_id: 'shop', redirect_uri: callback, response_type: 'code' },
    ...{ scope: 'openid profile email', code_challenge: challenge, code_challenge_method: 'S256' },
  })}`
  const { origin } = new URL(issuer)
  while (address.startsWith(origin)) {
    const cookie = [...jar].map(([name, value]) => `${name}=${value}`).join('; ')
    const answer = await request(address, { headers: { cookie } })
    const text = await answer.body.text()
    for (const line of [answer.headers['set-cookie'] ?? []].flat()) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(line) ?? []
      jar.set(name, value)
    }
    const { location } = answer.headers
    if (typeof location !== 'string') throw new Error(`No sign-in: ${answer.statusCode} ${text}`)
    address = new URL(location, address).href
  }
  return [...jar]
    .filter(([name]) => name.startsWith('_session'))
    .map(([name, value]) => `${name}=${value}`)
    .join('; ')
}
