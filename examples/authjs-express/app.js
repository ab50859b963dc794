// Auth.js on Express: Sekisho's tables are its database, Sekisho's OpenID Connect is its provider.
import { ExpressAuth, getSession } from '@auth/express'
import { sekishoAdapter } from '@sekisho/authjs'
import { sekishoHttpAdapter } from '@sekisho/authjs/http'
import { sekisho } from '@sekisho/authjs/provider'
import express from 'express'

const endpoint = process.env.ENDPOINT ?? 'http://localhost:3001'
const port = Number(process.env.PORT ?? 3002)

// The server's Postgres, where the app may touch it. Else the server itself, which also has the embedded database.
const adapter = process.env.DATABASE_URL
  ? sekishoAdapter({ database: process.env.DATABASE_URL, secret: process.env.SEKISHO_SECRET })
  : sekishoHttpAdapter({
      url: endpoint,
      applicationId: process.env.APP_ID ?? '',
      applicationSecret: process.env.APP_SECRET ?? '',
    })

/** @type {import('@auth/express').ExpressAuthConfig} */
const config = {
  trustHost: true,
  secret: process.env.AUTH_SECRET,
  adapter,
  session: { strategy: 'database' },
  providers: [
    sekisho({
      issuer: `${endpoint}/oidc`,
      clientId: process.env.APP_ID,
      clientSecret: process.env.APP_SECRET,
      // Dangerous where somebody else vouches for the address. Here both sides are the same table of users.
      allowDangerousEmailAccountLinking: true,
    }),
    {
      id: 'email',
      name: 'E-mail',
      type: 'email',
      maxAge: 10 * 60,
      // A real app sends a mail; this one says on its standard output what the mail would hold.
      async sendVerificationRequest({ identifier, url }) {
        console.log(JSON.stringify({ to: identifier, url }))
      },
    },
  ],
  callbacks: {
    session: ({ session, user }) => ({
      expires: session.expires,
      user: { id: user.id, email: user.email, name: user.name, image: user.image },
    }),
  },
}

const app = express()
app.use('/auth', ExpressAuth(config))

app.get('/', async (request, response) => {
  const session = await getSession(request, { ...config, basePath: '/auth' })
  response.json(session?.user ?? null)
})

const server = app.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: `http://localhost:${server.address().port}` }))
})

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
  if ('close' in adapter) void adapter.close()
})
