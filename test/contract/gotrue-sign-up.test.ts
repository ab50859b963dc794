import { expect, test } from 'vitest'
import { findUserByEmail } from '../../src/model/user.ts'
import { claimsOf, fragmentOf, gotrueWorld, password, pathOf } from './gotrue-world.ts'

const email = 'ann@example.com'

test('somebody who signs up gets a user, a mail, and no session', async () => {
  const { ask, mailTo, events, audited, ctx } = await gotrueWorld()
  const { status, body } = await ask('POST', '/signup', {
    body: { email: 'Ann@Example.com', password, data: { theme: 'dark', email: 'evil' } },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    aud: 'authenticated',
    role: 'authenticated',
    email,
    phone: '',
    confirmation_sent_at: '2025-11-22T12:00:00Z',
    app_metadata: { provider: 'email', providers: ['email'] },
    is_anonymous: false,
  })
  const data = { theme: 'dark', sub: body.id, email, email_verified: false, phone_verified: false }
  expect(body.user_metadata).toEqual(data)
  expect(body.identities).toMatchObject([
    { id: body.id, user_id: body.id, provider: 'email', email, identity_data: data },
  ])
  expect(body).not.toHaveProperty('confirmed_at')
  expect(body).not.toHaveProperty('factors')
  expect(body).not.toHaveProperty('access_token')
  const mail = await mailTo(email)
  expect(mail.subject).toBe('Confirm your email address')
  const link = new URL(mail.link)
  expect(`${link.origin}${link.pathname}`).toBe('http://localhost:3001/auth/v1/verify')
  expect([...link.searchParams.keys()]).toEqual(['token', 'type', 'redirect_to'])
  expect(link.searchParams.get('type')).toBe('signup')
  expect(await events()).toEqual(['key.created', 'user.signed-up', 'confirmation.requested'])
  expect(await audited()).toEqual(['user_confirmation_requested'])
  expect((await findUserByEmail(ctx, email))?.passwordHash).toMatch(/^\$argon2id\$/)
})

test('the link of the mail confirms, and signs in behind the #', async () => {
  const { ask, mailTo, events, audited } = await gotrueWorld()
  const { body: user } = await ask('POST', '/signup', { body: { email, password } })
  const answer = await ask('GET', pathOf((await mailTo(email)).link))
  expect(answer.status).toBe(303)
  expect(Object.keys(fragmentOf(answer))).toEqual([
    'access_token',
    'expires_at',
    'expires_in',
    'refresh_token',
    'sb',
    'token_type',
    'type',
  ])
  const { access_token, ...rest } = fragmentOf(answer)
  expect(rest).toMatchObject({ expires_in: '3600', sb: '', token_type: 'bearer', type: 'signup' })
  expect(claimsOf(access_token ?? '')).toMatchObject({
    iss: 'http://localhost:3001/auth/v1',
    sub: user.id,
    aud: 'authenticated',
    role: 'authenticated',
    email,
    phone: '',
    aal: 'aal1',
    amr: [{ method: 'otp', timestamp: 1763812800 }],
    is_anonymous: false,
    app_metadata: { provider: 'email', providers: ['email'] },
  })
  const { body } = await ask('GET', '/user', { bearer: access_token ?? '' })
  expect(body).toMatchObject({
    id: user.id,
    email_confirmed_at: '2025-11-22T12:00:00Z',
    confirmed_at: '2025-11-22T12:00:00Z',
    last_sign_in_at: '2025-11-22T12:00:00Z',
    user_metadata: { email_verified: true },
    identities: [{ identity_data: { email_verified: true } }],
  })
  expect((await events()).slice(3)).toEqual(['verification.finished', 'user.signed-in'])
  expect(await audited()).toEqual(['user_confirmation_requested', 'user_signedup'])
})

test('with autoconfirmation there is a session at once', async () => {
  const { ask, mails, audited } = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  const { status, body, headers } = await ask('POST', '/signup', { body: { email, password } })
  expect(status).toBe(200)
  expect(body).toMatchObject({
    token_type: 'bearer',
    expires_in: 3600,
    expires_at: 1763816400,
    user: { email, user_metadata: { email_verified: true } },
  })
  expect(headers.get('sb-auth-user-id')).toBe(body.user.id)
  expect(headers.get('sb-auth-session-id')).toBe(claimsOf(body.access_token).session_id)
  expect(headers.get('sb-auth-refresh-token-counter')).toBe('0')
  expect(claimsOf(body.access_token).amr).toMatchObject([{ method: 'password' }])
  expect(await mails()).toEqual([])
  expect(await audited()).toEqual(['user_signedup', 'login'])
})

test('signing up again with autoconfirmation says that somebody is there', async () => {
  const { ask } = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  await ask('POST', '/signup', { body: { email, password } })
  const { status, body } = await ask('POST', '/signup', { body: { email, password } })
  expect(status).toBe(422)
  expect(body).toMatchObject({ error_code: 'user_already_exists', msg: 'User already registered' })
})

test('signing up with an address that is taken looks like success, and sends nothing (L1)', async () => {
  const { ask, createAccount, mails, audited } = await gotrueWorld()
  const ann = await createAccount(email)
  const { status, body } = await ask('POST', '/signup', {
    body: { email, password: 'another password', data: { a: 1 } },
  })
  expect(status).toBe(200)
  expect(body).toMatchObject({ email, role: '', identities: [], user_metadata: { a: 1 } })
  expect(body.id).not.toBe(ann.id)
  expect(body).not.toHaveProperty('confirmed_at')
  expect(await mails()).toEqual([])
  expect(await audited()).toEqual(['user_signedup', 'user_repeated_signup'])
})

test('being told to wait does not tell a taken address from a new one (L4)', async () => {
  const { ask, createAccount } = await gotrueWorld()
  await createAccount('taken@example.com')
  for (const address of ['taken@example.com', 'new@example.com']) {
    const body = { email: address, password }
    expect((await ask('POST', '/signup', { body })).status).toBe(200)
    const again = await ask('POST', '/signup', { body })
    expect(again.status).toBe(429)
    expect(again.body).toMatchObject({
      error_code: 'over_email_send_rate_limit',
      msg: 'For security purposes, you can only request this after 60 seconds.',
    })
    expect(again.headers.get('retry-after')).toBe('60')
  }
})

test('who has not confirmed gets another mail, and the new password is not taken', async () => {
  const { ask, mails, pass, ctx } = await gotrueWorld()
  await ask('POST', '/signup', { body: { email, password } })
  const before = (await findUserByEmail(ctx, email))?.passwordHash
  pass(61_000)
  const { status } = await ask('POST', '/signup', {
    body: { email, password: 'the password of a stranger' },
  })
  expect(status).toBe(200)
  expect(await mails(email)).toHaveLength(2)
  expect((await findUserByEmail(ctx, email))?.passwordHash).toBe(before)
})

test('a new mail makes the link of the one before useless', async () => {
  const { ask, mailTo, pass } = await gotrueWorld()
  await ask('POST', '/signup', { body: { email, password } })
  const first = await mailTo(email)
  pass(61_000)
  await ask('POST', '/resend', { body: { type: 'signup', email } })
  const second = await mailTo(email)
  expect(fragmentOf(await ask('GET', pathOf(first.link)))).toMatchObject({
    error: 'access_denied',
    error_code: 'otp_expired',
    error_description: 'Email link is invalid or has expired',
    sb: '',
  })
  expect(fragmentOf(await ask('GET', pathOf(second.link)))).toHaveProperty('access_token')
})

test('when the mail cannot be sent, nothing stands in the way of another try', async () => {
  const { ask, ctx, events } = await gotrueWorld({
    GOTRUE_SMTP_HOST: '127.0.0.1',
    GOTRUE_SMTP_PORT: '1',
  })
  const { status, body } = await ask('POST', '/signup', { body: { email, password } })
  expect(status).toBe(500)
  expect(body).toMatchObject({
    code: 500,
    error_code: 'unexpected_failure',
    msg: 'Error sending confirmation email',
    error_id: 'a-request',
  })
  expect(await findUserByEmail(ctx, email)).toBeNull()
  expect(await events()).toContain('user.deleted')
})

test('an anonymous user has no address, no identity, and no row in the audit log', async () => {
  const { ask, audited, events } = await gotrueWorld({
    GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true',
  })
  const { status, body } = await ask('POST', '/signup', { body: { data: { cart: 7 } } })
  expect(status).toBe(200)
  expect(body.user).toMatchObject({
    email: '',
    is_anonymous: true,
    app_metadata: {},
    user_metadata: { cart: 7 },
    identities: [],
  })
  expect(claimsOf(body.access_token)).toMatchObject({
    is_anonymous: true,
    amr: [{ method: 'anonymous' }],
  })
  expect(await audited()).toEqual([])
  expect((await events()).filter((type) => type !== 'key.created')).toEqual([
    'user.signed-up',
    'user.signed-in',
  ])
})

test('a phone number is believed where it is confirmed by itself', async () => {
  const { ask, audited } = await gotrueWorld({
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_SMS_AUTOCONFIRM: 'true',
  })
  const phone = '+81 90 1234 5678'
  const { status, body } = await ask('POST', '/signup', { body: { phone, password } })
  expect(status).toBe(200)
  expect(body.user).toMatchObject({
    phone: '819012345678',
    phone_confirmed_at: '2025-11-22T12:00:00Z',
    app_metadata: { provider: 'phone', providers: ['phone'] },
  })
  const signedIn = await ask('POST', '/token?grant_type=password', { body: { phone, password } })
  expect(signedIn.status).toBe(200)
  expect(await audited()).toEqual(['user_signedup', 'login', 'login'])
})
