import { expect, test } from 'vitest'
import { hour, minute } from '../../src/base/time.ts'
import { codeTo, other, phone, phones, signedIn, verify } from './gotrue-phones.ts'
import { claimsOf, gotrueWorld, password } from './gotrue-world.ts'

test('a new number is the user’s when its code was typed', async () => {
  const world = await gotrueWorld(phones)
  const { ask } = world
  const { access_token: bearer, user } = await signedIn(world)
  const begun = await ask('PUT', '/user', { bearer, body: { phone: `+${other}` } })
  expect(begun).toMatchObject({
    status: 200,
    body: { phone, new_phone: other, phone_change_sent_at: '2025-11-22T12:00:00Z' },
  })
  const early = await ask('PUT', '/user', { bearer, body: { phone: other } })
  expect(early.body.error_code).toBe('over_sms_send_rate_limit')
  world.pass(minute)
  const again = await ask('POST', '/resend', { body: { type: 'phone_change', phone } })
  expect(again).toMatchObject({ status: 200, body: {} })
  expect(await world.mails(other)).toHaveLength(2)
  const [message] = await world.mails(other)
  expect(message?.type).toBe('BindNewIdentifier')
  const code = await codeTo(world, other)
  expect((await verify(world, code, 'phone_change', phone)).status).toBe(403)
  const changed = await verify(world, code, 'phone_change', other)
  expect(changed.body.user).toMatchObject({
    id: user.id,
    phone: other,
    identities: [{ provider: 'phone', identity_data: { phone: other, phone_verified: true } }],
  })
  expect(changed.body.user).not.toHaveProperty('new_phone')
  const audited = await world.audited()
  expect(audited.filter((action) => action === 'user_modified')).toHaveLength(2)
})

test('a number that somebody else got meanwhile is refused, and the change stays undone', async () => {
  const world = await gotrueWorld(phones)
  const { access_token: bearer } = await signedIn(world)
  await world.ask('PUT', '/user', { bearer, body: { phone: other } })
  const account = { phone: other, phone_confirm: true, password }
  await world.ask('POST', '/admin/users', { bearer: world.adminKey, body: account })
  const late = await verify(world, await codeTo(world, other), 'phone_change', other)
  expect(late).toMatchObject({ status: 422, body: { error_code: 'phone_exists' } })
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body).toMatchObject({ phone, new_phone: other })
  const taken = await world.ask('PUT', '/user', { bearer, body: { phone: other } })
  expect(taken.body.msg).toBe('A user with this phone number has already been registered')
})

test('where numbers are believed, a change is made at once', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_SMS_AUTOCONFIRM: 'true' })
  await world.createAccount()
  const { access_token: bearer } = await world.signIn()
  const { body } = await world.ask('PUT', '/user', { bearer, body: { phone: other } })
  expect(body).toMatchObject({
    phone: other,
    phone_confirmed_at: '2025-11-22T12:00:00Z',
    app_metadata: { provider: 'email', providers: ['email', 'phone'] },
  })
  expect(body).not.toHaveProperty('new_phone')
  expect(await world.mails()).toEqual([])
})

test('somebody with a number only reauthenticates by it', async () => {
  const world = await gotrueWorld({
    ...phones,
    GOTRUE_JWT_EXP: '1000000',
    GOTRUE_SECURITY_UPDATE_PASSWORD_REQUIRE_REAUTHENTICATION: 'true',
  })
  const { ask } = world
  const { access_token: bearer } = await signedIn(world)
  world.pass(25 * hour)
  const change = (nonce: string, to = 'a new password') =>
    ask('PUT', '/user', { bearer, body: { password: to, nonce } })
  expect((await change('')).body.error_code).toBe('reauthentication_needed')
  expect(await ask('GET', '/reauthenticate', { bearer })).toMatchObject({ status: 200, body: {} })
  const [message] = await world.mails(phone)
  expect(message?.type).toBe('UserPermissionValidation')
  const nonce = await codeTo(world)
  expect(await change(nonce === '000000' ? '000001' : '000000')).toMatchObject({
    status: 422,
    body: { error_code: 'reauthentication_not_valid', msg: 'Nonce has expired or is invalid' },
  })
  expect((await change(nonce)).status).toBe(200)
  expect((await change(nonce, 'another password')).body.error_code).toBe(
    'reauthentication_not_valid',
  )
  expect(await world.audited()).toContain('user_reauthenticate_requested')
  for (let tries = 0; tries < 7; tries++) await change('000000', 'another password')
  expect((await change('000000', 'another password')).status).toBe(429)
})

test('an anonymous user becomes a permanent one by a number', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' })
  const { ask } = world
  const anonymous = await ask('POST', '/signup', { body: { data: { cart: 3 } } })
  const { access_token: bearer, user } = anonymous.body
  expect(claimsOf(bearer)).toMatchObject({ is_anonymous: true, amr: [{ method: 'anonymous' }] })
  expect(user).toMatchObject({ app_metadata: {}, identities: [], user_metadata: { cart: 3 } })
  const alone = await ask('PUT', '/user', { bearer, body: { password } })
  expect(alone.status).toBe(422)
  const begun = await ask('PUT', '/user', { bearer, body: { phone, password } })
  expect(begun.body).toMatchObject({ is_anonymous: true, phone: '', new_phone: phone })
  const kept = await verify(world, await codeTo(world), 'phone_change')
  expect(kept.body.user).toMatchObject({
    id: user.id,
    phone,
    is_anonymous: false,
    app_metadata: { provider: 'phone', providers: ['phone'] },
    user_metadata: { cart: 3 },
    identities: [{ provider: 'phone', identity_data: { phone, phone_verified: true } }],
  })
  expect(claimsOf(kept.body.access_token)).toMatchObject({ is_anonymous: false, phone })
  const back = await ask('POST', '/token?grant_type=password', { body: { phone, password } })
  expect(back.body.user.id).toBe(user.id)
  expect(await world.audited()).not.toContain('user_signedup')
})

test('many accounts that name one number do not reach it more often (B15)', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' })
  const statuses: number[] = []
  for (let account = 0; account < 11; account++) {
    const { body } = await world.ask('POST', '/signup', { body: {} })
    const { status } = await world.ask('PUT', '/user', {
      bearer: body.access_token,
      body: { phone },
    })
    statuses.push(status)
  }
  expect(statuses).toEqual([...Array.from({ length: 10 }, () => 200), 429])
  expect(await world.mails(phone)).toHaveLength(10)
})
