import { setTimeout as sleep } from 'node:timers/promises'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { findPlace, type Place, type Server, startServer } from './server.ts'

const wanted = 200
const atOnce = 8
const password = 'correct horse battery'

let place: Place
let server: Server

beforeAll(async () => {
  place = await findPlace(databaseKind())
}, 60_000)
afterAll(async () => {
  await server?.kill()
  await place?.leave()
})

test('a server that is killed among sign-ups has every one that it acknowledged when it comes back', async () => {
  const env = { GOTRUE_MAILER_AUTOCONFIRM: 'true' }
  server = await startServer(place, { env })
  const acknowledged: string[] = []
  let number = 0

  async function signUpUntilTheEnd() {
    while (number < wanted) {
      number += 1
      const email = `guest.${number}@example.com`
      try {
        const answer = await fetch(`${server.url}/auth/v1/signup`, {
          method: 'POST',
          headers: { 'content-type': 'application/json' },
          body: JSON.stringify({ email, password }),
        })
        if (answer.status === 200) acknowledged.push(email)
        await answer.arrayBuffer()
      } catch {
        // The connection broke: nothing was acknowledged, and it may be there or not.
        return
      }
    }
  }

  const guests = Promise.all(Array.from({ length: atOnce }, signUpUntilTheEnd))
  while (acknowledged.length < wanted / 2 && number < wanted) await sleep(5)
  await server.kill()
  await guests
  expect(acknowledged.length).toBeGreaterThanOrEqual(wanted / 4)
  expect(acknowledged.length).toBeLessThan(wanted)

  server = await startServer(place, { env })
  const answer = await fetch(`${server.url}/auth/v1/admin/users?per_page=1000`, {
    headers: { authorization: `Bearer ${server.serviceRoleKey}` },
  })
  const { users }: { users: { email: string; email_confirmed_at?: string }[] } = await answer.json()
  const there = new Set(users.filter((user) => user.email_confirmed_at).map(({ email }) => email))
  expect(acknowledged.filter((email) => !there.has(email))).toEqual([])

  // Whole, not only there: their passwords work.
  for (const email of [acknowledged[0], acknowledged.at(-1)]) {
    const signedIn = await fetch(`${server.url}/auth/v1/token?grant_type=password`, {
      method: 'POST',
      headers: { 'content-type': 'application/json' },
      body: JSON.stringify({ email, password }),
    })
    expect(signedIn.status).toBe(200)
  }
}, 180_000)

test('SIGTERM ends a server cleanly within five seconds', async () => {
  const { code, tookMs } = await server.stop()
  expect(code).toBe(0)
  expect(tookMs).toBeLessThan(5000)
}, 30_000)
