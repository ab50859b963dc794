import { sql } from 'kysely'
import { expect, test } from 'vitest'
import { minute, second } from '../../src/base/time.ts'
import { ann } from './authenticator-app.ts'
import { type Body, claimsOf, type GotrueWorld } from './gotrue-world.ts'

const environment = {
  GOTRUE_MFA_PHONE_ENROLL_ENABLED: 'true',
  GOTRUE_MFA_PHONE_VERIFY_ENABLED: 'true',
  GOTRUE_MFA_PHONE_TEMPLATE: 'Two factors: {{ .Code }}',
}
const phone = '15551234567'

async function enroll(
  { ask }: GotrueWorld,
  bearer: string,
  friendly_name = 'phone',
): Promise<Body> {
  const body = { factor_type: 'phone', phone: `+${phone}`, friendly_name }
  return (await ask('POST', '/factors', { bearer, body })).body
}

async function codeTo({ mails }: GotrueWorld): Promise<string> {
  const [message] = await mails(phone)
  expect(message?.text).toBe(`Two factors: ${message?.code}`)
  return message?.code ?? ''
}

test('a phone is enrolled, gets its code, and is shown: aal2', async () => {
  const { world, bearer } = await ann(environment)
  const { ask } = world
  const factor = await enroll(world, bearer)
  expect(factor).toEqual({
    id: expect.any(String),
    type: 'phone',
    friendly_name: 'phone',
    phone: `+${phone}`,
  })
  const asked = await ask('POST', `/factors/${factor.id}/challenge`, { bearer, body: {} })
  expect(asked.body).toMatchObject({ type: 'phone', expires_at: expect.any(Number) })
  const code = await codeTo(world)
  const resting = await sql<{ otp_code: string }>`select otp_code from auth.mfa_challenges`.execute(
    world.database.db,
  )
  expect(resting.rows[0]?.otp_code).not.toContain(code)

  const path = `/factors/${factor.id}/verify`
  const wrong = { challenge_id: asked.body.id, code: code === '000000' ? '111111' : '000000' }
  expect((await ask('POST', path, { bearer, body: wrong })).body).toMatchObject({
    error_code: 'mfa_verification_failed',
    msg: 'Invalid MFA Phone code entered',
  })
  const body = { challenge_id: asked.body.id, code }
  const answers = await Promise.all(
    Array.from({ length: 50 }, () => ask('POST', path, { bearer, body })),
  )
  const right = answers.filter(({ status }) => status === 200)
  expect(right).toHaveLength(1)
  const claims = claimsOf(right[0]?.body.access_token)
  expect(claims.aal).toBe('aal2')
  expect(claims.amr.map(({ method }: Body) => method).sort()).toEqual(['mfa/phone', 'password'])
  expect(right[0]?.body.user.factors).toMatchObject([{ factor_type: 'phone', phone }])
  expect((await world.events()).slice(-3)).toEqual([
    'factor.challenged',
    'verification.failed',
    'factor.used',
  ])
  expect((await enroll(world, right[0]?.body.access_token, 'again')).error_code).toBe(
    'mfa_verified_factor_exists',
  )
})

test('the next code has to be waited for, and nothing waits for one that could not be sent', async () => {
  const { world, bearer } = await ann(environment)
  const { id } = await enroll(world, bearer)
  const ask = (at = world) => at.ask('POST', `/factors/${id}/challenge`, { bearer, body: {} })
  expect((await ask()).status).toBe(200)
  world.pass(20 * second)
  expect((await ask()).body).toMatchObject({
    error_code: 'over_sms_send_rate_limit',
    msg: expect.stringMatching(
      /^For security purposes, you can only request this after 4\d seconds\.$/,
    ),
  })
  world.pass(1 * minute)
  const broken = world.under({ ...environment, GOTRUE_SMS_PROVIDER: 'vonage' })
  expect((await ask(broken)).status).toBe(500)
  expect((await ask()).status).toBe(200)
  world.pass(1 * minute)
  const many = await Promise.all(Array.from({ length: 10 }, () => ask()))
  expect(many.filter(({ status }) => status === 200)).toHaveLength(1)
})

test('an unfinished phone is begun anew; a number is wanted, and one that is a number', async () => {
  const { world, bearer } = await ann(environment)
  const first = await enroll(world, bearer)
  const again = await enroll(world, bearer)
  expect(again.id).not.toBe(first.id)
  const { body } = await world.ask('GET', '/user', { bearer })
  expect(body.factors).toHaveLength(1)
  for (const [given, msg] of [
    [undefined, 'Phone number required to enroll Phone factor'],
    ['abc', 'Invalid phone number format (E.164 required)'],
  ]) {
    const body = { factor_type: 'phone', phone: given }
    expect((await world.ask('POST', '/factors', { bearer, body })).body).toMatchObject({
      code: 400,
      msg,
    })
  }
})

test('a code that GoTrue sent is good here: it rests in clear', async () => {
  const { world, bearer } = await ann(environment)
  const { id } = await enroll(world, bearer)
  const challenge_id = '11111111-1111-4111-8111-111111111111'
  await sql`insert into auth.mfa_challenges (id, factor_id, created_at, ip_address, otp_code)
    values (${challenge_id}, ${id}, ${world.ctx.now()}, '192.0.2.1', '123456')`.execute(
    world.database.db,
  )
  const body = { challenge_id, code: '123456' }
  expect((await world.ask('POST', `/factors/${id}/verify`, { bearer, body })).status).toBe(200)
})

test('test numbers have their code', async () => {
  const { world, bearer } = await ann({ ...environment, GOTRUE_SMS_TEST_OTP: `${phone}=424242` })
  const { id } = await enroll(world, bearer)
  const asked = await world.ask('POST', `/factors/${id}/challenge`, { bearer, body: {} })
  const body = { challenge_id: asked.body.id, code: '424242' }
  expect((await world.ask('POST', `/factors/${id}/verify`, { bearer, body })).status).toBe(200)
  expect(await world.mails(phone)).toEqual([])
})
