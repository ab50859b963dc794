import { afterAll, beforeAll, expect, test } from 'vitest'
import { openRelay, type Relay } from '../setup/relay.ts'
import { findPlace, type Place, type Server, startServer } from './server.ts'
import { createAccount } from './stage.ts'

/** A machine ten times slower gets there too; nothing here waits longer than it has to. */
const patience = { timeout: 60_000, interval: 50 }

let place: Place
let relay: Relay
let server: Server
let account: Awaited<ReturnType<typeof createAccount>>

beforeAll(async () => {
  place = await findPlace('postgres')
  relay = await openRelay(place.databaseUrl ?? '')
  server = await startServer({ ...place, databaseUrl: relay.url })
  account = await createAccount(server)
}, 120_000)
afterAll(async () => {
  await relay?.mend()
  await server?.stop()
  await relay?.close()
  await place?.leave()
})

const readiness = async () => (await fetch(`${server.url}/readyz`)).json()
const ready = { status: 'ok' }
const signIn = () =>
  fetch(`${server.url}/auth/v1/token?grant_type=password`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify({ email: account.email, password: account.password }),
  })

test.each([
  ['is refused', () => relay.refuse()],
  ['goes down and comes up', () => relay.greet('57P03')],
  ['is cut off', () => relay.silence()],
])(
  'a node whose database %s says so, refuses in time, and comes back by itself',
  async (_, trouble) => {
    await expect.poll(readiness, patience).toEqual(ready)
    await trouble()
    // A request that is under way when the line falls silent ends as well.
    expect((await signIn()).status).toBe(503)
    await expect
      .poll(readiness, patience)
      .toEqual({ status: 'unavailable', reason: 'database-away' })
    expect((await fetch(`${server.url}/livez`)).status).toBe(200)
    const refused = await signIn()
    expect(refused.status).toBe(503)
    expect(Number(refused.headers.get('retry-after'))).toBeGreaterThan(0)

    await relay.mend()
    await expect.poll(readiness, patience).toEqual(ready)
    expect((await signIn()).status).toBe(200)
  },
  120_000,
)

test('a node starts before its database does, and waits', async () => {
  const line = await openRelay(place.databaseUrl ?? '')
  line.greet('57P03')
  const env = { SEKISHO_DATABASE_WAIT_SECONDS: '60' }
  const starting = startServer({ ...place, databaseUrl: line.url }, { env })
  await expect.poll(line.newcomers, patience).toBeGreaterThan(0)
  await line.mend()
  const second = await starting
  try {
    expect(second.log()).toContain('waiting for the database')
    expect((await fetch(`${second.url}/readyz`)).status).toBe(200)
  } finally {
    await second.stop()
    await line.close()
  }
}, 120_000)

test('and gives up in a sentence, after the time that it was given', async () => {
  const line = await openRelay(place.databaseUrl ?? '')
  await line.refuse()
  const env = { SEKISHO_DATABASE_WAIT_SECONDS: '0' }
  const starting = startServer({ ...place, databaseUrl: line.url }, { env })
  await expect(starting).rejects.toThrow(/ended with 1[\s\S]*cannot be opened/)
}, 120_000)
