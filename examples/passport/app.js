// An Express app with passport-openidconnect, unchanged, signing in at Sekisho.
import express from 'express'
import session from 'express-session'
import passport from 'passport'
import OpenIDConnectStrategy from 'passport-openidconnect'

const port = Number(process.env.PORT ?? 3008)
const baseUrl = process.env.BASE_URL ?? `http://localhost:${port}`
const endpoint = process.env.ENDPOINT ?? 'http://localhost:3001'

const discovery = await fetch(`${endpoint}/oidc/.well-known/openid-configuration`)
const gate = await discovery.json()
const client = { id: process.env.APP_ID, secret: process.env.APP_SECRET }

passport.use(
  new OpenIDConnectStrategy(
    {
      issuer: gate.issuer,
      authorizationURL: gate.authorization_endpoint,
      tokenURL: gate.token_endpoint,
      userInfoURL: gate.userinfo_endpoint,
      clientID: client.id,
      clientSecret: client.secret,
      callbackURL: `${baseUrl}/callback`,
      scope: ['profile', 'email', 'offline_access'],
    },
    (_issuer, profile, _context, idToken, _accessToken, refreshToken, done) =>
      done(null, {
        id: profile.id,
        email: profile.emails?.[0]?.value ?? null,
        idToken,
        refreshToken,
      }),
  ),
)
passport.serializeUser((user, done) => done(null, user))
passport.deserializeUser((user, done) => done(null, user))

const app = express()
app.use(
  session({
    secret: process.env.SESSION_SECRET,
    resave: false,
    saveUninitialized: false,
    cookie: { sameSite: 'lax' },
  }),
)
app.use(passport.session())

app.get('/', (request, response) => {
  const { id, email } = request.user ?? {}
  response.json({ isAuthenticated: request.isAuthenticated(), id, email })
})

app.get('/sign-in', passport.authenticate('openidconnect'))

app.get(
  '/callback',
  passport.authenticate('openidconnect', { failWithError: true }),
  (_request, response) => response.redirect('/'),
)

// Passport keeps no tokens: what the app wants to renew, it renews itself.
app.get('/user-info', async (request, response) => {
  if (!request.user) return response.status(401).json({ error: 'not_signed_in' })
  const pair = Buffer.from(`${client.id}:${client.secret}`).toString('base64')
  const renewed = await fetch(gate.token_endpoint, {
    method: 'POST',
    headers: { authorization: `Basic ${pair}` },
    body: new URLSearchParams({
      grant_type: 'refresh_token',
      refresh_token: request.user.refreshToken,
    }),
  })
  if (!renewed.ok) return response.status(401).json(await renewed.json())
  const tokens = await renewed.json()
  Object.assign(request.session.passport.user, {
    idToken: tokens.id_token,
    refreshToken: tokens.refresh_token,
  })
  const answer = await fetch(gate.userinfo_endpoint, {
    headers: { authorization: `Bearer ${tokens.access_token}` },
  })
  response.status(answer.status).json(await answer.json())
})

// RP-Initiated Logout: with its own ID token as the hint nobody is asked.
app.get('/sign-out', (request, response, next) => {
  const url = new URL(gate.end_session_endpoint)
  if (request.user) url.searchParams.set('id_token_hint', request.user.idToken)
  url.searchParams.set('client_id', client.id)
  url.searchParams.set('post_logout_redirect_uri', baseUrl)
  request.logout((error) => (error ? next(error) : response.redirect(url.href)))
})

app.use((error, _request, response, _next) => {
  const { name, message, code } = error
  response.status(error.status ?? 500).json({ isAuthenticated: false, name, message, code })
})

const server = app.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: baseUrl }))
})

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
