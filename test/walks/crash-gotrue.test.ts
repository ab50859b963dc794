import { createHash, randomUUID } from 'node:crypto'
import { TOTP } from 'otpauth'
import { afterAll, beforeAll, expect, test } from 'vitest'
import { databaseKind } from '../database.ts'
import { findPlace, type Place, type Server, startServer } from './server.ts'

// `kill -9` among the endpoints of GoTrue's that change something: what was acknowledged is there, whole, and what was not is there
// whole or not at all.

const people = 8
const password = 'correct horse battery'
const env = {
  GOTRUE_MAILER_AUTOCONFIRM: 'true',
  GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ENABLED: 'true',
  GOTRUE_OAUTH_SERVER_ALLOW_DYNAMIC_REGISTRATION: 'true',
}

let place: Place
let server: Server

beforeAll(async () => {
  place = await findPlace(databaseKind())
}, 60_000)
afterAll(async () => {
  await server?.kill()
  await place?.leave()
})

// biome-ignore lint/suspicious/noExplicitAny: bodies are looked into freely, as a client in JavaScript does.
type Body = any

async function ask(method: string, path: string, body?: unknown, bearer?: string): Promise<Body> {
  const answer = await fetch(`${server.url}/auth/v1${path}`, {
    method,
    headers: {
      'content-type': 'application/json',
      ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
    },
    ...(body === undefined ? {} : { body: JSON.stringify(body) }),
  })
  const text = await answer.text()
  if (!answer.ok) throw new Error(`${method} ${path}: ${answer.status} ${text}`)
  return text === '' ? {} : JSON.parse(text)
}

/** What somebody was told is done. */
interface Person {
  email: string
  refreshToken: string | null
  metadata: number
  factor: string | null
  client: string | null
  anonymous: string | null
}

/** One person's day, over and over, until the connection breaks. */
async function live(person: Person, told: () => void): Promise<void> {
  try {
    const signedUp = await ask('POST', '/signup', { email: person.email, password })
    person.refreshToken = signedUp.refresh_token
    let bearer = signedUp.access_token
    const factor = await ask(
      'POST',
      '/factors',
      { factor_type: 'totp', friendly_name: 'app' },
      bearer,
    )
    const challenge = await ask('POST', `/factors/${factor.id}/challenge`, undefined, bearer)
    const code = new TOTP({ secret: factor.totp.secret }).generate()
    const proof = { challenge_id: challenge.id, code }
    // With the proof the token before it ends, whether or not the answer arrives.
    person.refreshToken = null
    const raised = await ask('POST', `/factors/${factor.id}/verify`, proof, bearer)
    person.factor = factor.id
    person.refreshToken = raised.refresh_token
    for (let round = 1; ; round += 1) {
      const query = '/token?grant_type=refresh_token'
      const next = await ask('POST', query, { refresh_token: person.refreshToken })
      person.refreshToken = next.refresh_token
      bearer = next.access_token
      await ask('PUT', '/user', { data: { round } }, bearer)
      person.metadata = round
      const client = await ask('POST', '/oauth/clients/register', {
        redirect_uris: ['https://a.example/'],
      })
      person.client = client.client_id
      person.anonymous = (await ask('POST', '/signup', {})).user.id
      told()
    }
  } catch (error) {
    // The connection broke; anything else is the server's answer, and an end of the test.
    if (error instanceof TypeError) return
    throw error
  }
}

test('what was acknowledged before kill -9 is there, whole', async () => {
  server = await startServer(place, { env })
  const crowd = Array.from({ length: people }, (): Person => {
    const email = `${createHash('sha256').update(randomUUID()).digest('hex').slice(0, 12)}@example.com`
    return { email, refreshToken: null, metadata: 0, factor: null, client: null, anonymous: null }
  })
  let rounds = 0
  const enough = new Promise<void>((resolve) => {
    const told = () => {
      rounds += 1
      if (rounds === 3 * people) resolve()
    }
    const lives = Promise.all(crowd.map((person) => live(person, told)))
    lives.then(
      () => resolve(),
      () => resolve(),
    )
  })
  await enough
  await server.kill()
  expect(rounds).toBeGreaterThanOrEqual(3 * people)

  server = await startServer(place, { env })
  const admin = server.serviceRoleKey
  const { users } = await ask('GET', '/admin/users?per_page=10000', undefined, admin)
  const { clients } = await ask('GET', '/admin/oauth/clients', undefined, admin)
  const ids = new Set(users.map(({ id }: Body) => id))
  const clientIds = new Set(clients.map(({ client_id }: Body) => client_id))
  for (const person of crowd) {
    const { email, refreshToken, metadata, factor, client, anonymous } = person
    const user = users.find((one: Body) => one.email === email)
    expect(user, email).toBeDefined()
    expect(user.user_metadata.round ?? 0).toBeGreaterThanOrEqual(metadata)
    if (factor !== null) {
      expect(user.factors).toMatchObject([{ id: factor, status: 'verified' }])
    }
    if (client !== null) expect(clientIds).toContain(client)
    if (anonymous !== null) expect(ids).toContain(anonymous)
    // The token that was acknowledged last is good, also when its child was written and never came.
    if (refreshToken === null) continue
    const again = await ask('POST', '/token?grant_type=refresh_token', {
      refresh_token: refreshToken,
    })
    expect(again.user.email).toBe(email)
  }
}, 180_000)
