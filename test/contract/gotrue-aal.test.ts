import { expect, test } from 'vitest'
import { minute } from '../../src/base/time.ts'
import { ann, enroll, verify } from './authenticator-app.ts'
import { type Body, claimsOf, type GotrueWorld, password } from './gotrue-world.ts'

/** Ann with an app, signed in with it; and once more by her password alone. */
async function raised(environment: Record<string, string> = {}): Promise<{
  world: GotrueWorld
  strong: Body
  weak: Body
}> {
  const { world, bearer } = await ann(environment)
  const factor = await enroll(world, bearer)
  const { body: strong } = await verify(world, bearer, factor)
  return { world, strong, weak: await world.signIn() }
}

function refresh({ ask }: GotrueWorld, { refresh_token }: Body) {
  return ask('POST', '/token?grant_type=refresh_token', { body: { refresh_token } })
}

test('who has a second factor shows it before address, number or password change; the rest may (D8, D9)', async () => {
  const { world, strong, weak } = await raised({
    GOTRUE_SMS_AUTOCONFIRM: 'true',
    GOTRUE_EXTERNAL_PHONE_ENABLED: 'true',
  })
  const change = (session: Body, body: Body) =>
    world.ask('PUT', '/user', { bearer: session.access_token, body })
  for (const body of [
    { password: `${password}!` },
    { email: 'new@example.com' },
    { phone: '15551234567' },
  ]) {
    expect(await change(weak, body)).toMatchObject({
      status: 401,
      body: {
        error_code: 'insufficient_aal',
        msg: 'AAL2 session is required to update email or password when MFA is enabled.',
      },
    })
  }
  expect((await change(weak, { data: { colour: 'blue' } })).status).toBe(200)
  expect((await change(strong, { phone: '15551234567' })).status).toBe(200)
  expect((await change(strong, { password: `${password}!` })).status).toBe(200)
})

test('a second factor is enrolled with the first one only (O1)', async () => {
  const { world, strong, weak } = await raised()
  const body = { factor_type: 'totp', friendly_name: 'another' }
  const begin = (session: Body) =>
    world.ask('POST', '/factors', { bearer: session.access_token, body })
  expect(await begin(weak)).toMatchObject({
    status: 403,
    body: { error_code: 'insufficient_aal', msg: 'AAL2 required to enroll a new factor' },
  })
  expect((await begin(strong)).status).toBe(200)
})

test('a session of one factor ends in time where its user has two, and its tokens do not outlive it (D9)', async () => {
  const { world, strong, weak } = await raised({ GOTRUE_SESSIONS_ALLOW_LOW_AAL: '15m' })
  const { iat, exp } = claimsOf(weak.access_token)
  expect(exp - iat).toBe(15 * 60)
  expect(weak).toMatchObject({ expires_in: 15 * 60, expires_at: exp })
  expect(strong.expires_in).toBe(3600)
  world.pass(10 * minute)
  const again = await refresh(world, weak)
  expect(again).toMatchObject({ status: 200, body: { expires_in: 5 * 60 } })
  world.pass(6 * minute)
  expect(await refresh(world, again.body)).toMatchObject({
    status: 400,
    body: {
      error_code: 'session_expired',
      msg: 'Invalid Refresh Token: Session Expired (Low AAL: User Needs MFA Verification)',
    },
  })
  expect((await refresh(world, strong)).status).toBe(200)
})

test('a session of one factor stays where its user has no more', async () => {
  const { world, session } = await ann({ GOTRUE_SESSIONS_ALLOW_LOW_AAL: '15m' })
  expect(session.expires_in).toBe(3600)
  world.pass(40 * minute)
  expect((await refresh(world, session)).status).toBe(200)
})

test('the client is told what it has and what it could have', async () => {
  const { strong, weak } = await raised()
  expect(claimsOf(weak.access_token)).toMatchObject({ aal: 'aal1', amr: [{ method: 'password' }] })
  expect(weak.user.factors).toMatchObject([{ status: 'verified' }])
  expect(claimsOf(strong.access_token).aal).toBe('aal2')
})

test('a password that was recovered does not stand for the second factor (D9)', async () => {
  const { world } = await raised()
  await world.ask('POST', '/recover', { body: { email: 'ann@example.com' } })
  const { code: token } = await world.mailTo('ann@example.com')
  const { body } = await world.ask('POST', '/verify', {
    body: { type: 'recovery', email: 'ann@example.com', token },
  })
  expect(claimsOf(body.access_token).aal).toBe('aal1')
  const changed = await world.ask('PUT', '/user', {
    bearer: body.access_token,
    body: { password: `${password}!` },
  })
  expect(changed.body.error_code).toBe('insufficient_aal')
})
