import { createServer } from 'node:http'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listenOnLoopback } from '../setup/listen.ts'
import { adapterApplication } from './club.ts'
import { refresh, tokensOf } from './oidc.ts'
import { application, createAccount, freshEmail, type Stage, setStage } from './stage.ts'

const bookstore = application('bookstore', 'http://localhost:9', '/callback')
const club = adapterApplication('club', 'http://localhost:9')
const json = { 'content-type': 'application/json' }

// One request that waits for a second connection while it holds one would wait for itself.
describe.each([1, 2])('with no more than %i connections', (size) => {
  let stage: Stage

  beforeAll(async () => {
    stage = await setStage('postgres', {
      env: { GOTRUE_DB_MAX_POOL_SIZE: String(size) },
      apply: { applications: [bookstore, club] },
    })
  }, 120_000)
  afterAll(() => stage?.clear())

  const call = (path: string, init: RequestInit) => fetch(`${stage.server.url}${path}`, init)
  const post = (path: string, body: unknown, headers: Record<string, string> = {}) =>
    call(path, { method: 'POST', headers: { ...json, ...headers }, body: JSON.stringify(body) })

  async function bySupabase(): Promise<void> {
    const account = await createAccount(stage.server)
    const signedIn = await post('/auth/v1/token?grant_type=password', account)
    expect(signedIn.status).toBe(200)
    const { refresh_token }: { refresh_token: string } = await signedIn.json()
    const refreshed = await post('/auth/v1/token?grant_type=refresh_token', { refresh_token })
    expect(refreshed.status).toBe(200)
    const { access_token }: { access_token: string } = await refreshed.json()
    const headers = { ...json, authorization: `Bearer ${access_token}` }
    expect((await call('/auth/v1/user', { headers })).status).toBe(200)
    const change = { method: 'PUT', headers, body: '{"data":{"seen":true}}' }
    expect((await call('/auth/v1/user', change)).status).toBe(200)
    const end = { method: 'POST', headers }
    expect((await call('/auth/v1/logout?scope=global', end)).status).toBe(204)
  }

  async function byOpenId(): Promise<void> {
    const tokens = await tokensOf(stage.server, bookstore, await createAccount(stage.server))
    const again = await refresh(stage.server, bookstore, tokens.refresh_token ?? '')
    expect(again.status).toBe(200)
  }

  async function byAdapter(): Promise<void> {
    const pair = Buffer.from(`${club.id}:${club.secret}`).toString('base64')
    const ask = async (method: string, body: unknown) => {
      const answer = await post(`/api/authjs/${method}`, body, { authorization: `Basic ${pair}` })
      expect(answer.status, method).toBe(200)
      return ((await answer.json()) as { result: { id: string } }).result
    }
    const user = await ask('createUser', { email: freshEmail(), emailVerified: null })
    const session = { userId: user.id, sessionToken: crypto.randomUUID() }
    await ask('createSession', { ...session, expires: new Date(Date.now() + 3_600_000) })
    await ask('getSessionAndUser', { sessionToken: session.sessionToken })
    await ask('deleteUser', { id: user.id })
  }

  test('people come in by all three doors at once', async () => {
    const doors = [bySupabase, byOpenId, byAdapter]
    await Promise.all([...doors, ...doors].map((enter) => enter()))
  }, 120_000)
})

describe('a mail provider that hangs', () => {
  let stage: Stage
  const held: (() => void)[] = []
  const provider = createServer((_, answer) => {
    held.push(() => answer.writeHead(500).end('{}'))
  })

  beforeAll(async () => {
    const port = await listenOnLoopback(provider)
    stage = await setStage('postgres', {
      env: { GOTRUE_DB_MAX_POOL_SIZE: '1' },
      apply: {
        connectors: [
          {
            connectorId: 'mailgun-email',
            config: {
              endpoint: `http://127.0.0.1:${port}`,
              domain: 'mail.example.com',
              apiKey: 'a-key-of-the-walk',
              from: 'no-reply@example.com',
              deliveries: {
                Generic: { subject: 'Code {{code}}', html: '{{code}}', text: '{{code}}' },
              },
            },
          },
        ],
      },
    })
  }, 120_000)
  afterAll(async () => {
    await stage?.clear()
    provider.closeAllConnections()
    await new Promise((resolve) => provider.close(resolve))
  })

  test('holds up nobody but those who wait for its mail, and no connection', async () => {
    const { url } = stage.server
    const otp = () =>
      fetch(`${url}/auth/v1/otp`, {
        method: 'POST',
        headers: json,
        body: JSON.stringify({ email: freshEmail() }),
      })
    const waiting = [otp(), otp(), otp()]
    await expect.poll(() => held.length, { timeout: 30_000, interval: 50 }).toBe(3)
    const { email, password } = await createAccount(stage.server)
    const signedIn = await fetch(`${url}/auth/v1/token?grant_type=password`, {
      method: 'POST',
      headers: json,
      body: JSON.stringify({ email, password }),
    })
    expect(signedIn.status).toBe(200)
    for (const fail of held) fail()
    const statuses = (await Promise.all(waiting)).map(({ status }) => status)
    expect(statuses).toEqual([500, 500, 500])
  }, 120_000)
})
