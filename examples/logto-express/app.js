// Logto's own Express SDK, unchanged, signing in at Sekisho.
import { handleAuthRoutes, UserScope, withLogto } from '@logto/express'
import express from 'express'
import session from 'express-session'

const port = Number(process.env.PORT ?? 3003)
const baseUrl = process.env.BASE_URL ?? `http://localhost:${port}`
const api = process.env.API ?? 'http://localhost:3010'
// An API, by the name that tokens carry; one that is not declared is refused at the sign-in.
const resource = process.env.RESOURCE

const config = {
  endpoint: process.env.ENDPOINT ?? 'http://localhost:3001',
  appId: process.env.APP_ID,
  appSecret: process.env.APP_SECRET,
  baseUrl,
  scopes: [
    UserScope.Email,
    UserScope.CustomData,
    UserScope.Roles,
    UserScope.Organizations,
    'read:things',
    'invite:members',
  ],
  resources: resource ? [resource] : [],
}

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax' },
  }),
)
// /logto/sign-in, /logto/sign-up, /logto/sign-in-callback and /logto/sign-out.
app.use(handleAuthRoutes(config))

app.get('/', withLogto(config), (request, response) => {
  const { isAuthenticated, claims } = request.user
  response.json({ isAuthenticated, claims })
})

// Asks the server itself, with a renewed access token when the old one has run out.
app.get(
  '/user-info',
  withLogto({ ...config, getAccessToken: true, fetchUserInfo: true }),
  (request, response) => {
    const { isAuthenticated, userInfo } = request.user
    response.status(isAuthenticated ? 200 : 401).json({ isAuthenticated, userInfo })
  },
)

// With a token for the API, as the user.
app.get(
  '/things',
  withLogto({ ...config, getAccessToken: true, resource }),
  async (request, response) => {
    await passOn('/things', request.user.accessToken, response)
  },
)

// With the organization's own token.
app.get(
  '/organizations/:id/members',
  withLogto({ ...config, getOrganizationToken: true }),
  async (request, response) => {
    await passOn(request.path, request.user.organizationTokens?.[request.params.id], response)
  },
)

async function passOn(path, token, response) {
  if (!token) return response.status(403).json({ error: 'no_token' })
  const answer = await fetch(api + path, { headers: { authorization: `Bearer ${token}` } })
  response.status(answer.status).json(await answer.json())
}

app.use((error, _request, response, _next) => {
  response.status(401).json({ isAuthenticated: false, code: error.code, message: error.message })
})

const server = app.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: baseUrl }))
})

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
