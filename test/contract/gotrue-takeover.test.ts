import { createHash, createHmac, randomBytes } from 'node:crypto'
import { hashSync as bcrypt } from 'bcryptjs'
import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { claimsOf, fragmentOf, type GotrueWorld, gotrueWorld, password } from './gotrue-world.ts'

// A database that GoTrue wrote goes on here, and what is written here GoTrue could take back (reference § 3.3).

const email = 'ann@example.com'
const userId = '3f0c6f5e-6f0b-4d5f-9a51-2d3a4b5c6d7e'
const sessionId = '9b2d7c1a-5e4f-4a3b-8c2d-1e0f9a8b7c6d'
const nil = '00000000-0000-0000-0000-000000000000'
const key = randomBytes(32)

async function withOldDatabase(): Promise<GotrueWorld> {
  const world = await gotrueWorld()
  const { db } = world.database
  const recovery = hashOf('424242')
  const confirmation = hashOf('171717')
  // Rows put in by hand have NULL where GoTrue writes ''.
  await sql`insert into auth.users (instance_id, id, aud, role, email, encrypted_password, email_confirmed_at,
      confirmation_token, confirmation_sent_at, recovery_token, recovery_sent_at, email_change_token_new, email_change,
      phone_change, phone_change_token, email_change_token_current, reauthentication_token,
      raw_app_meta_data, raw_user_meta_data, created_at, updated_at)
    values (${nil}, ${userId}, 'authenticated', 'authenticated', ${email}, ${bcrypt(password, 4).replace('$2b$', '$2a$')},
      '2024-05-01', ${confirmation}, '2025-11-22T11:59:00Z', ${recovery}, '2025-11-22T11:59:00Z', null, null, null, null, null, null,
      '{"provider":"email","providers":["email"]}', '{"name":"Ann"}', '2024-05-01', '2024-05-01')`.execute(
    db,
  )
  await sql`insert into auth.identities (id, user_id, provider, provider_id, identity_data, last_sign_in_at, created_at, updated_at)
    values (gen_random_uuid(), ${userId}, 'email', ${userId}, ${JSON.stringify({ sub: userId, email })}::text::jsonb, '2024-05-01', '2024-05-01', '2024-05-01')`.execute(
    db,
  )
  await sql`insert into auth.one_time_tokens (id, user_id, token_type, token_hash, relates_to)
    values (gen_random_uuid(), ${userId}, 'recovery_token', ${recovery}, ${email})`.execute(db)
  await sql`insert into auth.sessions (id, user_id, created_at, updated_at, aal, refresh_token_hmac_key, refresh_token_counter)
    values (${sessionId}, ${userId}, '2025-11-22', '2025-11-22', 'aal1', ${key.toString('base64url')}, 300)`.execute(
    db,
  )
  await sql`insert into auth.mfa_amr_claims (id, session_id, authentication_method, created_at, updated_at)
    values (gen_random_uuid(), ${sessionId}, 'password', '2025-11-22', '2025-11-22')`.execute(db)
  await sql`insert into auth.refresh_tokens (instance_id, token, user_id, session_id, revoked, created_at, updated_at)
    values (${nil}, 'abcdefghij23', ${userId}, ${sessionId}, false, '2025-11-22', '2025-11-22')`.execute(
    db,
  )
  return world
}

function hashOf(code: string): string {
  return createHash('sha224').update(`${email}${code}`).digest('hex')
}

/** A token of the second kind, made as the reference says (§ 2.2), apart from the code under test. */
function countedToken(counter: number): string {
  const varint = counter < 128 ? [counter] : [(counter & 127) | 128, counter >> 7]
  const head = Buffer.from([0, ...Buffer.from(sessionId.replaceAll('-', ''), 'hex'), ...varint])
  const mark = createHmac('sha256', key).update(head).digest().subarray(0, 16)
  const marked = Buffer.concat([head, mark])
  const sum = createHash('sha256').update(marked).digest().subarray(0, 4)
  return Buffer.concat([marked, sum]).toString('base64url')
}

test("GoTrue's password signs in here", async () => {
  const { signIn } = await withOldDatabase()
  const { user } = await signIn()
  expect(user).toMatchObject({ id: userId, user_metadata: { name: 'Ann' }, phone: '' })
})

test("GoTrue's refresh tokens of both kinds go on", async () => {
  const { ask } = await withOldDatabase()
  const refresh = (refresh_token: string) =>
    ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
  const byRow = await refresh('abcdefghij23')
  expect([byRow.status, claimsOf(byRow.body.access_token).session_id]).toEqual([200, sessionId])
  const byCount = await refresh(countedToken(300))
  expect([byCount.status, byCount.body.refresh_token]).toEqual([200, countedToken(301)])
  expect(claimsOf(byCount.body.access_token).amr).toMatchObject([{ method: 'password' }])
})

test("GoTrue's links and digits go on", async () => {
  const { ask } = await withOldDatabase()
  const link = await ask('GET', `/verify?type=recovery&token=${hashOf('424242')}`)
  expect(claimsOf(fragmentOf(link).access_token ?? '').sub).toBe(userId)
  const digits = await ask('POST', '/verify', { body: { type: 'email', email, token: '171717' } })
  expect(digits.status).toBe(200)
})

test('a database with such rows can be administered and changed', async () => {
  const { ask, adminKey, signIn } = await withOldDatabase()
  const listed = await ask('GET', '/admin/users', { bearer: adminKey })
  expect(listed.body.users).toHaveLength(1)
  const { access_token: bearer } = await signIn()
  const changed = await ask('PUT', '/user', {
    bearer,
    body: { email: 'new@example.com', data: { a: 1 } },
  })
  expect(changed.body).toMatchObject({
    new_email: 'new@example.com',
    user_metadata: { name: 'Ann', a: 1 },
  })
})

test('rows written here have no NULL where GoTrue reads text', async () => {
  const { ask, adminKey, createAccount, signIn, database } = await gotrueWorld({
    GOTRUE_SECURITY_REFRESH_TOKEN_ALGORITHM_VERSION: '1',
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  })
  await createAccount()
  await signIn()
  await ask('POST', '/signup', { body: { email: 'bob@example.com', password } })
  await ask('POST', '/signup', { body: {} })
  await ask('POST', '/invite', { bearer: adminKey, body: { email: 'eve@example.com' } })
  const strangers = await sql`
    select id from auth.users where instance_id is distinct from ${nil}::uuid or confirmation_token is null
      or recovery_token is null or email_change_token_new is null or email_change is null or phone_change is null
      or phone_change_token is null or email_change_token_current is null or reauthentication_token is null
      or email_change_confirm_status is null or aud is null or role is null or raw_app_meta_data is null
      or raw_user_meta_data is null or email = '' or phone = '' or created_at is null or updated_at is null`.execute(
    database.db,
  )
  expect(strangers.rows).toEqual([])
  const others = await sql`
    select token as id from auth.refresh_tokens where instance_id is distinct from ${nil}::uuid or user_id is null
      or revoked is null or parent = '' or session_id is null
    union all select id::text from auth.audit_log_entries where instance_id is distinct from ${nil}::uuid
    union all select id::text from auth.identities where identity_data is null or provider_id = ''`.execute(
    database.db,
  )
  expect(others.rows).toEqual([])
  const counted = await sql<{ users: number; tokens: number }>`
    select (select count(*)::int from auth.users) as users, (select count(*)::int from auth.refresh_tokens) as tokens`.execute(
    database.db,
  )
  expect(counted.rows).toEqual([{ users: 4, tokens: 2 }])
})

test('times without a zone are UTC', async () => {
  const { ask, createAccount, signIn, database } = await gotrueWorld()
  await createAccount()
  const { refresh_token } = await signIn()
  await ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
  await ask('POST', '/otp', { body: { email } })
  const { rows } = await sql`
    select (select refreshed_at::text from auth.sessions) as refreshed, (select created_at::text from auth.one_time_tokens) as made`.execute(
    database.db,
  )
  expect(rows).toEqual([{ refreshed: '2025-11-22 12:00:00', made: '2025-11-22 12:00:00' }])
})
