import { afterAll, beforeAll, expect, test } from 'vitest'
import { supabaseStory } from './example.ts'
import { mailboxOf } from './mail.ts'
import { findPlace, type Place, type Server, startServer } from './server.ts'
import { freshEmail } from './stage.ts'

// The mailbox belongs to `sekisho dev`, which runs the embedded database.
let place: Place
let server: Server

beforeAll(async () => {
  place = await findPlace('pglite')
  server = await startServer(place)
}, 120_000)
afterAll(async () => {
  await server?.stop()
  await place?.leave()
})

test('without a connector the mails wait in the mailbox of development', async () => {
  const email = freshEmail()
  const withV2 = await supabaseStory('v2')
  const steps = await withV2({
    ...server,
    email,
    password: 'correct horse battery',
    mail: mailboxOf(server.url),
  })
  expect(steps.signedOut.error).toBeNull()
  expect(steps.user.data.user.email).toBe(email)
}, 60_000)
