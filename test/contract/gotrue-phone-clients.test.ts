import { createClient } from '@supabase/supabase-js'
import { GoTrueClient } from 'gotrue-js-v1'
import { expect, test } from 'vitest'
import { codeTo, other, phone, phones } from './gotrue-phones.ts'
import { type GotrueWorld, gotrueWorld, keyOf, password } from './gotrue-world.ts'

// The official clients and phones, under the settings that the client's own suite runs with.

async function clientOf(world: GotrueWorld) {
  const options = { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false }
  return createClient('http://localhost:3001', await keyOf(world, { role: 'anon' }), {
    auth: options,
    global: { fetch: world.fetch },
  }).auth
}

test('with a provider that has no keys everything ends in an error, and nothing for strangers', async () => {
  const auth = await clientOf(await gotrueWorld({ ...phones, GOTRUE_SMS_PROVIDER: 'twilio' }))
  const resent = await auth.resend({ phone, type: 'phone_change', options: {} })
  expect(resent.error).toBeNull()
  const options = { channel: 'whatsapp' as const, data: { info: 'some info' } }
  const asked = await auth.signInWithOtp({ phone, options })
  expect(asked.error).toMatchObject({ status: 500, message: 'Unable to get SMS provider' })
  const made = await auth.signUp({ phone, password, options })
  expect(made.error?.message).toBe('Unable to get SMS provider')
  expect(made.data).toEqual({ user: null, session: null })
  const verified = await auth.verifyOtp({ phone, type: 'phone_change', token: '123456' })
  expect(verified.error).toMatchObject({
    code: 'otp_expired',
    message: 'Token has expired or is invalid',
  })
})

test('with numbers that are believed, a number and a password suffice', async () => {
  const auth = await clientOf(await gotrueWorld({ ...phones, GOTRUE_SMS_AUTOCONFIRM: 'true' }))
  const made = await auth.signUp({ phone, password })
  expect(made.data.session?.user.phone).toBe(phone)
  const { data, error } = await auth.signInWithPassword({ phone, password })
  expect(error).toBeNull()
  expect(data.user).toMatchObject({
    phone,
    phone_confirmed_at: expect.any(String),
    last_sign_in_at: expect.any(String),
    app_metadata: { provider: 'phone' },
  })
})

test('v2 signs up by a code, changes its number, and comes back', async () => {
  const world = await gotrueWorld(phones)
  const auth = await clientOf(world)
  expect((await auth.signInWithOtp({ phone: `+${phone}` })).error).toBeNull()
  const { data } = await auth.verifyOtp({ phone, token: await codeTo(world), type: 'sms' })
  expect(data.session?.user.phone).toBe(phone)
  expect((await auth.updateUser({ phone: other })).data.user?.new_phone).toBe(other)
  const token = await codeTo(world, other)
  const changed = await auth.verifyOtp({ phone: other, token, type: 'phone_change' })
  expect(changed.data.user?.phone).toBe(other)
  expect((await auth.reauthenticate()).error).toBeNull()
})

test('v2 begins anonymously, and keeps its user with a number', async () => {
  const world = await gotrueWorld({ ...phones, GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' })
  const auth = await clientOf(world)
  const { data: begun } = await auth.signInAnonymously({ options: { data: { cart: 3 } } })
  expect(begun.user?.is_anonymous).toBe(true)
  await auth.updateUser({ phone })
  const token = await codeTo(world)
  const kept = await auth.verifyOtp({ phone, token, type: 'phone_change' })
  expect(kept.data.user).toMatchObject({ id: begun.user?.id, is_anonymous: false })
  expect((await auth.updateUser({ password })).error).toBeNull()
  expect((await auth.signInWithPassword({ phone, password })).data.user?.id).toBe(begun.user?.id)
})

test("a test's number signs in with its code, as the suite's own instance has it", async () => {
  const world = await gotrueWorld({
    ...phones,
    GOTRUE_SMS_AUTOCONFIRM: 'true',
    GOTRUE_SMS_TEST_OTP: '1234567890=123456',
    GOTRUE_SMS_MAX_FREQUENCY: '1s',
  })
  const auth = await clientOf(world)
  const { data, error } = await auth.signInWithOtp({ phone: '1234567890' })
  expect([error, data.messageId]).toEqual([null, 'test-otp'])
  const verified = await auth.verifyOtp({ phone: '1234567890', token: '123456', type: 'sms' })
  expect(verified.data.user?.phone).toBe('1234567890')
})

test('v1 signs in by a code', async () => {
  const world = await gotrueWorld(phones)
  const client = new GoTrueClient({
    url: 'http://localhost:3001/auth/v1',
    fetch: world.fetch,
    autoRefreshToken: false,
    persistSession: false,
  })
  expect((await client.signIn({ phone: `+${phone}` })).error).toBeNull()
  const { user } = await client.verifyOTP({ phone, token: await codeTo(world), type: 'sms' })
  expect(user?.phone).toBe(phone)
  const back = await client.update({ password })
  expect(back.error).toBeNull()
  expect((await client.signIn({ phone, password })).user?.phone).toBe(phone)
})
