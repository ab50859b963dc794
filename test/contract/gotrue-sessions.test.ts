import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hour, minute } from '../../src/base/time.ts'
import { type GotrueWorld, gotrueWorld } from './gotrue-world.ts'

async function refreshed({ ask }: GotrueWorld, token: string): Promise<[number, string]> {
  const { status, body } = await ask('POST', '/token?grant_type=refresh_token', {
    body: { refresh_token: token },
  })
  return [status, body.refresh_token ?? body.msg]
}

const newer = 'Invalid Refresh Token: Session Expired (Revoked by Newer Login)'

test.each(['1', '2'])(
  'with one session for each user, the one that was used last stays (tokens of kind %s)',
  async (kind) => {
    const world = await gotrueWorld({
      GOTRUE_SESSIONS_SINGLE_PER_USER: 'true',
      GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: kind,
    })
    await world.createAccount()
    await world.createAccount('bob@example.com')
    const first = await world.signIn()
    const bob = await world.signIn('bob@example.com')
    world.pass(minute)
    const second = await world.signIn()
    expect(await refreshed(world, first.refresh_token)).toEqual([400, newer])
    world.pass(minute)
    const [status, next] = await refreshed(world, second.refresh_token)
    expect(status).toBe(200)
    expect((await refreshed(world, bob.refresh_token))[0]).toBe(200)
    // The older one is not deleted: its access token lives on, and so does it when the newer one ends.
    expect((await world.ask('GET', '/user', { bearer: first.access_token })).status).toBe(200)
    const out = { bearer: second.access_token }
    expect((await world.ask('POST', '/logout?scope=local', out)).status).toBe(204)
    expect((await refreshed(world, next))[0]).toBe(400)
    expect((await refreshed(world, first.refresh_token))[0]).toBe(200)
  },
)

test('one session for each tag: what has none of them has the first', async () => {
  const world = await gotrueWorld({
    GOTRUE_SESSIONS_SINGLE_PER_USER: 'true',
    GOTRUE_SESSIONS_TAGS: 'web,phone',
  })
  await world.createAccount()
  const tokens: string[] = []
  for (const tag of ['phone', null, 'watch', 'phone']) {
    world.pass(minute)
    const { access_token, refresh_token } = await world.signIn()
    tokens.push(refresh_token)
    const { session_id: id } = JSON.parse(
      Buffer.from(access_token.split('.')[1], 'base64url').toString(),
    )
    await sql`update auth.sessions set tag = ${tag} where id = ${id}`.execute(world.database.db)
  }
  const statuses = []
  for (const token of tokens) statuses.push((await refreshed(world, token))[0])
  expect(statuses).toEqual([400, 400, 200, 200])
})

test('a newer session that is over itself pushes nobody out', async () => {
  const world = await gotrueWorld({
    GOTRUE_SESSIONS_SINGLE_PER_USER: 'true',
    GOTRUE_SESSIONS_INACTIVITY_TIMEOUT: '1h',
  })
  await world.createAccount()
  const { refresh_token: token } = await world.signIn()
  world.pass(minute)
  await world.signIn()
  await sql`update auth.sessions set not_after = now() - interval '10 years'
    where created_at = (select max(created_at) from auth.sessions)`.execute(world.database.db)
  expect((await refreshed(world, token))[0]).toBe(200)
})

test('a session that is too old, or was not used for too long, cannot be refreshed, and says which', async () => {
  const world = await gotrueWorld({
    GOTRUE_SESSIONS_TIMEBOX: '3h',
    GOTRUE_JWT_EXP: '86400',
    GOTRUE_SESSIONS_INACTIVITY_TIMEOUT: '1h',
  })
  await world.createAccount()
  const idle = await world.signIn()
  let [, busy] = await refreshed(world, (await world.signIn()).refresh_token)
  for (let times = 0; times < 3; times += 1) {
    world.pass(hour - minute)
    const [status, next] = await refreshed(world, busy)
    expect(status).toBe(200)
    busy = next
  }
  expect(await refreshed(world, idle.refresh_token)).toEqual([
    400,
    'Invalid Refresh Token: Session Expired (Inactivity)',
  ])
  world.pass(10 * minute)
  expect(await refreshed(world, busy)).toEqual([400, 'Invalid Refresh Token: Session Expired'])
  // GoTrue looks at it when a token is refreshed, and at no other request.
  const { access_token: bearer } = idle
  expect((await world.ask('GET', '/user', { bearer })).status).toBe(200)
})
