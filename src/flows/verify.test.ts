import { expect, test } from 'vitest'
import { world } from '../../test/world.ts'
import { minute } from '../base/time.ts'
import { createUser } from '../model/user.ts'
import { finishVerification, startVerification, type VerificationRequest } from './verify.ts'

const request: VerificationRequest = {
  purpose: 'sign-in',
  email: 'Ann@example.com',
  language: 'en',
  application: { name: 'Bookstore' },
  strangers: 'send',
}

test('a code proves the address to which it was sent, once', async () => {
  const { ctx, mails, events } = await world()
  await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  const id = await startVerification(ctx, request)
  const [mail] = await mails()
  expect(mail).toMatchObject({ to: 'ann@example.com', type: 'SignIn', channel: 'email' })
  const code = String(mail?.code)
  expect(mail?.text).toContain(code)
  const proof = await finishVerification(ctx, id, { code, purpose: 'sign-in' })
  expect(proof).toMatchObject({ recipient: 'ann@example.com', purpose: 'sign-in' })
  await expect(finishVerification(ctx, id, { code, purpose: 'sign-in' })).rejects.toMatchObject({
    code: 'code_expired',
  })
  expect(await events()).toEqual(['verification.sent'])
})

test('a stranger who may come in gets the mail of a registration', async () => {
  const { ctx, mails } = await world()
  await startVerification(ctx, request)
  expect(await mails()).toMatchObject([{ to: 'ann@example.com', type: 'Register' }])
})

test('a code is good for ten minutes (C13)', async () => {
  const { ctx, mails, pass } = await world()
  const id = await startVerification(ctx, request)
  const code = String((await mails())[0]?.code)
  pass(10 * minute)
  await expect(finishVerification(ctx, id, { code, purpose: 'sign-in' })).rejects.toMatchObject({
    code: 'code_expired',
  })
})

test('five wrong tries spend a code, also against the right one (C1, C2)', async () => {
  const { ctx, mails } = await world()
  const id = await startVerification(ctx, request)
  const code = String((await mails())[0]?.code)
  const wrong = code === '000000' ? '000001' : '000000'
  for (const attemptsLeft of [4, 3, 2, 1]) {
    await expect(
      finishVerification(ctx, id, { code: wrong, purpose: 'sign-in' }),
    ).rejects.toMatchObject({
      code: 'code_wrong',
      details: { attemptsLeft },
    })
  }
  for (const last of [wrong, code]) {
    await expect(
      finishVerification(ctx, id, { code: last, purpose: 'sign-in' }),
    ).rejects.toMatchObject({
      code: 'code_exhausted',
    })
  }
})

test('a code for one purpose proves nothing for another (C16)', async () => {
  const { ctx, mails } = await world()
  const id = await startVerification(ctx, request)
  const code = String((await mails())[0]?.code)
  await expect(
    finishVerification(ctx, id, { code, purpose: 'forgot-password' }),
  ).rejects.toMatchObject({
    code: 'code_expired',
  })
})

test('one of twenty who come with the same code at once is admitted (C1)', async () => {
  const { ctx, mails } = await world()
  const id = await startVerification(ctx, request)
  const code = String((await mails())[0]?.code)
  const tries = Array.from({ length: 20 }, () =>
    finishVerification(ctx, id, { code, purpose: 'sign-in' }),
  )
  const settled = await Promise.allSettled(tries)
  expect(settled.filter(({ status }) => status === 'fulfilled')).toHaveLength(1)
})

test('where strangers get nothing, they get the same answer (L1)', async () => {
  const { ctx, mails } = await world()
  await createUser(ctx, { email: 'ann@example.com', emailVerified: true })
  const pretended = { ...request, strangers: 'pretend' } as const
  const known = await startVerification(ctx, pretended)
  const unknown = await startVerification(ctx, { ...pretended, email: 'nobody@example.com' })
  expect(known).toHaveLength(unknown.length)
  expect(await mails()).toHaveLength(1)
  await expect(
    finishVerification(ctx, unknown, { code: '123456', purpose: 'sign-in' }),
  ).rejects.toMatchObject({ code: 'code_wrong' })
})

test('nobody is flooded: the sixth mail in ten minutes is refused (B15)', async () => {
  const { ctx, mails, pass } = await world()
  for (let count = 0; count < 5; count += 1) await startVerification(ctx, request)
  await expect(startVerification(ctx, request)).rejects.toMatchObject({
    code: 'over_email_send_rate_limit',
  })
  expect(await mails('ann@example.com')).toHaveLength(5)
  pass(10 * minute)
  await startVerification(ctx, request)
})
