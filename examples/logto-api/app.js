// An API that takes access tokens of Sekisho: checked with its public keys, and without asking it.
import { createServer } from 'node:http'
import { createRemoteJWKSet, jwtVerify } from 'jose'

const port = Number(process.env.PORT ?? 3010)
const issuer = `${process.env.ENDPOINT ?? 'http://localhost:3001'}/oidc`
const resource = process.env.RESOURCE ?? 'https://things.example.com'
// The one page whose scripts may call this API.
const origin = process.env.ORIGIN ?? null

const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))

const server = createServer(async (request, response) => {
  const headers = {
    'content-type': 'application/json',
    ...(origin && {
      'access-control-allow-origin': origin,
      'access-control-allow-headers': 'authorization',
    }),
  }
  const say = (status, body, more = {}) =>
    response.writeHead(status, { ...headers, ...more }).end(JSON.stringify(body))
  if (request.method === 'OPTIONS') return say(200, {})
  const { pathname } = new URL(request.url, 'http://localhost')
  const [, first, organization, last] = pathname.split('/')
  try {
    if (pathname === '/things') {
      const { sub } = await tokenFor(request, resource, 'read:things')
      return say(200, { sub, things: ['a thing'] })
    }
    // In the name of an organization: the organization's token, or one for this API that names it.
    if (first === 'organizations' && last === 'members') {
      const audience = `urn:logto:organization:${organization}`
      const { sub, scope } = await tokenFor(request, audience, 'invite:members')
      return say(200, { sub, organization, scope })
    }
    if (first === 'organizations' && last === 'things') {
      const { sub, organization_id } = await tokenFor(request, resource, 'read:things')
      if (organization_id !== organization) throw new Refusal(403, 'insufficient_scope')
      return say(200, { sub, organization, things: ['a thing of all'] })
    }
    return say(404, { error: 'not_found' })
  } catch (error) {
    const [status, code] =
      error instanceof Refusal ? [error.status, error.message] : [401, 'invalid_token']
    return say(status, { error: code }, { 'www-authenticate': `Bearer error="${code}"` })
  }
})

async function tokenFor(request, audience, scope) {
  const [, token = ''] = /^Bearer (\S+)$/i.exec(request.headers.authorization ?? '') ?? []
  const { payload } = await jwtVerify(token, keys, { issuer, audience, typ: 'at+jwt' })
  if (!payload.scope.split(' ').includes(scope)) throw new Refusal(403, 'insufficient_scope')
  return payload
}

class Refusal extends Error {
  constructor(status, code) {
    super(code)
    this.status = status
  }
}

server.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://localhost:${port}` }))
})

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
