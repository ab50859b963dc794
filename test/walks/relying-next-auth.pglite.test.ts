import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { builtNextApp, startNextApp } from './next-app.ts'
import { signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { application, createAccount, type Stage, setStage } from './stage.ts'
import { type Page, visitor } from './visitor.ts'

let stage: Stage
let app: Running
let home: string

beforeAll(async () => {
  const port = await freePort()
  home = `http://localhost:${port}`
  const plain = application('magazine', home, '/api/auth/callback/gate')
  const registered = {
    ...plain,
    oidcClientMetadata: { ...plain.oidcClientMetadata, idTokenSignedResponseAlg: 'RS256' },
  }
  const folder = await builtNextApp('nextjs-plain-oidc')
  stage = await setStage(databaseKind(), { apply: { applications: [registered] } })
  app = await startNextApp(folder, port, {
    ENDPOINT: stage.server.url,
    APP_ID: registered.id,
    APP_SECRET: registered.secret,
    NEXTAUTH_URL: home,
    NEXTAUTH_SECRET: 'a secret of the walk, long enough for Auth.js',
    // Tokens live an hour: so each look at the session renews them.
    RENEW_EARLY: '3600',
  })
}, 300_000)
afterAll(async () => {
  await app?.stop()
  await stage?.clear()
})

const said = (page: Page) => JSON.parse(page.body)

test('next-auth 4 with a plain provider signs in, renews its tokens, and signs out at both ends', async () => {
  const guest = visitor()
  const { id: sub, email, password } = await createAccount(stage.server)
  const signIn = async () => {
    const doors = await guest.open(
      `${home}/api/auth/signin?callbackUrl=${encodeURIComponent(home)}`,
    )
    return guest.submit(doors, {}, '/api/auth/signin/gate')
  }
  const start = await signIn()
  expect(new URL(start.url).pathname).toBe('/sign-in')
  const end = await signInWithPassword(guest, start, { email, password })
  expect(said(end)).toEqual({ isAuthenticated: true, sub, email })

  for (const renewals of [1, 2, 3]) {
    expect(said(await guest.open(`${home}/api/auth/session`))).toMatchObject({
      ...{ user: { email }, renewals },
      userInfo: { sub, email, email_verified: true },
    })
  }

  const out = await guest.open(`${home}/sign-out`)
  expect(out.trail[0]).toContain(`${stage.server.url}/oidc/session/end`)
  expect(said(out)).toEqual({ isAuthenticated: false })
  const again = await signIn()
  expect(new URL(again.url).pathname).toBe('/sign-in')
}, 60_000)

test('whom the gate deletes has no user info at the next look', async () => {
  const guest = visitor()
  const account = await createAccount(stage.server)
  const doors = await guest.open(`${home}/api/auth/signin`)
  const start = await guest.submit(doors, {}, '/api/auth/signin/gate')
  await signInWithPassword(guest, start, account)
  const gone = await fetch(`${stage.server.url}/auth/v1/admin/users/${account.id}`, {
    method: 'DELETE',
    headers: { authorization: `Bearer ${stage.server.serviceRoleKey}` },
  })
  expect(gone.status).toBe(200)
  const session = said(await guest.open(`${home}/api/auth/session`))
  expect(session).toMatchObject({ userInfo: null, renewals: 0 })
}, 60_000)
