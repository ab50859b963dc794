import { hashSync as bcrypt } from 'bcryptjs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hour, minute, second } from '../../src/base/time.ts'
import { claimsOf, type GotrueWorld, gotrueWorld, keyOf, password } from './gotrue-world.ts'

const email = 'ann@example.com'

function refresh({ ask }: GotrueWorld, refresh_token: string) {
  return ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
}

test('a password signs in', async () => {
  const { ask, createAccount, audited, events } = await gotrueWorld()
  const { id } = await createAccount()
  const { status, body, headers } = await ask('POST', '/token?grant_type=password', {
    body: { email: 'ANN@example.com', password },
  })
  expect(status).toBe(200)
  expect(Object.keys(body)).toEqual([
    'access_token',
    'token_type',
    'expires_in',
    'expires_at',
    'refresh_token',
    'user',
  ])
  expect(body.user).toMatchObject({ id, last_sign_in_at: '2025-11-22T12:00:00Z' })
  expect(body.refresh_token).toMatch(/^[\w-]{51}$/)
  expect(headers.get('sb-auth-refresh-token-reuse')).toBe('false')
  expect(await audited()).toEqual(['user_signedup', 'login'])
  expect((await events()).at(-1)).toBe('user.signed-in')
})

test('a password that is weak by now is told of, and signs in', async () => {
  const { ask, createAccount } = await gotrueWorld({
    GOTRUE_PASSWORD_MIN_LENGTH: '30',
    GOTRUE_PASSWORD_REQUIRED_CHARACTERS: 'abc:0123456789',
  })
  await createAccount()
  const { status, body } = await ask('POST', '/token?grant_type=password', {
    body: { email, password },
  })
  expect(status).toBe(200)
  expect(body.weak_password).toEqual({
    message:
      'Password should be at least 30 characters. Password should contain at least one character of each: abc, 0123456789.',
    reasons: ['length', 'characters'],
  })
})

test("a hash of GoTrue's is verified, and replaced on the way", async () => {
  const { ask, createAccount, database, signIn } = await gotrueWorld()
  await createAccount()
  await sql`update auth.users set encrypted_password = ${bcrypt(password, 4)}`.execute(database.db)
  expect(
    (await ask('POST', '/token?grant_type=password', { body: { email, password } })).status,
  ).toBe(200)
  const { rows } = await sql<{
    hash: string
  }>`select encrypted_password as hash from auth.users`.execute(database.db)
  expect(rows[0]?.hash).toMatch(/^\$argon2id\$/)
  await signIn()
})

test('a refresh gives a new token for the same session', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const first = await world.signIn()
  const { status, body, headers } = await refresh(world, first.refresh_token)
  expect(status).toBe(200)
  expect(body.refresh_token).not.toBe(first.refresh_token)
  expect(body.user).toEqual(first.user)
  const [before, after] = [claimsOf(first.access_token), claimsOf(body.access_token)]
  expect(after.session_id).toBe(before.session_id)
  expect(after.amr).toEqual(before.amr)
  expect(headers.get('sb-auth-refresh-token-counter')).toBe('1')
  expect((await world.audited()).slice(2)).toEqual(['token_refreshed'])
  expect((await world.events()).at(-1)).toBe('session.refreshed')
})

test('the token before the newest gives the newest again, at any age (D4)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  const child = await refresh(world, refresh_token)
  world.pass(24 * hour)
  const again = await refresh(world, refresh_token)
  expect(again.body.refresh_token).toBe(child.body.refresh_token)
  expect(again.headers.get('sb-auth-refresh-token-reuse')).toBe('true')
  expect(again.headers.get('sb-auth-refresh-token-reuse-cause')).toBe('fail-to-save')
})

test('an older token is good within the reuse interval, and ends the session after it (D4)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const first = await world.signIn()
  const second_ = await refresh(world, first.refresh_token)
  const third = await refresh(world, second_.body.refresh_token)
  world.pass(9 * second)
  const within = await refresh(world, first.refresh_token)
  expect(within.body.refresh_token).toBe(third.body.refresh_token)
  expect(within.headers.get('sb-auth-refresh-token-reuse-cause')).toBe('concurrent-refresh')
  world.pass(2 * second)
  const beyond = await refresh(world, first.refresh_token)
  expect(beyond.status).toBe(400)
  expect(beyond.body).toMatchObject({
    error_code: 'refresh_token_already_used',
    msg: 'Invalid Refresh Token: Already Used',
  })
  expect(beyond.headers.get('sb-auth-refresh-token-rotated')).toBe('true')
  expect((await refresh(world, third.body.refresh_token)).body.error_code).toBe(
    'refresh_token_not_found',
  )
  const { body } = await world.ask('GET', '/user', { bearer: third.body.access_token })
  expect(body).toMatchObject({ code: 403, error_code: 'session_not_found' })
  expect((await world.events()).at(-1)).toBe('token.reused')
})

test('fifty who refresh at once get one child (D1)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(world, refresh_token)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  const children = new Set(answers.map(({ body }) => body.refresh_token))
  expect(children.size).toBe(1)
  expect(children).not.toContain(refresh_token)
})

test('a token of another session, of another server, or of no form is refused (C14)', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  const bytes = Buffer.from(refresh_token, 'base64url')
  const tampered = Buffer.from(bytes)
  tampered[20] = (tampered[20] ?? 0) ^ 1
  const form = { error_code: 'validation_failed', msg: 'Refresh token is not valid' }
  for (const token of [
    '',
    'short',
    'ABCDEFGHIJKL',
    tampered.toString('base64url'),
    'a'.repeat(51),
  ]) {
    const { status, body } = await refresh(world, token)
    expect([status, body]).toMatchObject([400, form])
  }
  const { status, body } = await refresh(world, 'abcdefghijkl')
  expect([status, body]).toMatchObject([
    400,
    {
      error_code: 'refresh_token_not_found',
      msg: 'Invalid Refresh Token: Refresh Token Not Found',
    },
  ])
})

test('a token that is ahead of its session was not issued here', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  const child = await refresh(world, refresh_token)
  await sql`update auth.sessions set refresh_token_counter = 0`.execute(world.database.db)
  const { body } = await refresh(world, child.body.refresh_token)
  expect(body.msg).toBe('Invalid Refresh Token: Not Issued By This Server')
})

test('a banned user cannot refresh (D10)', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const { refresh_token } = await world.signIn()
  await world.ask('PUT', `/admin/users/${id}`, {
    bearer: world.adminKey,
    body: { ban_duration: '24h' },
  })
  const { status, body } = await refresh(world, refresh_token)
  expect([status, body.msg]).toEqual([400, 'Invalid Refresh Token: User Banned'])
})

test.each([
  ['GOTRUE_SESSIONS_TIMEBOX', 'Invalid Refresh Token: Session Expired'],
  ['GOTRUE_SESSIONS_INACTIVITY_TIMEOUT', 'Invalid Refresh Token: Session Expired (Inactivity)'],
])('%s ends a session at its next refresh', async (name, msg) => {
  const world = await gotrueWorld({ [name]: '1h' })
  await world.createAccount()
  const { refresh_token, access_token } = await world.signIn()
  world.pass(59 * minute)
  const child = await refresh(world, refresh_token)
  expect(child.status).toBe(200)
  world.pass(61 * minute)
  const { status, body } = await refresh(world, child.body.refresh_token)
  expect([status, body]).toMatchObject([400, { error_code: 'session_expired', msg }])
  expect((await world.ask('GET', '/user', { bearer: access_token })).body.error_code).toBe(
    'bad_jwt',
  )
})

const rows = { GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '1' }

test('tokens of the first kind are rows, with their parents', async () => {
  const world = await gotrueWorld(rows)
  await world.createAccount()
  const first = await world.signIn()
  expect(first.refresh_token).toMatch(/^[a-z2-7]{12}$/)
  const { body, headers } = await refresh(world, first.refresh_token)
  expect(headers.get('sb-auth-refresh-token-prefix')).toBe(body.refresh_token.slice(0, 5))
  const found =
    await sql`select token, parent, revoked, user_id, instance_id::text from auth.refresh_tokens order by id`.execute(
      world.database.db,
    )
  const common = { user_id: first.user.id, instance_id: '00000000-0000-0000-0000-000000000000' }
  expect(found.rows).toEqual([
    { token: first.refresh_token, parent: null, revoked: true, ...common },
    { token: body.refresh_token, parent: first.refresh_token, revoked: false, ...common },
  ])
  expect((await world.audited()).slice(2)).toEqual(['token_refreshed', 'token_revoked'])
})

test('of the first kind, the parent of the newest gives the newest, at any age', async () => {
  const world = await gotrueWorld(rows)
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  const child = await refresh(world, refresh_token)
  world.pass(24 * hour)
  expect((await refresh(world, refresh_token)).body.refresh_token).toBe(child.body.refresh_token)
})

test('of the first kind, an older one revokes the family and leaves the session', async () => {
  const world = await gotrueWorld(rows)
  await world.createAccount()
  const first = await world.signIn()
  const child = await refresh(world, first.refresh_token)
  const grandchild = await refresh(world, child.body.refresh_token)
  const sibling = await refresh(world, first.refresh_token)
  expect(sibling.status).toBe(200)
  expect(sibling.body.refresh_token).not.toBe(grandchild.body.refresh_token)
  world.pass(11 * second)
  const reused = await refresh(world, child.body.refresh_token)
  expect([reused.status, reused.body.error_code]).toEqual([400, 'refresh_token_already_used'])
  for (const one of [grandchild, sibling]) {
    const { status, body } = await refresh(world, one.body.refresh_token)
    expect([status, body.error_code]).toEqual([400, 'refresh_token_already_used'])
  }
})

test('of the first kind, fifty at once get one child (D1)', async () => {
  const world = await gotrueWorld(rows)
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  const answers = await Promise.all(Array.from({ length: 50 }, () => refresh(world, refresh_token)))
  expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
  expect(new Set(answers.map(({ body }) => body.refresh_token)).size).toBe(1)
})

test('a server that counts still takes the rows of another time', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { user, access_token } = await world.signIn()
  await sql`insert into auth.refresh_tokens (instance_id, token, user_id, session_id, revoked, created_at, updated_at)
    values ('00000000-0000-0000-0000-000000000000', 'abcdefghij23', ${user.id}, ${claimsOf(access_token).session_id}, false, now(), now())`.execute(
    world.database.db,
  )
  const { status, body } = await refresh(world, 'abcdefghij23')
  expect(status).toBe(200)
  expect(body.refresh_token).toMatch(/^[a-z2-7]{12}$/)
})

test('sign-out is global, unless its scope says otherwise', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const sessions = async () =>
    (await sql<{ id: string }>`select id from auth.sessions`.execute(world.database.db)).rows.length
  const [one, two, three, four] = [
    await world.signIn(),
    await world.signIn(),
    await world.signIn(),
    await world.signIn(),
  ]
  const out = (bearer: string, scope = '') => world.ask('POST', `/logout${scope}`, { bearer })
  const local = await out(one.access_token, '?scope=local')
  expect([local.status, local.body]).toEqual([204, ''])
  expect(await sessions()).toBe(3)
  expect((await out(two.access_token, '?scope=others')).status).toBe(204)
  expect(await sessions()).toBe(1)
  expect((await out(three.access_token)).body.error_code).toBe('session_not_found')
  expect((await out(four.access_token)).body.error_code).toBe('session_not_found')
  expect((await out(two.access_token)).status).toBe(204)
  expect(await sessions()).toBe(0)
  expect((await world.audited()).filter((action) => action === 'logout')).toHaveLength(3)
  expect((await world.events()).filter((type) => type === 'session.ended')).toHaveLength(4)
})

test('a token without a session signs out everywhere', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  await world.signIn()
  const bearer = await keyOf(world, { sub: id, role: 'authenticated', aud: 'authenticated' })
  expect((await world.ask('POST', '/logout?scope=local', { bearer })).status).toBe(204)
  const left = await sql`select id from auth.sessions`.execute(world.database.db)
  expect(left.rows).toEqual([])
})

test('what comes often takes few questions to the database', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { refresh_token, access_token } = await world.signIn()
  const counted = async (work: () => Promise<unknown>) => {
    world.queries()
    await work()
    return world.queries().length
  }
  expect(await counted(() => world.ask('GET', '/user', { bearer: access_token }))).toBe(1)
  expect(await counted(() => refresh(world, refresh_token))).toBe(1)
  expect(await counted(() => refresh(world, refresh_token))).toBe(3)
  expect(await counted(() => world.ask('GET', '/.well-known/jwks.json'))).toBe(0)
  expect(await counted(() => world.ask('GET', '/settings'))).toBe(0)
  expect(await counted(() => world.signIn())).toBe(3)
})

test('a refresh says in the log who it was, as a sign-in does', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const said = async () => {
    const { rows } = await sql<{ payload: Record<string, unknown> }>`
      select payload from auth.audit_log_entries
      where payload->>'action' in ('login', 'token_refreshed') order by created_at, payload->>'action'`.execute(
      world.database.db,
    )
    return rows.slice(-2).map(({ payload }) => payload)
  }
  for (const data of [{}, { full_name: 'Ann "ü" Example' }, { full_name: ['no', 'text'] }]) {
    await sql`update auth.users set raw_user_meta_data = ${data}, phone = ${'full_name' in data ? '4912345' : null}
      where id = ${id}`.execute(world.database.db)
    world.pass(second)
    const { refresh_token } = await world.signIn()
    world.pass(second)
    expect((await refresh(world, refresh_token)).status).toBe(200)
    const [login, refreshed] = await said()
    const { traits, ...actor } = login ?? {}
    expect(refreshed).toEqual({ ...actor, action: 'token_refreshed', log_type: 'token' })
  }
})

test('rows of the first kind take two questions too', async () => {
  const world = await gotrueWorld(rows)
  await world.createAccount()
  const { refresh_token } = await world.signIn()
  world.queries()
  await refresh(world, refresh_token)
  expect(world.queries()).toHaveLength(2)
})
