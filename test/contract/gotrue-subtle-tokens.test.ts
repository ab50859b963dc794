import { createHash } from 'node:crypto'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute, second } from '../../src/base/time.ts'
import { codeOf, enroll, verify } from './authenticator-app.ts'
import { externalWorld, settingsOf } from './gotrue-external-world.ts'
import {
  type Answer,
  claimsOf,
  fragmentOf,
  type GotrueWorld,
  gotrueWorld,
  newFormat,
  password,
  pathOf,
  queryOf,
} from './gotrue-world.ts'

// The reference's twenty-five subtle behaviours (§ 7), by their numbers: the first thirteen.

const email = 'ann@example.com'
const linking = { GOTRUE_SECURITY_MANUAL_LINKING_ENABLED: 'true' }
const pkce = { code_challenge: 'v'.repeat(43), code_challenge_method: 'plain' }
const firstKind = { GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '1' }

function refresh({ ask }: GotrueWorld, refresh_token: string): Promise<Answer> {
  return ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
}

function redeem({ ask }: GotrueWorld, auth_code = ''): Promise<Answer> {
  const body = { auth_code, code_verifier: pkce.code_challenge }
  return ask('POST', '/token?grant_type=pkce', { body })
}

const hashOf = (code: string) => createHash('sha224').update(`${email}${code}`).digest('hex')

test('subtle-01: an identity’s id is the provider’s, its row is identity_id, and that one is unlinked', async () => {
  const world = await externalWorld({ ...settingsOf('github'), ...linking })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  world.pass(second)
  const path = '/user/identities/authorize?provider=github'
  const { headers } = await world.ask('GET', path, { bearer })
  await world.comeBack(headers.get('location') ?? '')
  const { body } = await world.ask('GET', '/user', { bearer })
  const [own, github] = body.identities
  expect(own).toMatchObject({ provider: 'email', id: body.id })
  expect(github.identity_id).not.toBe(github.id)
  const { rows } =
    await sql`select id, provider_id from auth.identities where provider = 'github'`.execute(
      world.database.db,
    )
  expect(rows).toEqual([{ id: github.identity_id, provider_id: github.id }])
  const byProvider = await world.ask('DELETE', `/user/identities/${body.id}`, { bearer })
  expect(byProvider.body.error_code).toBe('identity_not_found')
  const byRow = await world.ask('DELETE', `/user/identities/${github.identity_id}`, { bearer })
  expect(byRow.status).toBe(200)
})

test('subtle-02: sign-up writes four facts beside what the app sends, an administrator only what they send', async () => {
  const { ask, adminKey } = await gotrueWorld()
  const signed = await ask('POST', '/signup', { body: { email, password, data: { name: 'Ann' } } })
  expect(signed.body.user_metadata).toEqual({
    name: 'Ann',
    sub: signed.body.id,
    email,
    email_verified: false,
    phone_verified: false,
  })
  const body = { email: 'bob@example.com', user_metadata: { name: 'Bob' } }
  const made = await ask('POST', '/admin/users', { bearer: adminKey, body })
  expect(made.body.user_metadata).toEqual({ name: 'Bob' })
})

test('subtle-03: an address that is there gives a fake user, an error with autoconfirmation, or the mail once more', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const again = { body: { email, password: 'another password' } }
  const fake = (await world.ask('POST', '/signup', again)).body
  expect(fake).toMatchObject({ identities: [], role: '', email })
  expect(fake.id).not.toBe(id)
  const open = world.under({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  const known = await open.ask('POST', '/signup', again)
  expect([known.status, known.body.error_code]).toEqual([422, 'user_already_exists'])

  const bob = 'bob@example.com'
  const first = await world.ask('POST', '/signup', { body: { email: bob, password } })
  world.pass(minute)
  const second = await world.ask('POST', '/signup', { body: { email: bob, password: 'other one' } })
  expect(second.body.id).toBe(first.body.id)
  expect(await world.mails(bob)).toHaveLength(2)
  await world.ask('GET', pathOf((await world.mailTo(bob)).link))
  await world.signIn(bob)
})

test('subtle-04: errors have two formats by the version, and a third for OAuth', async () => {
  const { ask } = await gotrueWorld()
  const path = '/token?grant_type=password'
  const body = { email, password }
  const old = await ask('POST', path, { body })
  expect(old.body).toEqual({
    code: 400,
    error_code: 'invalid_credentials',
    msg: 'Invalid login credentials',
  })
  expect(old.headers.get('x-supabase-api-version')).toBeNull()
  const recent = await ask('POST', path, { body, headers: newFormat })
  expect(recent.body).toEqual({ code: 'invalid_credentials', message: 'Invalid login credentials' })
  expect(recent.headers.get('x-supabase-api-version')).toBe('2024-01-01')
  for (const headers of [{}, newFormat]) {
    const third = await ask('POST', '/token?grant_type=id_token', { body: {}, headers })
    expect([third.status, Object.keys(third.body)]).toEqual([400, ['error', 'error_description']])
  }
})

test('subtle-05: an empty body is an error where JSON is expected, and none where nothing is', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  for (const path of ['/resend', '/recover', '/otp', '/signup']) {
    const { status, body } = await world.ask('POST', path)
    expect([status, body.error_code]).toEqual([400, 'bad_json'])
  }
  const app = await enroll(world, bearer)
  expect((await world.ask('POST', `/factors/${app.id}/challenge`, { bearer })).status).toBe(200)
  expect((await world.ask('POST', '/logout', { bearer })).status).toBe(204)
  const { adminKey } = world
  expect((await world.ask('DELETE', `/admin/users/${id}`, { bearer: adminKey })).status).toBe(200)
})

test('subtle-06: a code rests as sha224 of address and digits; links look into one table, digits into the other', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { db } = world.database
  for (const [body, prefix] of [
    [{ email: 'ANN@Example.com' }, ''],
    [{ email, ...pkce }, 'pkce_'],
  ] as const) {
    await world.ask('POST', '/otp', { body })
    const { code, link } = await world.mailTo(email)
    const resting = `${prefix}${hashOf(code)}`
    const { rows } =
      await sql`select recovery_token, token_hash from auth.users, auth.one_time_tokens`.execute(db)
    expect(rows).toEqual([{ recovery_token: resting, token_hash: resting }])
    expect(new URL(link).searchParams.get('token')).toBe(resting)
    // Without its row the link is nothing; the digits are good all the same.
    await sql`delete from auth.one_time_tokens`.execute(db)
    expect(JSON.stringify(fragmentOf(await world.ask('GET', pathOf(link))))).toContain(
      'otp_expired',
    )
    const typed = await world.ask('POST', '/verify', {
      body: { type: 'email', email, token: code },
    })
    expect(typed.status).toBe(200)
    world.pass(minute)
  }
  await world.ask('POST', '/otp', { body: { email } })
  const { code } = await world.mailTo(email)
  await sql`update auth.users set recovery_token = ''`.execute(db)
  const typed = await world.ask('POST', '/verify', { body: { type: 'email', email, token: code } })
  expect(typed.body.error_code).toBe('otp_expired')
})

test('subtle-07: `email` means confirmation or recovery, and a stranger’s magic link confirms', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  await world.ask('POST', '/otp', { body: { email } })
  const known = await world.mailTo(email)
  expect(new URL(known.link).searchParams.get('type')).toBe('magiclink')
  const bob = 'bob@example.com'
  await world.ask('POST', '/otp', { body: { email: bob } })
  const stranger = await world.mailTo(bob)
  expect(new URL(stranger.link).searchParams.get('type')).toBe('signup')
  const { rows } =
    await sql`select confirmation_token <> '' as confirms, recovery_token <> '' as recovers
    from auth.users order by email`.execute(world.database.db)
  expect(rows).toEqual([
    { confirms: false, recovers: true },
    { confirms: true, recovers: false },
  ])
  for (const [address, { code }] of [
    [email, known],
    [bob, stranger],
  ] as const) {
    const body = { type: 'email', email: address, token: code }
    expect((await world.ask('POST', '/verify', { body })).status).toBe(200)
  }
})

test('subtle-08: a link leads on by 303; errors stand in the fragment, and with PKCE in the query too', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  await world.ask('POST', '/otp', { body: { email } })
  const { link } = await world.mailTo(email)
  const good = await world.ask('GET', pathOf(link))
  expect(good.status).toBe(303)
  const keys = Object.keys(fragmentOf(good)).filter((key) => key !== 'sb')
  expect([keys, 'sb' in fragmentOf(good)]).toEqual([[...keys].sort(), true])
  const implicit = await world.ask('GET', '/verify?type=signup&token=x')
  expect([implicit.status, queryOf(implicit)]).toEqual([303, {}])
  expect(fragmentOf(implicit).error_code).toBe('otp_expired')
  const coded = await world.ask('GET', '/verify?type=signup&token=pkce_x')
  expect(queryOf(coded).error_code).toBe('otp_expired')
  expect(fragmentOf(coded).error_code).toBe('otp_expired')
  const callback = await world.ask('GET', '/callback?code=x&state=x')
  expect([callback.status, queryOf(callback).error_code]).toEqual([303, 'bad_oauth_state'])
})

test('subtle-09: the prefix decides the flow; its code is good once, and counts from the request, a magic link’s from the click', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const click = async () => {
    const { link } = await world.mailTo(email)
    const before = await sql`select id from auth.sessions`.execute(world.database.db)
    const { code } = queryOf(await world.ask('GET', pathOf(link)))
    const after = await sql`select id from auth.sessions`.execute(world.database.db)
    expect(after.rows).toEqual(before.rows)
    return code
  }
  await world.ask('POST', '/otp', { body: { email, ...pkce } })
  world.pass(6 * minute)
  const magic = await click()
  expect((await redeem(world, magic)).status).toBe(200)
  expect((await redeem(world, magic)).body.error_code).toBe('flow_state_not_found')
  await world.ask('POST', '/recover', { body: { email, ...pkce } })
  world.pass(6 * minute)
  const late = await redeem(world, await click())
  expect([late.status, late.body.error_code]).toEqual([422, 'flow_state_expired'])
})

test('subtle-10: the parent of the active token is always good; an older one ends the family, and that is kept (D4)', async () => {
  const world = await gotrueWorld(firstKind)
  await world.createAccount()
  const { refresh_token: first } = await world.signIn()
  const second_ = (await refresh(world, first)).body.refresh_token
  world.pass(30 * minute)
  expect((await refresh(world, first)).body.refresh_token).toBe(second_)
  const third = (await refresh(world, second_)).body.refresh_token
  world.pass(11 * second)
  const stolen = await refresh(world, first)
  expect([stolen.status, stolen.body.error_code]).toEqual([400, 'refresh_token_already_used'])
  const { rows } = await sql`select token from auth.refresh_tokens where not revoked`.execute(
    world.database.db,
  )
  expect(rows).toEqual([])
  expect((await refresh(world, third)).body.error_code).toBe('refresh_token_already_used')
  expect((await world.events()).at(-1)).toBe('token.reused')
})

test.each(['1', '2'])(
  'subtle-11: of fifty who refresh at once all get the same child (kind %s) (D1)',
  async (version) => {
    const world = await gotrueWorld({
      GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: version,
    })
    await world.createAccount()
    const { refresh_token } = await world.signIn()
    const answers = await Promise.all(
      Array.from({ length: 50 }, () => refresh(world, refresh_token)),
    )
    expect(new Set(answers.map(({ status }) => status))).toEqual(new Set([200]))
    const children = new Set(answers.map(({ body }) => body.refresh_token))
    expect(children.size).toBe(1)
    expect(children).not.toContain(refresh_token)
    const [child] = children
    expect((await refresh(world, child)).status).toBe(200)
  },
)

test('subtle-12: after its family fell a session of the first kind still reads, one of the second kind is gone', async () => {
  for (const [version, status] of [
    ['1', 200],
    ['2', 403],
  ] as const) {
    const world = await gotrueWorld({ GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: version })
    await world.createAccount()
    const { access_token: bearer, refresh_token: first } = await world.signIn()
    const next = (await refresh(world, first)).body.refresh_token
    await refresh(world, next)
    world.pass(11 * second)
    expect((await refresh(world, first)).body.error_code).toBe('refresh_token_already_used')
    const user = await world.ask('GET', '/user', { bearer })
    expect(user.status).toBe(status)
    if (status === 403) expect(user.body.error_code).toBe('session_not_found')
  }
})

test('subtle-13: a second factor keeps the session, renews its token, and ends those below it', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const elsewhere = await world.signIn()
  const { access_token: bearer, refresh_token } = await world.signIn()
  const app = await enroll(world, bearer)
  await enroll(world, bearer, 'begun and left')
  const raised = await verify(world, bearer, app)
  expect(claimsOf(raised.body.access_token).session_id).toBe(claimsOf(bearer).session_id)
  expect(raised.headers.get('sb-auth-refresh-token-counter')).toBe('2')
  world.pass(11 * second)
  expect((await refresh(world, refresh_token)).status).toBe(400)
  const other = await world.ask('GET', '/user', { bearer: elsewhere.access_token })
  expect(other.body.error_code).toBe('session_not_found')
  const again = await world.signIn()
  const asked = await world.ask('POST', `/factors/${app.id}/challenge`, {
    bearer: again.access_token,
  })
  expect(again.user.factors).toHaveLength(1)
  world.pass(30 * second)
  const body = { challenge_id: asked.body.id, code: codeOf(world, app.secret) }
  const path = `/factors/${app.id}/verify`
  const moved = await world
    .from('203.0.113.9')
    .ask('POST', path, { bearer: again.access_token, body })
  expect(moved.body.error_code).toBe('mfa_ip_address_mismatch')
  expect((await world.ask('POST', path, { bearer: again.access_token, body })).status).toBe(200)
  const twice = await world.ask('POST', path, { bearer: again.access_token, body })
  expect(twice.body.error_code).toBe('mfa_ip_address_mismatch')
})
