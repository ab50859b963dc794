// An MCP server whose users sign in at Sekisho. It knows no client and keeps no secret: it checks tokens.
import { McpServer } from '@modelcontextprotocol/sdk/server/mcp.js'
import { StreamableHTTPServerTransport } from '@modelcontextprotocol/sdk/server/streamableHttp.js'
import express from 'express'
import { createRemoteJWKSet, jwtVerify } from 'jose'
import { z } from 'zod'

const port = Number(process.env.PORT ?? 3020)
const home = process.env.BASE_URL ?? `http://localhost:${port}`
const issuer = process.env.ISSUER ?? 'http://localhost:3001/oidc'
// The indicator of the API resource in Sekisho, and the audience of its tokens.
const resource = `${home}/mcp`
const metadataPath = '/.well-known/oauth-protected-resource/mcp'

const keys = createRemoteJWKSet(new URL(`${issuer}/jwks`))

const app = express()
app.use(express.json())

// RFC 9728: where a client learns who gives tokens for this server.
app.get(metadataPath, (_request, response) => {
  response.set('access-control-allow-origin', '*').json({
    resource,
    authorization_servers: [issuer],
    scopes_supported: ['notes:read'],
    bearer_methods_supported: ['header'],
  })
})

// RFC 9068: an access token for this server, and for no other; an ID token is none.
async function callerOf(request) {
  const [, token] = /^Bearer (.+)$/i.exec(request.headers.authorization ?? '') ?? []
  if (token === undefined) return null
  const { payload } = await jwtVerify(token, keys, { issuer, audience: resource, typ: 'at+jwt' })
  return { user: payload.sub, client: payload.client_id, scopes: payload.scope.split(' ') }
}

const challenge = (more = '') =>
  `Bearer resource_metadata="${home}${metadataPath}", scope="notes:read"${more}`

async function onlyCallers(request, response, next) {
  try {
    request.caller = await callerOf(request)
    if (request.caller === null) {
      return response.status(401).set('www-authenticate', challenge()).json({ error: 'no_token' })
    }
  } catch {
    const invalid = challenge(', error="invalid_token"')
    return response.status(401).set('www-authenticate', invalid).json({ error: 'invalid_token' })
  }
  if (request.caller.scopes.includes('notes:read')) return next()
  const narrow = challenge(', error="insufficient_scope"')
  response.status(403).set('www-authenticate', narrow).json({ error: 'insufficient_scope' })
}

function serverFor(caller) {
  const server = new McpServer({ name: 'notes', version: '1.0.0' })
  server.registerTool(
    'read_note',
    {
      description: 'Reads a note of the user who is signed in',
      inputSchema: { title: z.string().max(100) },
    },
    ({ title }) => ({
      content: [{ type: 'text', text: JSON.stringify({ title, owner: caller.user }) }],
    }),
  )
  return server
}

// Streamable HTTP without sessions: each request stands for itself, with its own token.
app.post('/mcp', onlyCallers, async (request, response) => {
  const transport = new StreamableHTTPServerTransport({ sessionIdGenerator: undefined })
  const server = serverFor(request.caller)
  response.on('close', () => {
    void transport.close()
    void server.close()
  })
  await server.connect(transport)
  await transport.handleRequest(request, response, request.body)
})
app.all('/mcp', onlyCallers, (_request, response) => {
  response.status(405).set('allow', 'POST').json({ error: 'method_not_allowed' })
})

const server = app.listen(port, '127.0.0.1', () => {
  console.log(JSON.stringify({ url: resource }))
})

process.on('SIGTERM', () => {
  server.close()
  server.closeAllConnections()
})
