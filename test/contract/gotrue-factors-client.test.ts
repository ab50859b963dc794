import { createClient } from '@supabase/supabase-js'
import { expect, test } from 'vitest'
import { codeOf } from './authenticator-app.ts'
import { type GotrueWorld, gotrueWorld, keyOf, password } from './gotrue-world.ts'
import { softwareKey } from './software-key.ts'

// Second factors and passkeys by the official client, as it comes from the registry.

const email = 'ann@example.com'
const place = { origin: 'http://localhost:5173', relyingParty: 'localhost' }

async function clientOf(world: GotrueWorld, key?: string) {
  return createClient('http://localhost:3001', key ?? (await keyOf(world, { role: 'anon' })), {
    auth: {
      autoRefreshToken: false,
      persistSession: false,
      detectSessionInUrl: false,
      experimental: { passkey: true },
    },
    global: { fetch: world.fetch },
  })
}

test('enrols an app, reaches aal2, and takes the app away again', async () => {
  const world = await gotrueWorld()
  await world.createAccount()
  const { auth } = await clientOf(world)
  await auth.signInWithPassword({ email, password })
  const level = async () => (await auth.mfa.getAuthenticatorAssuranceLevel()).data
  expect(await level()).toMatchObject({ currentLevel: 'aal1', nextLevel: 'aal1' })

  const enrolled = await auth.mfa.enroll({ factorType: 'totp', friendlyName: 'app' })
  if (enrolled.data === null) throw enrolled.error
  const { id: factorId, totp } = enrolled.data
  expect(totp.qr_code).toMatch(/^data:image\/svg\+xml;utf-8,<svg/)
  const wrong = await auth.mfa.challengeAndVerify({ factorId, code: 'x' })
  expect(wrong.error).toMatchObject({ code: 'mfa_verification_failed', status: 422 })
  const right = await auth.mfa.challengeAndVerify({ factorId, code: codeOf(world, totp.secret) })
  expect(right.error).toBeNull()
  expect(await level()).toMatchObject({ currentLevel: 'aal2', nextLevel: 'aal2' })
  expect((await auth.mfa.listFactors()).data).toMatchObject({
    totp: [{ id: factorId, friendly_name: 'app', status: 'verified' }],
    phone: [],
  })

  await auth.signInWithPassword({ email, password })
  expect(await level()).toMatchObject({ currentLevel: 'aal1', nextLevel: 'aal2' })
  const weak = await auth.updateUser({ password: `${password}!` })
  expect(weak.error).toMatchObject({ code: 'insufficient_aal', status: 401 })
  const code = codeOf(world, totp.secret, 1)
  expect((await auth.mfa.challengeAndVerify({ factorId, code })).error).toBeNull()
  expect((await auth.mfa.unenroll({ factorId })).data).toEqual({ id: factorId })
  expect((await auth.refreshSession()).error).toBeNull()
  expect(await level()).toMatchObject({ currentLevel: 'aal1', nextLevel: 'aal1' })
})

test('enrols a phone, and is told its code', async () => {
  const world = await gotrueWorld({
    GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
    GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  })
  await world.createAccount()
  const { auth } = await clientOf(world)
  await auth.signInWithPassword({ email, password })
  const { data } = await auth.mfa.enroll({ factorType: 'phone', phone: '+15551234567' })
  const factorId = data?.id ?? ''
  const asked = await auth.mfa.challenge({ factorId, channel: 'sms' })
  const [message] = await world.mails('15551234567')
  const challengeId = asked.data?.id ?? ''
  const shown = await auth.mfa.verify({ factorId, challengeId, code: message?.code ?? '' })
  expect(shown.error).toBeNull()
  expect((await auth.mfa.getAuthenticatorAssuranceLevel()).data?.currentLevel).toBe('aal2')
})

test('an administrator lists and deletes what a user lost', async () => {
  const world = await gotrueWorld()
  const { id: userId } = await world.createAccount()
  const { auth } = await clientOf(world)
  await auth.signInWithPassword({ email, password })
  await auth.mfa.enroll({ factorType: 'totp' })
  const { admin } = (await clientOf(world, world.adminKey)).auth
  const [factor] = (await admin.mfa.listFactors({ userId })).data?.factors ?? []
  const id = factor?.id ?? ''
  expect((await admin.mfa.deleteFactor({ userId, id })).error).toBeNull()
  expect((await admin.mfa.listFactors({ userId })).data?.factors).toEqual([])
})

test('makes a passkey, signs in with it, renames and deletes it', async () => {
  const world = await gotrueWorld({
    GOTRUE_PASSKEY_ENABLED: 'true',
    GOTRUE_WEBAUTHN_RP_ID: 'localhost',
    GOTRUE_WEBAUTHN_RP_ORIGINS: 'http://localhost:5173',
  })
  const { id: userId } = await world.createAccount()
  const { auth } = await clientOf(world)
  await auth.signInWithPassword({ email, password })
  const key = softwareKey()
  const asked = await auth.passkey.startRegistration()
  if (asked.data === null) throw asked.error
  const credential = JSON.parse(key.register(String(asked.data.options.challenge), place))
  const made = await auth.passkey.verifyRegistration({
    challengeId: asked.data.challenge_id,
    credential,
  })
  expect(made.error).toBeNull()
  await auth.signOut()

  const question = await auth.passkey.startAuthentication()
  if (question.data === null) throw question.error
  const answer = JSON.parse(key.answer(String(question.data.options.challenge), place))
  const given = { challengeId: question.data.challenge_id, credential: answer }
  expect((await auth.passkey.verifyAuthentication(given)).data?.user?.id).toBe(userId)
  expect((await auth.passkey.verifyAuthentication(given)).error).toMatchObject({
    code: 'webauthn_challenge_not_found',
  })
  const [passkey] = (await auth.passkey.list()).data ?? []
  const passkeyId = passkey?.id ?? ''
  const renamed = await auth.passkey.update({ passkeyId, friendlyName: 'my phone' })
  expect(renamed.data).toMatchObject({ friendly_name: 'my phone' })
  const { admin } = (await clientOf(world, world.adminKey)).auth
  expect((await admin.passkey.listPasskeys({ userId })).data).toHaveLength(1)
  expect((await auth.passkey.delete({ passkeyId })).error).toBeNull()
  expect((await admin.passkey.listPasskeys({ userId })).data).toEqual([])
})
