import { GoTrueApi, GoTrueClient } from 'gotrue-js-v1'
import { expect, test } from 'vitest'
import { type GotrueWorld, gotrueWorld, keyOf, password } from './gotrue-world.ts'

// What clients of the first version expect otherwise than GoTrue says it today, and that nobody else gets it.

const email = 'ann@example.com'

async function clientOf(world: GotrueWorld): Promise<GoTrueClient> {
  return new GoTrueClient({
    url: 'http://localhost:3001/auth/v1',
    headers: { apikey: await keyOf(world, { role: 'anon' }), 'X-Client-Info': 'gotrue-js/1.24.0' },
    autoRefreshToken: false,
    persistSession: false,
    detectSessionInUrl: false,
    fetch: world.fetch,
  })
}

test('v1 is shown the metadata that the app wrote, and nothing beside it', async () => {
  const world = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  const auth = await clientOf(world)
  const { session, error } = await auth.signUp({ email, password }, { data: { theme: 'dark' } })
  expect(error).toBeNull()
  expect(session?.user?.user_metadata).toEqual({ theme: 'dark' })
  const updated = await auth.update({ data: { hello: 'world', email: 'of@another.test' } })
  // Her own word for it stays.
  expect(updated.user?.user_metadata).toEqual({
    theme: 'dark',
    hello: 'world',
    email: 'of@another.test',
  })
  const api = new GoTrueApi({
    url: 'http://localhost:3001/auth/v1',
    headers: { Authorization: `Bearer ${world.adminKey}`, 'X-Client-Info': 'supabase-js/1.35.7' },
    fetch: world.fetch,
  })
  const { data: users } = await api.listUsers()
  expect(users?.map((user) => user.user_metadata)).toEqual([updated.user?.user_metadata])

  const today = await world.ask('GET', '/user', { bearer: session?.access_token ?? null })
  expect(today.body.user_metadata).toMatchObject({ sub: session?.user?.id, email_verified: true })
})

test('v1 is told of errors as GoTrue told them then', async () => {
  const world = await gotrueWorld({
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
    GOTRUE_SMS_PROVIDER: 'twilio',
  })
  const auth = await clientOf(world)
  const malformed = await auth.api.sendMagicLinkEmail('no address')
  expect(malformed.error).toEqual({
    status: 422,
    message: 'Unable to validate email address: invalid format',
  })
  const signedOut = await auth.api.signOut('no-token')
  expect(signedOut.error).toMatchObject({
    status: 401,
    message: expect.stringMatching(/^Invalid token: /),
  })
  const noNumber = await auth.signUp({ phone: '123-none', password })
  expect(noNumber.error).toEqual({ status: 422, message: 'Invalid phone number format' })
  const noProvider = await auth.signUp({ phone: '15551234567', password })
  expect(noProvider.error).toEqual({
    status: 400,
    message: 'Error sending confirmation sms: Missing Twilio account SID',
  })
})

test('v1’s GoTrueApi, which says no name, is told so too', async () => {
  const world = await gotrueWorld()
  const api = new GoTrueApi({ url: 'http://localhost:3001/auth/v1', fetch: world.fetch })
  const { error } = await api.signOut('no-token')
  expect(error).toMatchObject({ status: 401, message: expect.stringMatching(/^Invalid token: /) })
})

test('v1 is told that a number is nobody’s only where nobody has one', async () => {
  const world = await gotrueWorld()
  const attempt = { phone: '15551234567', token: '123456' }
  const without = await (await clientOf(world)).verifyOTP(attempt)
  expect(without.error).toEqual({ status: 404, message: 'User not found' })
  const withPhones = await clientOf(world.under({ GOTRUE_EXTERNAL_PHONE_ENABLED: 'true' }))
  const { error } = await withPhones.verifyOTP(attempt)
  expect(error).toEqual({ status: 403, message: 'Token has expired or is invalid' })
})

test.each([
  {},
  { 'x-client-info': 'supabase-js/2.119.0' },
  { 'x-client-info': 'auth-py/1.0.0', 'content-type': 'application/json;charset=UTF-8' },
  { 'content-type': 'application/json' },
  { 'x-client-info': 'gotrue-js/1.24.0', 'x-supabase-api-version': '2024-01-01' },
])('whoever is not v1 is told of errors as GoTrue tells them today: %j', async (headers) => {
  const world = await gotrueWorld()
  const { status, body } = await world.ask('POST', '/logout', { bearer: 'no-token', headers })
  expect(status).toBe(403)
  expect(body.msg ?? body.message).toMatch(/^invalid JWT: /)
})
