import { afterAll, beforeAll, expect, test } from 'vitest'
import { askForLink, clubSecret } from './club.ts'
import { startExample } from './example.ts'
import { freePort } from './machine.ts'
import type { Running } from './process.ts'
import { findPlace, type Place, startServer, variablesOf } from './server.ts'
import { freshEmail } from './stage.ts'
import { visitor } from './visitor.ts'

// The app has the embedded database to itself: beside a server it needs Postgres.
let place: Place
let app: Running
let home: string

beforeAll(async () => {
  place = await findPlace('pglite')
  // The server lays the tables out, and leaves.
  await (await startServer(place)).stop()
  const port = await freePort()
  home = `http://localhost:${port}`
  app = await startExample('authjs-express', {
    ...clubSecret,
    ...variablesOf(place),
    PORT: String(port),
    APP_ID: 'club',
    APP_SECRET: 'no server is there to ask for it',
  })
}, 180_000)
afterAll(async () => {
  await app?.stop()
  await place?.leave()
})

test('a magic link signs in, once', async () => {
  const email = freshEmail()
  const guest = visitor()
  const link = await askForLink(guest, app, home, email)
  const end = await guest.open(link)
  expect(JSON.parse(end.body)).toMatchObject({ email })
  expect((await visitor().open(link)).url).toContain('error=Verification')
  const out = await guest.submit(await guest.open(`${home}/auth/signout`), {}, '/auth/signout')
  expect(JSON.parse(out.body)).toBeNull()
}, 60_000)
