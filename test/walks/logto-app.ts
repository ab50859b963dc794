import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { freePort } from '../setup/free-port.ts'
import { register, signInWithPassword } from './pages.ts'
import type { Running } from './process.ts'
import { application, freshEmail, type Stage, setStage } from './stage.ts'
import { peopleOfThings, startThings, type ThingsApi, things } from './things.ts'
import { type Page, visitor } from './visitor.ts'

/** An example on one of Logto's SDKs. All of them answer the same paths, but for those that their SDK chooses. */
export interface LogtoApp {
  signIn: string
  /** Where its SDK has a door for who is new. */
  signUp?: string
  callback: string
  signOut: string
  /** What it calls the API for. */
  paths: string[]
  start(env: Record<string, string>): Promise<Running>
}

export const callsOfThings = {
  asUser: '/things',
  asMember: '/organizations/acme/things',
  ofOrganization: '/organizations/acme/members',
}

/** What every app on a Logto SDK has to tell, whatever it is written in. */
export function walkLogtoApp(client: string, app: LogtoApp) {
  describe(client, () => {
    const { member, stranger, apply } = peopleOfThings()
    let stage: Stage
    let api: ThingsApi
    let running: Running
    let home: string

    beforeAll(async () => {
      const port = await freePort()
      home = `http://localhost:${port}`
      const registered = application('reader', home, app.callback)
      stage = await setStage(databaseKind(), { apply: { ...apply, applications: [registered] } })
      api = await startThings(stage)
      running = await app.start({
        PORT: String(port),
        ENDPOINT: stage.server.url,
        APP_ID: registered.id,
        APP_SECRET: registered.secret,
        SESSION_SECRET: 'a secret of the walk, of 32 characters or more',
        API: api.url,
        RESOURCE: things,
      })
    }, 300_000)
    afterAll(async () => {
      await running?.stop()
      await api?.running.stop()
      await stage?.clear()
    })

    const said = (page: Page) => ({ status: page.status, ...JSON.parse(page.body) })

    test('signs in, reads its claims, asks for user info, and signs out', async () => {
      const guest = visitor()
      const { id: sub, email } = member
      expect(said(await guest.open(home))).toMatchObject({ isAuthenticated: false })

      const start = await guest.open(home + app.signIn)
      expect(new URL(start.url).pathname).toBe('/sign-in')
      const end = await signInWithPassword(guest, start, member)
      expect(end.url).toBe(`${home}/`)
      expect(said(end)).toMatchObject({
        isAuthenticated: true,
        claims: {
          ...{ sub, email, email_verified: true },
          ...{ aud: 'reader', iss: `${stage.server.url}/oidc` },
          ...{ roles: ['reader'], organizations: ['acme'] },
        },
      })
      expect(said(await guest.open(`${home}/user-info`))).toMatchObject({
        status: 200,
        userInfo: { sub, email, organizations: ['acme'] },
      })

      const asked = await guest.open(home + app.signOut)
      const out = await guest.submit(asked, {}, '/sign-out')
      expect(said(out)).toMatchObject({ isAuthenticated: false })
      const again = await guest.open(home + app.signIn)
      expect(new URL(again.url).pathname).toBe('/sign-in')
    }, 60_000)

    if (app.signUp)
      test('its sign-up leads straight to registering', async () => {
        const guest = visitor()
        const email = freshEmail()
        const start = await guest.open(`${home}${app.signUp}`)
        expect(new URL(start.url).pathname).toBe('/register')
        const end = await register(guest, start, { email, post: stage.post })
        expect(said(end)).toMatchObject({ isAuthenticated: true, claims: { email } })
      }, 60_000)

    test('an API and an organization take the tokens that it refreshes to', async () => {
      const guest = visitor()
      const { id: sub } = member
      await signInWithPassword(guest, await guest.open(home + app.signIn), member)
      for (const path of [...app.paths, ...app.paths]) {
        expect({ path, ...said(await guest.open(home + path)) }).toMatchObject({
          ...{ path, status: 200, sub },
          ...(path.endsWith('members') && { organization: 'acme', scope: 'invite:members' }),
        })
      }
      const elsewhere = await guest.open(`${home}/organizations/other/members`)
      expect(elsewhere.status).toBe(403)
    }, 60_000)

    test('who has no role gets a token that the API refuses, and none of the organization', async () => {
      const guest = visitor()
      await signInWithPassword(guest, await guest.open(home + app.signIn), stranger)
      expect(said(await guest.open(`${home}/things`))).toMatchObject({
        status: 403,
        error: 'insufficient_scope',
      })
      const members = await guest.open(`${home}/organizations/acme/members`)
      expect(members.status).toBe(403)
      const bare = await fetch(`${api.url}/things`)
      expect(bare.status).toBe(401)
    }, 60_000)
  })
}
