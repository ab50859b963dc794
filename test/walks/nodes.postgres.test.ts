import { createServer } from 'node:http'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { listenOnLoopback } from '../setup/listen.ts'
import { query } from './ledger.ts'
import { node, top } from './machine.ts'
import { tokensOf } from './oidc.ts'
import { runToEnd } from './process.ts'
import { type Server, startServer, variablesOf } from './server.ts'
import { application, createAccount, type Stage, setStage } from './stage.ts'

const env = { SEKISHO_PRIVATE_HOSTS: '127.0.0.1' }
/** A machine ten times slower gets there too; nothing here waits longer than it has to. */
const patience = { timeout: 60_000, interval: 100 }

describe('two nodes on one database', () => {
  let stage: Stage
  let second: Server
  const heard: { path: string; body: string }[] = []
  const ears = createServer(async (request, response) => {
    let body = ''
    for await (const chunk of request) body += chunk
    heard.push({ path: request.url ?? '', body })
    response.end()
  })
  let bookstore: ReturnType<typeof application>

  beforeAll(async () => {
    const port = await listenOnLoopback(ears)
    const plain = application('bookstore', 'http://localhost:9', '/callback')
    const backchannelLogoutUri = `http://127.0.0.1:${port}/signed-out`
    bookstore = {
      ...plain,
      oidcClientMetadata: { ...plain.oidcClientMetadata, backchannelLogoutUri },
    } as ReturnType<typeof application>
    stage = await setStage('postgres', { env, apply: { applications: [bookstore] } })
    second = await startServer(stage.place, { env, publicUrl: stage.server.url })
  }, 120_000)
  afterAll(async () => {
    await second?.stop()
    await stage?.clear()
    ears.closeAllConnections()
    await new Promise((resolve) => ears.close(resolve))
  })

  async function keys(...args: string[]): Promise<void> {
    await runToEnd(node, [join(top, 'src/cli.ts'), 'keys', ...args, '--json'], {
      cwd: stage.place.folder,
      env: { ...variablesOf(stage.place), SEKISHO_PUBLIC_URL: stage.server.url },
    })
  }

  async function kidsAt({ url }: Server, path: string): Promise<string[]> {
    const { keys } = (await (await fetch(url + path)).json()) as { keys: { kid: string }[] }
    return keys.map(({ kid }) => kid).sort()
  }

  test('a next key is published by both, without a restart', async () => {
    const before = await kidsAt(stage.server, '/oidc/jwks')
    await keys('rotate')
    for (const server of [stage.server, second]) {
      await expect.poll(() => kidsAt(server, '/oidc/jwks'), patience).toHaveLength(2)
    }
    const after = await kidsAt(second, '/oidc/jwks')
    expect(after).toEqual(expect.arrayContaining(before))
    expect(await kidsAt(stage.server, '/oidc/jwks')).toEqual(after)
  }, 90_000)

  test('a key that signs at once fails nobody on either node', async () => {
    const { email, password } = await createAccount(stage.server)
    const old = await kidsAt(stage.server, '/auth/v1/.well-known/jwks.json')
    const signIn = async (server: Server) => {
      const answer = await fetch(`${server.url}/auth/v1/token?grant_type=password`, {
        method: 'POST',
        headers: { 'content-type': 'application/json' },
        body: JSON.stringify({ email, password }),
      })
      const { access_token }: { access_token: string } = await answer.json()
      return access_token
    }
    const kidOf = (token: string) =>
      JSON.parse(Buffer.from(token.split('.')[0] ?? '', 'base64url').toString()).kid as string
    await keys('rotate', '--now', '--purpose', 'gotrue')
    const signed = new Set<string>()
    const isNew = (kid: string) => !old.includes(kid)
    // Until both nodes sign with the new key, each takes what the other one signed.
    await expect
      .poll(
        async () => {
          const kids: string[] = []
          for (const [from, to] of [
            [stage.server, second],
            [second, stage.server],
          ] as const) {
            const token = await signIn(from)
            const answer = await fetch(`${to.url}/auth/v1/user`, {
              headers: { authorization: `Bearer ${token}` },
            })
            expect(answer.status).toBe(200)
            kids.push(kidOf(token))
            signed.add(kidOf(token))
          }
          return kids.every(isNew)
          // Slower, so that nobody takes it for guessing.
        },
        { ...patience, interval: 500 },
      )
      .toBe(true)
    expect([...signed].filter(isNew)).toHaveLength(1)
    // The API keys of before go on.
    const answer = await fetch(`${second.url}/auth/v1/admin/users`, {
      headers: { authorization: `Bearer ${stage.server.serviceRoleKey}` },
    })
    expect(answer.status).toBe(200)
  }, 90_000)

  test('an application is told once that a session is over, whichever node ended it', async () => {
    const account = await createAccount(stage.server)
    await tokensOf(stage.server, bookstore, account)
    const answer = await fetch(`${second.url}/auth/v1/token?grant_type=password`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email: account.email, password: account.password }),
    })
    const { access_token }: { access_token: string } = await answer.json()
    await fetch(`${second.url}/auth/v1/logout`, {
      method: 'POST',
      headers: { authorization: `Bearer ${access_token}` },
    })
    const waiting = () => query(stage.place, 'select 1 from idp.deliveries')
    await expect.poll(waiting, patience).toEqual([])
    expect(heard.map(({ path }) => path)).toEqual(['/signed-out'])
    const token = new URLSearchParams(heard[0]?.body).get('logout_token') ?? ''
    const claims = JSON.parse(Buffer.from(token.split('.')[1] ?? '', 'base64url').toString())
    expect(claims).toMatchObject({ aud: 'bookstore', sub: account.id })
    const told = await query(
      stage.place,
      `select type from idp.events where type like 'logout.%' and user_id = $1`,
      [account.id],
    )
    expect(told).toEqual([{ type: 'logout.delivered' }])
  }, 90_000)

  test('a node ends cleanly with its chores under way', async () => {
    const third = await startServer(stage.place, { env, publicUrl: stage.server.url })
    expect((await third.stop()).code).toBe(0)
  }, 90_000)
})
