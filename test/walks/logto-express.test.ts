import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { startExample } from './example.ts'
import { register, signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { application, createAccount, freshEmail, type Stage, setStage } from './stage.ts'
import { type Page, visitor } from './visitor.ts'

let stage: Stage
let app: Running
let home: string

beforeAll(async () => {
  const port = await freePort()
  home = `http://localhost:${port}`
  const registered = application('reader', home, '/logto/sign-in-callback')
  stage = await setStage(databaseKind(), { apply: { applications: [registered] } })
  app = await startExample('logto-express', {
    PORT: String(port),
    ENDPOINT: stage.server.url,
    APP_ID: registered.id,
    APP_SECRET: registered.secret,
    SESSION_SECRET: 'a secret of the walk',
  })
}, 180_000)
afterAll(async () => {
  await app?.stop()
  await stage?.clear()
})

const said = (page: Page) => ({ status: page.status, ...JSON.parse(page.body) })

test("Logto's Express SDK signs in, reads its claims, asks for user info, and signs out", async () => {
  const guest = visitor()
  const account = await createAccount(stage.server)
  expect(said(await guest.open(home))).toMatchObject({ isAuthenticated: false })

  const start = await guest.open(`${home}/logto/sign-in`)
  expect(new URL(start.url).pathname).toBe('/sign-in')
  const end = await signInWithPassword(guest, start, account)
  expect(end.url).toBe(`${home}/`)
  expect(said(end)).toMatchObject({
    isAuthenticated: true,
    claims: {
      sub: account.id,
      aud: 'reader',
      iss: `${stage.server.url}/oidc`,
      email: account.email,
      email_verified: true,
    },
  })
  expect(said(await guest.open(`${home}/user-info`))).toMatchObject({
    status: 200,
    userInfo: { sub: account.id, email: account.email, email_verified: true },
  })

  const asked = await guest.open(`${home}/logto/sign-out`)
  const out = await guest.submit(asked, {}, '/sign-out')
  expect(said(out)).toMatchObject({ isAuthenticated: false })
  const again = await guest.open(`${home}/logto/sign-in`)
  expect(new URL(again.url).pathname).toBe('/sign-in')
}, 60_000)

test('its sign-up leads straight to registering', async () => {
  const guest = visitor()
  const email = freshEmail()
  const start = await guest.open(`${home}/logto/sign-up`)
  expect(new URL(start.url).pathname).toBe('/register')
  const end = await register(guest, start, { email, post: stage.post })
  expect(said(end)).toMatchObject({ isAuthenticated: true, claims: { email } })
}, 60_000)
