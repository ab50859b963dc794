import { createClient } from '@supabase/supabase-js'
import { GoTrueClient } from 'gotrue-js-v1'
import { expect, test } from 'vitest'
import {
  fragmentOf,
  type GotrueWorld,
  gotrueWorld,
  keyOf,
  password,
  pathOf,
  queryOf,
} from './gotrue-world.ts'

// The official clients as they come from the registry, talking to the face through a fetch of the world.

const email = 'ann@example.com'
const options = { autoRefreshToken: false, persistSession: false, detectSessionInUrl: false }

async function clientOf(world: GotrueWorld, auth: object = {}, key?: string) {
  return createClient('http://localhost:3001', key ?? (await keyOf(world, { role: 'anon' })), {
    auth: { ...options, ...auth },
    global: { fetch: world.fetch },
  })
}

/** Where a PKCE client keeps its verifier. */
function memory() {
  const kept = new Map<string, string>()
  return {
    getItem: (name: string) => kept.get(name) ?? null,
    setItem: (name: string, value: string) => void kept.set(name, value),
    removeItem: (name: string) => void kept.delete(name),
  }
}

test('v2 signs up, confirms, signs in, refreshes, updates and signs out', async () => {
  const world = await gotrueWorld()
  world.keepTime()
  const { auth } = await clientOf(world)
  const signedUp = await auth.signUp({ email, password, options: { data: { theme: 'dark' } } })
  expect(signedUp.error).toBeNull()
  expect(signedUp.data.session).toBeNull()
  const early = await auth.signInWithPassword({ email, password })
  expect(early.error).toMatchObject({ code: 'email_not_confirmed', status: 400 })
  const { access_token = '', refresh_token = '' } = fragmentOf(
    await world.ask('GET', pathOf((await world.mailTo(email)).link)),
  )
  expect((await auth.setSession({ access_token, refresh_token })).error).toBeNull()
  const signedIn = await auth.signInWithPassword({ email, password })
  expect(signedIn.data.user?.user_metadata).toMatchObject({ theme: 'dark', email_verified: true })
  const refreshed = await auth.refreshSession()
  expect(refreshed.data.session?.refresh_token).not.toBe(signedIn.data.session?.refresh_token)
  const updated = await auth.updateUser({ data: { theme: 'light' } })
  expect(updated.data.user?.user_metadata.theme).toBe('light')
  expect((await auth.signOut()).error).toBeNull()
  expect((await auth.getUser(refreshed.data.session?.access_token)).error?.name).toBe(
    'AuthSessionMissingError',
  )
  expect(await world.audited()).toEqual([
    'user_confirmation_requested',
    'user_signedup',
    'login',
    'token_refreshed',
    'user_modified',
    'logout',
  ])
})

test('v2 checks an access token with the published keys', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  // The client compares expiry with the clock of the machine, which the world does not move.
  const client = await clientOf(world)
  const { data } = await client.auth.signInWithPassword({ email, password })
  const claims = await client.auth.getClaims(data.session?.access_token, { allowExpired: true })
  expect(claims.error).toBeNull()
  expect(claims.data?.claims).toMatchObject({ email, role: 'authenticated', aal: 'aal1' })
  expect(claims.data?.header.alg).toBe('ES256')
})

test('v2 in the PKCE flow signs in by a magic link', async () => {
  const world = await gotrueWorld()
  const { id } = await world.createAccount()
  const { auth } = await clientOf(world, { flowType: 'pkce', storage: memory() })
  expect((await auth.signInWithOtp({ email })).error).toBeNull()
  const answer = await world.ask('GET', pathOf((await world.mailTo(email)).link))
  const exchanged = await auth.exchangeCodeForSession(queryOf(answer).code ?? '')
  expect(exchanged.error).toBeNull()
  expect(exchanged.data.user?.id).toBe(id)
})

test('v2 in the PKCE flow recovers a password', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { auth } = await clientOf(world, { flowType: 'pkce', storage: memory() })
  expect((await auth.resetPasswordForEmail(email)).error).toBeNull()
  const answer = await world.ask('GET', pathOf((await world.mailTo(email)).link))
  expect((await auth.exchangeCodeForSession(queryOf(answer).code ?? '')).error).toBeNull()
  expect((await auth.updateUser({ password: 'a new long password' })).error).toBeNull()
  const again = await auth.signInWithPassword({ email, password: 'a new long password' })
  expect(again.error).toBeNull()
})

test('v2 takes the digits of a mail, and says what is wrong with others', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { auth } = await clientOf(world)
  await auth.signInWithOtp({ email })
  const { code } = await world.mailTo(email)
  const wrong = await auth.verifyOtp({
    email,
    token: code === '123456' ? '654321' : '123456',
    type: 'email',
  })
  expect(wrong.error).toMatchObject({ code: 'otp_expired', status: 403 })
  const right = await auth.verifyOtp({ email, token: code, type: 'email' })
  expect(right.data.session?.user.email).toBe(email)
})

test('v2 knows a weak password and an address that is taken', async () => {
  const world = await gotrueWorld({ GOTRUE_MAILER_AUTOCONFIRM: 'true' })
  const { auth } = await clientOf(world)
  const weak = await auth.signUp({ email, password: '123' })
  expect(weak.error).toMatchObject({ name: 'AuthWeakPasswordError', reasons: ['length'] })
  expect((await auth.signUp({ email, password })).error).toBeNull()
  const again = await auth.signUp({ email, password })
  expect(again.error).toMatchObject({
    code: 'user_already_exists',
    message: 'User already registered',
  })
})

test('v2 signs in anonymously where that is on, and hears where it is off', async () => {
  const world = await gotrueWorld({ GOTRUE_EXTERNAL_ANONYMOUS_USERS_ENABLED: 'true' })
  const { auth } = await clientOf(world)
  const signedIn = await auth.signInAnonymously({ options: { data: { cart: 1 } } })
  expect(signedIn.data.user).toMatchObject({ is_anonymous: true, user_metadata: { cart: 1 } })
  const strict = await clientOf(world.under({}))
  expect((await strict.auth.signInAnonymously()).error?.message).toBe(
    'Anonymous sign-ins are disabled',
  )
})

test('v2 administers', async () => {
  const world = await gotrueWorld()
  const {
    auth: { admin },
  } = await clientOf(world, {}, world.adminKey)
  const made = await admin.createUser({ email, password, user_metadata: { a: 1 } })
  expect(made.data.user?.user_metadata).toEqual({ a: 1 })
  const id = made.data.user?.id ?? ''
  for (let number = 0; number < 3; number += 1) {
    await admin.createUser({ email: `user${number}@example.com` })
  }
  const listed = await admin.listUsers({ page: 1, perPage: 2 })
  expect(listed.data).toMatchObject({ aud: 'authenticated', total: 4, nextPage: 2, lastPage: 2 })
  expect((await admin.listUsers({ page: -1, perPage: 2 })).error).not.toBeNull()
  expect((await admin.getUserById(id)).data.user?.email).toBe(email)
  const updated = await admin.updateUserById(id, { email: 'new@example.com', email_confirm: true })
  expect(updated.data.user).toMatchObject({ email: 'new@example.com' })
  const link = await admin.generateLink({ type: 'magiclink', email: 'new@example.com' })
  expect(link.data.properties).toMatchObject({ verification_type: 'magiclink' })
  const invited = await admin.inviteUserByEmail('bob@example.com', { data: { team: 'red' } })
  expect(invited.data.user?.invited_at).toEqual(expect.any(String))
  expect((await admin.deleteUser(id)).error).toBeNull()
  expect((await admin.getUserById(id)).error).toMatchObject({ status: 404, code: 'user_not_found' })
})

test('v1 signs up, in, by link, updates and signs out', async () => {
  const world = await gotrueWorld()
  const auth = new GoTrueClient({
    url: 'http://localhost:3001/auth/v1',
    headers: { apikey: await keyOf(world, { role: 'anon' }) },
    autoRefreshToken: false,
    persistSession: false,
    detectSessionInUrl: false,
    fetch: world.fetch,
  })
  const signedUp = await auth.signUp({ email, password }, { data: { theme: 'dark' } })
  expect(signedUp.error).toBeNull()
  expect(signedUp.session).toBeNull()
  await world.ask('GET', pathOf((await world.mailTo(email)).link))
  const wrong = await auth.signIn({ email, password: 'wrong' })
  expect(wrong.error).toEqual({ message: 'Invalid login credentials', status: 400 })
  const signedIn = await auth.signIn({ email, password })
  expect(signedIn.error).toBeNull()
  expect(auth.user()?.email).toBe(email)
  expect((await auth.update({ data: { theme: 'sepia' } })).user?.user_metadata.theme).toBe('sepia')
  expect((await auth.signOut()).error).toBeNull()
  expect((await auth.signIn({ email })).error).toBeNull()
  const { refresh_token } = fragmentOf(
    await world.ask('GET', pathOf((await world.mailTo(email)).link)),
  )
  const bySession = await auth.setSession(refresh_token ?? '')
  expect(bySession.session?.user?.email).toBe(email)
  const { api } = auth
  const reset = await api.resetPasswordForEmail('nobody@example.com')
  expect(reset.error).toBeNull()
})
