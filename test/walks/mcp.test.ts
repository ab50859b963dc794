import { createServer, type Server } from 'node:http'
import type { OAuthClientProvider } from '@modelcontextprotocol/sdk/client/auth.js'
import { UnauthorizedError } from '@modelcontextprotocol/sdk/client/auth.js'
import { Client } from '@modelcontextprotocol/sdk/client/index.js'
import { StreamableHTTPClientTransport } from '@modelcontextprotocol/sdk/client/streamableHttp.js'
import type {
  OAuthClientInformationMixed,
  OAuthClientMetadata,
  OAuthTokens,
} from '@modelcontextprotocol/sdk/shared/auth.js'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { startExample } from './example.ts'
import { signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { type Account, createAccount, type Stage, setStage } from './stage.ts'
import { type Page, type Visitor, visitor } from './visitor.ts'

// An MCP client that knows nothing but a server's address finds us, introduces itself, and has its user sign in.

let stage: Stage
let notes: Running
let address: URL
let redirect: string
let site: Server
let documentAddress: string

beforeAll(async () => {
  const [notesPort, redirectPort, sitePort] = [await freePort(), await freePort(), await freePort()]
  address = new URL(`http://localhost:${notesPort}/mcp`)
  redirect = `http://127.0.0.1:${redirectPort}/callback`
  documentAddress = `http://localhost:${sitePort}/client.json`
  site = createServer((_request, response) => {
    const document = {
      client_id: documentAddress,
      client_name: 'Documented',
      redirect_uris: ['http://127.0.0.1/callback'],
      grant_types: ['authorization_code', 'refresh_token'],
    }
    response.setHeader('content-type', 'application/json').end(JSON.stringify(document))
  })
  await new Promise<void>((resolve) => {
    site.listen(sitePort, 'localhost', resolve)
  })
  const scopes = [{ name: 'notes:read', description: 'Read your notes' }]
  stage = await setStage(databaseKind(), {
    env: {
      SEKISHO_REGISTRATION: 'open',
      SEKISHO_CLIENT_DOCUMENTS: 'true',
      SEKISHO_PRIVATE_HOSTS: 'localhost',
    },
    apply: {
      resources: [{ name: 'Notes', indicator: address.href, isOpen: true, scopes }],
      roles: [
        {
          ...{ name: 'note-reader', isDefault: true },
          scopes: [{ resource: address.href, name: 'notes:read' }],
        },
      ],
    },
  })
  notes = await startExample('mcp', {
    PORT: String(notesPort),
    ISSUER: `${stage.server.url}/oidc`,
  })
}, 180_000)
afterAll(async () => {
  await notes?.stop()
  site?.close()
  await stage?.clear()
})

/** What an MCP client keeps, and the browser that it opens. */
interface Keeper extends OAuthClientProvider {
  kept: { client?: OAuthClientInformationMixed; tokens?: OAuthTokens; verifier?: string }
  /** Where the user's browser was sent last. */
  opened: URL[]
}

function keeper(known?: OAuthClientInformationMixed): Keeper {
  const kept: Keeper['kept'] = known === undefined ? {} : { client: known }
  const opened: URL[] = []
  const clientMetadata: OAuthClientMetadata = {
    client_name: 'Walker',
    redirect_uris: [redirect],
    grant_types: ['authorization_code', 'refresh_token'],
    response_types: ['code'],
    token_endpoint_auth_method: 'none',
  }
  return {
    kept,
    opened,
    redirectUrl: redirect,
    clientMetadata,
    state: () => 'a state of the walk',
    clientInformation: () => kept.client,
    saveClientInformation(client) {
      kept.client = client
    },
    tokens: () => kept.tokens,
    saveTokens(tokens) {
      kept.tokens = tokens
    },
    saveCodeVerifier(verifier) {
      kept.verifier = verifier
    },
    codeVerifier: () => kept.verifier ?? '',
    redirectToAuthorization(url) {
      opened.push(url)
    },
  }
}

async function connect(provider: Keeper): Promise<Client> {
  const client = new Client({ name: 'walker', version: '1.0.0' })
  await client.connect(new StreamableHTTPClientTransport(address, { authProvider: provider }))
  return client
}

/** Connects, is refused, and hands the code over that the user's browser brings back. */
async function authorize(
  provider: Keeper,
  walk: (guest: Visitor, start: Page) => Promise<Page>,
): Promise<void> {
  const transport = new StreamableHTTPClientTransport(address, { authProvider: provider })
  const client = new Client({ name: 'walker', version: '1.0.0' })
  await expect(client.connect(transport)).rejects.toBeInstanceOf(UnauthorizedError)
  const guest = visitor({ stopAt: (url) => url.startsWith(redirect) })
  const end = await walk(guest, await guest.open(provider.opened.at(-1)?.href ?? ''))
  const answer = new URL(end.url).searchParams
  expect(answer.get('state')).toBe('a state of the walk')
  expect(answer.get('iss')).toBe(`${stage.server.url}/oidc`)
  await transport.finishAuth(answer.get('code') ?? '')
}

function signingIn(account: Account, seen: (page: Page) => void = () => {}) {
  return async (guest: Visitor, start: Page): Promise<Page> => {
    expect(new URL(start.url).pathname).toBe('/sign-in')
    const question = await signInWithPassword(guest, start, account)
    expect(new URL(question.url).pathname).toBe('/consent')
    seen(question)
    return guest.submit(question, { want: 'allow' }, '/consent')
  }
}

async function readNote(client: Client): Promise<{ title: string; owner: string }> {
  const result = await client.callTool({ name: 'read_note', arguments: { title: 'Tea' } })
  const [first] = result.content as { type: string; text: string }[]
  return JSON.parse(first?.text ?? '{}')
}

test('a client without a token is told where to go, and a wrong token is none', async () => {
  const bare = await fetch(address, { method: 'POST' })
  expect(bare.status).toBe(401)
  const challenge = bare.headers.get('www-authenticate') ?? ''
  const [, metadata = ''] = /resource_metadata="([^"]+)"/.exec(challenge) ?? []
  expect(await (await fetch(metadata)).json()).toMatchObject({
    resource: address.href,
    authorization_servers: [`${stage.server.url}/oidc`],
  })
  // The provider says the same of an open resource, for servers that would rather point there.
  const query = new URLSearchParams({ resource: address.href })
  const ours = await fetch(`${stage.server.url}/oidc/resource-metadata?${query}`)
  expect(await ours.json()).toMatchObject({ resource: address.href })
  const wrong = await fetch(address, { method: 'POST', headers: { authorization: 'Bearer x.y.z' } })
  expect(wrong.status).toBe(401)
  expect(wrong.headers.get('www-authenticate')).toContain('error="invalid_token"')
})

test('the SDK’s client registers, its user signs in and consents, it calls a tool, and refreshes', async () => {
  const account = await createAccount(stage.server)
  const provider = keeper()
  await authorize(
    provider,
    signingIn(account, ({ body }) => {
      expect(body).toContain('Walker')
      expect(body).toContain('Read your notes')
      expect(body).toContain('a program on this device')
    }),
  )
  const [asked] = provider.opened
  expect(asked?.searchParams.get('resource')).toBe(address.href)
  expect(asked?.searchParams.get('code_challenge_method')).toBe('S256')
  expect(provider.kept.client?.client_id).toMatch(/^[a-z0-9]{21}$/)

  const client = await connect(provider)
  expect((await client.listTools()).tools.map(({ name }) => name)).toEqual(['read_note'])
  expect(await readNote(client)).toEqual({ title: 'Tea', owner: account.id })
  await client.close()

  // What has run out looks like this to the server: the client refreshes, and nobody is asked.
  const { tokens } = provider.kept
  expect(tokens?.refresh_token).toBeDefined()
  if (tokens !== undefined) provider.kept.tokens = { ...tokens, access_token: 'has.run.out' }
  const again = await connect(provider)
  expect(await readNote(again)).toEqual({ title: 'Tea', owner: account.id })
  await again.close()
  expect(provider.kept.tokens?.refresh_token).not.toBe(tokens?.refresh_token)
  expect(provider.opened).toHaveLength(1)

  // A token for this server is none for another: not even for our own user info.
  const authorization = `Bearer ${provider.kept.tokens?.access_token}`
  const me = await fetch(`${stage.server.url}/oidc/me`, { headers: { authorization } })
  expect(me.status).toBe(401)
}, 60_000)

test('a client that is known by its document needs no registration', async () => {
  const account = await createAccount(stage.server)
  const provider = keeper({ client_id: documentAddress })
  await authorize(
    provider,
    signingIn(account, ({ body }) => {
      expect(body).toContain('Documented')
      expect(body).toContain(new URL(documentAddress).host)
    }),
  )
  const client = await connect(provider)
  expect(await readNote(client)).toEqual({ title: 'Tea', owner: account.id })
  await client.close()
  expect(provider.kept.client?.client_id).toBe(documentAddress)
}, 60_000)

test('whose user says no gets no token', async () => {
  const account = await createAccount(stage.server)
  const provider = keeper()
  const transport = new StreamableHTTPClientTransport(address, { authProvider: provider })
  const client = new Client({ name: 'walker', version: '1.0.0' })
  await expect(client.connect(transport)).rejects.toBeInstanceOf(UnauthorizedError)
  const guest = visitor({ stopAt: (url) => url.startsWith(redirect) })
  const start = await guest.open(provider.opened[0]?.href ?? '')
  const question = await signInWithPassword(guest, start, account)
  const end = await guest.submit(question, { want: 'deny' }, '/consent')
  expect(new URL(end.url).searchParams.get('error')).toBe('access_denied')
  expect(provider.kept.tokens).toBeUndefined()
}, 60_000)
