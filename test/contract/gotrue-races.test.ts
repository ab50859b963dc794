import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { second } from '../../src/base/time.ts'
import { externalWorld, settingsOf } from './gotrue-external-world.ts'
import { type Answer, gotrueWorld } from './gotrue-world.ts'

// What fifty at once may not get past; the races for one-time things stand beside those things.

function fifty(ask: (index: number) => Promise<Answer>): Promise<Answer[]> {
  return Promise.all(Array.from({ length: 50 }, (_, index) => ask(index)))
}

/** How often each answer came. */
function tally(answers: Answer[]): Record<string, number> {
  const counts: Record<string, number> = {}
  for (const { status, body } of answers) {
    const what = status < 300 ? 'done' : `${status} ${body.error_code}`
    counts[what] = (counts[what] ?? 0) + 1
  }
  return counts
}

test('whoever takes both of their identities away at once keeps one', async () => {
  const world = await externalWorld({
    ...settingsOf('github'),
    GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true',
  })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  world.pass(second)
  const path = '/user/identities/authorize?provider=github'
  const { headers } = await world.ask('GET', path, { bearer })
  await world.comeBack(headers.get('location') ?? '')
  const { rows } = await sql<{ id: string }>`select id from auth.identities`.execute(
    world.database.db,
  )
  expect(rows).toHaveLength(2)
  const answers = await fifty((index) =>
    world.ask('DELETE', `/user/identities/${rows[index % 2]?.id}`, { bearer }),
  )
  expect(tally(answers).done).toBe(1)
  const left = await sql`select id from auth.identities`.execute(world.database.db)
  expect(left.rows).toHaveLength(1)
})

test('of fifty factors that are begun at once ten are', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const answers = await fifty((index) =>
    world.ask('POST', '/factors', {
      bearer,
      body: { factor_type: 'totp', friendly_name: `app ${index}` },
    }),
  )
  expect(tally(answers)).toEqual({ done: 10, '422 too_many_enrolled_mfa_factors': 40 })
})

test('of fifty administrators who make one thing, one does', async () => {
  const world = await gotrueWorld()
  const bearer = world.adminKey
  const provider = {
    provider_type: 'oauth2',
    identifier: 'custom:plain',
    name: 'Plain',
    client_id: 'us',
    client_secret: 'a secret',
    authorization_url: 'https://plain.example/authorize',
    token_url: 'https://plain.example/token',
    userinfo_url: 'https://plain.example/me',
  }
  const providers = await fifty(() =>
    world.ask('POST', '/admin/custom-providers', { bearer, body: provider }),
  )
  expect(tally(providers)).toEqual({ done: 1, '400 conflict': 49 })
  const body = { phone: '15551234567', phone_confirm: true }
  const users = await fifty(() => world.ask('POST', '/admin/users', { bearer, body }))
  expect(tally(users)).toEqual({ done: 1, '422 phone_exists': 49 })
})

test('fifty invitations of one person are one person', async () => {
  const world = await gotrueWorld()
  const body = { email: 'eve@example.com' }
  const answers = await fifty(() => world.ask('POST', '/invite', { bearer: world.adminKey, body }))
  expect(answers.filter(({ status }) => status >= 500)).toEqual([])
  const { rows } = await sql`select id from auth.users`.execute(world.database.db)
  expect(rows).toHaveLength(1)
})

test('of five who are moved to one address, one gets it', async () => {
  const world = await gotrueWorld()
  const ids: string[] = []
  for (const name of ['ann', 'bob', 'cleo', 'dora', 'emil']) {
    ids.push((await world.createAccount(`${name}@example.com`)).id)
  }
  const body = { email: 'one@example.com' }
  const answers = await Promise.all(
    ids.map((id) => world.ask('PUT', `/admin/users/${id}`, { bearer: world.adminKey, body })),
  )
  expect(tally(answers)).toEqual({ done: 1, '422 email_exists': 4 })
})
