// Logto's SDK for Node without any framework, signing in at Sekisho and calling an API with the tokens it gets.
import { randomUUID } from 'node:crypto'
import { createServer } from 'node:http'
import LogtoClient, { UserScope } from '@logto/node'

const port = Number(process.env.PORT ?? 3004)
const baseUrl = process.env.BASE_URL ?? `http://localhost:${port}`
const api = process.env.API ?? 'http://localhost:3010'
const resource = process.env.RESOURCE ?? 'https://things.example.com'

const config = {
  endpoint: process.env.ENDPOINT ?? 'http://localhost:3001',
  appId: process.env.APP_ID,
  appSecret: process.env.APP_SECRET,
  scopes: [
    UserScope.Email,
    UserScope.Roles,
    UserScope.Organizations,
    'read:things',
    'invite:members',
  ],
  resources: [resource],
}

/** What the SDK keeps of each browser; a real app has a database for it. */
const sessions = new Map()

const server = createServer(async (request, response) => {
  const say = (status, body) =>
    response.writeHead(status, { 'content-type': 'application/json' }).end(JSON.stringify(body))
  try {
    const logto = clientFor(request, response)
    const url = new URL(request.url, baseUrl)
    const [, first, organization, last] = url.pathname.split('/')
    if (url.pathname === '/sign-in') return await logto.signIn(`${baseUrl}/callback`)
    if (url.pathname === '/sign-out') return await logto.signOut(baseUrl)
    if (url.pathname === '/callback') {
      await logto.handleSignInCallback(url.href)
      return response.writeHead(303, { location: '/' }).end()
    }
    if (url.pathname === '/') {
      const isAuthenticated = await logto.isAuthenticated()
      return say(200, {
        isAuthenticated,
        ...(isAuthenticated && { claims: await logto.getIdTokenClaims() }),
      })
    }
    if (url.pathname === '/user-info') return say(200, { userInfo: await logto.fetchUserInfo() })
    if (url.pathname === '/things')
      return say(...(await call('/things', await logto.getAccessToken(resource))))
    if (first === 'organizations') {
      const token =
        last === 'members'
          ? await logto.getOrganizationToken(organization)
          : await logto.getAccessToken(resource, organization)
      return say(...(await call(url.pathname, token)))
    }
    return say(404, {})
  } catch (error) {
    return say(error.code === 'not_authenticated' ? 401 : 403, {
      code: error.code,
      message: error.message,
    })
  }
})

async function call(path, token) {
  const answer = await fetch(api + path, { headers: { authorization: `Bearer ${token}` } })
  return [answer.status, await answer.json()]
}

function clientFor(request, response) {
  const [, known] = /(?:^|; )sid=([\w-]+)/.exec(request.headers.cookie ?? '') ?? []
  const id = sessions.has(known) ? known : randomUUID()
  if (id !== known) {
    sessions.set(id, new Map())
    response.setHeader('set-cookie', `sid=${id}; Path=/; HttpOnly; SameSite=Lax`)
  }
  const kept = sessions.get(id)
  return new LogtoClient(config, {
    navigate: (location) => response.writeHead(302, { location }).end(),
    storage: {
      getItem: async (key) => kept.get(key) ?? null,
      setItem: async (key, value) => void kept.set(key, value),
      removeItem: async (key) => void kept.delete(key),
    },
  })
}

server.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: baseUrl }))
})

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
