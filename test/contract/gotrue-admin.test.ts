import { hashSync as bcrypt } from 'bcryptjs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { hour } from '../../src/base/time.ts'
import { findUser } from '../../src/model/user.ts'
import { claimsOf, fragmentOf, gotrueWorld, keyOf, password, pathOf } from './gotrue-world.ts'

const email = 'ann@example.com'

async function withAdmin(environment?: Record<string, string>) {
  const world = await gotrueWorld(environment)
  const admin = (method: string, path: string, body?: unknown) =>
    world.ask(method, path, { bearer: world.adminKey, ...(body === undefined ? {} : { body }) })
  return { ...world, admin }
}

test('an admin makes a user whose metadata are what was sent', async () => {
  const { admin, audited, events, mails } = await withAdmin()
  const { status, body } = await admin('POST', '/admin/users', {
    email: 'Ann@Example.com',
    password: 'x',
    user_metadata: { profile_image: 'https://a.test/1.png' },
    app_metadata: { roles: ['admin'] },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    email,
    role: 'authenticated',
    aud: 'authenticated',
    app_metadata: { provider: 'email', providers: ['email'], roles: ['admin'] },
    identities: [{ provider: 'email', identity_data: { sub: body.id, email } }],
  })
  expect(body.user_metadata).toEqual({ profile_image: 'https://a.test/1.png' })
  expect(body).not.toHaveProperty('email_confirmed_at')
  expect(await mails()).toEqual([])
  expect(await audited()).toEqual(['user_signedup'])
  expect((await events()).at(-1)).toBe('user.created')
})

test("an admin's entry in the audit log has the role for its name", async () => {
  const { admin } = await withAdmin()
  const made = await admin('POST', '/admin/users', { email })
  const { body, headers } = await admin('GET', '/admin/audit?query=action:signedup')
  expect(headers.get('x-total-count')).toBe('1')
  expect(body).toMatchObject([
    {
      ip_address: '',
      created_at: '2025-11-22T12:00:00Z',
      payload: {
        actor_id: '00000000-0000-0000-0000-000000000000',
        actor_username: 'service_role',
        actor_via_sso: false,
        action: 'user_signedup',
        log_type: 'team',
        traits: { user_id: made.body.id, user_email: email, user_phone: '', provider: 'email' },
      },
    },
  ])
  expect((await admin('GET', '/admin/audit?query=author:nobody')).body).toEqual([])
  expect((await admin('GET', '/admin/audit?query=type:team')).body).toHaveLength(1)
  const bad = await admin('GET', '/admin/audit?query=what')
  expect([bad.status, bad.body.msg]).toEqual([400, 'Invalid query scope: what'])
})

test('a hash from elsewhere signs in', async () => {
  const { admin, ask } = await withAdmin()
  await admin('POST', '/admin/users', {
    email,
    email_confirm: true,
    password_hash: bcrypt(password, 4),
  })
  const { status } = await ask('POST', '/token?grant_type=password', { body: { email, password } })
  expect(status).toBe(200)
})

test('a user is made with an id, a number, a role and a ban', async () => {
  const { admin } = await withAdmin()
  const id = '8b7b5c2e-3a0f-4f6b-9c1d-0123456789ab'
  const { body } = await admin('POST', '/admin/users', {
    id,
    phone: '+1 555 123 4567',
    phone_confirm: true,
    role: 'editor',
    ban_duration: '1h30m',
  })
  expect(body).toMatchObject({
    id,
    phone: '15551234567',
    phone_confirmed_at: '2025-11-22T12:00:00Z',
    role: 'editor',
    banned_until: '2025-11-22T13:30:00Z',
    app_metadata: { provider: 'phone', providers: ['phone'] },
    identities: [{ provider: 'phone' }],
  })
  const lifted = await admin('PUT', `/admin/users/${id}`, { ban_duration: 'none' })
  expect(lifted.body).not.toHaveProperty('banned_until')
})

test('a change takes effect at once, and a password signs out everywhere', async () => {
  const { admin, ask, createAccount, signIn, audited } = await withAdmin()
  const { id } = await createAccount()
  const session = await signIn()
  const { body } = await admin('PUT', `/admin/users/${id}`, {
    email: 'new@example.com',
    user_metadata: { a: 1, email_verified: null },
    app_metadata: { plan: 'gold' },
  })
  expect(body).toMatchObject({
    email: 'new@example.com',
    user_metadata: { a: 1 },
    app_metadata: { plan: 'gold', provider: 'email' },
    identities: [{ email: 'new@example.com' }],
  })
  expect((await ask('GET', '/user', { bearer: session.access_token })).status).toBe(200)
  const weak = await admin('PUT', `/admin/users/${id}`, { password: 'x' })
  expect([weak.status, weak.body]).toMatchObject([
    422,
    { error_code: 'weak_password', weak_password: { reasons: ['length'] } },
  ])
  await admin('PUT', `/admin/users/${id}`, { password: 'a new long password' })
  const gone = await ask('GET', '/user', { bearer: session.access_token })
  expect(gone.body.error_code).toBe('session_not_found')
  expect((await audited()).filter((action) => action === 'user_modified')).toHaveLength(2)
})

test('users are listed by pages (M6)', async () => {
  const { admin, createAccount, pass } = await withAdmin()
  for (let number = 1; number <= 5; number += 1) {
    await createAccount(`user${number}@example.com`)
    pass(1000)
  }
  const { body, headers } = await admin('GET', '/admin/users?page=2&per_page=2')
  expect(body.aud).toBe('authenticated')
  expect(body.users.map((user: { email: string }) => user.email)).toEqual([
    'user3@example.com',
    'user2@example.com',
  ])
  expect(body.users[0].identities).toBeNull()
  expect(headers.get('x-total-count')).toBe('5')
  expect(headers.get('link')).toBe(
    '</admin/users?page=3&per_page=2>; rel="next", </admin/users?page=3&per_page=2>; rel="last"',
  )
  const last = await admin('GET', '/admin/users?page=3&per_page=2')
  expect(last.headers.get('link')).toBe('</admin/users?page=3&per_page=2>; rel="last"')
  const filtered = await admin('GET', '/admin/users?filter=user4&sort=created_at%20asc')
  expect(filtered.body.users).toHaveLength(1)
  for (const query of [
    'page=-1',
    'page=x',
    'per_page=0',
    'page=99999999999999999999',
    'sort=email',
  ]) {
    expect((await admin('GET', `/admin/users?${query}`)).status).toBe(400)
  }
})

test('a deleted user is gone, with their sessions (D12)', async () => {
  const { admin, ask, createAccount, signIn, database, audited } = await withAdmin()
  const { id } = await createAccount()
  const { access_token } = await signIn()
  const { status, body } = await admin('DELETE', `/admin/users/${id}`, {})
  expect([status, body]).toEqual([200, {}])
  expect((await ask('GET', '/user', { bearer: access_token })).body.error_code).toBe(
    'user_not_found',
  )
  const left = await sql`select id from auth.sessions union select id from auth.identities`.execute(
    database.db,
  )
  expect(left.rows).toEqual([])
  expect((await admin('DELETE', `/admin/users/${id}`)).status).toBe(404)
  expect((await audited()).at(-1)).toBe('user_deleted')
})

test('a softly deleted user leaves a row that says nothing', async () => {
  const { admin, ask, createAccount, signIn, ctx } = await withAdmin()
  const { id } = await createAccount()
  await signIn()
  expect((await admin('DELETE', `/admin/users/${id}`, { should_soft_delete: true })).status).toBe(
    200,
  )
  const user = await findUser(ctx, id)
  expect(user).toMatchObject({
    passwordHash: null,
    metadata: { own: {}, app: {} },
    deletedAt: ctx.now(),
    identities: [{ data: {}, email: null }],
  })
  expect(JSON.stringify(user)).not.toContain(email)
  expect(user?.email).toMatch(/^[\w-]{43}$/)
  const again = await ask('POST', '/token?grant_type=password', { body: { email, password } })
  expect(again.body.error_code).toBe('invalid_credentials')
  await createAccount()
})

test('somebody invited follows the link, is confirmed, and chooses a password', async () => {
  const { admin, ask, mailTo, audited, events } = await withAdmin()
  const { status, body } = await admin('POST', '/invite', { email, data: { team: 'red' } })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    email,
    invited_at: '2025-11-22T12:00:00Z',
    user_metadata: { team: 'red' },
  })
  const { link, subject } = await mailTo(email)
  expect(subject).toBe("You've been invited")
  expect(new URL(link).searchParams.get('type')).toBe('invite')
  const { access_token } = fragmentOf(await ask('GET', pathOf(link)))
  const chosen = await ask('PUT', '/user', { bearer: access_token ?? '', body: { password } })
  expect(chosen.body).toMatchObject({ email_confirmed_at: '2025-11-22T12:00:00Z' })
  const again = await admin('POST', '/invite', { email })
  expect([again.status, again.body.error_code]).toEqual([422, 'email_exists'])
  expect((await audited()).slice(0, 2)).toEqual(['user_invited', 'user_signedup'])
  expect(await events()).toContain('user.invite-accepted')
})

test('who signs up with an invited address sees nothing of the invitation (C15)', async () => {
  const { admin, ask } = await withAdmin({ GOTRUE_SMTP_MAX_FREQUENCY: '0s' })
  await admin('POST', '/invite', { email, data: { salary: 7 } })
  const { body } = await ask('POST', '/signup', { body: { email, password } })
  expect(body).toMatchObject({ user_metadata: {}, identities: [] })
})

test('an account that an admin signs up shows the data as they were sent', async () => {
  const { admin } = await withAdmin()
  const data = { status: 'alpha' }
  const { body } = await admin('POST', '/admin/generate_link', {
    type: 'signup',
    email,
    password,
    data,
  })
  expect(body.user_metadata).toEqual(data)
  expect(body).not.toHaveProperty('invited_at')
})

test.each([
  ['signup', { password }, 'signup', 'signup'],
  ['invite', { data: { a: 1 } }, 'invite', 'invite'],
  ['magiclink', {}, 'signup', 'signup'],
])('a link of %s is made for somebody new', async (type, more, verificationType, inLink) => {
  const { admin, ask, mails } = await withAdmin()
  const { status, body } = await admin('POST', '/admin/generate_link', { type, email, ...more })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    email,
    verification_type: verificationType,
    redirect_to: 'http://localhost:3001',
    email_otp: expect.stringMatching(/^\d{6}$/),
    hashed_token: expect.stringMatching(/^[0-9a-f]{56}$/),
  })
  const link = new URL(body.action_link)
  expect(Object.fromEntries(link.searchParams)).toEqual({
    token: body.hashed_token,
    type: inLink,
    redirect_to: 'http://localhost:3001',
  })
  expect(await mails()).toEqual([])
  expect(fragmentOf(await ask('GET', pathOf(body.action_link)))).toHaveProperty('access_token')
})

test.each(['magiclink', 'recovery'])('a link of %s is made for somebody known', async (type) => {
  const { admin, ask, createAccount } = await withAdmin()
  const { id } = await createAccount()
  const { body } = await admin('POST', '/admin/generate_link', { type, email })
  expect(body.verification_type).toBe(type)
  const { access_token } = fragmentOf(await ask('GET', pathOf(body.action_link)))
  expect(claimsOf(access_token ?? '').sub).toBe(id)
})

test('the two links of a change of address are made one after the other', async () => {
  const { admin, ask, createAccount, ctx } = await withAdmin()
  const { id } = await createAccount()
  const order = { email, new_email: 'new@example.com' }
  const one = await admin('POST', '/admin/generate_link', {
    type: 'email_change_current',
    ...order,
  })
  const two = await admin('POST', '/admin/generate_link', { type: 'email_change_new', ...order })
  expect(fragmentOf(await ask('GET', pathOf(one.body.action_link)))).toHaveProperty('message')
  expect(fragmentOf(await ask('GET', pathOf(two.body.action_link)))).toHaveProperty('access_token')
  expect((await findUser(ctx, id))?.email).toBe('new@example.com')
})

test('only an admin administers, and with a session only while it lives (I3)', async () => {
  const world = await withAdmin({ GOTRUE_SESSIONS_TIMEBOX: '1h' })
  const { id } = await world.createAccount()
  const session = await world.signIn()
  const listed = (bearer: string) => world.ask('GET', '/admin/users', { bearer })
  expect((await listed('')).body.error_code).toBe('no_authorization')
  const asUser = await listed(session.access_token)
  expect([asUser.status, asUser.body]).toMatchObject([
    403,
    { error_code: 'not_admin', msg: 'User not allowed' },
  ])
  const { session_id } = claimsOf(session.access_token)
  const withSession = await keyOf(world, { sub: id, role: 'service_role', session_id })
  expect((await listed(withSession)).status).toBe(200)
  world.pass(2 * hour)
  const late = await listed(withSession)
  expect([late.status, late.body]).toMatchObject([
    403,
    { error_code: 'session_expired', msg: 'Session is no longer valid' },
  ])
  const nameless = await keyOf(world, { sub: '1234567890', role: 'supabase_admin' })
  expect((await listed(nameless)).status).toBe(200)
})

test("a trigger of the customer's sees the user, and its refusal undoes the sign-up", async () => {
  const { ask, database } = await withAdmin()
  await database.execute(`
    create schema if not exists shop;
    create function shop.welcome() returns trigger language plpgsql security definer as $$
    begin
      if new.email like '%@refused.test' then raise exception 'No shop for %', new.email using hint = 'Go away'; end if;
      update auth.users set raw_app_meta_data = raw_app_meta_data || '{"plan":"free"}' where id = new.id;
      return new;
    end $$;
    create trigger welcome after insert on auth.users for each row execute function shop.welcome()`)
  try {
    const taken = await ask('POST', '/signup', { body: { email, password } })
    expect(taken.body.app_metadata).toEqual({
      provider: 'email',
      providers: ['email'],
      plan: 'free',
    })
    const body = { email: 'bob@refused.test', password }
    const old = await ask('POST', '/signup', { body })
    expect([old.status, old.body]).toEqual([
      500,
      { code: 'P0001', message: 'No shop for bob@refused.test', hint: 'Go away' },
    ])
    const recent = await ask('POST', '/signup', {
      body,
      headers: { 'x-supabase-api-version': '2024-01-01' },
    })
    expect([recent.status, recent.body]).toEqual([
      500,
      { code: 'unexpected_failure', message: 'Database error saving new user' },
    ])
  } finally {
    await database.execute('drop schema shop cascade')
  }
})
