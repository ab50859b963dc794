import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { startExample } from './example.ts'
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
  const registered = {
    ...application('ferry', home, '/callback'),
    customClientMetadata: { isPkceOptional: true },
  }
  stage = await setStage(databaseKind(), { apply: { applications: [registered] } })
  app = await startExample('passport', {
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

test('passport-openidconnect signs in, renews, asks for user info, and signs out without a question', async () => {
  const guest = visitor()
  const account = await createAccount(stage.server)
  const { id, email } = account
  const start = await guest.open(`${home}/sign-in`)
  expect(new URL(start.url).pathname).toBe('/sign-in')
  const end = await signInWithPassword(guest, start, account)
  expect(said(end)).toEqual({ status: 200, isAuthenticated: true, id, email })
  for (const status of [200, 200]) {
    expect(said(await guest.open(`${home}/user-info`))).toMatchObject({ status, sub: id, email })
  }
  const out = await guest.open(`${home}/sign-out`)
  expect(said(out)).toEqual({ status: 200, isAuthenticated: false })
  const again = await guest.open(`${home}/sign-in`)
  expect(new URL(again.url).pathname).toBe('/sign-in')
}, 60_000)

test('an answer that this browser did not ask for signs nobody in', async () => {
  const account = await createAccount(stage.server)
  let answer = ''
  const thief = visitor({
    stopAt: (url) => {
      if (url.includes('/callback?')) answer = url
      return answer !== ''
    },
  })
  await signInWithPassword(thief, await thief.open(`${home}/sign-in`), account)
  expect(answer).toContain('code=')
  const victim = visitor()
  expect(said(await victim.open(answer))).toMatchObject({ status: 403, isAuthenticated: false })
  expect(said(await victim.open(home))).toMatchObject({ isAuthenticated: false })
}, 60_000)
