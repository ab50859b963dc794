import { hashSync as bcrypt } from 'bcryptjs'
import { expect, test } from 'vitest'
import { world } from '../../test/world.ts'
import { hashPassword } from '../base/password.ts'
import { after, day, minute } from '../base/time.ts'
import { listSessions } from '../model/session.ts'
import { createUser, findUser, updateUser } from '../model/user.ts'
import { signInWithPassword } from './sign-in.ts'
import { finishVerification, startVerification } from './verify.ts'

const credentials = { email: 'ANN@example.com', password: 'correct horse' }

async function withAnn(environment?: Record<string, string>) {
  const made = await world(environment)
  const ann = await createUser(made.ctx, {
    email: 'ann@example.com',
    emailVerified: true,
    passwordHash: await hashPassword(made.ctx, 'correct horse'),
  })
  return { ...made, ann }
}

test('the right password begins a session, and is told', async () => {
  const { ctx, ann, events, audited } = await withAnn()
  const { user, session } = await signInWithPassword(ctx, credentials)
  expect(user.id).toBe(ann.id)
  expect(session).toMatchObject({
    userId: ann.id,
    aal: 'aal1',
    ip: '192.0.2.1',
    userAgent: 'a visitor',
  })
  expect(session.amr).toMatchObject([{ method: 'password', at: ctx.now() }])
  expect(await listSessions(ctx, ann.id)).toHaveLength(1)
  expect((await findUser(ctx, ann.id))?.lastSignInAt).toEqual(ctx.now())
  expect(await events()).toEqual(['user.signed-in'])
  expect(await audited()).toEqual(['login'])
})

test.each([
  ['a wrong password', { ...credentials, password: 'wrong horse' }],
  ['an unknown address', { ...credentials, email: 'nobody@example.com' }],
  ['an empty address', { ...credentials, email: '' }],
])('%s is refused, and leaves nothing', async (_case, tried) => {
  const { ctx, ann, events } = await withAnn()
  await expect(signInWithPassword(ctx, tried)).rejects.toMatchObject({
    code: 'invalid_credentials',
  })
  expect(await listSessions(ctx, ann.id)).toEqual([])
  expect(await events()).toEqual([])
})

test('an account without password has none that matches', async () => {
  const { ctx } = await world()
  await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  await expect(signInWithPassword(ctx, { ...credentials, password: '' })).rejects.toMatchObject({
    code: 'invalid_credentials',
  })
})

test('a banned user waits until the ban is over', async () => {
  const { ctx, ann, pass } = await withAnn()
  await updateUser(ctx, ann.id, { bannedUntil: after(ctx.now(), 1 * day) })
  await expect(signInWithPassword(ctx, credentials)).rejects.toMatchObject({ code: 'user_banned' })
  pass(1 * day)
  await expect(signInWithPassword(ctx, credentials)).resolves.toBeDefined()
})

test('an address that nobody proved does not sign in, and only the right password is told so', async () => {
  const { ctx, ann } = await withAnn()
  await updateUser(ctx, ann.id, { emailVerified: false })
  await expect(signInWithPassword(ctx, credentials)).rejects.toMatchObject({
    code: 'email_not_confirmed',
  })
  await expect(
    signInWithPassword(ctx, { ...credentials, password: 'wrong' }),
  ).rejects.toMatchObject({
    code: 'invalid_credentials',
  })
})

test("GoTrue's bcrypt hash signs in, and is replaced by ours", async () => {
  const { ctx, ann } = await withAnn()
  await updateUser(ctx, ann.id, { passwordHash: bcrypt('correct horse', 4) })
  await signInWithPassword(ctx, credentials)
  expect((await findUser(ctx, ann.id))?.passwordHash).toMatch(/^\$argon2id\$/)
  await signInWithPassword(ctx, credentials)
})

test('whoever guesses passwords is stopped, and nobody else (L4)', async () => {
  const { ctx, pass } = await withAnn()
  for (const email of ['ann@example.com', 'nobody@example.com']) {
    const guess = { email, password: 'wrong horse' }
    for (let tries = 0; tries < 10; tries += 1) {
      await expect(signInWithPassword(ctx, guess)).rejects.toMatchObject({
        code: 'invalid_credentials',
      })
    }
    await expect(signInWithPassword(ctx, guess)).rejects.toMatchObject({
      code: 'over_request_rate_limit',
    })
  }
  await expect(signInWithPassword(ctx, credentials)).rejects.toMatchObject({
    code: 'over_request_rate_limit',
  })
  const elsewhere = { ...ctx, client: { ...ctx.client, ip: '192.0.2.2' } }
  await expect(signInWithPassword(elsewhere, credentials)).resolves.toBeDefined()
  pass(5 * minute)
  await expect(signInWithPassword(ctx, credentials)).resolves.toBeDefined()
})

test('of many guesses at once ten are told that they are wrong, and a right one behind them is a guess, too (C3)', async () => {
  const { ctx, pass, events } = await withAnn()
  const guesses = Array.from({ length: 40 }, (_, at) =>
    signInWithPassword(ctx, { ...credentials, password: at === 39 ? 'correct horse' : `${at}` }),
  )
  const told = (await Promise.allSettled(guesses)).map((one) =>
    one.status === 'rejected' ? one.reason.code : 'in',
  )
  expect(told.filter((code) => code === 'invalid_credentials').length).toBeLessThanOrEqual(10)
  expect(told).not.toContain('in')
  expect(await events()).not.toContain('user.signed-in')
  pass(5 * minute)
  await expect(signInWithPassword(ctx, credentials)).resolves.toBeDefined()
})

test('an owner whom strangers lock out comes in by a mailed code; a whole network is one stranger (K2, K5)', async () => {
  const { ctx, mails } = await withAnn()
  const from = (ip: string) => ({ ...ctx, client: { ...ctx.client, ip } })
  for (let at = 0; at < 10; at += 1) {
    const guess = signInWithPassword(from(`2001:db8::${at}:${at + 1}`), {
      ...{ email: 'ann@example.com', password: 'wrong' },
    })
    await expect(guess).rejects.toMatchObject({ code: 'invalid_credentials' })
  }
  for (const password of ['wrong', credentials.password]) {
    const next = signInWithPassword(from('2001:0DB8:0:0:ffff::1'), { ...credentials, password })
    await expect(next).rejects.toMatchObject({ code: 'over_request_rate_limit' })
  }
  await expect(signInWithPassword(from('2001:db8:0:1::1'), credentials)).resolves.toBeDefined()
  for (let at = 0; at < 9; at += 1) {
    for (let time = 0; time < 10; time += 1) {
      await signInWithPassword(from(`192.0.2.${at}`), {
        ...{ email: 'ann@example.com', password: 'wrong' },
      }).catch(() => {})
    }
  }
  await expect(
    signInWithPassword(from('198.51.100.7'), { email: 'ann@example.com', password: 'wrong' }),
  ).rejects.toMatchObject({ code: 'over_request_rate_limit' })
  // A hundred in an hour lock the password, and nothing but the password.
  await expect(signInWithPassword(from('198.51.100.8'), credentials)).rejects.toMatchObject({
    code: 'over_request_rate_limit',
  })
  const id = await startVerification(from('198.51.100.8'), {
    ...{ email: 'ann@example.com', purpose: 'sign-in', language: 'en', strangers: 'send' },
    application: { name: 'Bookstore' },
  })
  const code = String((await mails('ann@example.com'))[0]?.code)
  const proof = await finishVerification(ctx, id, { code, purpose: 'sign-in' })
  expect(proof.recipient).toBe('ann@example.com')
})
